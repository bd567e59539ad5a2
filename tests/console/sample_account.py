"""The made-up desk's account, limits and judgement of a ticket."""

from __future__ import annotations

from engine.api.market_protocol import LatencyDetail, LatencyRow
from engine.api.trading_protocol import (
    AccountDetail,
    BalanceRow,
    DriftRow,
    EquityCurve,
    ExposureRow,
    LimitRow,
    OrderPreview,
    Performance,
    PerformanceRow,
    PnlRow,
    ReconciliationRow,
)
from engine.events import NS, Check, RiskChange, RiskState, Verdict
from tests.console.sample_desk import NOW_NS


def verdict(code: str = "", leg: str = "td-1") -> Verdict:
    """Approved, or denied by ``code``."""
    failed = Check(code or "MAX_ORDER_NOTIONAL", not code, "6.42 % of equity", "5 % of equity")
    checks = (Check("HALTED", True, "active", "active"), failed)
    detail = f"{failed.value}, limit {failed.limit}" if code else ""
    return Verdict(leg, "simulated:BTC-USD", not code, code, detail, checks, NOW_NS)


def preview(*codes: str) -> OrderPreview:
    """One verdict per leg; "" is approved."""
    verdicts = tuple(verdict(code) for code in codes or ("",))
    approved = all(one.approved for one in verdicts)
    return OrderPreview(
        quantity="0.05",
        price="64218.40",
        notional="3210.92",
        fee="3.21",
        position_after="0.0812",
        cash_after="92784.50",
        verdicts=verdicts,
        approved=approved,
        text="approved" if approved else "denied",
    )


def limits() -> tuple[LimitRow, ...]:
    def row(
        name: str,
        value: str,
        default: str,
        hard: str,
        unit: str,
        about: str,
        used: str = "",
        scope: str = "desk",
    ) -> LimitRow:
        return LimitRow(
            *(scope, name, value, default, hard, unit, about, used),
            looser="up",
            zero_is_none=name in ("max_order_quantity", "max_holding_s"),
        )

    equity = "% of equity"
    return (
        row("max_order_notional_pct", "5", "5", "> 0, <= 10", equity, "largest entry"),
        row("max_order_quantity", "0", "0", "> 0, <= 1000000, or 0", "units", "largest entry, base units"),
        row("max_position_pct", "15", "20", "> 0, <= 40", equity, "largest position in a symbol"),
        row("max_gross_pct", "100", "100", "> 0, <= 200", equity, "longs and shorts added up", "5.98"),
        row("max_net_pct", "60", "60", "> 0, <= 120", equity, "longs less shorts", "1.98"),
        row("max_open_orders", "2", "100", ">= 1, <= 200, whole", "orders", "open orders in all", "2"),
        row("price_collar_pct", "2", "2", "> 0, <= 4", "%", "farthest limit or trigger from the mid"),
        row("max_orders_per_s", "10", "10", "> 0, <= 20", "orders/s", "rate of orders"),
        row("daily_loss_reduce_pct", "3", "3", "> 0, <= 6", "%", "loss of the day: exits only", "2.1"),
        row("daily_loss_halt_pct", "5", "5", "> 0, <= 10", "%", "loss of the day that halts", "2.1"),
        row("max_position_pct", "4", "4", "> 0, <= 8", equity, "largest position", scope="strategy:trend"),
        row("stop_loss_pct", "0.5", "0.5", "> 0, <= 50", "%", "distance of the stop", scope="exits"),
        row("max_holding_s", "0", "0", ">= 0, <= 31536000", "s", "closed when older", scope="exits"),
    )


