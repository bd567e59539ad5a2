"""The whole chain behind an opportunity or an order, from memory or, for older ones, from the store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from engine.api.protocol import Explanation, ModelRow, Step
from engine.config import BlendWeights
from engine.events import (
    Blend,
    Family,
    Fill,
    Opportunity,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Verdict,
)
from engine.execution.order import Order
from engine.opportunities.explain import absent_lines, basis, filter_checks, headline, market_line
from engine.store.read import Reader
from engine.wiring.desk import Desk
from engine.wiring.model_behind import model_behind
from engine.wiring.view import opportunity_row

ORDERS_TOLD = 8
"""So many further orders of an opportunity are named."""


class Sought(NamedTuple):
    """What an id means to the desk now, and what the store has to be asked for."""

    identity: str
    orders: tuple[Order, ...]
    """Of the opportunity with this id; else the order with it, if there is one."""
    opportunity_id: str
    """The store is asked for it; "" when there is none, or memory has it."""


class Past(NamedTuple):
    """What the store knows of it."""

    opportunity: Opportunity | None
    events: tuple[OrderEvent, ...]
    """Of the first order, as what follows."""
    fills: tuple[Fill, ...]
    changes: tuple[OrderChange, ...]


def sought(desk: Desk, identity: str) -> Sought:
    """On the desk's thread, as ``explain``."""
    order = desk.trading.blotter.get(identity)
    orders = tuple(_orders_of(desk, identity)) if order is None else (order,)
    opportunity_id = identity if order is None else order.request.opportunity_id
    known = desk.signals.aggregator.get(opportunity_id) is not None
    return Sought(identity, orders, "" if known else opportunity_id)


def past(reader: Reader, wanted: Sought) -> Past:
    """Reads the store: on any thread, for it may have to wait."""
    opportunity = reader.opportunity(wanted.opportunity_id) if wanted.opportunity_id else None
    if not wanted.orders:
        return Past(opportunity, (), (), ())
    order_id = wanted.orders[0].client_order_id
    return Past(
        opportunity,
        tuple(reader.order_events(order_id)),
        tuple(reader.fills(order_id)),
        tuple(reader.order_changes(order_id)),
    )


def explain(desk: Desk, wanted: Sought, read: Past, model: ModelRow | None) -> Explanation | None:
    """None when neither an opportunity nor an order has this id."""
    order = wanted.orders[0] if wanted.orders else None
    named = order is not None and order.client_order_id == wanted.identity
    opportunity_id = order.request.opportunity_id if order is not None and named else wanted.identity
    opportunity = desk.signals.aggregator.get(opportunity_id) or read.opportunity
    if opportunity is None and not named:
        return None
    return _chain(desk, read, wanted.identity, opportunity, order, wanted.orders[1:], model)


def _orders_of(desk: Desk, identity: str) -> list[Order]:
    """Newest first, denied ones last."""
    blotter = desk.trading.blotter
    found = [order for order in blotter.recent(len(blotter)) if order.request.opportunity_id == identity]
    return sorted(found, key=lambda order: order.state is OrderState.DENIED)


def _chain(
    desk: Desk,
    read: Past,
    identity: str,
    opportunity: Opportunity | None,
    order: Order | None,
    others: Sequence[Order],
    model: ModelRow | None,
) -> Explanation:
    events, fills = read.events, read.fills
    verdict: Verdict | None = next((event.verdict for event in events if event.verdict is not None), None)
    slips = tuple(slippage_bps(fill) for fill in fills)
    spoke = model_behind(desk, opportunity, _request(order, events))
    status = "" if opportunity is None else _status(desk, opportunity, order)
    held, held_ns, held_times = desk.signals.aggregator.held(
        "" if opportunity is None else opportunity.opportunity_id
    )
    return Explanation(
        id=identity,
        symbol=opportunity.symbol if opportunity else order.request.symbol if order else "",
        headline=_headline(identity, opportunity, order),
        opportunity=None if opportunity is None else opportunity_row(opportunity, status),
        features=None if opportunity is None else opportunity.features,
        blend=None if opportunity is None else _with_reasons(opportunity),
        notes=() if opportunity is None else _notes(desk, opportunity, others),
        verdict=verdict,
        order_events=events,
        fills=fills,
        model=model,
        status=status,
        held=held,
        held_ns=held_ns,
        held_times=held_times,
        weights={} if opportunity is None else weights_of(opportunity.blend),
        filters=() if opportunity is None else filter_checks(opportunity, desk.config.opportunities),
        latencies=steps(opportunity, order, events, fills),
        slippages_bps=slips,
        slippage_bps=_weighted(fills, slips),
        order_changes=read.changes,
        model_version=spoke.version,
        model_ns=spoke.ns,
    )


