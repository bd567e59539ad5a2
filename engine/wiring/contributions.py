"""A prediction taken apart on demand: by a child process, one at a time, and remembered."""

from __future__ import annotations

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.api.model_protocol import ContributionRow, Contributions
from engine.errors import ModelError, UnknownModelError
from engine.features.alpha158 import NAMES
from engine.models import artefact
from engine.models.child_process import STDERR, run_child
from engine.models.contributions import RESULT, ROW, Parts
from engine.text import clean
from engine.wiring.batches import Batch

TIMEOUT_S = 20.0
REMEMBERED = 64
MOST_WAITING = 8
"""Askers at once; what they ask is done one after another."""


class Contributing:
    """``batch(ns)``: what was predicted at that bar close, 0: the newest; ``folder(version)``: the files."""

    def __init__(
        self,
        batch: Callable[[int], Batch | None],
        folder: Callable[[str], Path],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._batch = batch
        self._folder = folder
        self._timeout_s = timeout_s
        self._known: OrderedDict[tuple[str, int, str], Contributions] = OrderedDict()
        self._one = asyncio.Lock()
        self._waiting = 0

    async def of(self, symbol: str, ns: int) -> Contributions:
        """Of the prediction of ``symbol`` at the bar close at ``ns`` (0: the newest).

        By the version that made it, whichever is active now. Raises UnknownModelError where there was none,
        ModelError where it cannot be taken apart.
        """
        batch = self._batch(ns)
        if batch is None:
            raise UnknownModelError(
                "no prediction of that moment is kept any more: ask for the newest"
                if ns
                else "no model has predicted yet: it needs bars of at least two symbols"
            )
        if symbol not in batch.symbols:
            raise UnknownModelError(f"{symbol} has no prediction at that moment: it had too few bars")
        key = batch.version, batch.ns, symbol
        if self._waiting >= MOST_WAITING:
            raise ModelError("too many ask for contributions: try again in a moment")
        self._waiting += 1
        try:
            async with self._one:
                if key not in self._known:
                    try:
                        self._known[key] = await self._take_apart(batch, batch.symbols.index(symbol))
                    except OSError as error:  # no process, no room
                        raise ModelError(f"no contributions: {clean(error, 120)}; try again") from None
                    if len(self._known) > REMEMBERED:
                        self._known.popitem(last=False)
                self._known.move_to_end(key)
                return self._known[key]
        finally:
            self._waiting -= 1

    async def _take_apart(self, batch: Batch, index: int) -> Contributions:
        path = self._folder(batch.version)
        await asyncio.to_thread(_check_kind, path, batch.version)
        row = batch.row(index)
        if row is None:
            raise UnknownModelError(
                f"of that moment only what led to an order is kept, {batch.symbols[index]} did not: ask for "
                "the newest"
            )
        with tempfile.TemporaryDirectory(prefix="tickdesk-contributions-") as folder:
            out = Path(folder)
            await asyncio.to_thread(np.save, out / ROW, row, False)
            code = await _run(path, out, self._timeout_s)
            parts = await asyncio.to_thread(_read, out, code)
        if parts.error:
            raise ModelError(clean(parts.error, 300))
        prediction = float(batch.predictions[index])
        if parts.prediction != prediction:
            raise ModelError(
                f"the files of model {batch.version} predict {parts.prediction!r}, the desk used "
                f"{prediction!r}: they were exchanged; copy or train the model again"
            )
        return _contributions(batch, index, row, parts)


def _check_kind(path: Path, version: str) -> None:
    if not (path / artefact.MANIFEST).is_file():
        raise ModelError(f"the files of model {version} are gone: it was pruned, nothing can explain it")
    if artefact.read_manifest(path).kind != "lightgbm":
        raise ModelError(f"model {version} is a user's: only LightGBM's tell what each feature contributed")


async def _run(path: Path, out: Path, timeout_s: float) -> int:
    try:
        return await run_child("engine.models.contributions", path, out, timeout_s)
    except TimeoutError:
        raise ModelError(f"the contributions took longer than {timeout_s:g} s: try again") from None


def _read(out: Path, code: int) -> Parts:
    try:
        parts = msgspec.json.decode((out / RESULT).read_bytes(), type=Parts)
    except (OSError, msgspec.DecodeError):
        if code < 0:
            return Parts(f"the contributions' process died by signal {-code}")
        lines = (out / STDERR).read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return Parts(f"no contributions, exit code {code}: {lines[-1] if lines else 'no message'}")
    if not parts.error and len(parts.values) != len(NAMES):
        return Parts(f"{len(parts.values)} contributions of {len(NAMES)} features")
    return parts


def _contributions(batch: Batch, index: int, row: npt.NDArray[np.float64], parts: Parts) -> Contributions:
    rows = [
        ContributionRow(name, _known(value), contribution)
        for name, value, contribution in zip(NAMES, row.tolist(), parts.values, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row.contribution))
    note = ""
    if parts.total != parts.prediction:
        note = f"they add up to {parts.total:.6g}, of which the model's objective makes the prediction"
    return Contributions(
        symbol=batch.symbols[index],
        version=batch.version,
        ns=batch.ns,
        prediction=parts.prediction,
        score=float(batch.scores[index]),
        rank=_rank(batch.predictions, index),
        of=len(batch.symbols),
        base=parts.base,
        rows=tuple(rows),
        note=note,
    )


def _rank(predictions: npt.NDArray[np.float64], index: int) -> int:
    return 1 + int((predictions > predictions[index]).sum())


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
