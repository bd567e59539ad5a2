"""Contributions on demand: of the version that spoke, one child at a time, bounded and remembered."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError, UnknownModelError
from engine.models import artefact, builtin
from engine.models.artefact import MODEL, Artefact
from engine.models.load import normalise
from engine.wiring import contributions
from engine.wiring.batches import Batch
from engine.wiring.contributions import MOST_WAITING, REMEMBERED, Contributing

SYMBOLS = ("A", "B", "C")


@pytest.fixture(scope="module")
def shipped() -> Artefact:
    return artefact.read(builtin.PATH)


def batch_of(found: Artefact, ns: int = 5) -> Batch:
    rows, predictions = artefact.golden(found.manifest)
    predicted = predictions[:3].copy()
    return Batch(ns, found.manifest.version, SYMBOLS, rows[:3].copy(), predicted, normalise(predicted))


def contributing(batch: Batch | None, path: Path = builtin.PATH, timeout_s: float = 60.0) -> Contributing:
    return Contributing(
        lambda ns: batch if batch is not None and ns in (0, batch.ns) else None,
        lambda version: path,
        timeout_s=timeout_s,
    )


async def test_a_prediction_is_taken_apart_in_a_child(shipped: Artefact) -> None:
    pytest.importorskip("lightgbm")
    batch = batch_of(shipped)
    found = await contributing(batch).of("B", 5)
    assert (found.symbol, found.version, found.ns, found.of) == ("B", batch.version, 5, 3)
    assert found.prediction == batch.predictions[1] and found.score == batch.scores[1]
    assert found.rank == 1 + int((batch.predictions > batch.predictions[1]).sum())
    total = math.fsum([found.base, *(row.contribution for row in found.rows)])
    assert total == pytest.approx(found.prediction, rel=1e-9, abs=1e-12) and not found.note
    sizes = [abs(row.contribution) for row in found.rows]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    values = {row.feature: row.value for row in found.rows}
    for name, value in zip(artefact.NAMES, batch.rows[1].tolist(), strict=True):
        assert values[name] == (value if math.isfinite(value) else None)


async def test_what_was_asked_is_remembered_and_bounded(
    shipped: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, at_once, most = 0, 0, 0

    async def run(path: Path, out: Path, timeout_s: float) -> int:
        nonlocal runs, at_once, most
        runs, at_once = runs + 1, at_once + 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        row = np.load(out / contributions.ROW)
        prediction = next(p for r, p in zip(batch.rows, batch.predictions, strict=True) if (r == row).all())
        parts = contributions.Parts(prediction=float(prediction), total=0.5, values=(0.0,) * len(row))
        (out / contributions.RESULT).write_bytes(contributions.msgspec.json.encode(parts))
        return 0

    monkeypatch.setattr(contributions, "_run", run)
    batch = batch_of(shipped)
    batch = batch._replace(rows=np.arange(batch.rows.size, dtype=float).reshape(batch.rows.shape))
    asked = Contributing(lambda ns: batch._replace(ns=ns), lambda version: builtin.PATH)
    first = await asyncio.gather(*(asked.of(symbol, 7) for symbol in ("A", "A", "B", "A")))
    assert runs == 2 and most == 1
    assert first[0] is first[1] is first[3] and "add up to 0.5" in first[0].note
    for ns in range(100, 100 + REMEMBERED):
        await asked.of("A", ns)
    assert len(asked._known) == REMEMBERED
    with pytest.raises(ModelError, match="too many ask"):
        await asyncio.gather(*(asked.of("C", ns) for ns in range(MOST_WAITING + 1)))


@pytest.mark.parametrize(
    ("symbol", "ns", "kept", "says"),
    [
        ("A", 0, False, "no model has predicted yet"),
        ("A", 4, True, "is kept any more"),
        ("Z", 5, True, "Z has no prediction at that moment"),
    ],
)
async def test_what_was_not_predicted_is_unknown(
    shipped: Artefact, symbol: str, ns: int, kept: bool, says: str
) -> None:
    with pytest.raises(UnknownModelError, match=says):
        await contributing(batch_of(shipped) if kept else None).of(symbol, ns)


async def test_files_that_are_gone_or_exchanged_explain_nothing(shipped: Artefact, tmp_path: Path) -> None:
    batch = batch_of(shipped)
    with pytest.raises(ModelError, match="pruned"):
        await contributing(batch, tmp_path / "gone").of("A", 5)
    artefact.write(shipped, tmp_path / "model")
    (tmp_path / "model" / MODEL).write_bytes(shipped.model.replace(b"leaf", b"reef", 1))
    with pytest.raises(ModelError, match="vouches for"):
        await contributing(batch, tmp_path / "model").of("A", 5)
    pytest.importorskip("lightgbm")
    other = batch._replace(predictions=batch.predictions + 1e-12)
    with pytest.raises(ModelError, match="exchanged"):
        await contributing(other).of("A", 5)


async def test_a_child_that_hangs_is_killed(shipped: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one is not kept waiting by it."""
    script = "import subprocess, time; subprocess.Popen(['sleep', '300']); time.sleep(300)"
    create = asyncio.create_subprocess_exec
    children: list[asyncio.subprocess.Process] = []

    async def hanging(*command: str, **options: object) -> asyncio.subprocess.Process:
        children.append(await create(command[0], "-c", script, **options))  # type: ignore[arg-type]
        return children[-1]

    monkeypatch.setattr(contributions.asyncio, "create_subprocess_exec", hanging)
    asked = contributing(batch_of(shipped), timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(ModelError, match="took longer than"):
        await asked.of("A", 5)
    with pytest.raises(ModelError, match="took longer than"):
        await asked.of("B", 5)
    assert time.monotonic() - began < 30.0
    assert [child.returncode for child in children] == [-9, -9]


async def test_of_a_batch_that_led_to_an_order_its_symbols_are_kept(shipped: Artefact) -> None:
    pytest.importorskip("lightgbm")
    whole = batch_of(shipped)
    marked = whole._replace(rows=whole.rows[[2]], of=(2,))
    found = await contributing(marked).of("C", 5)
    assert found == await contributing(whole).of("C", 5)
    with pytest.raises(UnknownModelError, match="only what led to an order is kept"):
        await contributing(marked).of("A", 5)


async def test_a_machine_that_refuses_is_told(shipped: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*command: str, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(contributions.asyncio, "create_subprocess_exec", refused)
    with pytest.raises(ModelError, match="Resource temporarily unavailable; try again"):
        await contributing(batch_of(shipped)).of("A", 5)