def _headline(identity: str, opportunity: Opportunity | None, order: Order | None) -> str:
    if opportunity is not None:
        return headline(opportunity)
    if order is None:
        return identity
    request = order.request
    return (
        f"{request.purpose.value} {request.side.value} {request.quantity} {request.symbol}: {request.reason}"
    )


def _status(desk: Desk, opportunity: Opportunity, order: Order | None) -> str:
    """What became of it; of one of an earlier run, what its order tells."""
    known = desk.signals.aggregator.status(opportunity.opportunity_id)
    if known or order is None:
        return known
    if order.state is OrderState.DENIED:
        return f"denied:{order.reason.partition(' ')[0]}"
    return "ordered"


def _with_reasons(opportunity: Opportunity) -> Blend:
    """The blend; an input that gave no reason (quant modules) gets the figures that it rests on."""
    blend = opportunity.blend
    inputs = tuple(
        msgspec.structs.replace(part, reason=basis(part, opportunity.features)) for part in blend.inputs
    )
    return msgspec.structs.replace(blend, inputs=inputs)


def weights_of(blend: Blend) -> dict[str, float]:
    """Percent by family as configured when it was blended; {} for a blend that did not keep them."""
    if len(blend.weights) != len(Family):
        return {}
    return {family.value: weight for family, weight in zip(Family, blend.weights, strict=True)}


def _notes(desk: Desk, opportunity: Opportunity, others: Sequence[Order]) -> tuple[str, ...]:
    found = list(notes(opportunity, desk.config.opportunities.weights))
    if not desk.signals.aggregator.status(opportunity.opportunity_id):
        found.append("of an earlier run, or older than the history: limits of the filters are today's")
    if others:
        named = ", ".join(f"{order.client_order_id} ({order.state.value})" for order in others[:ORDERS_TOLD])
        more = f" and {len(others) - ORDERS_TOLD} more" if len(others) > ORDERS_TOLD else ""
        found.append(f"other orders of it: {named}{more}")
    return tuple(found)


def notes(opportunity: Opportunity, weights: BlendWeights) -> tuple[str, ...]:
    """What was absent and where its weight went, and the market at that moment."""
    return (*absent_lines(opportunity, weights), market_line(opportunity.features))


# --- the order's way -----------------------------------------------------------------------------


def steps(
    opportunity: Opportunity | None, order: Order | None, events: Sequence[OrderEvent], fills: Sequence[Fill]
) -> tuple[Step, ...]:
    """From the opportunity to the order's end in order of time, each with the time since the one before.

    All by the desk's clock: what is decided within one tick is of one moment.
    """
    moments: list[tuple[str, int]] = []
    if opportunity is not None:
        moments.append(("seen", opportunity.created_ns))
        if opportunity.merged:
            moments.append((f"merged {opportunity.merged} times", opportunity.blend.ns))
    request = _request(order, events)
    if request is not None:
        moments.append(("decision", request.decision_ns))
    moments += [(event.state.value, event.ns) for event in events]
    moments += [(f"fill {number}", fill.ns) for number, fill in enumerate(fills, 1)]
    if fills and order is not None and order.state is OrderState.FILLED:
        moments.append((OrderState.FILLED.value, fills[-1].ns))
    moments.sort(key=lambda moment: moment[1])  # stable: of one moment, in the order of the chain
    befores = [moments[0][1], *(ns for _, ns in moments)] if moments else []
    return tuple(Step(name, ns, ns - before) for (name, ns), before in zip(moments, befores, strict=False))


def _request(order: Order | None, events: Sequence[OrderEvent]) -> OrderRequest | None:
    if order is not None:
        return order.request
    return next((event.request for event in events if event.request is not None), None)


def slippage_bps(fill: Fill) -> float | None:
    """Against the mid at the decision, basis points: above 0 is worse. None without a mid."""
    if not (math.isfinite(fill.decision_price) and fill.decision_price > 0.0):
        return None
    return (float(fill.price) / fill.decision_price - 1.0) * 1e4 * fill.side.sign


def _weighted(fills: Sequence[Fill], slips: Sequence[float | None]) -> float | None:
    """Of all fills with a mid, weighted by quantity."""
    told = [(float(fill.quantity), slip) for fill, slip in zip(fills, slips, strict=True) if slip is not None]
    total = sum(quantity for quantity, _ in told)
    return sum(quantity * slip for quantity, slip in told) / total if total > 0.0 else None
