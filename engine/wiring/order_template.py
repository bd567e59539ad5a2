"""Order templates of automations: sized, put on the instrument's grid, and judged like any other order."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from engine.automation.definition import Order
from engine.errors import AutomationError
from engine.events import OrderRequest, OrderType, Purpose, Side, Signal
from engine.execution.build import OrderBuilder
from engine.execution.ids import client_order_id
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
    price = _mid(desk, instrument)
    quantity = _quantity(desk, step, instrument, price)
    request = OrderRequest(
        client_order_id=client_order_id(Purpose.ENTRY, symbol, side, 0, salt),
        symbol=symbol,
        side=side,
        type=OrderType.MARKET,
        quantity=quantity,
        purpose=Purpose.ENTRY,
        reduce_only=False,
        decision_ns=desk.now_ns,
        decision_price=price,
        reason=reason,
    )
    return _submit(desk, request, instrument)


def _close(desk: Desk, instrument: Instrument, salt: str, reason: str) -> str:
    trading, symbol = desk.trading, instrument.symbol
    position = trading.ledger.position(symbol)
    if not position.quantity:
        return f"{symbol} is flat"
    if trading.work.exiting(symbol):
        return f"an exit of {symbol} is at work"
    trading.cancel_entries(symbol)
    mid = trading.watch.mid(instrument.index)
    built = OrderBuilder(desk.config.account).exit(position, Purpose.FLATTEN, desk.now_ns, mid, reason=reason)
    own_id = client_order_id(Purpose.FLATTEN, symbol, built.side, 0, salt)
    return _submit(desk, msgspec.structs.replace(built, client_order_id=own_id), instrument)


def _mid(desk: Desk, instrument: Instrument) -> float:
    price = desk.trading.watch.mid(instrument.index)
    if not 0.0 < price < math.inf:
        raise AutomationError(f"order: {instrument.symbol} has no price yet")
    return price


def _quantity(desk: Desk, step: Order, instrument: Instrument, price: float) -> Decimal:
    exact_price = Decimal(repr(price))
    if step.quantity is not None:
        wanted = Decimal(repr(step.quantity))
    elif step.notional is not None:
        wanted = Decimal(repr(step.notional)) / exact_price
    else:
        assert step.percent is not None
        equity = desk.trading.ledger.equity()
        if equity is None or equity <= 0:
            told = "unknown" if equity is None else equity
            raise AutomationError(f"order: no equity to take a percentage of: {told}")
        wanted = equity * Decimal(repr(step.percent)) / 100 / exact_price
    quantity = instrument.quantity(wanted)
    if quantity <= 0 or quantity * exact_price < instrument.min_notional:
        raise AutomationError(
            f"order: {wanted:.8g} {instrument.symbol} is too small: lot {instrument.lot_size},"
            f" minimum {instrument.min_notional}"
        )
    return quantity


def _submit(desk: Desk, request: OrderRequest, instrument: Instrument) -> str:
    trading = desk.trading
    if trading.work.known(request.client_order_id):
        raise AutomationError("order: this run has sent it before")
    verdict = trading.submit(request, instrument)
    what = f"{request.side.value} {request.quantity} {request.symbol}"
    if not verdict.approved:
        raise AutomationError(f"order denied:{verdict.code} {what}: {verdict.detail}".rstrip(": "))
    return f"order accepted: {what}"
