"""Building of orders: size, side and grid. From here on every number of an order is exact."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Protocol

from engine.config import AccountConfig
from engine.errors import OrderError
from engine.events import Drop, Opportunity, OrderRequest, OrderType, Purpose, Side
from engine.execution.grid import on_ticks
from engine.execution.ids import client_order_id
from engine.instruments import Instrument

STAGE = "execution"
_ALL = Decimal(100)
"""Percent."""
_NOTHING, _ONE = Decimal(0), Decimal(1)
_ENTRY, _MARKET = Purpose.ENTRY, OrderType.MARKET
_MOST_LOTS, _DOUBT, _FINEST = 1e8, 1e-6, 1e-50
# An enum's members are looked up at a cost, which between a frame and its order counts.


class Held(Protocol):
    """What an exit needs to know of a position."""

    @property
    def symbol(self) -> str: ...
    @property
    def quantity(self) -> Decimal:
        """Signed: above zero is long."""

    @property
    def opened_ns(self) -> int: ...


class OrderBuilder:
    """Turns an opportunity into an entry and a position into its exit."""

    def __init__(self, account: AccountConfig) -> None:
        self._share = Decimal(repr(account.order_size_pct)) / 100
        self._near_share = float(self._share)
        self._known_equity = _NOTHING, 0.0
        """The last one, and as it nearly is."""
        self._grids: dict[str, tuple[Instrument, float, float]] = {}
        """By symbol: (instrument, its lot, least an order is worth), the last two as they nearly are."""

    def expect(self, equity: Decimal) -> None:
        """The next entry is likely to be built at this: what can be made of it is made before."""
        self._known_equity = equity, float(equity)

    def entry(
        self,
        opportunity: Opportunity,
        instrument: Instrument,
        equity: Decimal,
        now_ns: int,
        mid: float | None = None,
        sources: tuple[str, ...] = (),
        rate: Decimal = _ONE,
    ) -> OrderRequest | Drop:
        """A market order worth ``order_size_pct`` x confidence of ``equity``, rounded down to whole lots.

        ``mid`` is the mid at the decision; without it the opportunity's price stands in. ``sources``: the
        strategies behind it. ``rate``: of the quote currency in that of ``equity``. The answer is a Drop
        where no order can be made: NO_PRICE, NO_EQUITY,
        NO_CONFIDENCE, EXPIRED, TOO_SMALL.
        """
        price = opportunity.price if mid is None else mid
        if not 0.0 < price < math.inf:
            return _drop(opportunity, "NO_PRICE", f"price {price}", now_ns)
        if not (equity.is_finite() and equity > _NOTHING):
            return _drop(opportunity, "NO_EQUITY", f"equity {equity}", now_ns)
        confidence = opportunity.confidence
        if not 0 < confidence <= 1:
            return _drop(opportunity, "NO_CONFIDENCE", f"confidence {confidence}", now_ns)
        if now_ns >= opportunity.expires_ns:
            return _drop(opportunity, "EXPIRED", f"expired at {opportunity.expires_ns}", now_ns)
        quantity = self._plain_quantity(equity, confidence, price, instrument) if rate == _ONE else None
        if quantity is None:
            budget = equity * self._share * Decimal(repr(confidence))
            if rate != _ONE:
                budget /= rate
            exact_price = Decimal(repr(price))
            quantity = instrument.quantity(budget / exact_price)
            if quantity <= 0 or quantity * exact_price < instrument.min_notional:
                least = f"lot {instrument.lot_size}, minimum {instrument.min_notional}"
                return _drop(opportunity, "TOO_SMALL", f"{budget:.2f} buys {quantity}: {least}", now_ns)
        symbol, side, opportunity_id = opportunity.symbol, opportunity.side, opportunity.opportunity_id
        return OrderRequest(  # by position: naming a dozen fields takes twice as long
            client_order_id(_ENTRY, symbol, side, now_ns, opportunity_id),
            symbol,
            side,
            _MARKET,
            quantity,
            _ENTRY,
            False,
            now_ns,
            price,
            opportunity_id,
            opportunity.reason,
            sources,
        )

    def _plain_quantity(
        self, equity: Decimal, confidence: float, price: float, instrument: Instrument
    ) -> Decimal | None:
        """What the exact way comes to, where numbers that are nearly so leave no doubt of it; None: they do.

        A dozen roundings of 2**-53 each are less than 1e-14 of the lots, so less than ``_DOUBT`` of one.
        """
        if self._known_equity[0] is not equity:
            self.expect(equity)
        near_equity = self._known_equity[1]
        grid = self._grids.get(instrument.symbol)
        if grid is None or grid[0] is not instrument:
            lot = float(instrument.lot_size)
            grid = instrument, lot if lot > _FINEST else 0.0, float(instrument.min_notional)
            self._grids[instrument.symbol] = grid
        _, lot, least = grid
        worth = price * lot
        lots = near_equity * self._near_share * confidence / worth if worth > _FINEST else 0.0
        if not 1.0 <= lots < _MOST_LOTS:
            return None
        whole = int(lots)
        if not _DOUBT < lots - whole < 1.0 - _DOUBT or whole * worth < least * (1.0 + _DOUBT):
            return None
        return whole * instrument.lot_size

    def exit(
        self,
        position: Held,
        purpose: Purpose,
        now_ns: int,
        mid: float,
        *,
        closing: Decimal = _NOTHING,
        reason: str = "",
    ) -> OrderRequest:
        """A reduce-only market order for the whole position, less what other exits are ``closing`` of it.

        The quantity is the position's own, even off the lot grid (the venue may have told a coarser grid
        since): an exit leaves no dust. It needs no price: with an unknown ``mid`` its decision price is 0.
        Raises OrderError when nothing is left to close, or for the purpose ENTRY.
        """
        return _exit(position, purpose, now_ns, mid, abs(position.quantity) - closing, None, reason)

    def partial_exit(
        self,
        position: Held,
        instrument: Instrument,
        purpose: Purpose,
        now_ns: int,
        mid: float,
        *,
        percent: Decimal = _ALL,
        price: Decimal | None = None,
        closing: Decimal = _NOTHING,
        reason: str = "",
    ) -> OrderRequest:
        """A reduce-only order for ``percent`` of the position, at market or at a limit ``price``, but for no
        more than other exits that are ``closing`` leave of it.

        The quantity is rounded down to lots. All of the position goes, as in ``exit``, where less than a lot
        of it would stay. Raises OrderError as ``exit`` does, for a percentage that is not above 0 and at
        most 100, for less than a lot, and for a price off the tick grid.
        """
        if not (percent.is_finite() and 0 < percent <= _ALL):
            raise OrderError(f"{position.symbol}: {percent} percent: give more than 0 and at most 100")
        if price is not None:
            on_ticks("price", price, instrument)
        held = abs(position.quantity)
        quantity = instrument.quantity(held * percent / _ALL)
        if held - quantity < instrument.lot_size:
            quantity = held
        elif not quantity:
            raise OrderError(
                f"{position.symbol}: {percent:f} percent of {held:f} is less than a lot "
                f"({instrument.lot_size:f}): give more"
            )
        return _exit(position, purpose, now_ns, mid, min(quantity, held - closing), price, reason)


def _exit(
    position: Held,
    purpose: Purpose,
    now_ns: int,
    mid: float,
    quantity: Decimal,
    price: Decimal | None,
    reason: str,
) -> OrderRequest:
    if not position.quantity or quantity <= 0:
        raise OrderError(f"{position.symbol}: nothing to exit")
    if purpose is Purpose.ENTRY:
        raise OrderError(f"{position.symbol}: an exit cannot have the purpose entry")
    side = Side.SELL if position.quantity > 0 else Side.BUY
    salt = f"{position.opened_ns}/{position.quantity}/{quantity}"
    if price is not None:
        salt += f"/{price}"
    return OrderRequest(
        client_order_id=client_order_id(purpose, position.symbol, side, now_ns, salt),
        symbol=position.symbol,
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=quantity,
        purpose=purpose,
        reduce_only=True,
        decision_ns=now_ns,
        decision_price=mid if math.isfinite(mid) and mid > 0 else 0.0,
        reason=reason or purpose.value.replace("_", " "),
        price=price,
    )


def _drop(opportunity: Opportunity, code: str, detail: str, ns: int) -> Drop:
    return Drop(STAGE, opportunity.symbol, code, detail, ns)
