"""A model on minute bars in a replay: it rests on the tape alone, and says what it said live."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.config import Config, load
from engine.events import NS, MarketEvent, Signal
from engine.models import artefact, builtin
from engine.models.load import load as load_model
from engine.models.registry import Registry
from engine.wiring.replay import DATABASE, replay
from tests.models.conftest import written
from tests.models.other_bars import of_bars
from tests.wiring.conftest import START_NS, Bench, quote, trade
from tests.wiring.test_intake import A, B
from tests.wiring.test_live_equals_replay import recorded

MINUTES = 64
FIRST = START_NS // (60 * NS) * 60 * NS
"""The minute in which the tape begins, not with its first second."""


def config() -> Config:
    return load(environ={}, overrides=["models.every_bars=1"])


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model as if it had been trained on minutes."""
    return written(of_bars(artefact.read(builtin.PATH), 60.0), tmp_path_factory.mktemp("minutes") / "model")


@cache
def walk() -> tuple[MarketEvent, ...]:
    random = np.random.default_rng(64)
    events: list[MarketEvent] = []
    prices = {A: 100.0, B: 5.0}
    for n, second in enumerate(np.sort(random.uniform(0, MINUTES * 60, 3_000)).tolist()):
        for symbol in (A, B):
            prices[symbol] = round(prices[symbol] * float(np.exp(random.normal(0, 3e-4))), 2)
            price = prices[symbol]
            events += [
                quote(symbol, price - 0.01, price + 0.01, second),
                trade(symbol, n + 1, price, float(random.integers(1, 9)), second),
            ]
    return tuple(events)


def spoken(path: Path) -> list[tuple[int, str, float]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(
            "SELECT ns, symbol, score FROM signals WHERE source = 'model' ORDER BY ns, symbol"
        ).fetchall()


def test_a_replay_says_what_the_desk_said(minutes: Path, tmp_path: Path) -> None:
    events = list(walk())
    _, tape = recorded(tmp_path, 400, events)
    live = Bench(config())
    live.desk.signals.scoring.set_active(asyncio.run(load_model(minutes)))
    for at in range(0, len(events), 997):
        live.desk.on_events(events[at : at + 997])
    signals = [one for one in live.records if isinstance(one, Signal) and one.source == "model"]
    said = sorted((one.ns, one.symbol, one.score) for one in signals)
    assert said and {ns % (60 * NS) for ns, _, _ in said} == {0}
    assert min(said)[0] == FIRST + 61 * 60 * NS, "from the tape's 61st bar on"
    state, notes = tmp_path / "state", list[str]()
    registry = Registry(state)
    registry.activate(registry.register(minutes).version)
    reports = []
    for _ in range(2):
        reports.append(replay(config(), [tape], state, note=notes.append))
        assert spoken(state / DATABASE) == said
    assert reports[0].sha256 == reports[1].sha256
    assert reports[0].model == artefact.read_manifest(minutes).version
    assert any("bars of 60 s" in note and "61" in note for note in notes)
