"""The row of an order follows the same rules as the order itself."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import (
    Amendment,
    ChangeKind,
    Fill,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
)
from engine.execution.order import Order
from engine.store.order_fold import ORDER_COLUMNS, OrderFold

SYMBOL = "sim:BTC-USD"
QUANTITIES = st.sampled_from([Decimal(n) for n in range(1, 7)])
STATES = st.sampled_from([state for state in OrderState if state is not OrderState.INITIALIZED])

requests = st.builds(
    lambda type, gateway, parent: OrderRequest(
        "o1",
        SYMBOL,
        Side.BUY,
        type,
        Decimal(4),
        Purpose.ENTRY,
        False,
        1,
        100.0,
        price=Decimal(100),
        stop_price=Decimal(99),
        gateway=gateway,
        parent_id=parent,
    ),
    st.sampled_from([OrderType.LIMIT, OrderType.STOP_LIMIT]),
    st.sampled_from(["paper", "alpaca"]),
    st.sampled_from(["", "o0"]),
)
transitions = st.builds(
    lambda state, reason, ns, venue: OrderEvent("o1", SYMBOL, state, reason, ns, venue_order_id=venue),
    STATES,
    st.sampled_from(["", "why"]),
    st.integers(2, 99),
    st.sampled_from(["", "v1"]),
)
changes = st.builds(
    lambda kind, ns, quantity, price: OrderChange(
        "o1", SYMBOL, kind, "", ns, Amendment(quantity, price, None if price is None else price - 1)
    ),
    st.sampled_from(ChangeKind),
    st.integers(2, 99),
    st.one_of(st.none(), QUANTITIES),
    st.one_of(st.none(), st.sampled_from([Decimal(98), Decimal(101)])),
)
fills = st.builds(
    lambda number, quantity, ns: Fill(
        f"t{number}", "o1", SYMBOL, Side.BUY, quantity, Decimal("100.5"), Decimal("0.1"), "taker", 100.0, ns
    ),
    st.integers(0, 9),
    QUANTITIES,
    st.integers(2, 99),
)
opening = st.sampled_from(
    [[], [OrderState.SUBMITTED], [OrderState.SUBMITTED, OrderState.ACCEPTED], [OrderState.HELD]]
)


@settings(max_examples=400, deadline=None)
@given(requests, opening, st.lists(st.one_of(transitions, changes, fills, fills, changes), max_size=12))
def test_the_row_is_the_order(
    request: OrderRequest, first: list[OrderState], rest: list[OrderEvent | OrderChange | Fill]
) -> None:
    begun = OrderEvent("o1", SYMBOL, OrderState.INITIALIZED, "", 1, request)
    order, row = Order.begin(begun), OrderFold("o1", SYMBOL, "")
    row.transition(begun)
    for event in [*(OrderEvent("o1", SYMBOL, state, "", 2) for state in first), *rest]:
        try:
            if not order.apply(event):
                continue  # a fill that is booked already
        except OrderError:
            continue  # never journaled
        if isinstance(event, Fill):
            row.fill(event)
        elif isinstance(event, OrderChange):
            row.change(event)
        else:
            row.transition(event)
        for name in ("quantity", "filled", "notional", "fees", "price", "stop_price", "trail", "reason",
                     "updated_ns", "venue_order_id"):  # fmt: skip
            assert getattr(row, name) == getattr(order, name), (name, event)
        assert (row.state, row.pending) == (order.state.value, order.pending.value), event
        stored = tuple(str(one) if isinstance(one, Decimal) else one for one in
                       (getattr(row, name) for name in ORDER_COLUMNS))  # fmt: skip
        assert OrderFold.from_row(stored) == row
