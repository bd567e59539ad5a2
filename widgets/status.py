"""The status bar: paper or live, trading or not, fresh or stale, winning or losing, at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.api.protocol import FeedRow, ModelRow, StatusRow
from widgets import figures
from widgets.cells import Cell, fit, printable, width_of
from widgets.lines import FixedLines, Line, faded, join_items
from widgets.models import FEW
from widgets.playback import badge as playback_badge
from widgets.positions import of_prices, signed_money

RISK_BADGES = {
    "active": ("badge-good", " ACTIVE "),
    "reducing": ("badge-warn", " REDUCING "),
    "halted": ("badge-bad", " HALTED "),
}
_FEED_ORDER = ("down", "connecting", "stale", "polling", "up", "ended")
"""Worst first."""
FEED_MARKS = {
    "up": ("●", "good"),
    "polling": ("◐", "warn"),
    "stale": ("~", "warn"),
    "connecting": ("◌", "warn"),
    "down": ("✗", "bad"),
    "ended": ("■", "muted"),
}
STALE_S = 3.0
"""When a feed counts as late, unless the desk's configuration says otherwise."""
WARMING = ("starting", "warming up")
"""Phases before the desk runs: then nothing is late yet."""
_UNKNOWN: Cell = ("unknown", "warn")
_SEPARATOR: Cell = (" │ ", "muted")
_LEAST_REASON = 12
"""Fewer cells of a reason say nothing."""
_VENUE = 12
_MOST_BUS = 40
_VERSION = 8
"""A version is recognised by its first characters."""


class StatusView(NamedTuple):
    """What the bar is drawn from."""

    status: StatusRow | None
    feeds: Sequence[FeedRow]
    models: Sequence[ModelRow]
    link: str
    """``"up"``, or why there is no link; one word or two."""
    traffic: str = ""
    """Of the line to the engine and to the terminal."""
    silent_s: int = 0
    """How long the engine has sent nothing; 0 while it sends as it should."""
    stale_s: float = STALE_S
    """A feed whose last datum is older is not fresh, whatever its state says."""
    control: tuple[str, str] = ("", "")
    """What this console may not do, in a word or two, and who controls; "" where there is nothing to say."""
    alerts: int = 0
    """That came, until somebody has seen them."""
    worth_stale: bool = False
    """A position's price is stale, and with it what the account is worth."""


class StatusItems(NamedTuple):
    """(priority, cells) of the first and of the second row; the reason and the clock stand apart."""

    first: list[tuple[int, Line]]
    second: list[tuple[int, Line]]
    reason: Cell | None = None
    clock: Line = ()


