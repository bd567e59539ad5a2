"""One call for the scans of all strategies: what they say is what each says of every row, in their order."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.strategies import scan
from engine.strategies.base import Strategy
from engine.strategies.registry import STRATEGIES, StrategySet
from engine.strategies.together import Together
from engine.strategies.trend import Trend
from tests.strategies.rows import Tape, feature_row, table_of
from tests.strategies.test_scan import NAMES, QUICK, boundaries, on_every_row

SEEN = (NAMES[3], NAMES[69])
"""What mean reversion may see, so that its scan does not run along with the others."""
CHANGES: dict[str, dict[str, Any]] = {name: dict(QUICK.get(name, {})) for name in STRATEGIES}
CHANGES["rapid_rise"]["falls"] = True


def all_of_them(closed: Tape) -> StrategySet:
    options = {name: {"enabled": True, **changes} for name, changes in CHANGES.items()}
    options["mean_reversion"]["symbols"] = SEEN
    return StrategySet(options, bars=closed.bars)


def made(name: str, closed: Tape) -> Strategy:
    kind = STRATEGIES[name]
    strategy = kind(msgspec.convert(CHANGES[name], kind.Params))
    strategy.connect(closed.bars)
    return strategy


def own_rows(table: FeatureTable) -> FeatureTable:
    names = [table.symbol(position) for position in range(len(table))]
    return table.select(np.array([at for at, name in enumerate(names) if name in SEEN], np.int64))


@settings(max_examples=60, deadline=None)
@given(tape=boundaries(), switched=st.integers(1, 12))
def test_together_they_say_what_each_says_of_every_row(tape: list[FeatureTable], switched: int) -> None:
    closed = Tape()
    chosen = all_of_them(closed)
    every = {name: made(name, closed) for name in STRATEGIES}
    for number, table in enumerate(tape):
        closed.close(table)
        if number == switched:
            for on in (False, True):
                chosen.set_enabled("trend", on)
            every["trend"] = made("trend", closed)
        said = []
        for name, strategy in every.items():
            said += on_every_row(strategy, own_rows(table) if name == "mean_reversion" else table)
        assert chosen.on_bars(table) == said
    assert chosen.take_errors() == []


def test_a_scan_without_room_has_no_other_see_its_bar_twice() -> None:
    closed = Tape()
    chosen = StrategySet(
        {name: {"enabled": name in ("trend", "breakout"), **QUICK.get(name, {})} for name in STRATEGIES},
        bars=closed.bars,
    )
    for bar in range(1, 7):
        close = 120.0 if bar == 6 else 100.0
        known = {"high": close, "low": 99.0, "close": close, "volume": 20.0, "volume_ma": 5.0, "atr": 1.0}
        table = table_of([feature_row(bar, name, **known) for name in NAMES], NAMES)
        closed.close(table)
        if bar == 6:
            for on in (False, True):  # it begins anew, with room for fewer symbols than there are
                chosen.set_enabled("trend", on)
        assert len(chosen.on_bars(table)) == (len(NAMES) if bar == 6 else 0)


def test_who_sees_some_symbols_only_goes_on_by_itself() -> None:
    chosen = all_of_them(Tape())
    found = Together(chosen.heard_at_bars)
    assert found.alone
    assert {entry.kind.name for number, entry in found.order if number < 0} == {"mean_reversion"}
    assert all(number < 0 or scan.SCANS[number] == entry.kind.name for number, entry in found.order)
    chosen.set_symbols("mean_reversion", ())
    assert not Together(chosen.heard_at_bars).alone


def test_a_scan_that_cannot_be_made_is_its_strategys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Trend) -> None:
        raise RuntimeError("no scan")

    monkeypatch.setattr(Trend, "scan", broken)
    closed = Tape()
    chosen = all_of_them(closed)
    values = np.zeros((1, len(FLOAT_FIELDS)))
    starts = np.zeros(1, np.int64)
    chosen.on_bars(FeatureTable(NAMES, starts, 0, starts, starts, values))
    assert [name for name, _ in chosen.take_errors()] == ["trend"]
    assert chosen.enabled("breakout") and not chosen.enabled("trend")
