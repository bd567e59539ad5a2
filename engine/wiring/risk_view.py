"""What risk is told about an order: put together here, from every stage that knows a part of it."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderRequest
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument
from engine.portfolio.ledger import Ledger
from engine.risk.view import RiskView
from engine.wiring.order_work import OrderWork

_ZERO = Decimal(0)


def risk_view(
    request: OrderRequest,
    instrument: Instrument,
    *,
    features: FeatureEngine,
    ledger: Ledger,
    work: OrderWork,
    sources: tuple[str, ...],
    data_age_ns: int | None,
    clock_skew_ns: int | None,
) -> RiskView:
    """The view for ``request``; working entries count with their whole open notional."""
    now = features.now_ns
    bid, _, ask, _, last = features.live_quote(instrument.index)
    gross, net = ledger.exposure()
    working = exiting = _ZERO
    for other, leaves in work:
        if other.reduce_only:
            exiting += leaves if other.symbol == request.symbol else _ZERO
            continue
        notional = leaves * Decimal(repr(other.decision_price))
        gross += notional
        net += other.side.sign * notional
        if other.symbol == request.symbol:
            working += other.side.sign * leaves
    return RiskView(
        now_ns=now,
        instrument=instrument,
        equity=ledger.equity(),
        day_pnl=ledger.day_pnl(now),
        drawdown_pct=ledger.drawdown_pct(),
        bid=bid,
        ask=ask,
        last=last,
        data_age_ns=data_age_ns,
        clock_skew_ns=clock_skew_ns,
        position=ledger.quantity(request.symbol),
        symbol_orders=work.count(request.symbol),
        open_orders=work.count(),
        gross=gross,
        net=net,
        working=working,
        exiting=exiting,
        sources=sources,
    )
