"""A user's model trained by the desk's own training run: the shadow in its own process, then at work."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.api.model_protocol import TrainingOrder
from engine.config import load
from engine.errors import ModelError
from engine.logs import LogRing
from engine.models.user_predictor import UserPredictor
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from tests.models.user_artefacts import RIDGE
from tests.models.user_predictors import gone, until
from tests.wiring.test_model_port import SYMBOLS, Desk

RULES = ("models.every_bars=1", f"simulated.symbols={list(SYMBOLS)}")
ORDER = TrainingOrder(seconds=520, horizon=5, then="shadow")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """On a live loop, 90 s in; the shipped model is at work."""
    (tmp_path / "state").mkdir()
    config = load(overrides=list(RULES), environ={})
    engine = LiveEngine(EngineOptions(config, tmp_path / "state"), LogRing(), None)
    engine.writing.start(asyncio.get_running_loop())
    engine.store.start()
    try:
        await engine.model.start({})
        made = Desk(engine)
        made.trade(90)
        engine.desk.signals.scoring.go_live(time.perf_counter_ns, asyncio.get_running_loop().call_soon)
        yield made
    finally:
        await engine.tasks.cancel()
        engine.model.close()
        engine.store.close()


def own_file(folder: Path) -> str:
    folder.chmod(0o700)
    path = folder / "mine.py"
    shutil.copy(RIDGE, path)
    path.chmod(0o600)
    return str(path)


async def trained(desk: Desk, order: TrainingOrder) -> tuple[str, str, str]:
    await desk.models.train(order, "anna")
    await until(lambda: desk.models.training().state != "running", 120)
    row = desk.models.training()
    return row.state, row.version, row.text


async def test_it_is_trained_watched_as_a_shadow_and_promoted(desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", exc_type=Exception)
    scoring = desk.engine.desk.signals.scoring
    shipped = scoring.active
    assert shipped is not None
    order = msgspec.structs.replace(ORDER, model=own_file(tmp_path))
    state, version, text = await trained(desk, order)
    assert state == "done" and "runs as shadow" in text, text
    shadow = scoring.shadow
    assert isinstance(shadow, UserPredictor) and shadow.version == version and shadow.pid
    for _ in range(3):
        before = scoring.watch.tracks[version].tally.predictions
        desk.trade(1)
        await until(lambda: scoring.watch.tracks[version].tally.predictions > before)  # noqa: B023
    pair = scoring.watch.pair
    assert pair is not None and pair.batches >= 3 and not scoring.shadow_error
    assert desk.engine.desk.signals.scoring.spoke() == shipped.version, "it only watches"

    pid = shadow.pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: shadow.pid not in (0, pid))
    assert any("ended by signal 9" in told for _, told in await _alerts(desk))
    assert scoring.active is shipped, "a shadow's death is nobody else's"

    shadow.down = "it broke too often"
    await desk.models.activate(version, "anna")
    promoted = scoring.active
    assert isinstance(promoted, UserPredictor) and promoted is not shadow and not promoted.down
    assert scoring.shadow is None
    desk.trade(1)
    await until(lambda: scoring.spoke() == version)
    await until(lambda: shadow.pid == 0)
    pid = promoted.pid
    await desk.models.rollback("anna")
    assert scoring.active is not None and scoring.active.version == shipped.version
    await until(lambda: promoted.pid == 0)
    await gone(pid)


async def test_what_is_wrong_with_its_file_is_told_on_the_desk(desk: Desk, tmp_path: Path) -> None:
    path = Path(own_file(tmp_path))
    path.write_text(path.read_text().replace("def load(", "def loads("))
    order = msgspec.structs.replace(ORDER, model=str(path))
    state, version, text = await trained(desk, order)
    assert (state, version) == ("failed", "") and "class Ridge lacks load" in text
    path.chmod(0o666)
    state, _, text = await trained(desk, order)
    assert state == "failed" and "chmod go-w" in text
    with pytest.raises(ModelError, match="no training run"):
        await desk.models.cancel_training("anna")


async def _alerts(desk: Desk) -> list[tuple[str, str]]:
    await asyncio.to_thread(desk.engine.store.flush)
    return desk.alerts()
