"""What a plan of targets rests on: what is held, what it is worth now, and what one order may be of."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.events import OrderRequest
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument
from engine.market.freshness import Freshness
from engine.portfolio.targets import Asset
from engine.wiring.order_work import rests
from engine.wiring.trading import Trading

_ROOM = Decimal("0.98")
"""Of the largest order that risk allows: the price moves between the plan and the order."""


class TargetAssets:
    def __init__(self, features: FeatureEngine, freshness: Freshness, trading: Trading) -> None:
        self._features = features
        self._freshness = freshness
        self._trading = trading

    def of(self, instrument: Instrument) -> Asset:
        symbol, trading = instrument.symbol, self._trading
        held = trading.ledger.quantity(symbol)
        for request, leaves in trading.work:
            # An exit that waits for a price may wait for ever.
            if request.symbol == symbol and not rests(request):
                held += leaves * request.side.sign
        mid = trading.watch.mid(instrument.index)
        price = Decimal(repr(mid)) if math.isfinite(mid) else None
        now_ns = self._features.now_ns
        # Of what comes late, a position may still be made smaller; risk denies more of it.
        fresh = not self._freshness.silence(instrument.index, now_ns, trading.gate.book.limits.stale_ns)
        rate = trading.ledger.balances.rate(instrument.quote_currency)
        return Asset(instrument, held, price, rate, fresh)

    def equity(self) -> Decimal:
        """NaN when it cannot be told."""
        equity = self._trading.ledger.equity()
        return Decimal("NaN") if equity is None else equity

    def allowed(self, wanted: OrderRequest, asset: Asset) -> Decimal | None:
        """The part of it that a single order may be of; None while that is unknown."""
        equity = self.equity()
        if not (equity.is_finite() and asset.fresh) or asset.price is None or asset.rate is None:
            return None
        limits = self._trading.gate.book.limits.of(wanted)
        most = equity * limits.order_share * _ROOM / (asset.price * asset.rate)
        bounds = [limit for limit in (limits.order_quantity, asset.instrument.max_quantity) if limit]
        return asset.instrument.quantity(min([wanted.quantity, most, *bounds]))
