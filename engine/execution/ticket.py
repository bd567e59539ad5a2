"""A ticket: an order as a person means it, checked and turned into requests that the desk can judge."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import OrderRequest, OrderType, Purpose, Side, TimeInForce, TriggerSource
from engine.execution.bracket import bracket, check_levels
from engine.execution.grid import lots_worth, on_lots, on_ticks, possible
from engine.execution.ids import client_order_id, ticket_order_id
from engine.instruments import Instrument

_MOST_PCT = Decimal(1000)
_LONGEST_TOKEN = 200


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One order, or with ``stop_loss`` or ``take_profit`` a bracket. Exactly one of the three sizes."""

    symbol: str
    side: Side
    type: OrderType = OrderType.MARKET
    quantity: Decimal | None = None
    notional: Decimal | None = None
    """In the symbol's quote currency."""
    equity_pct: Decimal | None = None
    """Percent of the account's equity."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trigger: TriggerSource = TriggerSource.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_ns: int = 0
    post_only: bool = False
    reduce_only: bool = False
    stop_loss: Decimal | None = None
    """Trigger price of the bracket's stop."""
    take_profit: Decimal | None = None
    """Limit price of the bracket's target."""
    token: str = ""
    """Tickets with the same token are the same order: the id follows from it alone."""
    who: str = ""
    reason: str = ""
    gateway: str = "paper"

    @property
    def bracketed(self) -> bool:
        return self.stop_loss is not None or self.take_profit is not None


