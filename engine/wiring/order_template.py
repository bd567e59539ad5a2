"""Order templates of automations: sized, put on the instrument's grid, and judged like any other order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.automation.parts import Order
from engine.errors import AutomationError, OrderError
from engine.events import OrderRequest, OrderType, Purpose, Side, Signal, TimeInForce
from engine.execution.build import OrderBuilder
from engine.execution.ids import client_order_id
from engine.execution.ticket import Ticket, TicketView, order_requests
from engine.instruments import Instrument
from engine.wiring.desk import Desk


def send(desk: Desk, step: Order, signal: Signal | None, run_id: str, number: int, reason: str) -> str:
    """Send the order of step ``number`` of a run. Raises AutomationError when none is sent, with the reason.

    The order's id follows from the run's: the same step of the same run cannot be sent twice.
    """
    symbol = step.symbol or (signal.symbol if signal is not None else "")
    instrument = desk.instruments.get(symbol)
    if instrument is None:
        raise AutomationError(f"order: the desk has no {symbol}: configure it, or name another symbol")
    salt = f"{run_id}/{number}"
    if step.side == "close":
        return _close(desk, instrument, salt, reason)
    if step.side == "signal":
        assert signal is not None
        side = Side.BUY if signal.score > 0 else Side.SELL
    else:
        side = Side(step.side)
    if desk.trading.work.exiting(symbol):
        # Judged by the position that is being closed, it could turn what is left of it.
        raise AutomationError(f"order: an exit of {symbol} is at work: an entry waits until it is done")
    strategies = {state.name for state in desk.signals.strategies.states()}
    behind = (signal.source,) if signal is not None and signal.source in strategies else ()
    try:
        ticket = _ticket(desk, step, instrument, side, salt, reason)
        requests = order_requests(ticket, _view(desk, instrument))
    except OrderError as error:
        raise AutomationError(f"order: {error}") from None
    # The strategy that gave the signal is behind the entry: its budget and its limits count.
    entries = [r if r.reduce_only else msgspec.structs.replace(r, sources=behind) for r in requests]
    return _submit(desk, entries)


def _ticket(desk: Desk, step: Order, instrument: Instrument, side: Side, salt: str, reason: str) -> Ticket:
    mid = _mid(desk, instrument)

    def off(percent: float | None, price: Decimal, sign: int) -> Decimal | None:
        """So many percent from the price, against the order's side when ``sign`` is -1."""
        if percent is None:
            return None
        return instrument.price(price * (1 + sign * side.sign * Decimal(repr(percent)) / 100))

    exact = Decimal(repr(mid))
    limit = off(step.price_offset_pct, exact, -1)
    anchor = exact if limit is None else limit
    return Ticket(
        symbol=instrument.symbol,
        side=side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        quantity=_quantity(desk, step, instrument, float(anchor)),
        price=limit,
        time_in_force=TimeInForce(step.time_in_force),
        stop_loss=off(step.stop_loss_pct, anchor, -1),
        take_profit=off(step.take_profit_pct, anchor, 1),
        token=f"automation/{salt}",
        reason=reason,
    )


def _view(desk: Desk, instrument: Instrument) -> TicketView:
    bid, _, ask, _, last = desk.features.live_quote(instrument.index)
    ledger = desk.trading.ledger
    return TicketView(
        instrument=instrument,
        now_ns=desk.now_ns,
        bid=bid,
        ask=ask,
        last=last,
        position=ledger.quantity(instrument.symbol),
        equity=None,  # the ticket has a quantity
    )


def _close(desk: Desk, instrument: Instrument, salt: str, reason: str) -> str:
    trading, symbol = desk.trading, instrument.symbol
    position = trading.ledger.position(symbol)
    if not position.quantity:
        # What is on its way would open it again.
        entries = trading.entries(symbol)
        trading.cancel_entries(symbol, reason)
        return f"{symbol} is flat" + (f", cancel of {len(entries)} asked for" if entries else "")
    trading.cancel_entries(symbol)
    closing = trading.work.closing(symbol)
    if closing >= abs(position.quantity):
        return f"an exit of {symbol} is at work"
    mid, now = trading.watch.mid(instrument.index), desk.now_ns
    builder = OrderBuilder(desk.config.account)
    built = builder.exit(position, Purpose.FLATTEN, now, mid, closing=closing, reason=reason)
    own_id = client_order_id(Purpose.FLATTEN, symbol, built.side, 0, salt)
    return _submit(desk, [msgspec.structs.replace(built, client_order_id=own_id)])


def _mid(desk: Desk, instrument: Instrument) -> float:
    price = desk.trading.watch.mid(instrument.index)
    if not 0.0 < price < math.inf:
        raise AutomationError(f"order: {instrument.symbol} has no price yet")
    return price


def _quantity(desk: Desk, step: Order, instrument: Instrument, price: float) -> Decimal:
    exact_price = Decimal(repr(price))
    if step.quantity is not None:
        wanted = Decimal(repr(step.quantity))
    else:
        wanted = _worth(desk, step) / (exact_price * _rate(desk, instrument))
    quantity = instrument.quantity(wanted)
    if quantity <= 0 or quantity * exact_price < instrument.min_notional:
        raise AutomationError(
            f"order: {wanted:.8g} {instrument.symbol} is too small: lot {instrument.lot_size},"
            f" minimum {instrument.min_notional}"
        )
    return quantity


def _worth(desk: Desk, step: Order) -> Decimal:
    """In the account's currency."""
    if step.notional is not None:
        return Decimal(repr(step.notional))
    assert step.percent is not None
    equity = desk.trading.ledger.equity()
    if equity is None or equity <= 0:
        told = "unknown" if equity is None else equity
        raise AutomationError(f"order: no equity to take a percentage of: {told}")
    return equity * Decimal(repr(step.percent)) / 100


def _rate(desk: Desk, instrument: Instrument) -> Decimal:
    """Of the quote currency in the account's."""
    rate = desk.trading.ledger.balances.rate(instrument.quote_currency)
    if rate is None:
        raise AutomationError(f"order: {instrument.quote_currency or 'its currency'} has no rate")
    return rate


def _submit(desk: Desk, requests: Sequence[OrderRequest]) -> str:
    trading, first = desk.trading, requests[0]
    if trading.work.known(first.client_order_id):
        raise AutomationError("order: this run has sent it before")
    if len(requests) == 1:
        verdicts = [trading.submit(first, desk.instruments[_index(desk, first.symbol)])]
    else:
        verdicts = trading.submit_list(requests)
    denied = next((verdict for verdict in verdicts if not verdict.approved), None)
    what = f"{first.side.value} {first.quantity} {first.symbol}"
    if denied is not None:
        raise AutomationError(f"order denied:{denied.code} {what}: {denied.detail}".rstrip(": "))
    return f"order accepted: {what}"


def _index(desk: Desk, symbol: str) -> int:
    instrument = desk.instruments.get(symbol)
    assert instrument is not None  # the order was made for it
    return instrument.index
