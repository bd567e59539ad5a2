"""Metrics of trading: orders, fills, account and trading state. Money is in the account's currency."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderState, RiskState
from engine.ops.exposition import Page
from engine.wiring.desk import Desk


class OrderMetrics:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, page: Page) -> None:
        trading = self._desk.trading
        counts = trading.blotter.counts
        page.gauges(
            "tickdesk_orders",
            "Orders of the journal by state.",
            ("state",),
            [((state.value,), counts[state]) for state in OrderState],
        )
        page.gauge("tickdesk_orders_open", "Orders that are not done.", trading.blotter.open_count)
        page.counter("tickdesk_orders_sent_total", "Orders sent since the start.", trading.orders)
        page.counter("tickdesk_fills_total", "Fills booked since the start.", trading.fills)
        page.gauges(
            "tickdesk_risk_state",
            "1 for the trading state that the desk is in.",
            ("state",),
            [((state.value,), int(trading.gate.state is state)) for state in RiskState],
        )


class AccountMetrics:
    """P&L and equity are gauges alone: they fall too, and a person may correct them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, page: Page) -> None:
        ledger = self._desk.trading.ledger
        equity, day_pnl, drawdown, gross, net = ledger.standing(self._desk.now_ns)
        page.gauges(
            "tickdesk_account_info", "The account's currency.", ("currency",), [((ledger.currency,), 1)]
        )
        for name, about, money in (
            ("equity", "Cash and positions at their marks; absent while a rate is unknown.", equity),
            ("cash", "Cash of all currencies.", ledger.cash),
            ("day_pnl", "Profit and loss of the UTC day.", day_pnl),
            ("realized_pnl", "Realized since the account began, before fees.", ledger.realized),
            ("unrealized_pnl", "Of open positions, at their marks.", ledger.unrealized()),
            ("fees", "Fees paid since the account began.", ledger.fees),
            ("exposure_gross", "Positions' absolute values added up.", gross),
            ("exposure_net", "Longs less shorts.", net),
        ):
            page.gauge(f"tickdesk_{name}", f"{about} In the account's currency.", _float(money))
        page.gauge(
            "tickdesk_drawdown_ratio",
            "Equity below its peak, as a share of it.",
            None if drawdown is None else drawdown / 100.0,
        )
        page.gauge("tickdesk_positions", "Open positions.", len(ledger.positions()))


def _float(money: Decimal | None) -> float | None:
    return None if money is None else float(money)