class TicketView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a ticket comes in. Prices are NaN when unknown."""

    instrument: Instrument
    now_ns: int
    bid: float
    ask: float
    last: float
    position: Decimal
    """Signed."""
    equity: Decimal | None
    """The account's, in the symbol's quote currency; None: unknown."""

    def touch(self, side: Side) -> Decimal | None:
        """What a market order would meet: the ask for a buy, the bid for a sell, else the last trade."""
        quote = _known(self.ask if side is Side.BUY else self.bid)
        return _known(self.last) if quote is None else quote

    @property
    def mid(self) -> float:
        """The mid, else the last trade; 0 when both are unknown."""
        if _known(self.bid) is not None and _known(self.ask) is not None:
            return (self.bid + self.ask) / 2
        return 0.0 if _known(self.last) is None else self.last

    def reference(self, trigger: TriggerSource, side: Side) -> Decimal | None:
        """The price that ``trigger`` watches for an order of ``side``; None when unknown."""
        if trigger is TriggerSource.QUOTE:
            return self.touch(side)
        if trigger is TriggerSource.LAST and _known(self.last) is not None:
            return _known(self.last)
        return _known(self.mid)


def order_requests(ticket: Ticket, view: TicketView, salt: str = "") -> list[OrderRequest]:
    """The orders that a ticket is: one, or a bracket's entry, stop and target, in this order.

    An order against the position that is no larger than it can only close: it becomes reduce-only, with the
    purpose FLATTEN. One that would turn the position stays an ENTRY. Sizes from ``notional`` and
    ``equity_pct`` are rounded down to lots, at the limit price, else the trigger, else the touch. Ids follow
    from the token, without one from all inputs and ``salt``.

    Raises OrderError, one line that says what to do, for what cannot be.
    """
    if ticket.symbol != view.instrument.symbol:
        raise OrderError(f"the ticket is for {ticket.symbol}, not for {view.instrument.symbol}")
    _check_combination(ticket, view.now_ns)
    for name in ("price", "stop_price", "trail", "stop_loss", "take_profit"):
        value: Decimal | None = getattr(ticket, name)
        if value is not None:
            on_ticks(name, value, view.instrument)
    quantity = _quantity(ticket, view)
    reducing = ticket.reduce_only or _only_reduces(ticket.side, quantity, view.position)
    if reducing:
        _check_reducing(ticket, view.position)
    else:
        _check_notional(ticket, view, quantity)
    check_trigger(ticket, view, reducing=reducing)
    order = _request(ticket, view, _identity(ticket, view, salt), quantity, reducing=reducing)
    if not ticket.bracketed:
        return [order]
    check_bracket(ticket, ticket.stop_loss, ticket.take_profit, view)
    return bracket(order, ticket.stop_loss, ticket.take_profit, ticket.trigger)


def _request(
    ticket: Ticket, view: TicketView, identity: str, quantity: Decimal, *, reducing: bool
) -> OrderRequest:
    return OrderRequest(
        client_order_id=identity,
        symbol=ticket.symbol,
        side=ticket.side,
        type=ticket.type,
        quantity=quantity,
        purpose=Purpose.FLATTEN if reducing else Purpose.ENTRY,
        reduce_only=reducing,
        decision_ns=view.now_ns,
        decision_price=view.mid,
        reason=ticket.reason,
        price=ticket.price,
        stop_price=ticket.stop_price,
        trail=ticket.trail,
        trigger=ticket.trigger,
        time_in_force=ticket.time_in_force,
        expire_ns=ticket.expire_ns,
        post_only=ticket.post_only,
        gateway=ticket.gateway,
        who=ticket.who,
    )


def _quantity(ticket: Ticket, view: TicketView) -> Decimal:
    instrument = view.instrument
    if ticket.quantity is not None:
        if ticket.quantity == abs(view.position) and _only_reduces(
            ticket.side, ticket.quantity, view.position
        ):
            return ticket.quantity  # all of a position leaves no dust, even off a grid that came later
        return on_lots(ticket.quantity, instrument)
    price = ticket.price or ticket.stop_price or view.touch(ticket.side)
    if price is None:
        raise OrderError(f"no price of {ticket.symbol} is known: give the quantity, or wait for data")
    quantity = lots_worth(_budget(ticket, view), price, instrument)
    if not quantity:
        lot = instrument.lot_size
        raise OrderError(f"that is less than one lot ({lot:f}) of {ticket.symbol} at {price:f}: give more")
    return quantity


def _budget(ticket: Ticket, view: TicketView) -> Decimal:
    if ticket.notional is not None:
        return possible("notional", ticket.notional)
    assert ticket.equity_pct is not None  # exactly one size is given
    percent = possible("equity_pct", ticket.equity_pct)
    if percent > _MOST_PCT:
        raise OrderError(f"equity_pct {percent:f} is above {_MOST_PCT}: give less")
    if view.equity is None or not view.equity.is_finite() or view.equity <= 0:
        raise OrderError("the account's equity is unknown or nothing: give quantity or notional")
    return view.equity * percent / 100


def _only_reduces(side: Side, quantity: Decimal, position: Decimal) -> bool:
    return bool(position) and (position > 0) is (side is Side.SELL) and quantity <= abs(position)


# --- what cannot be


def _check_combination(ticket: Ticket, now_ns: int) -> None:
    """What is wrong whatever the market does."""
    sizes = [ticket.quantity, ticket.notional, ticket.equity_pct]
    if sum(size is not None for size in sizes) != 1:
        raise OrderError("give exactly one size: quantity, notional or equity_pct")
    if len(ticket.token) > _LONGEST_TOKEN:
        raise OrderError(f"the token is longer than {_LONGEST_TOKEN} characters: take a shorter one")
    _check_fields(ticket)
    _check_time(ticket, now_ns)
    if ticket.post_only and not ticket.type.limited:
        raise OrderError(f"a {_words(ticket.type)} order cannot be post-only: it takes what is there")


def _check_fields(ticket: Ticket) -> None:
    kind = ticket.type
    needed = {
        "price": kind.limited,
        "stop_price": kind.triggered and kind is not OrderType.TRAILING_STOP,
        "trail": kind is OrderType.TRAILING_STOP,
    }
    for name, needs in needed.items():
        given = getattr(ticket, name) is not None
        if needs and not given:
            raise OrderError(f"a {_words(kind)} order needs a {name}: give it")
        if given and not needs and not (name == "stop_price" and kind is OrderType.TRAILING_STOP):
            raise OrderError(f"a {_words(kind)} order takes no {name}: leave it out")


def _check_time(ticket: Ticket, now_ns: int) -> None:
    force = ticket.time_in_force
    if force is TimeInForce.GTD:
        if ticket.expire_ns <= 0:
            raise OrderError("a gtd order needs the time it expires at: give it")
        if ticket.expire_ns <= now_ns:
            raise OrderError("the time a gtd order expires at is over: give a later one")
    elif ticket.expire_ns:
        raise OrderError(f"a {force.value} order does not expire: leave the time out, or make it gtd")
    if force is TimeInForce.IOC or force is TimeInForce.FOK:
        if ticket.type.triggered:
            words = _words(ticket.type)
            raise OrderError(f"a {words} order waits, {force.value} does not: make it gtc or gtd")
        if ticket.post_only:
            raise OrderError(f"a post-only order waits, {force.value} does not: take one of the two")


def check_trigger(ticket: Ticket | OrderRequest, view: TicketView, *, reducing: bool) -> None:
    """Raise OrderError when a trigger is beyond the market: it would go off at once, at whatever price."""
    kind, stop, buying = ticket.type, ticket.stop_price, ticket.side is Side.BUY
    if not kind.triggered:
        return
    if kind is OrderType.STOP_LIMIT:
        check_stop_limit(ticket.side, stop, ticket.price)
    market = view.reference(ticket.trigger, ticket.side)
    if market is None:
        if reducing:
            return  # an exit needs no market data: it waits until there is some
        raise OrderError(f"the market of {ticket.symbol} is unknown: wait for data")
    if ticket.trail is not None and not buying and ticket.trail >= market:
        raise OrderError(f"trail {ticket.trail:f} reaches below zero from {market:f}: give a shorter one")
    if stop is not None:
        above = buying is not (kind is OrderType.TAKE_PROFIT)
        if stop <= market if above else stop >= market:
            where = "above" if above else "below"
            raise OrderError(
                f"stop_price {stop:f} of a {_words(kind)} {ticket.side.value} has to be {where} the market, "
                f"{market:f}"
            )


def check_stop_limit(side: Side, stop: Decimal | None, price: Decimal | None) -> None:
    """Raise OrderError when a STOP_LIMIT's limit would not let it fill where it goes off."""
    if stop is None or price is None:
        return
    if price < stop if side is Side.BUY else price > stop:
        where = "below" if side is Side.BUY else "above"
        raise OrderError(
            f"price {price:f} of a stop limit {side.value} is {where} its stop_price {stop:f}: "
            "it could not fill when it goes off"
        )


