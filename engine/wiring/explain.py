"""The whole chain behind an opportunity or an order, from memory or, for older ones, from the store."""

from __future__ import annotations

import msgspec

from engine.api.protocol import Explanation, ModelRow
from engine.config import BlendWeights
from engine.events import Blend, Fill, Opportunity, OrderEvent, Verdict
from engine.opportunities.explain import absent_lines, basis, headline, market_line
from engine.store.read import Reader
from engine.wiring.desk import Desk
from engine.wiring.view import opportunity_row


def explain(desk: Desk, reader: Reader, identity: str, model: ModelRow | None) -> Explanation | None:
    """None when neither an opportunity nor an order has this id."""
    opportunity = _opportunity(desk, reader, identity)
    if opportunity is not None:
        orders = [
            order.client_order_id
            for order in desk.trading.blotter.recent(len(desk.trading.blotter))
            if order.request.opportunity_id == opportunity.opportunity_id
        ]
        return _chain(desk, reader, identity, opportunity, orders[0] if orders else None, model)
    order = desk.trading.blotter.get(identity)
    if order is None:
        return None
    linked = _opportunity(desk, reader, order.request.opportunity_id)
    return _chain(desk, reader, identity, linked, identity, model)


def _opportunity(desk: Desk, reader: Reader, identity: str) -> Opportunity | None:
    if not identity:
        return None
    return desk.signals.aggregator.get(identity) or reader.opportunity(identity)


def _chain(
    desk: Desk,
    reader: Reader,
    identity: str,
    opportunity: Opportunity | None,
    order_id: str | None,
    model: ModelRow | None,
) -> Explanation:
    events: tuple[OrderEvent, ...] = tuple(reader.order_events(order_id)) if order_id else ()
    fills: tuple[Fill, ...] = tuple(reader.fills(order_id)) if order_id else ()
    verdict: Verdict | None = next((event.verdict for event in events if event.verdict is not None), None)
    order = desk.trading.blotter.get(order_id) if order_id else None
    symbol = opportunity.symbol if opportunity else order.request.symbol if order else ""
    if opportunity is not None:
        text = headline(opportunity)
    elif order is not None:
        request = order.request
        text = f"{request.purpose.value} {request.side.value} {request.quantity} {symbol}: {request.reason}"
    else:
        text = identity
    status = "" if opportunity is None else desk.signals.aggregator.status(opportunity.opportunity_id)
    return Explanation(
        id=identity,
        symbol=symbol,
        headline=text,
        opportunity=None if opportunity is None else opportunity_row(opportunity, status),
        features=None if opportunity is None else opportunity.features,
        blend=None if opportunity is None else _with_reasons(opportunity),
        notes=() if opportunity is None else notes(opportunity, desk.config.opportunities.weights),
        verdict=verdict,
        order_events=events,
        fills=fills,
        model=model,
    )


def _with_reasons(opportunity: Opportunity) -> Blend:
    """The blend; an input that gave no reason (quant modules) gets the figures that it rests on."""
    blend = opportunity.blend
    inputs = tuple(
        msgspec.structs.replace(part, reason=basis(part, opportunity.features)) for part in blend.inputs
    )
    return msgspec.structs.replace(blend, inputs=inputs)


def notes(opportunity: Opportunity, weights: BlendWeights) -> tuple[str, ...]:
    """What was absent and where its weight went, and the market at that moment."""
    return (*absent_lines(opportunity, weights), market_line(opportunity.features))
