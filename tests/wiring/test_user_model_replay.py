"""A replay waits for a user's model: the same tape gives the same orders, fills and signals each time."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.config import RecordConfig, load
from engine.events import NS, Quote, Trade
from engine.feeds.simulation.venue import SimulatedVenue
from engine.models.registry import Registry
from engine.wiring.recording import Recording
from engine.wiring.replay import DATABASE, ReplayReport, replay
from engine.wiring.sources import adopt
from tests.models.user_artefacts import RIDGE, fitted_artefact, user_artefact
from tests.wiring.conftest import START_NS, Bench

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
SECONDS = 90
CONFIG = load(overrides=["models.every_bars=1"], environ={})


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a half of the simulated venue."""
    folder = tmp_path_factory.mktemp("tape")
    venue, bench = SimulatedVenue(SYMBOLS, seed=3, start_ns=START_NS), Bench(CONFIG)
    adopt(bench.desk, venue.instruments())
    recording = Recording(
        RecordConfig(ticks=True, dir=str(folder)),
        folder,
        bench.desk.intake,
        clock=lambda: START_NS,
        alert=lambda level, text: pytest.fail(text),
    )
    recording.start()
    for second in range(1, SECONDS + 1):
        events = venue.advance(START_NS + second * NS)
        bench.desk.on_events([event for event in events if isinstance(event, Trade | Quote)])
    asyncio.run(recording.close())
    (path,) = folder.glob("ticks-*.tape")
    return path


def replayed(tape: Path, state: Path) -> tuple[ReplayReport, list[Any], list[str]]:
    """The report, all that the model said, and the notes."""
    notes: list[str] = []
    report = replay(CONFIG, [tape], state, note=notes.append)
    with contextlib.closing(sqlite3.connect(state / DATABASE)) as database:
        said = database.execute("SELECT * FROM signals WHERE source = 'model' ORDER BY ns, symbol").fetchall()
    return report, said, notes


def test_a_replay_with_a_users_model_gives_the_same_each_time(tape: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    entry = registry.register(fitted_artefact(tmp_path / "made", RIDGE))
    registry.activate(entry.version)
    (first, said, _), (second, again, _) = (replayed(tape, tmp_path) for _ in range(2))
    assert first.model == second.model == entry.version
    assert first.sha256 == second.sha256 and first.orders == second.orders
    assert said == again and len(said) > 2 * len(SYMBOLS)
    assert all(f"model {entry.version}: " in str(row) for row in said)


def test_a_replay_goes_on_without_a_model_that_always_fails(tape: Path, tmp_path: Path) -> None:
    body = "def misbehave(self, rows): os._exit(3)"
    registry = Registry(tmp_path)
    entry = registry.register(user_artefact(tmp_path / "made", body))
    registry.activate(entry.version)
    report, said, _ = replayed(tape, tmp_path)
    assert not said and report.bars > SECONDS


def test_a_replay_without_its_users_model_says_why(tape: Path, tmp_path: Path) -> None:
    body = "def load(self, directory): raise OSError('no weights')"
    registry = Registry(tmp_path)
    registry.activate(registry.register(user_artefact(tmp_path / "made", body)).version)
    report, said, notes = replayed(tape, tmp_path)
    assert not said and report.model == ""
    assert any("OSError: no weights" in note for note in notes)
