"""How the desk's models do: tracks of the active one and its shadow, the two compared, and drift.

Nothing here is on the way of a decision: it is fed when the decisions on a batch are out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import ModelsConfig
from engine.errors import ModelError
from engine.events import NS
from engine.models.compare import Pair
from engine.models.drift import Drift
from engine.models.predictor import Predictor
from engine.models.track import Figures, Kept, Track, Weights, overlapping
from engine.portfolio.targets import weights

log = logging.getLogger("engine.models")

Floats = npt.NDArray[np.float64]

TRACKS = "models:tracks"
"""Name of the setting."""
MAX_TRACKS = 8
"""Of the versions that ran last."""
MAX_CELLS = 20_000
"""Predictions of a symbol that a track keeps of what waits for its horizon."""
LONG_BAR_S = 60.0
"""Bars from which on they are kept: a restart takes longer than shorter ones."""


class Job(NamedTuple):
    """What the models are asked at one bar close."""

    ns: int
    interval_s: float
    """Of the bars."""
    symbols: tuple[str, ...]
    rows: Floats
    closes: Floats
    traded: npt.NDArray[np.bool_]
    """Whether anything was in these bars; the others repeat the last close."""


class Answered(NamedTuple):
    """What one of them said."""

    version: str
    predictions: Floats
    took_ms: float | None
    """None: not measured."""


class ModelWatch:
    def __init__(self, config: ModelsConfig, top_n: Callable[[], int]) -> None:
        """``top_n()``: longs, and shorts, of the paper weights where ``compare_n`` is not set."""
        self._config = config
        self._top_n = top_n
        self._kept: dict[str, Kept] = {}
        self._intervals: dict[str, tuple[float, int]] = {}
        """Seconds of a bar, and bars of the horizon, by version."""
        self.tracks: dict[str, Track] = {}
        """By version, those that ran last are last."""
        self.pair: Pair | None = None
        self.drift: Drift | None = None
        """Of the active model; None without its training's distribution."""
        self._drift_of = ""

    def use(self, active: Predictor | None, shadow: Predictor | None) -> None:
        """These two run from the next batch on."""
        for one in (active, shadow):
            if one is not None:
                self._begin(one)
        alike = shadow is not None and active is not None and _interval_s(shadow) == _interval_s(active)
        if active is None or shadow is None or not alike:
            self.pair = None  # of other bars there are no common batches
        elif self.pair is None or (self.pair.active.version, self.pair.shadow.version) != (
            active.version,
            shadow.version,
        ):
            self.pair = Pair(self._track(active.version), self._track(shadow.version))

    def put_to_work(self, active: Predictor | None) -> None:
        """It is judged by what comes from now on."""
        if active is not None:
            self.tracks[active.version].judged = 0

    def watch_drift(self, active: Predictor | None) -> None:
        """Compare the live rows with those of this model's training, from when it was put to work."""
        version = "" if active is None else active.version
        if version and version == self._drift_of:
            return
        self.drift, self._drift_of = None, version
        if active is not None and active.manifest.reference:
            try:
                self.drift = Drift(
                    active.manifest.reference,
                    self._config.drift_rows,
                    every_bars=self._config.every_bars,
                    trained_rows=active.manifest.training_rows,
                )
            except ModelError as error:
                log.warning("model %s: no drift is shown: %s", active.version, error)

    def record(self, version: str, interval_s: float, horizon_bars: int) -> Figures | None:
        """How a model does, or did when it ran last; None: nothing is kept of it."""
        track, kept = self.tracks.get(version), self._kept.get(version)
        if track is not None:
            return track.figures()
        if kept is None or not interval_s > 0.0:
            return None
        bar_ns = round(interval_s * NS)
        return kept.tally.figures(overlapping(horizon_bars * bar_ns, self._config.every_bars * bar_ns))

    def drifted(self) -> int:
        """Features of the active model whose live values are of another distribution than in training, as
        far as the rows so far can tell."""
        return 0 if self.drift is None else self.drift.drifted(self._config.drift_psi)

    def _begin(self, model: Predictor) -> None:
        version = model.version
        self._intervals[version] = _interval_s(model), model.manifest.horizon_bars
        track = self.tracks.pop(version, None)
        if track is None:
            track = self._track(version)
            kept = self._kept.pop(version, None)
            if kept is not None:
                track.take_up(kept)
        self.tracks[version] = track
        while len(self.tracks) > MAX_TRACKS:
            oldest = next(iter(self.tracks))
            del self.tracks[oldest], self._intervals[oldest]

    def _track(self, version: str) -> Track:
        interval_s, horizon_bars = self._intervals[version]
        bar_ns = round(interval_s * NS)
        return Track(
            version,
            interval_s=interval_s,
            horizon_ns=horizon_bars * bar_ns,
            every_ns=self._config.every_bars * bar_ns,
            cost_pct=self._config.cost_pct,
            keep_steps=self._config.rollback.live_ic_steps,
        )

    # --- what they said, and what came ---

    def on_active(self, job: Job, said: Answered) -> None:
        """The active model's batch: finite."""
        self._on_batch(job, said)
        if self.drift is not None and said.version == self._drift_of:
            self.drift.add(job.rows[job.traded])  # as training: no label begins at another bar

    def on_shadow(self, job: Job, said: Answered, active: Answered | None) -> None:
        """The shadow's of the same close: finite; ``active``: what the active one said, if it did."""
        found = self._on_batch(job, said)
        pair = self.pair
        if pair is None or active is None or pair.active.version != active.version:
            return
        if pair.shadow.version == said.version:
            ours = self._weights(job, active.predictions)
            pair.on_batch(active.predictions, ours, said.predictions, found)
            _add(pair.active, job, active, ours)
            _add(pair.shadow, job, said, found)

    def _on_batch(self, job: Job, said: Answered) -> Weights:
        found = self._weights(job, said.predictions)
        track = self.tracks.get(said.version)
        if track is not None:
            _add(track, job, said, found)
        return found

    def _weights(self, job: Job, predictions: Floats) -> Weights:
        count = self._config.compare_n or self._top_n()
        return weights(dict(zip(job.symbols, predictions.tolist(), strict=True)), count, count)

    def _all(self) -> list[Track]:
        pair = [] if self.pair is None else [self.pair.active, self.pair.shadow]
        return [*self.tracks.values(), *pair]

    def due(self, boundary_ns: int) -> set[float]:
        """Seconds of the bars whose closes at ``boundary_ns`` are wanted."""
        wanted = {track.interval_s for track in self._all() if 0 < track.due_ns <= boundary_ns}
        return {interval_s for interval_s in wanted if boundary_ns % round(interval_s * NS) == 0}

    def on_closes(self, interval_s: float, ns: int, closes: Mapping[str, float]) -> None:
        """The closes of the bars of ``interval_s`` that closed at ``ns`` and rest on a trade."""
        for track in self._all():
            if track.interval_s == interval_s:
                track.on_closes(ns, closes)

    # --- between runs of the desk ---

    def kept(self) -> list[Any]:
        """A setting's value; of what was taken up too, whose models are not loaded (yet)."""
        tracks = [
            track.kept(MAX_CELLS if track.interval_s >= LONG_BAR_S else 0) for track in self.tracks.values()
        ]
        return [msgspec.to_builtins(one) for one in (*self._kept.values(), *tracks)][-MAX_TRACKS:]

    def take_up(self, value: object) -> None:
        """What an earlier run kept; models take it up when they are loaded. Raises ValueError."""
        kept = msgspec.convert(value, list[Kept])
        self._kept = {one.version: one for one in kept[-MAX_TRACKS:]}


def _interval_s(model: Predictor) -> float:
    return model.manifest.bar_interval_s


def _add(track: Track, job: Job, said: Answered, found: Weights) -> None:
    track.on_batch(job.ns, job.symbols, said.predictions, job.closes, job.traded, found, said.took_ms)
