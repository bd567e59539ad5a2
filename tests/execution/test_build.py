"""Orders are sized and put on the grid exactly where they are built."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AccountConfig
from engine.errors import OrderError
from engine.events import Blend, Drop, FeatureRow, Opportunity, OrderRequest, OrderType, Purpose, Side
from engine.execution.build import OrderBuilder
from engine.instruments import Instrument
from tests.execution.conftest import SYMBOL, T0

BUILDER = OrderBuilder(AccountConfig(order_size_pct=2.0))
INSTRUMENT = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal("0.001"), Decimal(10))
FEATURES = FeatureRow(**{name: (SYMBOL if name == "symbol" else 0) for name in FeatureRow.__struct_fields__})


def opportunity(**changes: Any) -> Opportunity:
    fields: dict[str, Any] = {
        "opportunity_id": "op-1",
        "symbol": SYMBOL,
        "side": Side.BUY,
        "score": 0.6,
        "confidence": 0.5,
        "price": 100.0,
        "sources": ("trend",),
        "reason": "up 2 %",
        "created_ns": T0,
        "expires_ns": T0 + 10,
        "merged": 0,
        "blend": Blend(SYMBOL, T0, 0.6, 0.5, 1.0, (), ()),
        "features": FEATURES,
    }
    return Opportunity(**(fields | changes))


class Holding(msgspec.Struct):
    symbol: str
    quantity: Decimal
    opened_ns: int = T0


def test_entry_is_its_share_of_equity_times_confidence() -> None:
    made = BUILDER.entry(opportunity(), INSTRUMENT, Decimal(100_000), T0)
    assert isinstance(made, OrderRequest)
    assert made.quantity == Decimal("10.000")  # 100,000 x 2 % x 0.5 / 100
    assert (made.side, made.purpose, made.reduce_only) == (Side.BUY, Purpose.ENTRY, False)
    assert (made.decision_ns, made.decision_price, made.opportunity_id) == (T0, 100.0, "op-1")
    assert made == BUILDER.entry(opportunity(), INSTRUMENT, Decimal(100_000), T0)


@settings(max_examples=400)
@given(
    st.decimals("0.01", "1e9", places=4, allow_nan=False),
    st.floats(1e-6, 1.0),
    st.floats(1e-9, 1e7),
    st.sampled_from(["1", "0.001", "0.0010", "1E+1", "0.25", "1e-8", "0.007"]),
    st.sampled_from(["0", "5", "10.00", "1000"]),
    st.sampled_from([0.5, 2.0, 33.3, 100.0]),
)
def test_the_shorter_way_to_a_quantity_comes_to_the_same(
    equity: Decimal, confidence: float, price: float, lot: str, least: str, percent: float
) -> None:
    grid = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal(lot), Decimal(least))
    builder, seen = OrderBuilder(AccountConfig(order_size_pct=percent)), opportunity(confidence=confidence)
    made = builder.entry(seen, grid, equity, T0, mid=price)
    with mock.patch.object(builder, "_plain_quantity", lambda *_: None):
        exact = builder.entry(seen, grid, equity, T0, mid=price)
    assert made == exact and repr(made) == repr(exact)


def test_a_whole_number_of_lots_leaves_a_doubt() -> None:
    assert BUILDER._plain_quantity(Decimal(100_000), 0.5, 100.0, INSTRUMENT) is None
    assert BUILDER._plain_quantity(Decimal(100_000), 0.5, 99.99, INSTRUMENT) == Decimal("10.001")


def test_an_equity_that_was_expected_counts_only_while_it_is_that() -> None:
    builder = OrderBuilder(AccountConfig(order_size_pct=2.0))
    builder.expect(Decimal(100_000))
    made = builder.entry(opportunity(), INSTRUMENT, Decimal(50_000), T0, mid=99.99)
    assert isinstance(made, OrderRequest) and made.quantity == Decimal("5.000")


def test_a_grid_that_the_venue_told_since_counts() -> None:
    finer = msgspec.structs.replace(INSTRUMENT, lot_size=Decimal("0.0001"), assumed=True)
    for grid, quantity in ((INSTRUMENT, "10.001"), (finer, "10.0010"), (INSTRUMENT, "10.001")):
        assert str(BUILDER._plain_quantity(Decimal(100_000), 0.5, 99.99, grid)) == quantity


def test_entry_measures_at_the_mid_of_the_decision() -> None:
    made = BUILDER.entry(opportunity(), INSTRUMENT, Decimal(100_000), T0, mid=200.0)
    assert isinstance(made, OrderRequest)
    assert (made.decision_price, made.quantity) == (200.0, Decimal("5.000"))


def test_an_entry_in_another_currency_is_worth_its_share_of_equity_too() -> None:
    made = BUILDER.entry(opportunity(), INSTRUMENT, Decimal(100_000), T0, rate=Decimal("1.25"))
    assert isinstance(made, OrderRequest)
    assert made.quantity == Decimal("8.000")  # 1,000 of the account's are 800 of the quote currency


def test_an_exit_leaves_out_what_other_exits_close() -> None:
    held = Holding(SYMBOL, Decimal(-10))
    made = BUILDER.exit(held, Purpose.STOP_LOSS, T0, 100.0, closing=Decimal(4))
    assert (made.side, made.quantity) == (Side.BUY, Decimal(6))
    with pytest.raises(OrderError, match="nothing to exit"):
        BUILDER.exit(held, Purpose.STOP_LOSS, T0, 100.0, closing=Decimal(10))


@settings(max_examples=100)
@given(
    price=st.floats(0.01, 1e6),
    confidence=st.floats(0.01, 1.0),
    equity=st.decimals(1, 10_000_000, places=2),
)
def test_entry_is_on_the_grid_and_never_above_its_budget(
    price: float, confidence: float, equity: Decimal
) -> None:
    made = BUILDER.entry(opportunity(price=price, confidence=confidence), INSTRUMENT, equity, T0)
    budget = equity * Decimal("0.02") * Decimal(repr(confidence))
    if isinstance(made, Drop):
        assert made.code == "TOO_SMALL"
        assert budget < 10 + Decimal(repr(price)) * INSTRUMENT.lot_size
    else:
        assert made.quantity % INSTRUMENT.lot_size == 0
        assert 10 <= made.quantity * Decimal(repr(price)) <= budget


@pytest.mark.parametrize(
    ("changes", "equity", "now", "code"),
    [
        ({"price": math.nan}, "100", T0, "NO_PRICE"),
        ({"price": math.inf}, "100", T0, "NO_PRICE"),
        ({"price": 0.0}, "100", T0, "NO_PRICE"),
        ({"price": -1.0}, "100", T0, "NO_PRICE"),
        ({}, "0", T0, "NO_EQUITY"),
        ({}, "-5", T0, "NO_EQUITY"),
        ({}, "NaN", T0, "NO_EQUITY"),
        ({"confidence": 0.0}, "100", T0, "NO_CONFIDENCE"),
        ({"confidence": math.nan}, "100", T0, "NO_CONFIDENCE"),
        ({"confidence": 1.1}, "100", T0, "NO_CONFIDENCE"),
        ({}, "100000", T0 + 10, "EXPIRED"),
        ({}, "1", T0, "TOO_SMALL"),
        ({}, "999", T0, "TOO_SMALL"),  # a budget of 9.99 is below the venue's 10
    ],
)
def test_entry_that_cannot_be_made_says_why(
    changes: dict[str, Any], equity: str, now: int, code: str
) -> None:
    made = BUILDER.entry(opportunity(**changes), INSTRUMENT, Decimal(equity), now)
    assert isinstance(made, Drop)
    assert (made.stage, made.symbol, made.code, made.ns) == ("execution", SYMBOL, code, now)
    assert made.detail


@pytest.mark.parametrize(("quantity", "side"), [("2.5", Side.SELL), ("-2.5", Side.BUY)])
def test_exit_closes_the_whole_position(quantity: str, side: Side) -> None:
    made = BUILDER.exit(Holding(SYMBOL, Decimal(quantity)), Purpose.STOP_LOSS, T0, 99.5)
    assert (made.side, made.quantity, made.reduce_only) == (side, Decimal("2.5"), True)
    assert (made.purpose, made.decision_price, made.reason) == (Purpose.STOP_LOSS, 99.5, "stop loss")


def test_exit_carries_the_reason_it_is_given() -> None:
    held = Holding(SYMBOL, Decimal("2.5"))
    assert BUILDER.exit(held, Purpose.FLATTEN, T0, 99.5, reason="asked for").reason == "asked for"


@pytest.mark.parametrize("mid", [math.nan, math.inf, 0.0, -1.0])
def test_exit_needs_no_price(mid: float) -> None:
    made = BUILDER.exit(Holding(SYMBOL, Decimal(1)), Purpose.FLATTEN, T0, mid)
    assert (made.quantity, made.decision_price) == (Decimal(1), 0.0)


def test_exit_of_nothing_or_as_an_entry_is_refused() -> None:
    with pytest.raises(OrderError, match="nothing to exit"):
        BUILDER.exit(Holding(SYMBOL, Decimal(0)), Purpose.FLATTEN, T0, 100.0)
    with pytest.raises(OrderError, match="purpose"):
        BUILDER.exit(Holding(SYMBOL, Decimal(1)), Purpose.ENTRY, T0, 100.0)


LONG = Holding(SYMBOL, Decimal("2.5"))


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.ENTRY])
def test_a_part_of_a_position(purpose: Purpose) -> None:
    made = BUILDER.partial_exit(LONG, INSTRUMENT, purpose, T0, 99.5, percent=Decimal(50))
    assert (made.side, made.type, made.quantity) == (Side.SELL, OrderType.MARKET, Decimal("1.250"))
    assert (made.reduce_only, made.purpose, made.price) == (True, purpose, None)


def test_all_of_a_position_is_the_same_order_either_way() -> None:
    for quantity in ("2.5", "-2.50049", "0.0004"):
        held = Holding(SYMBOL, Decimal(quantity))
        whole = BUILDER.exit(held, Purpose.FLATTEN, T0, 99.5)
        assert BUILDER.partial_exit(held, INSTRUMENT, Purpose.FLATTEN, T0, 99.5) == whole
        assert whole.quantity == abs(held.quantity)


def test_an_exit_at_a_limit() -> None:
    made = BUILDER.partial_exit(LONG, INSTRUMENT, Purpose.TIME_EXIT, T0, 99.5, price=Decimal("99.49"))
    assert (made.type, made.price, made.quantity) == (OrderType.LIMIT, Decimal("99.49"), Decimal("2.5"))
    other = BUILDER.partial_exit(LONG, INSTRUMENT, Purpose.TIME_EXIT, T0, 99.5, price=Decimal("99.48"))
    assert other.client_order_id != made.client_order_id
    with pytest.raises(OrderError, match=r"take 99\.49 or 99\.50"):
        BUILDER.partial_exit(LONG, INSTRUMENT, Purpose.TIME_EXIT, T0, 99.5, price=Decimal("99.495"))


@pytest.mark.parametrize("percent", ["0", "-1", "100.01", "NaN", "Infinity"])
def test_a_percentage_that_is_none(percent: str) -> None:
    with pytest.raises(OrderError, match="more than 0 and at most 100"):
        BUILDER.partial_exit(LONG, INSTRUMENT, Purpose.FLATTEN, T0, 99.5, percent=Decimal(percent))


def test_less_than_a_lot_is_refused() -> None:
    with pytest.raises(OrderError, match="less than a lot"):
        BUILDER.partial_exit(LONG, INSTRUMENT, Purpose.FLATTEN, T0, 99.5, percent=Decimal("0.01"))
    with pytest.raises(OrderError, match="nothing to exit"):
        BUILDER.partial_exit(Holding(SYMBOL, Decimal(0)), INSTRUMENT, Purpose.FLATTEN, T0, 99.5)


@settings(max_examples=200)
@given(
    quantity=st.decimals("-50", "50", places=5).filter(bool),
    percent=st.decimals("0.01", "100", places=2),
)
def test_a_part_is_on_the_grid_and_leaves_no_dust(quantity: Decimal, percent: Decimal) -> None:
    held = Holding(SYMBOL, quantity)
    try:
        made = BUILDER.partial_exit(held, INSTRUMENT, Purpose.REBALANCE, T0, 100.0, percent=percent)
    except OrderError:
        assert abs(quantity) * percent / 100 < INSTRUMENT.lot_size
        return
    left = abs(quantity) - made.quantity
    assert left == 0 or (left >= INSTRUMENT.lot_size and made.quantity % INSTRUMENT.lot_size == 0)
    assert left == 0 or made.quantity <= abs(quantity) * percent / 100
    assert made.side.sign * quantity < 0
