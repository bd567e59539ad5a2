"""What an order is worth and how far it reaches, by its type. Prices are in the quote currency."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from engine.events import OrderRequest, OrderType, Side

_BUY = Side.BUY
_MARKET, _TRAILING = OrderType.MARKET, OrderType.TRAILING_STOP
_INFINITY = Decimal("Infinity")
_ZERO = Decimal(0)


def at_work(
    request: OrderRequest, price: Decimal | None, stop_price: Decimal | None, trail: Decimal | None
) -> Decimal:
    """What a working order is counted at: its limit price, else its trigger, else the decision's price.

    The prices are those that it has by now; a trailing stop without a trigger counts its distance on top.
    """
    if request.type is not _MARKET:
        if price is not None and request.type.limited:
            return price
        if stop_price is not None:
            return stop_price
        if trail is not None:
            return _exact(request.decision_price) + trail
    return _exact(request.decision_price)


@lru_cache(256, typed=True)
def _exact(price: float) -> Decimal:
    """Asked again of every order at work whenever another one is judged."""
    return Decimal(repr(price))


def worth(request: OrderRequest, touch: Decimal) -> Decimal | None:
    """The highest price at which an order with a price would fill, seen from ``touch``: what limits go by.

    A buy with a limit pays at most that. A sell with one gets at least that, and the touch when that is
    better. What waits for a trigger becomes a market order, at the trigger or at the touch beyond it. None
    when a price that its type needs is missing or impossible.
    """
    if request.type is _TRAILING:
        trail = request.trail
        if trail is None or not trail.is_finite():
            return None
        start = touch + trail if request.side is _BUY else touch
        stop = request.stop_price
        return start if stop is None else max(stop, start) if stop.is_finite() else None
    price = request.price if request.type.limited else request.stop_price
    if price is None or not price.is_finite():
        return None
    if request.type.limited and request.side is _BUY:
        return price
    return max(price, touch)


def reach(request: OrderRequest, touch: Decimal, protection: Decimal) -> Decimal | None:
    """The worst price at which it could fill: its limit; without one, ``protection`` (share) beyond the touch
    or the trigger. None when a price that its type needs is missing or impossible."""
    if request.type.limited:
        price = request.price
        return price if price is not None and price.is_finite() else None
    start: Decimal | None = touch
    if request.type is not _MARKET:
        if request.side is _BUY:
            start = worth(request, touch)
        else:
            stop, trail = request.stop_price, request.trail
            start = touch if stop is None else min(stop, touch) if stop.is_finite() else None
            if start is not None and trail is not None:
                start = start - trail if trail.is_finite() else None
    if start is None:
        return None
    return start * (1 + protection) if request.side is _BUY else start * (1 - protection)


def meets_from(kind: OrderType, side: Side, price: Decimal | None) -> Decimal | None:
    """Where a working order can be met by one of the other side: its limit; any price when it takes what it
    gets (0 for a sell, infinity for a buy); None while it waits for a trigger and is not in the market."""
    if kind is _MARKET:
        return _INFINITY if side is _BUY else _ZERO
    return price if kind.limited else None
