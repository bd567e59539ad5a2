"""Limits as rows for clients, with how much of them is used where one number of the desk says it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from msgspec import inspect

from engine.api.trading_protocol import LimitRow
from engine.config import ExitsConfig
from engine.risk.limit_kinds import shown
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
        )
        for row in desk.trading.gate.book.rows()
    ]
    return (*rows, *_exit_rows(desk))


def _used(desk: Desk) -> dict[str, str]:
    ledger, now = desk.trading.ledger, desk.now_ns
    equity, day_pnl, drawdown, gross, net = ledger.standing(now)
    used = {"max_open_orders": str(desk.trading.work.count())}
    if equity is not None and equity > 0:
        used["max_gross_pct"] = _percent(gross, equity)
        used["max_net_pct"] = _percent(abs(net), equity)
    if drawdown is not None:
        used["max_drawdown_pct"] = f"{drawdown:.2f}"
    start = ledger.day_start_equity
    if day_pnl is not None and start:
        loss = _percent(max(-day_pnl, Decimal(0)), start)
        used["daily_loss_reduce_pct"] = used["daily_loss_halt_pct"] = loss
    return used


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
            hard=_RANGES[name],
            unit="s" if name.endswith("_s") else "%",
            about=_ABOUT[name],
        )
        for name in exit_limits.SETTABLE
    ]


def _range(kind: inspect.Type) -> str:
    """What the configuration takes: ``> 0, <= 100``."""
    bounds = ((">", "gt"), (">=", "ge"), ("<", "lt"), ("<=", "le"))
    found = [(sign, getattr(kind, name, None)) for sign, name in bounds]
    return ", ".join(f"{sign} {bound:g}" for sign, bound in found if bound is not None)


_FIELDS = cast(inspect.StructType, inspect.type_info(ExitsConfig)).fields
_RANGES = {field.name: _range(field.type) for field in _FIELDS}
_ABOUT = {
    "stop_loss_pct": "distance of the stop from the average entry price",
    "take_profit_pct": "distance of the target from the average entry price",
    "trailing_stop_pct": "distance of a stop that follows the best price since the entry; 0: none",
    "max_holding_s": "a position older than this is closed; 0: never",
}
