"""How good the market data is, as lines to read: venues and sources, symbols by kind, what was set aside."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.protocol import FeedRow, QuarantineRow, SymbolDataRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.status import FEED_MARKS, STALE_S
from widgets.text_table import table_lines

_FEEDS = (
    Column("venue", "feed", 12, 0, grow=6),
    Column("state", "state", 12, 0),
    Column("age", "age", 4, 0, right=True),
    Column("latency", "lat ms", 6, 1, right=True),
    Column("p99", "p99 ms", 6, 3, right=True),
    Column("offset", "clock ms", 9, 2, right=True),
    Column("gaps", "gaps", 5, 0, right=True),
    Column("backfilled", "backf.", 6, 5, right=True),
    Column("malformed", "malf.", 5, 2, right=True),
    Column("duplicates", "dupl.", 6, 6, right=True),
    Column("reordered", "reord.", 6, 7, right=True),
    Column("reconnects", "reconn", 6, 1, right=True),
    Column("handovers", "hand", 4, 8, right=True),
    Column("books", "books", 9, 1, right=True),
    Column("resyncs", "resync", 6, 4, right=True),
    Column("messages", "msgs", 6, 6, right=True),
)
_SYMBOLS = (
    Column("symbol", "symbol", 17, 0, whole=26),
    Column("trade", "trade", 5, 0, right=True),
    Column("quote", "quote", 5, 0, right=True),
    Column("book", "book", 5, 0, right=True),
    Column("bar", "bar", 4, 2, right=True),
    Column("imbalance", "imbal.", 6, 1, right=True),
    Column("gaps", "gaps", 4, 2, right=True),
    Column("note", "", 12, 0, grow=FILL),
)
_QUARANTINE = (
    Column("time", "time", 8, 0),
    Column("symbol", "symbol", 14, 0, grow=6, whole=24),
    Column("reason", "reason", 12, 0),
    Column("kind", "what", 5, 1),
    Column("unkept", "+", 6, 2, right=True),
    Column("content", "", 20, 0, grow=FILL),
)


def feed_lines(
    feeds: Sequence[FeedRow], width: int, loading: str = "", stale_s: float = STALE_S
) -> list[Line]:
    """A row per venue and source, the market's first, and below it what each has to say."""
    told = sorted(feeds, key=lambda feed: (not feed.market, feed.venue))
    lines = section("Feeds", "latency: above the fastest of late; clock: ours less theirs")
    if loading:
        lines.append(((f"◌ {loading}", "accent"),))
    if not told:
        return [*lines, (("none is watched", "muted"),)]
    lines += table_lines(_FEEDS, [_feed(feed, stale_s) for feed in told], width)
    for feed in told:
        words = [feed.detail] if feed.detail else []
        if feed.clock_off:
            words.insert(0, f"{figures.clocks_off(feed.clock_offset_ms or 0.0)}: entries denied")
        words += ["best effort: what is missing cannot be noticed"] if feed.best_effort else []
        if words:
            style = "muted" if feed.state in ("up", "ended") and not feed.clock_off else "warn"
            lines.append(((f"· {feed.venue}: ", "muted"), ("; ".join(words), style)))
    return lines


def _feed(feed: FeedRow, stale_s: float) -> list[Cell]:
    late = feed.is_late(stale_s)
    mark, style = FEED_MARKS.get("stale" if late else feed.state, ("✗", "bad"))
    ink = "text" if feed.state == "up" and not late else "stale"
    broken = feed.books_broken > 0
    books = f"{feed.books}" + (f" !{feed.books_broken}" if broken else "")
    return [
        (feed.venue + ("*" if feed.best_effort else ""), "bold" if ink == "text" else "stale"),
        (f"{mark} {'late' if late else feed.state}", style),
        (_age(None if feed.state == "ended" else feed.age_ms), ink if not late else "warn"),
        (_latency(feed.latency_ms, 1), ink),
        (_latency(feed.latency_p99_ms, 0), ink),
        (figures.millis(feed.clock_offset_ms, 1, sign=True), "bad" if feed.clock_off else ink),
        _count(feed.gaps, "warn", ink),
        _count(feed.backfilled, ink, ink),
        _count(feed.malformed, "warn", ink),
        _count(feed.duplicates, ink, ink),
        _count(feed.reordered, ink, ink),
        _count(feed.reconnects, "warn", ink),
        _count(feed.handovers, ink, ink),
        (books if feed.books or broken else figures.UNKNOWN, "bad" if broken else ink),
        _count(feed.resyncs, "warn", ink),
        (figures.compact(feed.messages), "muted"),
    ]


def _latency(ms: float | None, decimals: int) -> str:
    return figures.millis(ms, decimals if ms is not None and ms < 1_000 else 0)


def _count(count: int, style: str, quiet: str) -> Cell:
    return (figures.compact(count), style) if count else ("0", "muted" if quiet == "text" else quiet)


def symbol_data_lines(rows: Sequence[SymbolDataRow] | None, width: int) -> list[Line]:
    """A row per symbol: how old each kind of its data is, and what is wrong with it, the stale ones first."""
    lines = section("Symbols", "age by kind; ~ what is stale denies entries")
    if rows is None:
        return [*lines, (("not known yet", "muted"),)]
    if not rows:
        return [*lines, (("there are none yet", "muted"),)]
    worst = sorted(rows, key=lambda row: (not row.stale_reason, not row.gapped, row.symbol))
    return lines + table_lines(_SYMBOLS, [_symbol(row) for row in worst], width)


def _symbol(row: SymbolDataRow) -> list[Cell]:
    stale = bool(row.stale_reason)
    ink = "stale" if stale else "text"
    return [
        (("~" if stale else "") + row.symbol, "stale" if stale else "bold"),
        (_age(row.trade_age_ms), "warn" if row.trade_old and not stale else ink),
        (_age(row.quote_age_ms), ink),
        ("wrong" if row.book_fault else _age(row.book_age_ms), _book_style(row, ink)),
        (_age(row.candle_age_ms), ink),
        (figures.signed(row.imbalance), "stale" if stale else figures.direction(row.imbalance)),
        _count(row.gaps, "warn", ink),
        _note(row),
    ]


def _book_style(row: SymbolDataRow, ink: str) -> str:
    return "bad" if row.book_fault else "warn" if row.book_old else ink


def _note(row: SymbolDataRow) -> Cell:
    notes = [row.stale_reason]
    if row.book_fault and row.book_fault != row.stale_reason:
        notes.append(row.book_fault)
    if row.gapped:
        notes.append("gap: trades are missing in its windows")
    told = "; ".join(note for note in notes if note)
    return (told, "warn") if told else ("", "muted")


def _age(age_ms: float | None) -> str:
    return figures.age(None if age_ms is None else age_ms * 1e6)


def quarantine_lines(rows: Sequence[QuarantineRow] | None, width: int, day: int = 0) -> list[Line]:
    """What was not believed, newest first. ``day``: today, ``figures.day_of``; 0: not known."""
    lines = section("Set aside", "not believed, and why; tickdesk quarantine lists all")
    if rows is None:
        return [*lines, (("not known yet", "muted"),)]
    if not rows:
        return [*lines, (("nothing so far", "muted"),)]
    cells: list[list[Cell]] = [
        [
            (figures.on_day(row.ns, day), "muted"),
            (row.symbol, "bold"),
            (row.reason, "warn"),
            (row.kind, "muted"),
            (f"+{figures.compact(row.unkept)}" if row.unkept else "", "muted"),
            (row.content, "text"),
        ]
        for row in rows
    ]
    return lines + table_lines(_QUARANTINE, cells, width)
