"""The fold: invariants over any sequence of fills, however it is cut into transactions."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Event, Fill, JournalEvent, Opportunity, OrderState, Side
from engine.store.codec import decode, decode_journal, encode
from engine.store.compare import verify
from engine.store.store import Store
from tests.store import samples

amounts = st.decimals("0.00000001", "9999999", places=8)
fills = st.builds(
    lambda number, side, quantity, price: samples.fill(number, number, side, str(quantity), str(price)),
    st.integers(1, 12),
    st.sampled_from(Side),
    amounts,
    amounts,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(fills, min_size=1, max_size=6), max_size=8))
def test_positions_are_the_exact_sum_of_distinct_fills(transactions: list[list[Fill]]) -> None:
    store = Store(None)
    store.start()
    try:
        counted: dict[str, Fill] = {}
        for transaction in transactions:
            store.commit_now(transaction)
            for fill in transaction:
                counted.setdefault(fill.trade_id, fill)
        assert store._call(verify) == []
        positions = store.reader().positions()
    finally:
        store.close()
    assert len(positions) == (1 if counted else 0)
    for position in positions:
        signed = [
            (fill.side.sign * Fraction(fill.quantity), Fraction(fill.price)) for fill in counted.values()
        ]
        assert Fraction(position.quantity) == sum(quantity for quantity, _ in signed)
        assert Fraction(position.notional) == -sum(quantity * price for quantity, price in signed)
        assert Fraction(position.fees) == sum(Fraction(fill.fee) for fill in counted.values())
        # Average cost books every unit once: cash flow = realized - cost of what is held.
        held = Fraction(position.quantity) * Fraction(position.entry_price)
        assert abs(Fraction(position.realized) - held - Fraction(position.notional)) < Fraction(1, 10**30)


def test_a_position_that_flips_starts_at_the_fill_price() -> None:
    store = Store(None)
    store.start()
    trades = [(Side.BUY, "2", "100"), (Side.BUY, "1", "103"), (Side.SELL, "5", "110"), (Side.BUY, "2", "100")]
    seen = []
    for number, (side, quantity, price) in enumerate(trades):
        store.commit_now([samples.fill(number, 0, side, quantity, price)])
        (position,) = store.reader().positions()
        seen.append(
            tuple(Decimal(text) for text in (position.quantity, position.entry_price, position.realized))
        )
    store.close()
    assert seen == [(2, 100, 0), (3, 101, 0), (-2, 110, 27), (0, 0, 47)]


def test_every_journal_event_comes_back_as_it_was() -> None:
    events: list[JournalEvent] = samples.order(1)
    assert [decode_journal(encode(event)) for event in events] == events


def test_unknown_floats_come_back_as_nan_and_unknown_others_as_none() -> None:
    fill = msgspec.structs.replace(samples.fill(1), decision_price=math.nan)
    back = decode_journal(encode(fill))
    assert isinstance(back, Fill) and math.isnan(back.decision_price)
    request = msgspec.structs.replace(samples.request(1), decision_price=math.nan)
    first = decode_journal(encode(samples.transition(1, OrderState.INITIALIZED, request)))
    assert math.isnan(first.request.decision_price) and first.request.quantity == Decimal(2)
    blend = samples.blend(1)
    cold = msgspec.structs.replace(
        blend, agreement=math.nan, inputs=(msgspec.structs.replace(blend.inputs[0], score=math.nan),)
    )
    chance = decode(encode(msgspec.structs.replace(samples.opportunity(1), blend=cold)), Opportunity)
    assert math.isnan(chance.blend.agreement) and math.isnan(chance.blend.inputs[0].score)
    assert chance.blend.inputs[0].weight == 1.0


def test_a_fill_with_an_unknown_decision_price_is_no_difference() -> None:
    store = Store(None)
    store.start()
    unknown: list[Event] = [msgspec.structs.replace(samples.fill(1), decision_price=math.nan)]
    store.commit_now(unknown)
    assert store._call(verify) == []
    store.close()
