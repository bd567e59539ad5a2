"""A user's model at work on a live desk: it speaks, breaks, and is left for the one before when it must."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.config import load
from engine.events import NS, Alert, Quote, Trade
from engine.feeds.simulation.venue import SimulatedVenue
from engine.models.builtin import ensure_builtin
from engine.models.registry import Registry
from engine.models.user_predictor import UserPredictor
from engine.wiring.model_slot import STRATEGY, ModelSlot
from engine.wiring.sources import adopt
from tests.models.user_artefacts import RIDGE, fitted_artefact, user_artefact
from tests.models.user_predictors import gone, until
from tests.wiring.conftest import START_NS, Bench

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
WARM_S = 65


class LiveDesk:
    """A desk on the simulated venue, a second at a time."""

    def __init__(self, state: Path) -> None:
        self.bench = Bench(load(overrides=["models.every_bars=1"], environ={}))
        self.scoring = self.bench.desk.signals.scoring
        self._venue = SimulatedVenue(SYMBOLS, seed=3, start_ns=START_NS)
        self._second = 0
        self._work: set[asyncio.Task[None]] = set()
        adopt(self.bench.desk, self._venue.instruments())
        self.slot = ModelSlot(state, self.bench.desk, spawn=self._spawn)

    def _spawn(self, work) -> None:  # type: ignore[no-untyped-def]
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def seconds(self, count: int) -> None:
        """Each with the answer to its question, however slow this machine is."""
        for _ in range(count):
            self._second += 1
            events = self._venue.advance(START_NS + self._second * NS)
            self.bench.desk.on_events([event for event in events if isinstance(event, Trade | Quote)])
            await until(lambda: self.scoring._asked is None)

    @property
    def speaker(self) -> str:
        """Version of the newest batch's model."""
        batch = self.scoring.batch()
        return "" if batch is None else batch.version

    @property
    def host(self) -> UserPredictor:
        assert isinstance(self.scoring.active, UserPredictor)
        return self.scoring.active

    def alerts(self) -> list[str]:
        return [event.text for event in self.bench.journal if isinstance(event, Alert)]


@asynccontextmanager
async def at_work(state: Path, artefact: Path) -> AsyncIterator[tuple[LiveDesk, str]]:
    """The desk with the model active, and its version; the shipped one was active before."""
    registry = Registry(state)
    ensure_builtin(registry)
    entry = registry.register(artefact)
    registry.activate(entry.version)
    live = LiveDesk(state)
    await live.slot.start()
    try:
        assert live.scoring.active is not None and live.scoring.active.version == entry.version
        live.scoring.go_live(time.perf_counter_ns, asyncio.get_running_loop().call_soon)
        await live.seconds(WARM_S)
        yield live, entry.version
    finally:
        active = live.scoring.active
        pid = active.pid if isinstance(active, UserPredictor) else 0
        live.slot.close()
        if pid:
            await gone(pid)


async def test_its_answers_are_batches_and_its_death_is_told_and_mended(tmp_path: Path) -> None:
    async with at_work(tmp_path, fitted_artefact(tmp_path / "made", RIDGE)) as (live, version):
        assert live.speaker == version
        batch = live.scoring.batch()
        assert batch is not None and len(batch.symbols) == len(SYMBOLS) and batch.scores.std() > 0.01
        host, pid = live.host, live.host.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: host.pid not in (0, pid))
        await until(lambda: host._process is not None and host._process.ready)
        told = [text for text in live.alerts() if "ended by signal 9" in text]
        assert told == [f"model {version}: its process was ended by signal 9; it is started again"]
        said = batch.ns
        await live.seconds(3)
        batch = live.scoring.batch()
        assert batch is not None and batch.version == version and batch.ns >= said + 3 * NS
        assert live.host is host and not live.scoring.error


FAILS = {
    "os._exit(9)": "3 batches in a row",
    "raise ValueError('odd')": "ValueError: odd",
    "self.answer = lambda rows: rows[:, 0] * np.nan": "not finite",
    "self.answer = lambda rows: rows[:, 0] * 0.0": "one number",
}


@pytest.mark.parametrize("does", FAILS)
async def test_one_that_fails_is_left_for_the_model_before(tmp_path: Path, does: str) -> None:
    """After some good batches: what it does depends on a file."""
    fails = tmp_path / "fails"
    body = f"""
    def misbehave(self, rows):
        if os.path.exists({str(fails)!r}):
            {does}
    """
    async with at_work(tmp_path, user_artefact(tmp_path / "made", body)) as (live, version):
        assert live.speaker == version
        host, shipped = live.host, Registry(tmp_path).roles(STRATEGY).last_good
        assert shipped is not None
        fails.touch()
        await live.seconds(6)
        assert live.scoring.active is not None and live.scoring.active.version == shipped.version
        assert live.speaker == shipped.version
        (told,) = [text for text in live.alerts() if "rolled back" in text]
        assert FAILS[does] in told
        assert f"model {version} was rolled back, back to {shipped.version}" in told
        await until(lambda: Registry(tmp_path).roles(STRATEGY).active.version == shipped.version)  # type: ignore[union-attr]
        await until(lambda: host.pid == 0)