class StatusBar(FixedLines):
    """One row of items, or two where one is too narrow; items fall by priority.

    The mode, the risk badge, the feed or the link, and a drift never fall. The reason of a halt gets what is
    left.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = StatusView(None, (), (), "connecting")

    def show(self, view: StatusView) -> int:
        self._view = view
        return self.update_lines()

    @property
    def reason_is_whole(self) -> bool:
        """Whether the reason of the risk state can be read here to its end."""
        status = self._view.status
        if status is None or not status.risk_reason or status.risk_state == "active":
            return True
        return any(printable(status.risk_reason) == text for line in self._drawn for text, _ in line)

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        items = status_items(self._view)
        if height < 2:
            return (_row([*items.first, *items.second], items.reason, items.clock, width),)
        return (
            _row(items.first, items.reason, (), width),
            _row(items.second, None, items.clock, width),
        )


def status_items(view: StatusView) -> StatusItems:
    status = view.status
    badge, who = view.control
    watches: Line = ((f" {badge} ", "badge-warn"),) if badge else ()
    if status is None:
        return StatusItems([(0, _link(view.link)), (0, watches)], [])
    lost = view.link != "up"
    past = lost or bool(view.silent_s)
    played = (
        f"{status.mode} {playback_badge(status.playback)}" if status.playback is not None else status.mode
    )
    mode: Line = ((f" {played} ", "badge" if status.mode == "PAPER" else "badge-warn"),)
    phase: Line = ()
    if status.phase != "running":
        phase = ((" ".join(part for part in (status.phase, status.phase_detail) if part), "accent"),)
    warming = status.phase in WARMING
    stale: Line = ()
    if status.stale_symbols and not warming:
        stale = ((f"~{status.stale_symbols} stale", "warn"),)
    rest: list[tuple[int, Line]] = [
        (0, _drift(status)),
        (0, ((f" ! {view.alerts} ", "badge-warn"),) if view.alerts else ()),
        (1, (("day ", "muted"), _day(status, past or view.worth_stale))),
        (2, _drawdown(status, view.worth_stale)),
        (3, phase),
        (7, (("equity ", "muted"), of_prices(_equity(status), view.worth_stale))),
    ]
    reason = (status.risk_reason, "warn") if status.risk_reason and status.risk_state != "active" else None
    second: list[tuple[int, Line]] = [
        (0, watches),
        (1, ((who, "warn"),) if badge and who else ()),
        (7, ((who, "muted"),) if who and not badge else ()),
        (4, (("tick→order p99 ", "muted"), (figures.micros(status.latency_p99_us), "text"))),
        (3, stale),
        (4, _locked(status)),
        (5, _model(view.models, status.engine_ns)),
        (2 if status.recording == "failed" else 6, _recording(status)),
        (6, _model_live(view.models) if reason is None else ()),
        (6, ((status.gateway, "muted"),) if status.gateway else ()),
        (5 if status.bus_ok else 1, _bus(status)),
        (6, ((f"{figures.compact(status.ticks_per_s)} ticks/s", "muted"),)),
        # Where its playback is told, it has a line of its own.
        (3, ((f"tape {status.tape}", "accent"),) if status.tape and status.playback is None else ()),
        (3, ((status.loading, "accent"),) if status.loading else ()),
        # Why the desk does not trade matters more than the line's load.
        (8, ((view.traffic, "muted"),) if view.traffic and reason is None else ()),
    ]
    clock: Line = ((figures.clock(status.engine_ns) + "Z", "bold"),)
    if past:
        # Nothing of this is known any more but that the link is away, or that nothing comes.
        why = _link(view.link) if lost else _silence(view.silent_s)
        first = [(0, (*mode, *_risk(status, past))), (0, why), *_stale_items(rest)]
        return StatusItems(first, _stale_items(second), reason and (reason[0], "stale"), faded(clock))
    feed = _warm_up(status) if warming else _feeds(view)
    return StatusItems([(0, (*mode, *_risk(status, past))), (0, feed), *rest], second, reason, clock)


def _drift(status: StatusRow) -> Line:
    """The desk and a gateway disagree: never overlooked, explained with the account."""
    return ((f" DRIFT {status.drifts}, P ", "badge-bad"),) if status.drifts else ()


def _day(status: StatusRow, stale: bool) -> Cell:
    return signed_money(status.day_pnl, stale) if status.day_pnl else _UNKNOWN


def _equity(status: StatusRow) -> Cell:
    """Unknown where a position has no price, or a currency no rate."""
    return (
        (f"{figures.money(status.equity)} {status.account_currency}", "text") if status.equity else _UNKNOWN
    )


def _recording(status: StatusRow) -> Line:
    """Whether what arrives is written to a tape."""
    if not status.recording:
        return ()
    return (("● REC", "good"),) if status.recording == "on" else (("✗ REC ended", "bad"),)


def _bus(status: StatusRow) -> Line:
    """Of a desk of several workers."""
    if not status.bus:
        return ()
    if status.bus_ok:
        return (("BUS ", "muted"), ("● ", "good"), (printable(status.bus), "muted"))
    return ((f"BUS ✗ {fit(status.bus, _MOST_BUS).rstrip()}", "bad"),)


def _locked(status: StatusRow) -> Line:
    return ((f"{len(status.locked)} locked after stops", "warn"),) if status.locked else ()


def _risk(status: StatusRow, lost: bool) -> Line:
    style, label = RISK_BADGES.get(status.risk_state, ("badge-warn", f" {status.risk_state.upper()} "))
    return ((f"{label.rstrip()}? ", "stale"),) if lost else ((label, style),)


def _stale_items(items: Sequence[tuple[int, Line]]) -> list[tuple[int, Line]]:
    return [(priority, faded(line)) for priority, line in items]


def _row(items: Sequence[tuple[int, Line]], reason: Cell | None, clock: Line, width: int) -> Line:
    """The items, the reason cut to what they leave, and the clock at the right edge."""
    room = width - 2
    if clock:
        room -= width_of(clock) + 1
    line = join_items(items, max(room, 1))
    left = room - width_of(line) - width_of([_SEPARATOR])
    if reason is not None and left >= min(_LEAST_REASON, width_of([reason])):
        text, style = printable(reason[0]), reason[1]
        line = (*line, _SEPARATOR, (text if width_of([reason]) <= left else fit(text, left), style))
    if not clock:
        return ((" ", "text"), *line)
    return ((" ", "text"), *line, (" " * max(1, room + 1 - width_of(line)), "text"), *clock)


def _link(link: str) -> Line:
    return ((f" LINK {link.upper()} ", "badge-warn" if link == "connecting" else "badge-bad"),)


def _silence(seconds: int) -> Line:
    return ((f" no frame for {seconds} s ", "badge-warn"),)


def _warm_up(status: StatusRow) -> Line:
    """Before the desk runs, no feed can be late."""
    return (("FEED ", "muted"), (f"◌ {status.phase}", "accent"))


def _feeds(view: StatusView) -> Line:
    """The worst feed speaks for all; its name is shown when it is not up, or up and late."""
    # What is watched beside the market speaks only where no venue is connected to.
    feeds = [feed for feed in view.feeds if feed.market] or view.feeds
    if not feeds:
        return (("FEED ", "muted"), ("◌ none", "warn"))

    def state(feed: FeedRow) -> str:
        doubtful = feed.is_late(view.stale_s) or (feed.clock_off and feed.state == "up")
        return "stale" if doubtful else feed.state

    rank = {name: index for index, name in enumerate(_FEED_ORDER)}
    worst = min(feeds, key=lambda feed: (rank.get(state(feed), 0), -(feed.age_ms or 0.0), feed.venue))
    mark, style = FEED_MARKS.get(state(worst), ("✗", "bad"))
    up = sum(state(feed) == "up" for feed in feeds)
    if up == len(feeds):
        ages = [feed.age_ms for feed in feeds if feed.age_ms is not None]
        age = figures.age(max(ages) * 1e6) if ages else figures.UNKNOWN
        delays = [feed.latency_ms for feed in feeds if feed.latency_ms is not None]
        delay = f" {figures.millis(max(delays))}ms" if delays else ""
        return (("FEED ", "muted"), (f"{mark} ", style), (age, "text"), (delay, "muted"))
    what = worst.state
    if worst.is_late(view.stale_s):
        what = f"late {figures.age((worst.age_ms or 0.0) * 1e6)}"
    elif worst.state == "up":
        what = figures.clocks_off(worst.clock_offset_ms or 0.0)
    return (
        ("FEED ", "muted"),
        (f"{mark} {_venue(worst.venue)} {what}", style),
        (f" {up}/{len(feeds)} up" if len(feeds) > 1 else "", "muted"),
    )


def _venue(venue: str) -> str:
    """A venue's name, cut where it would push the rest away."""
    venue = printable(venue)
    return venue if width_of([(venue, "text")]) <= _VENUE else fit(venue, _VENUE)


