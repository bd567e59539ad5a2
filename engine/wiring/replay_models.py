"""The models of a replay: the registry's, read only. It goes back from one that fails as a live desk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

from engine.config import Config
from engine.errors import ModelError
from engine.features.alpha158 import HISTORY
from engine.models.builtin import ensure_builtin
from engine.models.load import load, refuse_interval
from engine.models.predictor import Predictor
from engine.models.registry import Entry, Registry
from engine.wiring.model_slot import STRATEGY


class ReplayModels:
    """The earlier models are loaded when they are wanted, which is rarely."""

    def __init__(self, state_dir: Path, config: Config, note: Callable[[str], None]) -> None:
        """``note`` gets a line for what cannot be loaded: a tape can be replayed without a model."""
        self._bar_interval_s = config.features.bar_s
        self._answer_s = config.models.answer_ms / 1e3
        self._note = note
        self._loaded: list[Predictor] = []
        self._earlier: deque[Entry] = deque()
        self.active: Predictor | None = None
        try:
            registry = Registry(state_dir)
            ensure_builtin(registry)
            entry = registry.active(STRATEGY)
            self._earlier.extend(registry.earlier(STRATEGY))
            if entry is not None:
                self.active = self._load(entry)
                self._tell_bars(self.active)
        except ModelError as error:
            note(f"replaying without a model: {error}")

    def fallback(self) -> Predictor | None:
        """The last good model before the one at work; None: there is none."""
        while self._earlier:
            entry = self._earlier.popleft()
            try:
                return self._load(entry)
            except ModelError as error:
                self._note(f"model {entry.version} is passed over: {error}")
        return None

    def spare_s(self) -> tuple[float, ...]:
        """Of the bars of the model that ``fallback`` tries next; empty: there is none."""
        for entry in self._earlier:
            interval_s = entry.bar_interval_s  # 0: of a format that cannot be loaded
            if interval_s and not refuse_interval(interval_s, self._bar_interval_s):
                return (interval_s,)
        return ()

    def close(self) -> None:
        """End the processes of users' models."""
        for predictor in self._loaded:
            predictor.close()

    def _tell_bars(self, active: Predictor) -> None:
        """A replay rests on its tapes alone: with what is stored of before it would not be the same twice."""
        bar_s = active.manifest.bar_interval_s
        if bar_s != self._bar_interval_s:
            self._note(
                f"model {active.version} is fed bars of {bar_s:g} s out of the tape alone: "
                f"it predicts from the {HISTORY}st on, {HISTORY * bar_s / 60:g} minutes in"
            )

    def _load(self, entry: Entry) -> Predictor:
        predictor = asyncio.run(
            load(
                entry.path,
                version=entry.version,
                bar_interval_s=self._bar_interval_s,
                answer_s=self._answer_s,
            )
        )
        self._loaded.append(predictor)
        return predictor
