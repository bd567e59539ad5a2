"""The status bar: paper or live, trading or not, fresh or stale, winning or losing, at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.api.protocol import FeedRow, ModelRow, StatusRow
from widgets import figures
from widgets.cells import width_of
from widgets.lines import FixedLines, Line, join_items
from widgets.positions import signed_money

RISK_BADGES = {
    "active": ("badge-good", " ACTIVE "),
    "reducing": ("badge-warn", " REDUCING "),
    "halted": ("badge-bad", " HALTED "),
}
_FEED_ORDER = ("down", "connecting", "stale", "polling", "up")
"""Worst first."""
_FEED_MARKS = {
    "up": ("●", "good"),
    "polling": ("◐", "warn"),
    "stale": ("~", "warn"),
    "connecting": ("◌", "warn"),
    "down": ("✗", "bad"),
}


class StatusView(NamedTuple):
    """What the bar is drawn from."""

    status: StatusRow | None
    feeds: Sequence[FeedRow]
    models: Sequence[ModelRow]
    link: str
    """``"up"``, or why there is no link; one word or two."""
    traffic: str = ""
    """Of the line to the engine and to the terminal."""


class StatusBar(FixedLines):
    """One row of items, or two where one is too narrow; items fall by priority."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = StatusView(None, (), (), "connecting")

    def show(self, view: StatusView) -> int:
        self._view = view
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        first, second = status_items(self._view)
        blank: Line = ((" ", "text"),)
        if height < 2:
            return (blank + _clock_right(join_items([*first, *second], width - 2), width - 2),)
        return (
            blank + join_items(first, width - 2),
            blank + _clock_right(join_items(second, width - 2), width - 2),
        )


def status_items(view: StatusView) -> tuple[list[tuple[int, Line]], list[tuple[int, Line]]]:
    """(priority, cells) of the first and of the second row."""
    status = view.status
    if status is None:
        return [(0, _link(view.link))], []
    lost = view.link != "up"
    risk_style, risk = RISK_BADGES.get(status.risk_state, ("badge-warn", f" {status.risk_state.upper()} "))
    mode_style = "badge" if status.mode == "PAPER" else "badge-warn"
    reason = (
        ((f" {status.risk_reason}", "warn"),) if status.risk_reason and status.risk_state != "active" else ()
    )
    phase: Line = ()
    if status.phase != "running":
        phase = ((" ".join(part for part in (status.phase, status.phase_detail) if part), "accent"),)
    first: list[tuple[int, Line]] = [
        (0, ((f" {status.mode} ", mode_style), (risk, risk_style), *reason)),
        (0, _link(view.link) if lost else _feeds(view.feeds)),
        (1, (("day ", "muted"), signed_money(status.day_pnl, lost))),
        (2, _drawdown(status)),
        (3, phase),
        (7, (("equity ", "muted"), (f"{figures.money(status.equity)} {status.account_currency}", "text"))),
    ]
    stale: Line = ((f"~{status.stale_symbols} stale", "warn"),) if status.stale_symbols else ()
    second: list[tuple[int, Line]] = [
        (4, (("tick→order p99 ", "muted"), (figures.micros(status.latency_p99_us), "text"))),
        (3, stale),
        (5, _model(view.models, status.engine_ns)),
        (6, ((f"{figures.compact(status.ticks_per_s)} ticks/s", "muted"),)),
        (3, ((f"tape {status.tape}", "accent"),) if status.tape else ()),
        (8, ((view.traffic, "muted"),) if view.traffic else ()),
        (1, ((figures.clock(status.engine_ns) + "Z", "stale" if lost else "bold"),)),
    ]
    return first, second


def _clock_right(line: Line, width: int) -> Line:
    """The last item (the clock) at the right edge."""
    if len(line) < 3:
        return line
    return (*line[:-2], (" " * max(0, width - width_of((*line[:-2], line[-1]))), "text"), line[-1])


def _link(link: str) -> Line:
    return ((f" LINK {link.upper()} ", "badge-warn" if link == "connecting" else "badge-bad"),)


def _feeds(feeds: Sequence[FeedRow]) -> Line:
    """The worst feed speaks for all; its name is shown when it is not up."""
    if not feeds:
        return (("FEED ", "muted"), ("◌ none", "warn"))
    rank = {state: index for index, state in enumerate(_FEED_ORDER)}
    worst = min(feeds, key=lambda feed: (rank.get(feed.state, 0), feed.venue))
    mark, style = _FEED_MARKS.get(worst.state, ("✗", "bad"))
    if worst.state == "up":
        ages = [feed.age_ms for feed in feeds if feed.age_ms is not None]
        age = figures.age(max(ages) * 1e6) if ages else figures.UNKNOWN
        return (("FEED ", "muted"), (f"{mark} ", style), (age, "text"))
    up = sum(feed.state == "up" for feed in feeds)
    return (
        ("FEED ", "muted"),
        (f"{mark} {worst.venue} {worst.state}", style),
        (f" {up}/{len(feeds)} up" if len(feeds) > 1 else "", "muted"),
    )


def _drawdown(status: StatusRow) -> Line:
    """Drawdown from the day's high, and today's loss against the limit that stops entries."""
    limit = status.daily_loss_limit_pct
    used = status.daily_loss_pct / limit if limit else 0.0
    style = "bad" if used >= 1 else "warn" if used >= 0.6 else "text"
    return (
        ("DD ", "muted"),
        (f"{-abs(status.drawdown_pct) + 0.0:.1f}%", "text"),
        (" loss ", "muted"),
        (f"{-abs(status.daily_loss_pct) + 0.0:.1f}/{-abs(limit):.1f}%", style),
    )


def _model(models: Sequence[ModelRow], now_ns: int) -> Line:
    if not models:
        return ()
    model = models[0]
    if not model.version:
        return (("model ", "muted"), ("none", "warn"))
    age = figures.age(now_ns - model.created_ns) if model.created_ns else figures.UNKNOWN
    bad: Line = ((" ! kept: reload failed", "bad"),) if model.error else ()
    return (("model ", "muted"), (model.version, "text"), (f" {age}", "muted"), *bad)
