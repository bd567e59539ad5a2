"""What a rebalance to given scores would do now, for who sends its orders by itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.api.daily_protocol import OrderSize, ScoredPlan
from engine.api.trading_protocol import TargetPlan, TargetRow
from engine.events import OrderRequest, OrderType, Purpose, Side
from engine.portfolio.targets import Asset, Change, plan
from engine.slices import Work
from engine.wiring.decimal_text import plain
from engine.wiring.desk import Desk
from engine.wiring.target_assets import TargetAssets
from engine.wiring.target_rows import plan_rows

UNKNOWN = "UNKNOWN"


def planning(desk: Desk, scores: Mapping[str, float]) -> Work[ScoredPlan]:
    """By ``scores``, of symbols as the desk has them; none: by the newest ones of its model. Nothing is
    sent; it is done a symbol at a time."""
    version, ns = "", 0
    if not scores:
        batch = desk.signals.scoring.batches.get()
        if batch is not None:
            version, ns = batch.version, batch.ns
            scores = dict(zip(batch.symbols, batch.scores.tolist(), strict=True))
    trading = desk.trading
    known = TargetAssets(desk.features, desk.freshness, trading)
    held = {position.symbol for position in trading.ledger.positions()}
    assets: dict[str, Asset] = {}
    strangers = []
    for symbol in sorted(scores.keys() | held):
        instrument = desk.instruments.get(symbol)
        if instrument is None:
            strangers.append(TargetRow(symbol, scores.get(symbol), 0.0, *("0",) * 4, UNKNOWN, "no price yet"))
        else:
            assets[symbol] = known.of(instrument)
        yield
    found = plan(scores, assets, known.equity(), desk.config.targets)
    yield
    rows = plan_rows(found)
    yield
    sizes = tuple(
        OrderSize(
            row.symbol,
            plain(_most(desk, known, row, assets[row.symbol])),
            plain(assets[row.symbol].instrument.lot_size),
        )
        for row in found.trades
    )
    return ScoredPlan(
        version=version,
        ns=ns,
        scores=dict(scores),
        plan=TargetPlan((*strangers, *rows.rows), rows.turnover),
        sizes=sizes,
        follows=desk.targets is not None,
    )


def _most(desk: Desk, known: TargetAssets, row: Change, asset: Asset) -> Decimal:
    """The largest addition that one order may be of; 0: none may be."""
    if not row.addition:
        return Decimal(0)
    wanted = OrderRequest(
        client_order_id="",
        symbol=row.symbol,
        side=Side.BUY if row.addition > 0 else Side.SELL,
        type=OrderType.MARKET,
        quantity=abs(row.addition),
        purpose=Purpose.ENTRY,
        reduce_only=False,
        decision_ns=desk.now_ns,
        decision_price=0.0,
        reason="",
    )
    return known.allowed(wanted, asset) or Decimal(0)