def account() -> AccountDetail:
    return AccountDetail(
        currency="USD",
        equity="100012.40",
        balances=(
            BalanceRow("USD", "96012.11", "1", "96012.11"),
            BalanceRow("EUR", "3700", "1.0812", "4000.44"),
            BalanceRow("JPY", "12000", "", ""),
        ),
        exposures=(
            ExposureRow("total", "", "3978.60", "2000.86", "5979.46", "1977.74", 5.98),
            ExposureRow("symbol", "simulated:BTC-USD", "2003.61", "0.00", "2003.61", "2003.61", 2.0),
            ExposureRow("symbol", "simulated:XRP-USD", "0.00", "2000.86", "2000.86", "-2000.86", 2.0),
            ExposureRow("strategy", "trend", "3978.60", "0.00", "3978.60", "3978.60", 3.98),
            ExposureRow("side", "long", "3978.60", "0.00", "3978.60", "3978.60", 3.98),
        ),
        pnl=(
            PnlRow("trend", "8.10", "-3.12", "2.40", "0.00", "2.58", 7, 0.4),
            PnlRow("manual", "0.00", "2.79", "0.60", "-0.12", "2.07", 1, None),
            PnlRow("", "8.10", "-0.33", "3.00", "-0.12", "4.65", 8, 0.35),
        ),
    )


def risk_changes() -> list[RiskChange]:
    """Newest first; the older of another day."""
    active, reducing, halted = RiskState.ACTIVE, RiskState.REDUCING, RiskState.HALTED
    return [
        RiskChange(active, reducing, "", "console", NOW_NS - 1500 * NS),
        RiskChange(reducing, active, "loss of the day 3.1 %", "risk", NOW_NS - 5000 * NS),
        RiskChange(halted, active, "HALT key", "console", NOW_NS - 3 * 86_400 * NS),
    ]


def performance() -> Performance:
    return Performance(
        ns=NOW_NS,
        since_ns=NOW_NS - 3600 * NS,
        rows=(
            PerformanceRow("", "desk", "4.65", 0.012, 1.42, 2.03, 0.8, 0.625, 1.87, 5.4, 0.6, 8),
            PerformanceRow("trend", "strategy", "2.58", 0.01, None, None, 0.5, 0.71, 2.1, 3.2, 0.4, 7),
            PerformanceRow("speed", "source", "-1.20", None, None, None, None, None, None, None, None, 0),
        ),
        notes=("of the equity curve's points: fewer than 20 days", "market impact is not modelled"),
    )


def curve() -> EquityCurve:
    """Up, down by a half per cent, up again."""
    rise = [100_000 + 10 * n for n in range(30)]
    fall = [rise[-1] - 25 * n for n in range(1, 21)]
    points = [*rise, *fall, *(fall[-1] + 20 * n for n in range(1, 31))]
    highs = [max(points[: n + 1]) for n in range(len(points))]
    return EquityCurve(
        ns=tuple(NOW_NS - (len(points) - n) * 30 * NS for n in range(len(points))),
        equity=tuple(float(point) for point in points),
        drawdown_pct=tuple((high - point) / high * 100 for high, point in zip(highs, points, strict=True)),
    )


def latency() -> LatencyDetail:
    """Two stages, one of them with a slow end."""
    bounds = (50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0)
    return LatencyDetail(
        NOW_NS,
        (
            LatencyRow(
                *("tick to order", "from the frame to the order that risk approved", 61),
                *(310.0, 720.0, 1_180.0, 12_400.0, bounds, (0, 4, 17, 25, 11, 3, 0, 1)),
            ),
            LatencyRow(
                *("features", "a block of ticks into features", 31_204),
                *(41.0, 66.0, 140.0, 2_130.0, bounds, (24_100, 6_600, 480, 20, 3, 1, 0, 0)),
            ),
        ),
    )


def reconciliation() -> tuple[ReconciliationRow, ...]:
    return (
        ReconciliationRow("paper", NOW_NS - 12 * NS, "", ()),
        ReconciliationRow(
            "alpaca",
            NOW_NS - 12 * NS,
            "",
            (DriftRow("position", "alpaca:AAPL", "12", "10", NOW_NS - 72 * NS),),
        ),
    )
