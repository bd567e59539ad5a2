"""Models that are loaded: each once, tried on the desk's own rows before it is used, ended when unused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.models.builtin import dated_ns
from engine.models.load import load
from engine.models.predictor import Answer, Predictor, remote_of
from engine.models.registry import Entry
from engine.models.usable import usable
from engine.wiring.desk import Desk

log = logging.getLogger("engine.models")

Floats = npt.NDArray[np.float64]


class LoadedModels:
    def __init__(self, desk: Desk, *, live: bool = True) -> None:
        """Not ``live``, a model's age counts from when it was made, whenever this desk took it in: a tape is
        to be decided upon alike everywhere."""
        self._desk = desk
        self._live = live
        self._loaded: dict[str, tuple[Predictor, int]] = {}

    async def get(self, entry: Entry, *, anew: bool = False) -> tuple[Predictor, int]:
        """(predictor, from when its age counts), loaded before or now; ``anew``: now. Raises ModelError."""
        found = self._loaded.get(entry.version)
        if found is not None and not anew and not _is_down(found[0]):
            return found
        config = self._desk.config
        dated = await asyncio.to_thread(dated_ns, entry) if self._live else entry.created_ns
        try:
            predictor = await load(
                entry.path,
                version=entry.version,
                bar_interval_s=config.features.bar_s,
                answer_s=config.models.answer_ms / 1e3,
            )
        except OSError as error:
            raise ModelError(
                f"model {entry.version} cannot be tried, no process for it: {error.strerror}; try again"
            ) from None
        try:
            await self._try(predictor)
        except BaseException:
            predictor.close()
            raise
        remote = remote_of(predictor)
        if remote is not None:
            remote.on_trouble = self._tell_trouble
        if predictor.note:
            log.warning("model %s: %s", predictor.version, predictor.note)
        return predictor, dated

    def take(self, predictor: Predictor, dated: int) -> None:
        """It is used from now on; another one of its version is not any more."""
        before = self._loaded.get(predictor.version)
        self._loaded[predictor.version] = predictor, dated
        if before is not None and before[0] is not predictor:
            before[0].close()

    def dated_ns(self, version: str) -> int | None:
        """From when the age of a loaded model counts."""
        found = self._loaded.get(version)
        return None if found is None else found[1]

    def keep(self, versions: Collection[str]) -> None:
        """Only these are used any more."""
        for version in self._loaded.keys() - set(versions):
            self._loaded.pop(version)[0].close()

    def refuse(self, predictor: Predictor) -> None:
        """It was loaded, and is not used after all."""
        if all(predictor is not one for one, _ in self._loaded.values()):
            predictor.close()

    def close(self) -> None:
        self.keep(())

    def _tell_trouble(self, text: str) -> None:
        log.error("%s", text)
        self._desk.alert("warning", "model", text)

    async def _try(self, predictor: Predictor) -> None:
        """Let it predict the newest rows of the desk, which also warms it up. Raises ModelError."""
        rows = self._desk.signals.scoring.rows_for(predictor)
        if rows is None:
            return
        answer = await answer_of(predictor, rows, self._desk.config.models.answer_ms / 1e3)
        if answer.shape != (len(rows),) or not usable(answer):
            raise ModelError(
                f"model {predictor.version} predicts numbers that are not finite, or too large, of what the "
                "desk sees now: train it again"
            )


def _is_down(predictor: Predictor) -> bool:
    remote = remote_of(predictor)
    return remote is not None and bool(remote.down)


async def answer_of(predictor: Predictor, rows: Floats, answer_s: float) -> Floats:
    """What it predicts of ``rows``, wherever it runs. Raises ModelError."""
    remote = remote_of(predictor)
    if remote is None:
        return predictor.predict(rows)
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def done(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    remote.request(0, rows, done)
    try:
        async with asyncio.timeout(answer_s + 1.0):  # its own limit comes first
            answer = await answered
    except TimeoutError:
        raise ModelError(f"model {predictor.version}: no answer within {answer_s:g} s") from None
    if isinstance(answer, ModelError):
        raise answer
    return answer
