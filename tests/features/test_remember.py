"""An engine that takes up what another one remembers goes on as that one does, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.features.engine import NONE, FeatureEngine
from engine.features.remember import Remembered, take_up
from engine.features.state import STATE
from tests.features.ticks import block, trade

RATES = 15, 200
"""Trades a second: windows of one or two runs, and such that outgrow their first room."""


def make() -> FeatureEngine:
    engine = FeatureEngine(FeaturesConfig())
    for index in range(len(RATES)):
        engine.add_symbol(f"test:S{index}")
    return engine


def run(engine: FeatureEngine, ticks: Any) -> None:
    position = 0
    while (found := engine.feed(ticks, position, len(ticks)))[0] != NONE:
        position = found[1]


def ticks_of(seconds: float) -> Any:
    rng = np.random.default_rng(21)
    rows = []
    for index, rate in enumerate(RATES):
        times = np.cumsum(rng.exponential(1 / rate, round(rate * seconds)))
        prices = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(times))))
        rows += [(at, price, index) for at, price in zip(times.tolist(), prices.tolist(), strict=True)]
    return block(*(trade(at, price, 1.0 + at, symbol=index) for at, price, index in sorted(rows)))


@pytest.mark.parametrize("cut", [100, 1000, 2033, 2900])
def test_it_goes_on_to_the_bit(cut: int) -> None:
    ticks, first, second = ticks_of(20), make(), make()
    run(first, ticks[:cut])
    take_up(second, Remembered(first).changes())
    for stop in range(cut, len(ticks), 50):
        for engine in (first, second):
            run(engine, ticks[stop : stop + 50])
        assert repr(second.rows([0, 1])) == repr(first.rows([0, 1]))
    assert first.row(1).window_count > 512


def test_only_what_changed_is_told_again() -> None:
    ticks, engine = ticks_of(20), make()
    run(engine, ticks[:2000])
    memory = Remembered(engine)
    told = memory.changes()
    assert set(memory.changes()) == {"desk"}
    own = ticks[2000:2010][ticks[2000:2010]["symbol"] == 1]
    run(engine, own)
    more = memory.changes()
    assert {"desk", "s:1"} <= set(more) and "s:0" not in more
    second = make()
    take_up(second, told | more)
    assert repr(second.rows([0, 1])) == repr(engine.rows([0, 1]))


@pytest.mark.parametrize("cut", [1, 7, 8])
def test_a_window_that_is_cut_off_is_refused(cut: int) -> None:
    engine = make()
    run(engine, ticks_of(2))
    told = Remembered(engine).changes()
    told["s:1"] = told["s:1"][:-cut] if cut < 8 else told["s:1"] + bytes(cut)
    with pytest.raises(ValueError, match=r"s:1|buffer"):
        take_up(make(), told)


@pytest.mark.parametrize("capacity", [0, 100, 128, -256])
def test_a_window_with_more_trades_than_room_or_no_such_room_is_refused(capacity: int) -> None:
    engine = make()
    run(engine, ticks_of(2))
    told = Remembered(engine).changes()
    row = np.frombuffer(told["s:1"][: STATE.itemsize], STATE).copy()
    row["capacity"] = capacity
    told["s:1"] = row.tobytes() + told["s:1"][STATE.itemsize :]
    with pytest.raises(ValueError, match="trades"):
        take_up(make(), told)
