"""Limits as rows for clients, with how much of them is used where one number of the desk says it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.api.trading_protocol import LimitRow
from engine.portfolio.ledger import Ledger
from engine.risk.limit_kinds import KINDS, shown
from engine.risk.limits import DESK
from engine.wiring import exit_limits

if TYPE_CHECKING:
    from engine.wiring.desk import Desk


def limit_rows(desk: Desk) -> tuple[LimitRow, ...]:
    """The desk's limits, those of single strategies and symbols, and the exits."""
    used = _used(desk)
    rows = [
        LimitRow(
            scope=row.scope,
            name=row.name,
            value=shown(row.value),
            default="" if row.default is None else shown(row.default),
            hard=row.hard,
            unit=row.unit,
            about=row.about,
            used=used.get(row.name, "") if row.scope == DESK else "",
            looser="up" if KINDS[row.name].looser_up else "down",
            zero_is_none=KINDS[row.name].zero_is_none,
        )
        for row in desk.trading.gate.book.rows()
    ]
    return (*rows, *_exit_rows(desk))


def _used(desk: Desk) -> dict[str, str]:
    ledger, now = desk.trading.ledger, desk.now_ns
    equity, _, drawdown, *_ = ledger.standing(now)
    gross, net = desk.trading.exposure()
    used = {"max_open_orders": str(desk.trading.work.count())}
    if equity is not None and equity > 0 and gross.is_finite():
        used["max_gross_pct"] = _percent(gross, equity)
        used["max_net_pct"] = _percent(abs(net), equity)
    if drawdown is not None:
        used["max_drawdown_pct"] = f"{drawdown:.2f}"
    lost = day_loss_pct(ledger, now)
    if lost is not None:
        used["daily_loss_reduce_pct"] = used["daily_loss_halt_pct"] = f"{lost:.2f}"
    return used


def day_loss_pct(ledger: Ledger, now_ns: int) -> float | None:
    """What the limits on the day's loss judge, percent: the loss since the day began, or the fall from its
    highest equity, whichever is more. None while unknown."""
    day_pnl, start = ledger.day_pnl(now_ns), ledger.day_start_equity
    if day_pnl is None or not start:
        return None
    high = ledger.day_high(now_ns) or start
    return float(max(-day_pnl / start, (high - start - day_pnl) / high, Decimal(0)) * 100)


def _percent(amount: Decimal, whole: Decimal) -> str:
    return f"{float(amount / whole * 100):.2f}"


def _exit_rows(desk: Desk) -> list[LimitRow]:
    exits, configured = desk.trading.watch.limits, desk.config.exits
    return [
        LimitRow(
            scope=exit_limits.SCOPE,
            name=name,
            value=f"{exits.value(exit_limits.SCOPE, name):g}",
            default=f"{getattr(configured, name):g}",
            hard=exits.hard_text(name),
            unit=exit_limits.KINDS[name].unit,
            about=exit_limits.KINDS[name].about,
            looser="up" if exit_limits.KINDS[name].looser_up else "down",
            zero_is_none=exit_limits.KINDS[name].zero_is_none,
        )
        for name in exit_limits.SETTABLE
    ]
