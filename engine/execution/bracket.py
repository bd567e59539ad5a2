"""Brackets: an entry, the stop that protects it and the target that takes its profit."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import OrderRequest, OrderType, Purpose, Side, TriggerSource
from engine.execution.ids import child_order_id, list_id


def check_levels(
    side: Side, stop_loss: Decimal | None, take_profit: Decimal | None, low: Decimal, high: Decimal
) -> None:
    """Raise OrderError unless the levels are beyond ``low`` and ``high``, between which the entry fills.

    The stop of a buy is below ``low`` and its target above ``high``; of a sell the other way round.
    """
    buying = side is Side.BUY
    for name, level, below in (("stop_loss", stop_loss, buying), ("take_profit", take_profit, not buying)):
        bound = low if below else high
        if level is not None and (level >= bound if below else level <= bound):
            where = "below" if below else "above"
            raise OrderError(f"{name} {level:f} of a {side.value} has to be {where} {bound:f}")


def bracket(
    entry: OrderRequest, stop_loss: Decimal | None, take_profit: Decimal | None, trigger: TriggerSource
) -> list[OrderRequest]:
    """The entry and its children, in the order entry, stop, target.

    The children wait for the entry's fills and are as large as these; what one fills, the other loses.
    """
    parent = entry.client_order_id
    legs: list[tuple[Purpose, OrderType, Decimal]] = []
    if stop_loss is not None:
        legs.append((Purpose.STOP_LOSS, OrderType.STOP, stop_loss))
    if take_profit is not None:
        legs.append((Purpose.TAKE_PROFIT, OrderType.LIMIT, take_profit))
    ids = [child_order_id(parent, purpose) for purpose, _, _ in legs]
    of_list = list_id((parent, *ids))
    requests = [msgspec.structs.replace(entry, list_id=of_list)]
    for identity, (purpose, kind, level) in zip(ids, legs, strict=True):
        child = OrderRequest(
            client_order_id=identity,
            symbol=entry.symbol,
            side=entry.side.opposite,
            type=kind,
            quantity=entry.quantity,
            purpose=purpose,
            reduce_only=True,
            decision_ns=entry.decision_ns,
            decision_price=entry.decision_price,
            opportunity_id=entry.opportunity_id,
            reason=f"{purpose.value.replace('_', ' ')} of {parent}",
            price=level if kind is OrderType.LIMIT else None,
            stop_price=level if kind is OrderType.STOP else None,
            trigger=trigger,
            list_id=of_list,
            parent_id=parent,
            siblings=tuple(other for other in ids if other != identity),
            gateway=entry.gateway,
            who=entry.who,
        )
        requests.append(child)
    return requests
