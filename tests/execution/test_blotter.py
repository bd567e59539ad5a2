"""The blotter: a fold of many orders, and the ways to find them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from engine.errors import OrderError
from engine.events import ChangeKind, OrderChange, OrderRequest, OrderState
from engine.execution.blotter import Blotter
from tests.execution.conftest import SYMBOL, T0
from tests.execution.test_order import event, fill

Make = Callable[..., OrderRequest]
S = OrderState


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


def test_a_family_is_found(request_: Make) -> None:
    blotter = Blotter()
    parent = request_("td-1", list_id="tl-1")
    stop = request_("td-2", list_id="tl-1", parent_id="td-1", siblings=("td-3",), gateway="alpaca")
    target = request_("td-3", list_id="tl-1", parent_id="td-1", siblings=("td-2",))
    for request in (parent, stop, target, request_("td-4")):
        blotter.apply(event(S.INITIALIZED, request, request=request))
    ids = [order.client_order_id for order in blotter]
    assert ids == ["td-1", "td-2", "td-3", "td-4"]
    assert [order.client_order_id for order in blotter.children("td-1")] == ["td-2", "td-3"]
    assert [order.client_order_id for order in blotter.of_list("tl-1")] == ids[:3]
    assert blotter.children("td-2") == blotter.of_list("tl-9") == blotter.of_list("") == []
    assert [order.client_order_id for order in blotter.open_at("paper")] == ["td-1", "td-3", "td-4"]
    blotter.apply(event(S.HELD, stop))
    assert [order.client_order_id for order in blotter.by_state(S.HELD)] == ["td-2"]
    blotter.apply(event(S.CANCELED, stop))
    assert blotter.open_at("alpaca") == blotter.by_state(S.HELD) == []
    assert blotter.open_count_of(SYMBOL) == blotter.open_count == 3
    assert len(blotter.children("td-1")) == 2  # done or not


def test_an_order_filled_after_its_cancel_is_at_work_again(request_: Make) -> None:
    blotter, request = Blotter(), request_(gateway="alpaca")
    blotter.apply(event(S.INITIALIZED, request, request=request))
    for state in (S.SUBMITTED, S.CANCELED):
        blotter.apply(event(state, request))
    assert blotter.open_count == 0 and blotter.open_orders() == []
    order = blotter.apply(fill(request, "0.4"))
    assert order.leaves == Decimal("0.6")
    assert blotter.open_count == 1 and blotter.open_at("alpaca") == blotter.open_orders(SYMBOL) == [order]
    blotter.apply(event(S.CANCELED, request))
    blotter.apply(fill(request, "0.6", trade_id="tx-2"))
    assert blotter.open_count == 0 and blotter.by_state(S.FILLED) == [order]


def test_a_change_needs_its_order(request_: Make) -> None:
    blotter, request = Blotter(), request_()
    asked = OrderChange("td-1", SYMBOL, ChangeKind.CANCEL_ASKED, "", T0)
    with pytest.raises(OrderError, match="cancel_asked is for the unknown order td-1"):
        blotter.apply(asked)
    blotter.apply(event(S.INITIALIZED, request, request=request))
    blotter.apply(event(S.SUBMITTED, request))
    assert blotter.apply(asked).pending == "cancel"
