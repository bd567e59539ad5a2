"""The desk's models over a real engine's port: looking, exchanging, training, and never in the desk's way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.api.model_protocol import TrainingOrder
from engine.config import load
from engine.errors import ModelError, UnknownModelError
from engine.events import NS, Alert
from engine.feeds.simulation.venue import SimulatedVenue
from engine.logs import LogRing
from engine.models import artefact, builtin
from engine.models.artefact import Estimate
from engine.models.registry import Roles
from engine.models.registry_file import DATABASE
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.model_port import MOST_WAITING, LiveModels
from engine.wiring.model_slot import STRATEGY
from engine.wiring.port import LivePort
from engine.wiring.sources import adopt
from tests.models.conftest import reseal
from tests.wiring.conftest import START_NS

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
BUSY_S = 0.02
"""Longest time of the loop's thread in one go, on a processor that may be a slow one."""


class Desk:
    """An engine whose market stands still unless a test moves it."""

    def __init__(self, engine: LiveEngine) -> None:
        self.engine = engine
        self.port = LivePort(engine)
        self.models: LiveModels = self.port.models
        self.venue = SimulatedVenue(SYMBOLS, seed=3, start_ns=START_NS)
        adopt(engine.desk, self.venue.instruments())
        self.second = 0

    def trade(self, seconds: int) -> None:
        desk = self.engine.desk
        for step in range(self.second * 4 + 1, (self.second + seconds) * 4 + 1):
            until = START_NS + step * NS // 4
            desk.on_events(self.venue.advance(until))
            desk.advance(until)
        self.second += seconds

    def alerts(self) -> list[tuple[str, str]]:
        events = [event for _, event in self.engine.store.reader().events_since(0, 1000)]
        return [(event.source, event.text) for event in events if isinstance(event, Alert)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path / "state"), LogRing(), None)
    (tmp_path / "state").mkdir(exist_ok=True)
    engine.writing.start(asyncio.get_running_loop())
    engine.store.start()
    try:
        await engine.model.start({})
        made = Desk(engine)
        made.trade(90)
        yield made
    finally:
        await engine.tasks.cancel()
        engine.model.close()
        engine.store.close()


def candidate(folder: Path, seed: int = 99) -> Path:
    """The shipped model under another version, validated a little better."""
    found = artefact.read(builtin.PATH)
    metrics = found.manifest.metrics
    assert metrics is not None
    better = Estimate(metrics.rank_ic.value + 0.01, metrics.rank_ic.low, metrics.rank_ic.high + 0.01)
    changed = artefact.msgspec.structs.replace(metrics, rank_ic=better)
    other = reseal(found, seed=seed, metrics=changed)
    artefact.write(other, folder / other.manifest.version)
    return folder / other.manifest.version


@contextlib.asynccontextmanager
async def busy() -> AsyncIterator[Callable[[], float]]:
    """How long, in seconds of its own processor time, the loop was away at most: what others do beside it
    does not count."""
    longest, done = 0.0, False

    async def probe() -> None:
        nonlocal longest
        last = time.thread_time()
        while not done:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    gc.collect()
    gc.freeze()  # as the engine does: what a test run has piled up is not walked
    probing = asyncio.get_running_loop().create_task(probe())
    try:
        await asyncio.sleep(0)
        yield lambda: longest
    finally:
        done = True
        await probing
        gc.unfreeze()


async def test_models_are_shown_with_what_they_do_here(desk: Desk, tmp_path: Path) -> None:
    entry = desk.engine.model.registry.register(candidate(tmp_path))
    await desk.models.shadow(entry.version[:6], "anna")
    desk.trade(20)
    await asyncio.sleep(0.05)
    found = await desk.models.models()
    by_role = {row.role: row for row in found.models}
    active = by_role["active"]
    assert active.status == "active" and active.live is not None and active.live.predictions > 0
    assert by_role["shadow"].version == entry.version and not found.error
    assert found.comparison is not None and found.comparison.batches > 0
    assert found.comparison.rank_correlation == pytest.approx(1.0)
    assert found.training.state == "none"
    shown = await desk.models.model(entry.version[:6])
    assert shown.entry.role == "shadow" and shown.entry.live is not None and shown.history
    assert (await desk.models.model("")).entry.version == active.version
    with pytest.raises(UnknownModelError, match="no model has version"):
        await desk.models.model("nope")


async def test_models_are_exchanged_and_all_learn_of_it(desk: Desk, tmp_path: Path) -> None:
    before = (await desk.models.model("")).entry.version
    version = desk.engine.model.registry.register(candidate(tmp_path)).version
    replies = [
        await desk.models.activate(version[:6], "anna"),
        await desk.models.rollback("bert"),
        await desk.models.shadow(version, "anna"),
        await desk.models.shadow("", "anna"),
        await desk.models.reload("anna"),
        await desk.models.deactivate("anna"),
    ]
    assert all(reply.ok for reply in replies)
    await desk.engine.writing.durable()
    told = [(who, text) for who, text in desk.alerts() if who in ("anna", "bert")]
    assert [text for _, text in told] == [reply.text for reply in replies]
    assert version in told[0][1] and before in told[1][1] and told[1][0] == "bert"
    with pytest.raises(UnknownModelError):
        await desk.models.activate("nope", "anna")
    with pytest.raises(ModelError, match="no model"):
        await desk.models.reload("anna")
    assert any("anna" in line for line in (await desk.models.model(version)).history)