def check_bracket(
    entry: Ticket | OrderRequest, stop_loss: Decimal | None, take_profit: Decimal | None, view: TicketView
) -> None:
    """Raise OrderError where a level would be beyond the price that the entry fills at: it would end at once
    what the entry has opened."""
    low, high = view.touch(Side.SELL), view.touch(Side.BUY)
    level = entry.price or entry.stop_price
    if level is not None:
        # What fills at its level; a limit beyond the market fills from the market on.
        buying = entry.side is Side.BUY
        meets = high if buying else low
        marketable = meets is not None and (level >= meets if buying else level <= meets)
        if entry.type.triggered or not marketable or low is None or high is None:
            low = high = level
        else:
            low, high = min(low, level), max(high, level)
    if low is None or high is None:
        raise OrderError(f"the market of {entry.symbol} is unknown: wait for data, or give a limit price")
    check_levels(entry.side, stop_loss, take_profit, low, high)


def _check_reducing(ticket: Ticket, position: Decimal) -> None:
    if not position or (position > 0) is (ticket.side is Side.BUY):
        raise OrderError(
            f"a reduce-only {ticket.side.value} finds no position in {ticket.symbol} to reduce: "
            "leave reduce-only out"
        )
    if ticket.bracketed:
        raise OrderError("an order that only reduces takes no stop_loss and no take_profit: leave them out")


def _words(kind: OrderType) -> str:
    return kind.value.replace("_", " ")


def _check_notional(ticket: Ticket, view: TicketView, quantity: Decimal) -> None:
    instrument = view.instrument
    price = ticket.price or ticket.stop_price or view.touch(ticket.side)
    if price is not None and quantity * price < instrument.min_notional:
        raise OrderError(
            f"{quantity:f} at {price:f} is worth less than {instrument.min_notional:f}, "
            f"the least of {ticket.symbol}: give more"
        )


def _identity(ticket: Ticket, view: TicketView, salt: str) -> str:
    if ticket.token:
        return ticket_order_id(ticket.token)
    inputs = "/".join(str(value) for value in msgspec.structs.astuple(ticket))
    return client_order_id(Purpose.ENTRY, ticket.symbol, ticket.side, view.now_ns, f"ticket/{salt}/{inputs}")


def _known(price: float) -> Decimal | None:
    return Decimal(repr(price)) if math.isfinite(price) and price > 0 else None
