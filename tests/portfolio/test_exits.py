"""Stops and targets: where they are and what crosses them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import ExitsConfig
from engine.events import Purpose
from engine.instruments import Instrument
from engine.portfolio.exits import Exits
from engine.portfolio.ledger import Position

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
