"""Exits of a part of a position, or at a limit: what a person asks for beyond a plain close."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.config import Config
from engine.errors import OrderError
from engine.events import OrderRequest, OrderType, Purpose
from engine.execution.build import OrderBuilder
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.wiring.order_flow import OrderFlow
from engine.wiring.order_work import most

_ALL = Decimal(100)
"""Percent."""


class PartExits:
    """Sends reduce-only orders for parts of positions."""

    def __init__(
        self, config: Config, instruments: Instruments, features: FeatureEngine, flow: OrderFlow
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._flow = flow
        self._builder = OrderBuilder(config.account)

    def send(self, symbol: str, percent: Decimal, *, limited: bool) -> str:
        """Close ``percent`` of the symbol's position; ``limited``: at the touch on the other side, so that it
        is marketable but bounded. Returns the order's id.

        It is no larger than what other exits leave. Raises OrderError when there is nothing to close, they
        cover all of it, one is at work and this is not for all at market, there is no quote for a limit, or
        risk denies it.
        """
        flow, instrument = self._flow, self._instruments.get(symbol)
        if instrument is None:
            raise OrderError(f"the desk has no {symbol}")
        position = flow.ledger.position(symbol)
        # All of it at market takes the place of what rests, and closes what exits at work leave.
        replaces = not limited and percent == _ALL
        at_work = flow.work.closing(symbol)
        if at_work and not (replaces and at_work < abs(position.quantity)):
            raise OrderError(f"{symbol}: an exit is at work: cancel it first, or wait")
        resting = [] if replaces else self._beside(symbol)
        closing = at_work + most(resting)
        if resting and closing >= abs(position.quantity):
            which = ", ".join(other.client_order_id for other, _ in resting)
            raise OrderError(f"{symbol}: exits of all of it rest: cancel them first: {which}")
        request = self._builder.partial_exit(
            position,
            instrument,
            Purpose.FLATTEN,
            self._features.now_ns,
            flow.watch.mid(instrument.index),
            percent=percent,
            price=self._touch(instrument, selling=position.quantity > 0) if limited else None,
            closing=closing,
            reason="flatten asked for",
        )
        verdict = flow.submit(request, instrument)
        if not verdict.approved:
            raise OrderError(f"{symbol}: denied:{verdict.code} {verdict.detail}")
        return request.client_order_id

    def _beside(self, symbol: str) -> list[tuple[OrderRequest, Decimal]]:
        """(request, quantity) of resting exits that the new one must not close again.

        Where the gateway shrinks reduce-only orders by itself, targets and stops go on guarding what is left.
        """
        resting = list(self._flow.work.resting_exits(symbol))
        if not self._flow.gateway_of(symbol).clamps:
            return resting
        return [(other, leaves) for other, leaves in resting if _alone(other)]

    def _touch(self, instrument: Instrument, *, selling: bool) -> Decimal:
        bid, _, ask, _, _ = self._features.live_quote(instrument.index)
        touch = bid if selling else ask
        if not 0.0 < touch < math.inf:
            raise OrderError(f"{instrument.symbol} has no quote to bound the price by: flatten it at market")
        return instrument.price(touch)


def _alone(request: OrderRequest) -> bool:
    """Whether it is a plain exit at a limit, of no bracket and beside no stop."""
    return request.type is OrderType.LIMIT and not request.parent_id and not request.siblings
