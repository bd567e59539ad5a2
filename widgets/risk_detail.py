"""The desk's risk as lines to read: its state, its limits, what was denied and why, what is exposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.api.protocol import OrderRow, StatusRow
from engine.api.trading_protocol import AccountDetail
from engine.events import RiskChange
from widgets import figures
from widgets.account import exposure_lines
from widgets.cells import Cell, fit
from widgets.codes import meaning
from widgets.gauges import ALARM, WARN, Gauge, gauge_lines
from widgets.lines import Line, section
from widgets.positions import of_prices
from widgets.symbol_names import short_name

_STATES = {"active": "badge-good", "reducing": "badge-warn", "halted": "badge-bad"}
_SENT = {
    "active": "entries are sent",
    "reducing": "exits only, no entries",
    "halted": "only stop-losses and what you ask for leave",
}
_RISK = "risk"
_CODE, _COUNT = 20, 7
MOST_DENIED = 8
"""Newest orders that were denied."""


def state_lines(status: StatusRow | None, *, stale: bool = False) -> list[Line]:
    """What the desk may do, and what holds it back; ``stale``: a price of what is held is."""
    if status is None:
        return [(("the state of the desk is not known yet", "muted"),)]
    state = status.risk_state
    lines: list[Line] = [
        (
            (f" {state.upper()} ", _STATES.get(state, "badge-warn")),
            (f"  {_SENT.get(state, '')}", "text"),
            (
                f"  {status.risk_reason}" if status.risk_reason else "",
                "warn" if state != "active" else "muted",
            ),
        ),
        (
            ("loss of the day ", "muted"),
            _fallen(status, status.daily_loss_pct, stale),
            (f", exits only from {-abs(status.daily_loss_limit_pct):z.2f} %", "muted"),
            ("  drawdown ", "muted"),
            _fallen(status, status.drawdown_pct, stale),
        ),
    ]
    if status.locked:
        names = ", ".join(short_name(symbol) for symbol in status.locked)
        lines.append((("! not entered for a while after stops: ", "warn"), (names, "text")))
    if status.stale_symbols:
        many = "symbol is" if status.stale_symbols == 1 else "symbols are"
        lines.append(((f"~ {status.stale_symbols} {many} stale: no entries there", "warn"),))
    if status.drifts:
        lines.append(((f"! the gateways and the desk disagree in {status.drifts}: P says where", "bad"),))
    return lines


def _fallen(status: StatusRow, percent: float, stale: bool) -> Cell:
    if not status.equity:
        return "unknown", "warn"
    return of_prices((f"{-abs(percent):z.2f} %", "text"), stale)


def limit_lines(found: Sequence[Gauge] | None, width: int) -> list[Line]:
    """Every limit that has a number, the nearest first."""
    note = f"nearest first; marked from {WARN:.0%}, ! from {ALARM:.0%}; L changes"
    lines = section("Distance to the limits", note)
    if found is None:
        return [*lines, (("not known yet", "muted"),)]
    return [*lines, *(gauge_lines(found, width) or [(("nothing is used of any limit", "muted"),)])]


def denial_lines(drops: Mapping[str, int], orders: Iterable[OrderRow], day: int = 0) -> list[Line]:
    """How often each check denied, what that means, and the newest orders that it hit. ``day``: today,
    ``figures.day_of``; 0: not known."""
    counts = {
        reason: count
        for code, count in drops.items()
        for stage, _, reason in [code.partition(":")]
        if stage == _RISK and count
    }
    lines = section("Denials", "since the engine started")
    if not counts:
        lines.append((("nothing was denied", "muted"),))
    for code, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        lines.append(
            (
                (fit(code, _CODE), "warn"),
                (fit(figures.compact(count), _COUNT, True), "text"),
                (f"  {meaning(code)}", "muted"),
            )
        )
    denied = sorted(
        (row for row in orders if row.state in ("denied", "rejected")),
        key=lambda row: (-row.created_ns, row.id),
    )
    if denied:
        lines += section("Denied last")
    lines += [_denied(row, day) for row in denied[:MOST_DENIED]]
    return lines


def _denied(row: OrderRow, day: int) -> Line:
    return (
        (f"{figures.on_day(row.created_ns, day)}  ", "muted"),
        (f"{row.side} {figures.amount(row.quantity)} {short_name(row.symbol)}", "text"),
        (f"  {row.reason}", "warn"),
    )


def exposed_lines(account: AccountDetail | None, width: int) -> list[Line]:
    if account is None:
        return [*section("Exposure"), (("not known yet", "muted"),)]
    return exposure_lines(account, width)


def change_lines(changes: Sequence[RiskChange] | None) -> list[Line]:
    """As they come, the newest first; None: not known yet."""
    lines = section("Changes of the risk state", "UTC, newest first, of earlier runs too")
    if changes is None:
        return [*lines, (("not known yet", "muted"),)]
    if not changes:
        return [*lines, (("it never was another", "muted"),)]
    return lines + [
        (
            (f"{figures.moment(change.ns)}:{figures.clock(change.ns)[-2:]}  ", "muted"),
            (f"{change.previous.upper()} → {change.state.upper()}", "bold"),
            (f"  {change.reason}" if change.reason else "", "text"),
            (f"  by {change.who}" if change.who else "", "muted"),
        )
        for change in changes
    ]
