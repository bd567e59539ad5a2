"""Numbers of a person are on the grid or refused with the nearest that are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.execution.grid import lots_worth, on_lots, on_ticks, possible
from engine.instruments import Instrument
from tests.execution.conftest import SYMBOL

INSTRUMENT = Instrument(0, SYMBOL, "USD", Decimal("0.05"), Decimal("0.001"))


def test_what_is_on_the_grid_stays_as_it_is() -> None:
    for text in ("0.05", "100", "100.15", "999999.95"):
        assert on_ticks("price", Decimal(text), INSTRUMENT) == Decimal(text)
    assert on_lots(Decimal("1.234"), INSTRUMENT) == Decimal("1.234")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("100.02", "price 100.02 is not a multiple of sim:BTC-USD's tick 0.05: take 100.00 or 100.05"),
        ("0.01", "price 0.01 is not a multiple of sim:BTC-USD's tick 0.05: take 0.05"),
    ],
)
def test_the_nearest_prices_are_named(value: str, says: str) -> None:
    with pytest.raises(OrderError) as caught:
        on_ticks("price", Decimal(value), INSTRUMENT)
    assert str(caught.value) == says


def test_the_nearest_quantities_are_named() -> None:
    with pytest.raises(OrderError, match=r"take 1\.234 or 1\.235$"):
        on_lots(Decimal("1.2345"), INSTRUMENT)


@pytest.mark.parametrize(
    "text", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e16", "1e-19", "1e999"]
)
def test_impossible_numbers_are_refused_in_a_line(text: str) -> None:
    for check in (
        lambda: possible("price", Decimal(text)),
        lambda: on_ticks("price", Decimal(text), INSTRUMENT),
    ):
        with pytest.raises(OrderError) as caught:
            check()
        assert "price" in str(caught.value) and "\n" not in str(caught.value)


@settings(max_examples=200)
@given(
    value=st.decimals("0.000000000000000001", "1e15", allow_nan=False, places=18),
    step=st.sampled_from(["0.01", "0.05", "0.00000001", "1", "25"]),
)
def test_the_named_ones_are_on_the_grid_and_the_nearest(value: Decimal, step: str) -> None:
    instrument = Instrument(0, SYMBOL, "USD", Decimal(step), Decimal(1))
    try:
        assert on_ticks("price", value, instrument) == value
    except OrderError as error:
        named = [Decimal(text) for text in str(error).rpartition("take ")[2].split(" or ")]
        assert named[-1] > value > named[-1] - Decimal(step)
        for price in named:
            assert on_ticks("price", price, instrument) == price


@settings(max_examples=200)
@given(
    budget=st.decimals("0.01", "1e12", places=2),
    price=st.decimals("0.01", "1e6", places=2),
    lot=st.sampled_from(["1", "0.001", "0.00000001", "25"]),
)
def test_a_budget_buys_the_most_lots_that_it_pays(budget: Decimal, price: Decimal, lot: str) -> None:
    instrument = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal(lot))
    quantity = lots_worth(budget, price, instrument)
    assert quantity * price <= budget < (quantity + Decimal(lot)) * price
    assert quantity == 0 or on_lots(quantity, instrument) == quantity
