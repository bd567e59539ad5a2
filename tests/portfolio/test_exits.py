"""Stops, targets, trailing stops and longest times: where they are and what crosses them."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import ExitsConfig, SymbolExits
from engine.events import NS, Purpose
from engine.instruments import Instrument
from engine.portfolio.exits import Exits
from engine.portfolio.position import Position

EXITS = Exits(ExitsConfig(stop_loss_pct=0.5, take_profit_pct=1.0))
D = Decimal


def instrument(tick: str = "0.01") -> Instrument:
    return Instrument(0, "sim:BTC-USD", "USD", D(tick), D("0.001"))


def held(quantity: str, price: str) -> Position:
    return Position("sim:BTC-USD", D(quantity), D(quantity) * D(price))


@pytest.mark.parametrize(
    ("quantity", "levels"), [("2", ("99.50", "101.00")), ("-2", ("100.50", "99.00")), ("0", ("0", "0"))]
)
def test_levels(quantity: str, levels: tuple[str, str]) -> None:
    assert EXITS.levels(held(quantity, "100"), instrument()) == tuple(map(D, levels))


@pytest.mark.parametrize(
    ("quantity", "price", "purpose"),
    [
        ("2", 99.51, None),
        ("2", 99.5, Purpose.STOP_LOSS),
        ("2", 90.0, Purpose.STOP_LOSS),
        ("2", 100.99, None),
        ("2", 101.0, Purpose.TAKE_PROFIT),
        ("-2", 100.49, None),
        ("-2", 100.5, Purpose.STOP_LOSS),
        ("-2", 120.0, Purpose.STOP_LOSS),
        ("-2", 99.01, None),
        ("-2", 99.0, Purpose.TAKE_PROFIT),
        ("0", 1.0, None),
        ("2", math.nan, None),
        ("2", math.inf, None),
        ("2", 0.0, None),
        ("-2", -5.0, None),
    ],
)
def test_crossed(quantity: str, price: float, purpose: Purpose | None) -> None:
    assert EXITS.crossed(held(quantity, "100"), instrument(), price) is purpose


@settings(max_examples=150)
@given(
    st.integers(1, 10**9),
    st.sampled_from(["1", "-1"]),
    st.sampled_from(["0.0001", "0.01", "1"]),
    st.floats(0.01, 200),
    st.floats(0.01, 200),
)
def test_the_entry_itself_never_crosses(
    n: int, quantity: str, tick: str, stop_pct: float, target_pct: float
) -> None:
    exits = Exits(ExitsConfig(stop_loss_pct=stop_pct, take_profit_pct=target_pct))
    entry = n * D(tick)
    position, on = held(quantity, str(entry)), instrument(tick)
    assert exits.crossed(position, on, float(entry)) is None
    stop, target = exits.levels(position, on)
    assert stop % D(tick) == 0 and target % D(tick) == 0
    assert stop < entry < target if position.quantity > 0 else target < entry < stop


TRAILING = Exits(ExitsConfig(stop_loss_pct=50, take_profit_pct=50, trailing_stop_pct=1.0))


@pytest.mark.parametrize(
    ("quantity", "best", "level"),
    [
        ("2", 100.0, "99.00"),
        ("2", 110.0, "108.90"),
        ("2", 100.37, "99.37"),
        ("2", 90.0, "99.00"),
        ("2", math.nan, "99.00"),
        ("2", math.inf, "99.00"),
        ("-2", 100.0, "101.00"),
        ("-2", 90.0, "90.90"),
        ("-2", 110.0, "101.00"),
        ("-2", -1.0, "101.00"),
    ],
)
def test_the_trailing_stop_is_never_looser_than_the_entrys_own(
    quantity: str, best: float, level: str
) -> None:
    assert TRAILING.trailing(held(quantity, "100"), instrument(), best) == D(level)


def test_without_a_distance_or_a_position_nothing_trails() -> None:
    assert EXITS.trailing(held("2", "100"), instrument(), 110.0) is None
    assert TRAILING.trailing(held("0", "100"), instrument(), 110.0) is None
    assert EXITS.crossed(held("2", "100"), instrument(), 99.6, 100.9) is None


@pytest.mark.parametrize(
    ("quantity", "best", "price", "purpose"),
    [
        ("2", 110.0, 108.91, None),
        ("2", 110.0, 108.90, Purpose.TRAILING_STOP),
        ("2", 110.0, 49.0, Purpose.STOP_LOSS),
        ("2", 160.0, 155.0, Purpose.TRAILING_STOP),
        ("2", 151.0, 150.5, Purpose.TAKE_PROFIT),
        ("-2", 90.0, 90.89, None),
        ("-2", 90.0, 90.90, Purpose.TRAILING_STOP),
        ("-2", 90.0, 151.0, Purpose.STOP_LOSS),
        ("-2", 49.5, 49.6, Purpose.TAKE_PROFIT),
    ],
)
def test_what_a_trailing_stop_crosses(
    quantity: str, best: float, price: float, purpose: Purpose | None
) -> None:
    assert TRAILING.crossed(held(quantity, "100"), instrument(), price, best) is purpose


@settings(max_examples=150)
@given(
    st.integers(100, 10**9),
    st.sampled_from(["1", "-1"]),
    st.sampled_from(["0.0001", "0.01", "1"]),
    st.floats(0.001, 99),
    st.lists(st.floats(-50, 200), min_size=1, max_size=20),
)
def test_a_trailing_level_only_tightens(
    n: int, quantity: str, tick: str, pct: float, moves: list[float]
) -> None:
    exits = Exits(ExitsConfig(trailing_stop_pct=pct))
    grid, sign = instrument(tick), D(quantity)
    position = held(quantity, str(n * D(tick)))
    best, before = float(position.average_price), exits.trailing(position, grid, math.nan)
    for move in moves:
        price = float(position.average_price) * (1 + move / 100)
        best = max(best, price) if sign > 0 else min(best, price)
        level = exits.trailing(position, grid, best)
        assert level is not None and before is not None
        assert level * sign >= before * sign
        assert level * sign < D(repr(best)) * sign
        before = level


def test_a_symbol_may_have_its_own_and_keeps_the_desks_others() -> None:
    own = SymbolExits(stop_loss_pct=2.0, max_holding_s=60.0)
    exits = Exits(ExitsConfig(trailing_stop_pct=1.0, max_holding_s=5.0, symbols={"sim:BTC-USD": own}))
    assert exits.distances("sim:BTC-USD") == (D("0.02"), D("0.01"), D("0.01"), 60 * NS)
    assert exits.distances("sim:ETH-USD") == (D("0.005"), D("0.01"), D("0.01"), 5 * NS)
    assert exits.levels(held("2", "100"), instrument()) == (D("98.00"), D("101.00"))


def test_a_positions_time_begins_when_it_is_opened() -> None:
    timed = Exits(ExitsConfig(max_holding_s=1.5))
    opened = msgspec.structs.replace(held("2", "100"), opened_ns=7 * NS)
    assert timed.leave_ns(opened) == 8_500_000_000
    assert timed.leave_ns(held("0", "100")) is None
    assert EXITS.leave_ns(opened) is None
