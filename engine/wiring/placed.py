"""What a person is told of orders that were placed."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.trading_protocol import OrderReply
from engine.events import OrderRequest, OrderState, Verdict
from engine.execution.order import Order
from engine.risk.legs import LIST
from engine.wiring.tickets import denied_words, words

_FAILED = (OrderState.DENIED, OrderState.REJECTED)


def placed_reply(requests: Sequence[OrderRequest], verdicts: Sequence[Verdict]) -> OrderReply:
    """Of one ticket: its order, and a bracket's children."""
    what, ids = words(requests[0]), _ids(requests)
    denied = _denied(verdicts)
    if denied is not None:
        return OrderReply(False, f"{what}: {denied_words(denied)}", ids, denied)
    children = len(requests) - 1
    held = f", {children} held for its fills" if children else ""
    return OrderReply(True, f"{what}: sent{held}", ids, verdicts[0])


def list_reply(requests: Sequence[OrderRequest], verdicts: Sequence[Verdict]) -> OrderReply:
    """Of a list. What reduces a position is sent although another of the list was denied."""
    denied = _denied(verdicts)
    if denied is None:
        return OrderReply(True, f"{_told(requests)}: sent", _ids(requests), verdicts[0])
    sent = sum(verdict.approved for verdict in verdicts)
    first = requests[verdicts.index(denied)]
    some = f"{sent} of {len(requests)} sent" if sent else "none sent"
    return OrderReply(False, f"{some}; {words(first)}: {denied_words(denied)}", _ids(requests), denied)


def placed_before(orders: Sequence[Order]) -> OrderReply:
    """Of orders that are there already: how they stand."""
    requests = [order.request for order in orders]
    failed = next((order for order in orders if order.state in _FAILED), None)
    if failed is not None:
        text = f"{words(failed.request)}: placed before, {failed.state.value} {failed.reason}"
        return OrderReply(False, text.rstrip(), _ids(requests))
    parents = [order for order in orders if not order.request.parent_id]
    states = ", ".join(order.state.value for order in parents)
    return OrderReply(True, f"{_told(requests)}: placed before, {states}", _ids(requests))


def _ids(requests: Sequence[OrderRequest]) -> tuple[str, ...]:
    return tuple(request.client_order_id for request in requests)


def _denied(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first that says why: others are denied only because of it."""
    denied = [verdict for verdict in verdicts if not verdict.approved]
    told = (verdict for verdict in denied if verdict.code != LIST.code)
    return next(told, denied[0] if denied else None)


def _told(requests: Sequence[OrderRequest]) -> str:
    parents = [request for request in requests if not request.parent_id]
    joined = " or " if len(parents) == 2 and parents[0].siblings else " and "
    told = joined.join(words(request) for request in parents[:2])
    return told if len(parents) <= 2 else f"{told} and {len(parents) - 2} more"
