"""The desk's model: loaded with the age that counts, told when that is too high."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.config import load
from engine.events import NS, Alert
from engine.models import artefact, builtin
from engine.models.registry import Registry
from engine.wiring.model_slot import ModelSlot
from tests.wiring.conftest import Bench

DAY_NS = 86_400 * NS


@pytest.mark.parametrize(("days", "limit_days", "told"), [(30, 30, False), (31, 30, True), (31, 0, False)])
def test_the_shipped_model_ages_from_the_first_start(
    tmp_path: Path, days: int, limit_days: int, told: bool
) -> None:
    registry = Registry(tmp_path)
    begun = artefact.read(builtin.PATH).manifest.created_ns + 400 * DAY_NS
    registry.register(builtin.PATH, now_ns=begun)
    registry.activate(registry.list()[0].version)
    bench = Bench(load(overrides=[f"risk.max_model_age_s={limit_days * 86_400}"], environ={}))
    bench.desk.features.advance(begun + days * DAY_NS)
    asyncio.run(ModelSlot(tmp_path, bench.desk).start())
    assert bench.desk.signals.scoring.active is not None
    assert bench.desk.signals.scoring.created_ns() == begun
    alerts = [event.text for event in bench.journal if isinstance(event, Alert)]
    assert bool(alerts) is told
    if told:
        assert "31 days old" in alerts[0] and "tickdesk train" in alerts[0]


def test_on_a_tape_a_model_is_as_old_wherever_it_is_replayed(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    made = artefact.read(builtin.PATH).manifest.created_ns
    registry.register(builtin.PATH, now_ns=made + 400 * DAY_NS)
    registry.activate(registry.list()[0].version)
    bench = Bench()
    asyncio.run(ModelSlot(tmp_path, bench.desk, live=False).start())
    assert bench.desk.signals.scoring.created_ns() == made


@pytest.mark.parametrize(("overrides", "told"), [((), False), (("feeds.binance.symbols=BTCUSDT",), True)])
def test_a_model_of_the_simulated_venue_is_told_of_on_a_desk_of_markets(
    tmp_path: Path, overrides: tuple[str, ...], told: bool
) -> None:
    bench = Bench(load(overrides=list(overrides), environ={}))
    asyncio.run(ModelSlot(tmp_path, bench.desk).start())
    assert bench.desk.signals.scoring.active is not None
    alerts = [event.text for event in bench.journal if isinstance(event, Alert)]
    assert bool(alerts) is told
    if told:
        assert "only seen the simulated venue" in alerts[0] and "tickdesk train" in alerts[0]
