"""The order state machine: every (state, event) pair, what is pending, folds."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest
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
    Pending,
    Purpose,
    Side,
)
from engine.execution.blotter import Blotter
from engine.execution.order import FILL_STATES, TRANSITIONS, Order
from tests.execution.conftest import SYMBOL, T0

Make = Callable[..., OrderRequest]
S = OrderState

WAYS: dict[OrderState, tuple[OrderState, ...]] = {
    S.INITIALIZED: (),
    S.DENIED: (S.DENIED,),
    S.HELD: (S.HELD,),
    S.SUBMITTED: (S.SUBMITTED,),
    S.ACCEPTED: (S.SUBMITTED, S.ACCEPTED),
    S.REJECTED: (S.SUBMITTED, S.REJECTED),
    S.TRIGGERED: (S.SUBMITTED, S.ACCEPTED, S.TRIGGERED),
    S.PARTIALLY_FILLED: (S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED),
    S.FILLED: (S.SUBMITTED, S.ACCEPTED, S.FILLED),
    S.CANCELED: (S.SUBMITTED, S.ACCEPTED, S.CANCELED),
    S.EXPIRED: (S.SUBMITTED, S.ACCEPTED, S.EXPIRED),
}
"""How an order comes into each state."""

LEGAL = {
    (S.INITIALIZED, S.DENIED),
    (S.INITIALIZED, S.SUBMITTED),
    (S.SUBMITTED, S.ACCEPTED),
    (S.SUBMITTED, S.REJECTED),
    (S.SUBMITTED, S.PARTIALLY_FILLED),
    (S.SUBMITTED, S.FILLED),
    (S.SUBMITTED, S.CANCELED),
    (S.ACCEPTED, S.PARTIALLY_FILLED),
    (S.ACCEPTED, S.FILLED),
    (S.ACCEPTED, S.CANCELED),
    (S.ACCEPTED, S.EXPIRED),
    (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, S.FILLED),
    (S.PARTIALLY_FILLED, S.CANCELED),
    (S.PARTIALLY_FILLED, S.EXPIRED),
}
"""Of every order. Written out by hand, so that a slip in the table does not pass its own test."""
OF_CHILDREN = {
    (S.INITIALIZED, S.HELD),
    (S.HELD, S.SUBMITTED),
    (S.HELD, S.CANCELED),
    (S.HELD, S.EXPIRED),
    (S.HELD, S.DENIED),
}
OF_TRIGGERED = {
    (S.ACCEPTED, S.TRIGGERED),
    (S.ACCEPTED, S.REJECTED),
    (S.TRIGGERED, S.PARTIALLY_FILLED),
    (S.TRIGGERED, S.FILLED),
    (S.TRIGGERED, S.CANCELED),
    (S.TRIGGERED, S.EXPIRED),
    (S.TRIGGERED, S.REJECTED),
}
OF_LIVE = {(S.CANCELED, S.PARTIALLY_FILLED), (S.CANCELED, S.FILLED)}

CHILD: dict[str, Any] = {"parent_id": "td-parent", "list_id": "tl-1"}
STOP: dict[str, Any] = {"type": OrderType.STOP, "stop_price": Decimal(95)}
LIVE: dict[str, Any] = {"gateway": "alpaca"}

KINDS: dict[str, tuple[dict[str, Any], set[tuple[OrderState, OrderState]]]] = {
    "plain": ({}, LEGAL),
    "child": (CHILD, LEGAL | OF_CHILDREN),
    "triggered": (STOP, LEGAL | OF_TRIGGERED),
    "live": (LIVE, LEGAL | OF_LIVE),
    "live stop child": (CHILD | STOP | LIVE, LEGAL | OF_CHILDREN | OF_TRIGGERED | OF_LIVE),
}


def event(state: OrderState, asked: OrderRequest, ns: int = T0, **more: Any) -> OrderEvent:
    return OrderEvent(asked.client_order_id, asked.symbol, state, more.pop("reason", ""), ns, **more)


def fill(
    request: OrderRequest, quantity: str, price: str = "100", trade_id: str = "tx-1", **more: Any
) -> Fill:
    fields: dict[str, Any] = {
        "trade_id": trade_id,
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "fee": Decimal("0.1"),
        "liquidity": "taker",
        "decision_price": request.decision_price,
        "ns": T0 + 5,
    }
    return Fill(**(fields | more))


def reaching(state: OrderState, order: Order, trade_id: str) -> OrderEvent | Fill:
    """The event that takes ``order`` to ``state``."""
    if state not in FILL_STATES:
        return event(state, order.request)
    left = order.request.quantity - order.filled
    if state is S.PARTIALLY_FILLED:
        left /= 4
    return fill(order.request, str(left), trade_id=trade_id)


def order_in(state: OrderState, request: OrderRequest) -> Order:
    order = Order.begin(event(S.INITIALIZED, request, request=request))
    for n, step in enumerate(WAYS[state]):
        order.apply(reaching(step, order, f"tx-way-{n}"))
    assert order.state is state
    return order


def change(kind: ChangeKind, asked: OrderRequest, amendment: Amendment | None = None) -> OrderChange:
    if amendment is None and kind in (ChangeKind.UPDATE_ASKED, ChangeKind.UPDATED):
        amendment = Amendment(quantity=asked.quantity * 2)
    return OrderChange(asked.client_order_id, asked.symbol, kind, "", T0 + 7, amendment)


def refuses(order: Order, incoming: OrderEvent | OrderChange | Fill, match: str = "td-1") -> None:
    before = msgspec.structs.astuple(order)
    with pytest.raises(OrderError, match=match):
        order.apply(incoming)
    assert msgspec.structs.astuple(order) == before


def test_table_names_every_state_and_matches_the_rules() -> None:
    assert set(TRANSITIONS) == set(S) == set(WAYS)
    pairs = {(a, b) for a, after in TRANSITIONS.items() for b in after}
    assert pairs == LEGAL | OF_CHILDREN | OF_TRIGGERED | OF_LIVE
    assert all(not TRANSITIONS[state] for state in S if state.terminal and state is not S.CANCELED)


def reachable(kind: str, state: OrderState) -> bool:
    legal = KINDS[kind][1]
    return all(pair in legal for pair in zip((S.INITIALIZED, *WAYS[state]), WAYS[state], strict=False))


@pytest.mark.parametrize(
    ("kind", "state", "to"),
    [(kind, state, to) for kind, state, to in product(KINDS, S, S) if reachable(kind, state)],
)
def test_every_state_and_event(kind: str, state: OrderState, to: OrderState, request_: Make) -> None:
    fields, legal = KINDS[kind]
    order = order_in(state, request_(**fields))
    incoming: OrderEvent | Fill
    if state is S.FILLED and to in FILL_STATES:
        incoming = fill(order.request, "0.001", trade_id="tx-late")  # nothing is left: any fill is too much
    else:
        incoming = reaching(to, order, "tx-next")
    if (state, to) in legal:
        assert order.apply(incoming)
        assert order.state is to
        assert order.leaves == (0 if to.terminal else order.request.quantity - order.filled)
    else:
        refuses(order, incoming)


WORKING_STATES = (S.SUBMITTED, S.ACCEPTED, S.TRIGGERED, S.PARTIALLY_FILLED)

ANSWERS: dict[tuple[Pending, ChangeKind], Pending] = {
    (Pending.NONE, ChangeKind.UPDATE_ASKED): Pending.UPDATE,
    (Pending.NONE, ChangeKind.CANCEL_ASKED): Pending.CANCEL,
    (Pending.NONE, ChangeKind.UPDATED): Pending.NONE,
    (Pending.NONE, ChangeKind.UPDATE_REFUSED): Pending.NONE,
    (Pending.UPDATE, ChangeKind.CANCEL_ASKED): Pending.CANCEL,
    (Pending.UPDATE, ChangeKind.UPDATED): Pending.NONE,
    (Pending.UPDATE, ChangeKind.UPDATE_REFUSED): Pending.NONE,
    (Pending.CANCEL, ChangeKind.UPDATED): Pending.CANCEL,
    (Pending.CANCEL, ChangeKind.UPDATE_REFUSED): Pending.CANCEL,
    (Pending.CANCEL, ChangeKind.CANCEL_REFUSED): Pending.NONE,
}
"""What is pending after a change of a working order; what is not named is illegal."""

ASKING = {
    Pending.NONE: (),
    Pending.UPDATE: (ChangeKind.UPDATE_ASKED,),
    Pending.CANCEL: (ChangeKind.UPDATE_ASKED, ChangeKind.CANCEL_ASKED),
}


@pytest.mark.parametrize(("state", "pending", "kind"), list(product(WORKING_STATES, Pending, ChangeKind)))
def test_every_change_of_a_working_order(
    state: OrderState, pending: Pending, kind: ChangeKind, request_: Make
) -> None:
    order = order_in(state, request_(**STOP))
    for asked in ASKING[pending]:
        assert order.apply(change(asked, order.request))
    assert order.pending is pending
    if (pending, kind) not in ANSWERS:
        refuses(order, change(kind, order.request), match="not allowed")
        return
    assert order.apply(change(kind, order.request))
    assert (order.state, order.pending) == (state, ANSWERS[pending, kind])
    assert order.quantity == order.request.quantity * (2 if kind is ChangeKind.UPDATED else 1)
    assert order.leaves == order.quantity - order.filled


IDLE = [state for state in S if state not in WORKING_STATES]


@pytest.mark.parametrize(("state", "kind"), list(product(IDLE, ChangeKind)))
def test_every_change_of_an_order_that_does_not_work(
    state: OrderState, kind: ChangeKind, request_: Make
) -> None:
    order = order_in(state, request_(**CHILD))
    if state is S.HELD and kind is ChangeKind.UPDATED:
        assert order.apply(change(kind, order.request)) and order.state is S.HELD
        assert order.quantity == order.leaves == order.request.quantity * 2
    else:
        refuses(order, change(kind, order.request), match="not allowed")


@pytest.mark.parametrize("pending", [Pending.UPDATE, Pending.CANCEL])
@pytest.mark.parametrize("end", [S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED])
def test_an_end_clears_what_is_pending(pending: Pending, end: OrderState, request_: Make) -> None:
    order = order_in(S.TRIGGERED, request_(**STOP))
    for asked in ASKING[pending]:
        order.apply(change(asked, order.request))
    order.apply(reaching(end, order, "tx-end"))
    assert (order.state, order.pending) == (end, Pending.NONE)


def test_a_part_filled_leaves_what_is_pending(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    order.apply(change(ChangeKind.CANCEL_ASKED, order.request))
    order.apply(fill(order.request, "0.4"))
    assert (order.state, order.pending) == (S.PARTIALLY_FILLED, Pending.CANCEL)


def test_an_update_changes_the_order_and_not_its_request(request_: Make) -> None:
    first = request_(type=OrderType.STOP_LIMIT, price=Decimal(99), stop_price=Decimal(98))
    order = order_in(S.ACCEPTED, first)
    order.apply(event(S.TRIGGERED, first, venue_order_id="v-1"))
    told = change(ChangeKind.UPDATED, first, Amendment(Decimal(3), Decimal(101), Decimal(100), Decimal(2)))
    order.apply(msgspec.structs.replace(told, venue_order_id="v-2", reason="asked for"))
    assert (order.quantity, order.price, order.stop_price, order.trail) == (3, 101, 100, 2)
    assert (order.venue_order_id, order.reason, order.updated_ns) == ("v-2", "asked for", T0 + 7)
    assert order.request is first and first.quantity == 1
    order.apply(change(ChangeKind.UPDATED, first, Amendment(price=Decimal(102))))
    assert (order.quantity, order.price, order.venue_order_id) == (3, 102, "v-2")


def test_an_update_to_what_is_filled_ends_the_order(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    order.apply(fill(order.request, "0.4"))
    refuses(order, change(ChangeKind.UPDATED, order.request, Amendment(quantity=Decimal("0.3"))), "below")
    order.apply(change(ChangeKind.CANCEL_ASKED, order.request))
    order.apply(change(ChangeKind.UPDATED, order.request, Amendment(quantity=Decimal("0.4"))))
    assert (order.state, order.leaves, order.pending) == (S.FILLED, 0, Pending.NONE)


@pytest.mark.parametrize("number", ["0", "-1", "NaN", "Infinity"])
@pytest.mark.parametrize("field", Amendment.__struct_fields__)
def test_an_update_to_impossible_numbers_is_refused(field: str, number: str, request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    refuses(order, change(ChangeKind.UPDATED, order.request, Amendment(**{field: Decimal(number)})), "number")


@pytest.mark.parametrize("kind", [ChangeKind.UPDATED, ChangeKind.UPDATE_ASKED])
def test_an_update_says_to_what(kind: ChangeKind, request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    refuses(order, OrderChange("td-1", SYMBOL, kind, "", T0), "not allowed")


def test_a_change_of_another_order_is_refused(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    refuses(order, OrderChange("td-2", SYMBOL, ChangeKind.CANCEL_ASKED, "", T0), "td-2")


def test_a_journal_of_before_amendments_still_folds() -> None:
    old = (
        b'{"event":"OrderEvent","client_order_id":"td-1","symbol":"sim:BTC-USD","state":"initialized",'
        b'"reason":"","ns":5,"request":{"event":"OrderRequest","client_order_id":"td-1","symbol":"sim:BTC-USD",'
        b'"side":"buy","type":"market","quantity":"1.5","purpose":"entry","reduce_only":false,"decision_ns":4,'
        b'"decision_price":100.0}}'
    )
    order = Order.begin(msgspec.json.decode(old, type=OrderEvent))
    assert (order.quantity, order.leaves, order.pending) == (Decimal("1.5"), Decimal("1.5"), Pending.NONE)
    assert (order.price, order.gateway, order.venue_order_id) == (None, "paper", "")


Steps = st.lists(
    st.tuples(
        st.sampled_from([*S, *ChangeKind, "fill"]), st.integers(-1, 12), st.sampled_from(["1", "2", "3"])
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=Steps, kind=st.sampled_from(sorted(KINDS)))
def test_any_sequence_keeps_the_books_of_an_order(
    steps: list[tuple[OrderState | ChangeKind | str, int, str]], kind: str
) -> None:
    request = OrderRequest(
        "td-1",
        SYMBOL,
        Side.BUY,
        **({"type": OrderType.LIMIT, "price": Decimal(100)} | KINDS[kind][0]),
        quantity=Decimal(10),
        purpose=Purpose.ENTRY,
        reduce_only=False,
        decision_ns=T0,
        decision_price=100.0,
    )
    blotter = Blotter()
    order = blotter.apply(event(S.INITIALIZED, request, request=request))
    took: dict[str, Decimal] = {}
    for what, number, name in steps:
        incoming: OrderEvent | OrderChange | Fill
        if isinstance(what, OrderState):
            incoming = event(what, request)
        elif isinstance(what, ChangeKind):
            incoming = change(what, request, Amendment(quantity=Decimal(number)))
        else:
            incoming = fill(request, str(number), trade_id=f"tx-{name}{number}")
        before, state, pending = msgspec.structs.astuple(order), order.state, order.pending
        try:
            blotter.apply(incoming)
        except OrderError:
            assert msgspec.structs.astuple(order) == before
        else:
            if isinstance(incoming, Fill):
                took[incoming.trade_id] = incoming.quantity
            if order.state is not state:
                assert (state, order.state) in KINDS[kind][1] or order.state is S.FILLED
            if order.pending is not pending:
                assert isinstance(incoming, OrderChange) or order.state.terminal
                assert (pending, order.pending) != (Pending.CANCEL, Pending.UPDATE)
        assert order.filled == sum(took.values()) <= order.quantity
        assert order.leaves == 0 if order.state.terminal else order.filled + order.leaves == order.quantity
        assert (order.filled == order.quantity) is (order.state is S.FILLED)
        assert order.pending is Pending.NONE or order.state in WORKING_STATES
        assert blotter.open_count == len(blotter.open_orders(SYMBOL)) == (not order.state.terminal)
        assert blotter.by_state(order.state) == [order]


@pytest.mark.parametrize("state", sorted(FILL_STATES))
def test_fill_states_are_reached_by_fills_only(state: OrderState, request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    with pytest.raises(OrderError, match="by fills only"):
        order.apply(event(state, order.request))
    assert order.state is S.ACCEPTED


def test_fold_of_partial_fills(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_(quantity=Decimal("3")))
    order.apply(fill(order.request, "1", "100", "tx-a"))
    order.apply(fill(order.request, "2", "103", "tx-b", ns=T0 + 9))
    assert order.state is S.FILLED
    assert (order.filled, order.average_price, order.fees) == (Decimal(3), Decimal(102), Decimal("0.2"))
    assert (order.created_ns, order.updated_ns, order.leaves) == (T0, T0 + 9, 0)


def test_a_fill_that_is_in_already_changes_nothing(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    assert order.apply(fill(order.request, "0.4"))
    before = msgspec.structs.astuple(order)
    assert not order.apply(fill(order.request, "0.4"))
    assert msgspec.structs.astuple(order) == before


@pytest.mark.parametrize(
    "bad",
    [
        {"quantity": Decimal("1.001")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal("-1")},
        {"quantity": Decimal("NaN")},
        {"price": Decimal(0)},
        {"price": Decimal("Infinity")},
        {"fee": Decimal("NaN")},
        {"side": Side.SELL},
        {"symbol": "sim:ETH-USD"},
        {"client_order_id": "td-other"},
    ],
    ids=str,
)
def test_impossible_fills_are_refused(bad: dict[str, Any], request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    refuses(order, msgspec.structs.replace(fill(order.request, "0.5"), **bad))


def test_reason_is_the_newest_given(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    order.apply(event(S.CANCELED, order.request, reason="no liquidity"))
    assert order.reason == "no liquidity"
