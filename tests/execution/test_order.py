"""The order state machine: every (state, event) pair, folds, and the blotter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest

from engine.errors import OrderError
from engine.events import Fill, OrderEvent, OrderRequest, OrderState, Side
from engine.execution.order import FILL_STATES, TRANSITIONS, Blotter, Order
from tests.execution.conftest import SYMBOL, T0

Make = Callable[..., OrderRequest]
S = OrderState

WAYS: dict[OrderState, tuple[OrderState, ...]] = {
    S.INITIALIZED: (),
    S.DENIED: (S.DENIED,),
    S.SUBMITTED: (S.SUBMITTED,),
    S.ACCEPTED: (S.SUBMITTED, S.ACCEPTED),
    S.REJECTED: (S.SUBMITTED, S.REJECTED),
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
    (S.ACCEPTED, S.REJECTED),
    (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, S.FILLED),
    (S.PARTIALLY_FILLED, S.CANCELED),
    (S.PARTIALLY_FILLED, S.EXPIRED),
}
"""Written out by hand, so that a slip in the table does not pass its own test."""


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


def test_table_names_every_state_and_matches_the_rules() -> None:
    assert set(TRANSITIONS) == set(S) == set(WAYS)
    assert {(a, b) for a, after in TRANSITIONS.items() for b in after} == LEGAL
    assert all(not TRANSITIONS[state] for state in S if state.terminal)


@pytest.mark.parametrize(("state", "to"), list(product(S, S)), ids=lambda s: s.value)
def test_every_state_and_event(state: OrderState, to: OrderState, request_: Make) -> None:
    order = order_in(state, request_())
    incoming: OrderEvent | Fill
    if state is S.FILLED and to in FILL_STATES:
        incoming = fill(order.request, "0.001", trade_id="tx-late")  # nothing is left: any fill is too much
    else:
        incoming = reaching(to, order, "tx-next")
    before = msgspec.structs.astuple(order)
    if (state, to) in LEGAL:
        assert order.apply(incoming)
        assert order.state is to
        assert order.leaves == (0 if to.terminal else order.request.quantity - order.filled)
    else:
        with pytest.raises(OrderError, match="td-1"):
            order.apply(incoming)
        assert msgspec.structs.astuple(order) == before


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
    before = msgspec.structs.astuple(order)
    with pytest.raises(OrderError):
        order.apply(msgspec.structs.replace(fill(order.request, "0.5"), **bad))
    assert msgspec.structs.astuple(order) == before


def test_reason_is_the_newest_given(request_: Make) -> None:
    order = order_in(S.ACCEPTED, request_())
    order.apply(event(S.CANCELED, order.request, reason="no liquidity"))
    assert order.reason == "no liquidity"


def test_blotter_folds_a_journal(request_: Make) -> None:
    blotter, first, second = Blotter(), request_("td-1"), request_("td-2", symbol="sim:ETH-USD")
    for request in (first, second):
        blotter.apply(event(S.INITIALIZED, request, request=request))
    blotter.apply(event(S.SUBMITTED, first))
    assert [order.client_order_id for order in blotter.open_orders()] == ["td-1", "td-2"]
    assert [order.client_order_id for order in blotter.open_orders(SYMBOL)] == ["td-1"]
    done = blotter.apply(fill(first, "1"))
    assert done.state is S.FILLED and blotter.get("td-1") is done
    assert blotter.open_orders(SYMBOL) == [] and blotter.open_count == 1 and len(blotter) == 2
    assert [order.client_order_id for order in blotter.recent(5)] == ["td-2", "td-1"]
    assert len(blotter.recent(1)) == 1
    assert "td-1" in blotter and "td-3" not in blotter and blotter.get("td-3") is None
    blotter.apply(fill(first, "1"))  # the journal read twice
    assert blotter.open_count == 1


def test_blotter_refuses_what_has_no_order(request_: Make) -> None:
    blotter, request = Blotter(), request_()
    with pytest.raises(OrderError, match="unknown order"):
        blotter.apply(fill(request, "1"))
    with pytest.raises(OrderError, match="before the order was initialized"):
        blotter.apply(event(S.SUBMITTED, request))
    with pytest.raises(OrderError, match="before the order was initialized"):
        blotter.apply(event(S.INITIALIZED, request))
    with pytest.raises(OrderError, match="its request is for td-1"):
        blotter.apply(event(S.INITIALIZED, request_("td-9"), request=request))
    assert len(blotter) == 0 and blotter.open_count == 0


def test_an_id_is_never_used_twice(request_: Make) -> None:
    blotter, request = Blotter(), request_()
    blotter.apply(event(S.INITIALIZED, request, request=request))
    with pytest.raises(OrderError):
        blotter.apply(event(S.INITIALIZED, request, request=request))
    blotter.apply(event(S.DENIED, request))
    with pytest.raises(OrderError):
        blotter.apply(event(S.INITIALIZED, request, request=request))
    assert len(blotter) == 1 and blotter.open_count == 0