def _drawdown(status: StatusRow, stale: bool) -> Line:
    """Drawdown from the account's high, and today's loss against the limit that stops entries."""
    limit = status.daily_loss_limit_pct
    used = status.daily_loss_pct / limit if limit else 0.0
    style = "bad" if used >= 1 else "warn" if used >= 0.6 else "text"
    if not status.equity:
        return ("DD ", "muted"), _UNKNOWN
    return (
        ("DD ", "muted"),
        of_prices((f"{-abs(status.drawdown_pct):z.1f}%", "text"), stale),
        (" loss ", "muted"),
        of_prices((f"{-abs(status.daily_loss_pct):z.1f}/{-abs(limit):z.1f}%", style), stale),
    )


def _model(models: Sequence[ModelRow], now_ns: int) -> Line:
    if not models:
        return ()
    model = models[0]
    told: Line = ()
    if model.error:
        told = ((f" ! {'reload failed' if model.version else 'not loaded'}, M", "bad"),)
    elif model.trouble:
        told = ((" ! trouble, M", "bad"),)
    elif model.rollback:
        told = ((" ! rolled back, M", "warn"),)
    if not model.version:
        loading = model.status == "loading" and not told
        return (("model ", "muted"), ("loading", "accent") if loading else ("none", "warn"), *told)
    age = figures.age(now_ns - model.created_ns) if model.created_ns else figures.UNKNOWN
    return (("model ", "muted"), (model.version[:_VERSION], "text"), (f" {age}", "muted"), *told)


def _model_live(models: Sequence[ModelRow]) -> Line:
    """How it does here, and what runs beside it."""
    if not models or not models[0].version:
        return ()
    model = models[0]
    cells: list[Cell] = []
    if model.live_steps and model.live_rank_ic is not None:
        few = model.live_independent < FEW
        style = "muted" if few else figures.direction(model.live_rank_ic, 3)
        cells += [("live IC ", "muted"), (figures.signed(model.live_rank_ic, 3), style)]
        count = f"{figures.compact(model.live_steps)}≈{max(model.live_independent, 1):.0f}"
        cells.append((f" n {count}{' few' if few else ''}", "muted"))
    if model.shadow:
        cells.append((f"{' ' if cells else ''}◐ {model.shadow[:_VERSION]}", "accent"))
    return tuple(cells)