async def test_a_crowd_of_exchanges_is_refused_and_desk_and_registry_agree(
    desk: Desk, tmp_path: Path
) -> None:
    version = desk.engine.model.registry.register(candidate(tmp_path)).version
    asked = [
        *(desk.models.shadow("", "anna") for _ in range(MOST_WAITING - 2)),
        desk.models.activate(version, "anna"),
        desk.models.shadow(version, "anna"),
        *(desk.models.rollback("bert") for _ in range(20)),
    ]
    told = await asyncio.gather(*asked, return_exceptions=True)
    refused = [str(one) for one in told if isinstance(one, ModelError)]
    assert sum("too many exchange models at once" in text for text in refused) == 20
    assert sum("cannot be its own shadow" in text for text in refused) == 1 and len(refused) == 21
    roles = desk.engine.model.registry.roles(STRATEGY)
    assert roles.active is not None and roles.active.version == version and roles.shadow is None
    scoring = desk.engine.desk.signals.scoring
    assert scoring.active is not None and scoring.active.version == version and scoring.shadow is None
    assert (await desk.models.rollback("bert")).ok


@pytest.mark.parametrize("what", ["activate", "deactivate"])
async def test_what_was_done_is_told_as_done_though_the_registry_is_held_then(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    registry = desk.engine.model.registry
    version = registry.register(candidate(tmp_path)).version
    change, roles, held = getattr(registry, what), registry.roles, False

    def changed(*args: object, **options: object) -> object:
        nonlocal held
        entry, held = change(*args, **options), True
        return entry

    def look(strategy: str) -> Roles:
        if held:
            raise ModelError("it is in use by another process")
        return roles(strategy)

    monkeypatch.setattr(registry, what, changed)
    monkeypatch.setattr(registry, "roles", look)
    asked = desk.models.activate(version, "anna") if what == "activate" else desk.models.deactivate("anna")
    assert (await asked).ok
    held = False
    active, loaded = registry.roles(STRATEGY).active, desk.engine.desk.signals.scoring.active
    assert (None if active is None else active.version) == (None if loaded is None else loaded.version)
    assert (loaded is None) is (what == "deactivate")


async def test_a_registry_that_another_process_holds_costs_one_thread(desk: Desk) -> None:
    with contextlib.closing(
        sqlite3.connect(desk.engine.model.registry.directory / DATABASE, isolation_level=None)
    ) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        asked = [asyncio.create_task(desk.models.models()) for _ in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5.0):
            assert await asyncio.gather(*(asyncio.to_thread(lambda: 1) for _ in range(20))) == [1] * 20
        assert not any(one.done() for one in asked)
        holder.execute("ROLLBACK")
    assert all(one.models for one in await asyncio.gather(*asked))


async def test_a_prediction_is_explained_by_the_version_that_made_it(desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    spoke = desk.engine.desk.signals.scoring.batch()
    assert spoke is not None
    version = desk.engine.model.registry.register(candidate(tmp_path)).version
    await desk.models.activate(version, "anna")
    desk.trade(10)
    old = await desk.models.contributions("BTC-USD", spoke.ns)
    new = await desk.models.contributions("sim:BTC-USD", 0)
    assert (old.version, old.ns) == (spoke.version, spoke.ns) and new.version == version
    for found in (old, new):
        total = math.fsum([found.base, *(row.contribution for row in found.rows)])
        assert total == pytest.approx(found.prediction, rel=1e-9, abs=1e-12)
    with pytest.raises(UnknownModelError, match="DOGE"):
        await desk.models.contributions("DOGE-MOON", 0)
    with pytest.raises(UnknownModelError, match="kept any more"):
        await desk.models.contributions("BTC-USD", 17)


async def test_a_trained_model_is_put_to_work(desk: Desk, tmp_path: Path) -> None:
    before = (await desk.models.model("")).entry.version
    version = desk.engine.model.registry.register(candidate(tmp_path)).version
    desk.engine.beside.training._command = (
        *(sys.executable, "-c"),
        f'print(\'{{"version": "{version}", "then": "registered", "text": ""}}\')',
    )
    await desk.models.train(TrainingOrder(then="activate"), "anna")
    while desk.models.training().state == "running":
        await asyncio.sleep(0.01)
    row = desk.models.training()
    assert (row.state, row.version) == ("done", version) and "and active" in row.text
    assert (await desk.models.model("")).entry.version == version != before
    with pytest.raises(ModelError, match="no training run"):
        await desk.models.cancel_training("anna")


async def test_nothing_of_it_keeps_the_loop_away_from_the_market(desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    version = desk.engine.model.registry.register(candidate(tmp_path)).version
    desk.engine.beside.training._command = (
        *(sys.executable, "-c"),
        "import os, time\nfor _ in range(200): os.write(1, b'{\\n' * 2000)\n"
        'print(\'{"share": 0.5, "text": "half"}\', flush=True); time.sleep(300)',
    )
    await desk.models.shadow(version, "anna")
    desk.trade(20)
    await desk.models.models()
    await desk.models.contributions("BTC-USD", 0)
    took: dict[str, float] = {}
    for name, call in (
        ("models", lambda: desk.models.models()),
        ("model", lambda: desk.models.model(version)),
        ("contributions", lambda: desk.models.contributions("ETH-USD", 0)),
        ("train", lambda: desk.models.train(TrainingOrder(), "anna")),
        ("hear", lambda: _until(lambda: desk.models.training().share == 0.5)),
        ("cancel", lambda: desk.models.cancel_training("anna")),
    ):
        async with busy() as longest:
            await call()
        took[name] = longest()
    assert max(took.values()) < BUSY_S, took


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)
