"""The book as a ladder: asks above, bids below, the spread in the middle, our orders at their prices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from engine.api.market_protocol import MarketFrame
from engine.events import NS
from widgets import figures
from widgets.cells import Cell, fit, width_of
from widgets.lines import Line, faded
from widgets.market.part import MarketPart, blank_lines, exact
from widgets.market.prices import decimals_of, price_text, size_text
from widgets.market.surroundings import Mark, Surroundings

WITH_TOTALS = 40
"""Columns from which on the cumulated size is written, not only drawn."""
MOST_LEVELS = 500
_PRICE = 12
_LETTERS = {"A": "down", "B": "up"}


class Level(NamedTuple):
    side: str
    """``A`` or ``B``."""
    price: float
    size: float | None
    """None: nothing of the book stands there, only orders of ours."""
    total: float
    """Of this level and all better ones."""
    marks: str
    """Our orders here."""


class Book(NamedTuple):
    asks: list[Level]
    """Best first."""
    bids: list[Level]
    imbalance: float | None
    """-1 (asks) to 1 (bids), of all levels that are told."""


def book_of(frame: MarketFrame, orders: Sequence[Mark]) -> Book:
    """The levels of ``frame``, with ``orders`` on them and between them."""
    asks, bids = (
        [(price, size) for price, size in side[:MOST_LEVELS] if math.isfinite(price)]
        for side in (frame.asks, frame.bids)
    )
    best_ask = min((price for price, _ in asks), default=math.inf)
    best_bid = max((price for price, _ in bids), default=-math.inf)
    above: list[Mark] = []
    below: list[Mark] = []
    for mark in orders:
        inside = best_bid < mark.price < best_ask
        is_above = mark.letter == "s" if inside else mark.price >= best_ask
        (above if is_above else below).append(mark)
    ask_total, bid_total = _sum(asks), _sum(bids)
    whole = ask_total + bid_total
    imbalance = (bid_total - ask_total) / whole if whole > 0 and math.isfinite(whole) else None
    return Book(_levels("A", asks, above), _levels("B", bids, below), imbalance)


def _sum(levels: Sequence[tuple[float, float]]) -> float:
    return sum(size for _, size in levels if math.isfinite(size) and size > 0)


def _levels(side: str, levels: Sequence[tuple[float, float]], marks: Sequence[Mark]) -> list[Level]:
    """Best first."""
    sizes: dict[float, float | None] = {}
    for price, amount in levels:
        sizes[price] = amount if math.isfinite(amount) else None
    here: dict[float, list[str]] = {}
    for mark in marks:
        price = next((p for p in sizes if math.isclose(p, mark.price, rel_tol=1e-9)), mark.price)
        sizes.setdefault(price, None)
        here.setdefault(price, []).append(mark.words)
    total, out = 0.0, []
    for price in sorted(sizes, reverse=side == "B"):
        size = sizes[price]
        total += max(size or 0.0, 0.0)
        out.append(Level(side, price, size, total, _together(here.get(price, []))))
    return out


def _together(words: list[str]) -> str:
    if not words:
        return ""
    return f"◂{words[0]}" + (f" +{len(words) - 1}" if len(words) > 1 else "")


def ladder_lines(
    frame: MarketFrame, around: Surroundings, now_ns: int, width: int, height: int, scrolled: int = 0
) -> list[Line]:
    """``height`` lines of ``width`` cells; ``scrolled`` levels down from where the spread is centred."""
    if height <= 0:
        return []
    book = book_of(frame, around.orders)
    trouble = trouble_of(frame, around)
    rows = height - 1 - bool(trouble)
    decimals = decimals_of(frame.tick_size, tuple(level.price for level in (*book.asks[:1], *book.bids[:1])))
    full = max((levels[-1].total for levels in (book.asks, book.bids) if levels), default=0.0)
    past = bool(frame.book_fault or around.stale)
    first = len(book.asks) - (rows - 1) // 2 + scrolled
    lines = [exact([*_head(frame, book, now_ns), *_out_of_sight(book, first, rows)], width)]
    if trouble:
        lines.append(exact([trouble], width))
    for index in range(first, first + rows):
        line = exact(_row(frame, book, index, decimals, full, width), width)
        lines.append(faded(line) if past else line)
    return blank_lines(lines, width, height)


def _row(frame: MarketFrame, book: Book, index: int, decimals: int, full: float, width: int) -> list[Cell]:
    """The line ``index``, counted from the highest ask."""
    if index == len(book.asks):
        return _spread(frame, book, decimals, width)
    below = index - len(book.asks) - 1
    if 0 <= index < len(book.asks):
        level = book.asks[len(book.asks) - 1 - index]
    elif 0 <= below < len(book.bids):
        level = book.bids[below]
    else:
        return []
    best = level in (book.asks[:1] + book.bids[:1])
    ink = _LETTERS[level.side]
    cells: list[Cell] = [
        (f"{level.side} ", ink),
        (fit(price_text(level.price, decimals, _PRICE), _PRICE, right=True), "bold" if best else "text"),
        (fit(size_text(level.size) if level.size is not None else "", 8, right=True), "text"),
    ]
    if width >= WITH_TOTALS:
        cells.append((fit(size_text(level.total), 8, right=True), "muted"))
    room = width - width_of(cells) - 1
    marks = fit(level.marks, min(width_of([(level.marks, "")]), max(room, 0))) if level.marks else ""
    across = max(room - width_of([(marks, "")]), 0)
    drawn = figures.bar(level.total if level.size is not None else 0.0, across, full) if full > 0 else ""
    return [*cells, (" ", "text"), (drawn.ljust(across), ink), (marks, "key")]


def _spread(frame: MarketFrame, book: Book, decimals: int, width: int) -> list[Cell]:
    bids, asks = (
        [level.price for level in levels if level.size is not None] for levels in (book.bids, book.asks)
    )
    if not bids or not asks:
        missing = "bids and asks" if not bids and not asks else "bids" if not bids else "asks"
        return [(f"── no {missing}", "warn")]
    spread = asks[0] - bids[0]
    middle = (asks[0] / 2) + (bids[0] / 2)
    words = f"── spread {price_text(spread, decimals)}"
    basis = spread / middle * 1e4 if middle else math.inf
    if math.isfinite(basis) and middle > 0:
        words += f" · {basis:.1f} bp"
    tick = figures.decimal(frame.tick_size)
    if tick and tick > 0 and math.isfinite(ticks := spread / max(float(tick), 1e-300)) and abs(ticks) < 1e6:
        words += f" · {ticks:.0f} tick{'' if round(ticks) == 1 else 's'}"
    if spread < 0:
        return [(f"{words} CROSSED", "bad")]
    return [(f"{words} " + "─" * max(width - len(words) - 1, 0), "heading")]


def trouble_of(frame: MarketFrame, around: Surroundings) -> Cell | None:
    """Why these levels are not to be relied on, in words."""
    if frame.book_fault:
        return (f"! BOOK WRONG: {frame.book_fault}", "bad")
    if around.stale:
        return (f"~ STALE: {around.stale}", "warn")
    if not frame.depth and (frame.bids or frame.asks):
        return ("the quote alone: the venue tells no depth", "muted")
    return None


def book_age_ns(frame: MarketFrame, now_ns: int) -> float | None:
    """It goes on growing while no frame comes."""
    if frame.book_age_ms is None or not math.isfinite(frame.book_age_ms):
        return None
    age = frame.book_age_ms * 1e6 + max(now_ns - frame.ns, 0)
    return age if math.isfinite(age) else None


def _head(frame: MarketFrame, book: Book, now_ns: int) -> list[Cell]:
    imbalance = book.imbalance
    leans = "" if not imbalance else " bids" if imbalance > 0 else " asks"
    return [
        ("imbalance ", "heading"),
        (figures.change(imbalance, 2, "") + leans, figures.direction(imbalance)),
        (f" · age {_age(book_age_ns(frame, now_ns))}", "muted"),
    ]


def _out_of_sight(book: Book, first: int, rows: int) -> list[Cell]:
    """How many levels with orders of ours are above and below what is shown."""
    spread = len(book.asks)
    at = [spread - 1 - index for index, level in enumerate(book.asks) if level.marks]
    at += [spread + 1 + index for index, level in enumerate(book.bids) if level.marks]
    above, below = sum(index < first for index in at), sum(index >= first + rows for index in at)
    words = " ".join(f"{arrow}{count}" for arrow, count in (("↑", above), ("↓", below)) if count)
    return [(f" · ours {words}", "key")] if words else []


def _age(ns: float | None) -> str:
    return f"{ns / NS:.1f}s" if ns is not None and NS / 10 <= ns < 10 * NS else figures.age(ns)


class LadderPart(MarketPart):
    NAME = "Book"

    def content(self, width: int, height: int) -> list[Line]:
        frame = self.detail.frame
        assert frame is not None
        return ladder_lines(frame, self.around, self.now_ns, width, height, self.scrolled)

    def move_end(self) -> None:
        """The spread in the middle again."""
        self.move_to(0)

    def scroll_most(self) -> tuple[int, int]:
        """The outermost levels stay in sight."""
        frame = self.detail.frame
        if frame is None:
            return 0, 0
        book = book_of(frame, self.around.orders)
        half = self.page_lines() // 2
        return -max(len(book.asks) - half, 0), max(len(book.bids) - half, 0)
