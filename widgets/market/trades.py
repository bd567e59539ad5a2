"""Time & sales: every print, newest first, with our own fills among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from statistics import median
from typing import NamedTuple

from engine.api.market_protocol import FillRow, TradeRow
from widgets import figures
from widgets.cells import Cell, fit
from widgets.lines import Line, faded
from widgets.market.detail import MarketDetail
from widgets.market.part import MarketPart, blank_lines, exact
from widgets.market.prices import decimals_of, price_text, size_text
from widgets.market.surroundings import price_of
from widgets.market.time_axis import clock_ms_text, clock_text

LARGE = 5.0
"""So many times the median size, a print is a large one."""
LEAST_FOR_LARGE = 10
"""Prints that a median is taken of."""
_SIDES = {1: ("▲", "buy ", "up"), -1: ("▼", "sell", "down")}
OURS = "◂ours"
_PRICE = 11
WITH_MILLIS = 42
"""Columns from which on the time is told to the millisecond."""


class Tape(NamedTuple):
    trades: Sequence[TradeRow]
    """Oldest first."""
    fills: Sequence[FillRow]
    """Ours, oldest first."""
    missed: int = 0
    decimals: int = 2
    stale: str = ""
    """Why these are not of now; "" when they are."""


def _merged(tape: Tape) -> Iterable[TradeRow | FillRow]:
    """Newest first; a fill of ours stands above the prints of its time."""
    trades, fills = list(reversed(tape.trades)), list(reversed(tape.fills))
    oldest = trades[-1].ns if trades else 0
    t = f = 0
    while t < len(trades) or f < len(fills):
        if f < len(fills) and (t == len(trades) or fills[f].ns >= trades[t].ns):
            if t == len(trades) and fills[f].ns < oldest:
                return  # what was printed around it is no longer known
            yield fills[f]
            f += 1
        else:
            yield trades[t]
            t += 1


def large_size(trades: Sequence[TradeRow]) -> float:
    """From this size on a print is large; infinite while too few are known."""
    sizes = [row.size for row in trades if math.isfinite(row.size)]
    return LARGE * median(sizes) if len(sizes) >= LEAST_FOR_LARGE else math.inf


def trade_lines(tape: Tape, width: int, height: int, scrolled: int = 0) -> list[Line]:
    """``height`` lines of ``width`` cells: a head, then prints from the ``scrolled`` newest on."""
    if height <= 0:
        return []
    exactly = width >= WITH_MILLIS
    blank = "    " if exactly else ""
    head: list[Cell] = [(f"UTC time{blank}      price     size", "heading")]
    if scrolled:
        head = [(f"{scrolled} newer above · G newest", "warn")]
    lines = [exact(head, width)]
    if tape.stale and height > 2:
        lines.append(exact([(f"~ STALE: {tape.stale}", "warn")], width))
    if tape.missed and height > 3:
        lines.append(exact([(f"{tape.missed:,} left out: too many at once", "warn")], width))
    large = large_size(tape.trades)
    for row in islice(_merged(tape), scrolled, scrolled + height - len(lines)):
        cells = _fill(row, tape) if isinstance(row, FillRow) else _print(row, tape, large)
        when = clock_ms_text(row.ns) if exactly else clock_text(row.ns)
        line = exact([(when, "key" if isinstance(row, FillRow) else "muted"), *cells], width)
        lines.append(faded(line) if tape.stale else line)
    if not (tape.trades or tape.fills):
        lines.append(exact([(" no trade seen yet", "muted")], width))
    return blank_lines(lines, width, height)


def _print(row: TradeRow, tape: Tape, large: float) -> list[Cell]:
    mark, word, style = _SIDES.get(row.side, ("·", "?   ", "flat"))
    is_large = row.size >= large > 0
    price = fit(price_text(row.price, tape.decimals, _PRICE), _PRICE, right=True)
    size = fit(size_text(row.size), 8, right=True)
    return [
        (f" {mark}", style),
        (price, "bold" if is_large else style),
        (f" {size}", "bold" if is_large else "text"),
        (f" {word}{'!' if is_large else ''}", "bold" if is_large else style),
    ]


def _fill(row: FillRow, tape: Tape) -> list[Cell]:
    price = price_of(row.price)
    mark = "▲" if row.side == "buy" else "▼"
    shown = figures.UNKNOWN if price is None else price_text(price, tape.decimals, _PRICE)
    quantity = figures.shortened(figures.amount(row.quantity), 8)
    return [(f" {mark}{fit(shown, _PRICE, right=True)} {fit(quantity, 8, right=True)} {OURS}", "key")]


class TradesPart(MarketPart):
    NAME = "Trades"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._taken = 0

    def content(self, width: int, height: int) -> list[Line]:
        tape = tape_of(self.detail)._replace(stale=self.around.stale)
        return trade_lines(tape, width, height, self._kept_in_sight())

    def _kept_in_sight(self) -> int:
        """Scrolled away from the newest, the same prints stay in sight while others come."""
        taken, self._taken = self._taken, self.detail.taken
        if self.scrolled:
            came = max(self.detail.taken - taken, 0)
            self.scrolled = min(self.scrolled + came, self.scroll_most()[1])
        return self.scrolled

    def move_home(self) -> None:
        """To the oldest, as on the chart."""
        self.move_to(self.scroll_most()[1])

    def move_end(self) -> None:
        self.move_to(0)

    def scroll_most(self) -> tuple[int, int]:
        count = len(self.detail.trades) + len(self.detail.fills)
        return 0, max(0, count - self.page_lines())


def tape_of(detail: MarketDetail) -> Tape:
    frame = detail.frame
    newest = (detail.trades[-1].price,) if detail.trades else ()
    decimals = decimals_of(frame.tick_size if frame is not None else "", newest)
    return Tape(tuple(detail.trades), tuple(detail.fills), detail.missed_trades, decimals)
