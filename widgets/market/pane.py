"""The market of one symbol: chart, book, time & sales; side by side where it is wide, else one at a time."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.text import clean
from widgets import figures
from widgets.cells import Cell
from widgets.frame_lines import FramedPane
from widgets.lines import FixedLines, Line
from widgets.market.chart_part import ChartPart
from widgets.market.detail import MarketDetail
from widgets.market.ladder import LadderPart
from widgets.market.part import MarketPart
from widgets.market.prices import decimals_of, price_text
from widgets.market.surroundings import NOWHERE, Surroundings
from widgets.market.trades import TradesPart
from widgets.symbol_names import short_name
from widgets.titles import entitle

BESIDE = 110
"""Columns from which on the parts stand side by side."""
_AROUND = 8
"""Columns of a border that its title does not have: number, corners, a dot."""


class MarketHead(FixedLines):
    """What the border would say, where there is none."""

    _line: Line = ()

    def show(self, cells: list[Cell]) -> int:
        self._line = tuple(cells)
        return self.update_lines() if self.display else 0

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return (self._line,)


class MarketPane(FramedPane):
    """``around`` says what is wanted and what we have in it; ``number``: before the title, unless it is 0."""

    DEFAULT_CSS = """
    MarketPane {
        & MarketHead { display: none; }
        &.-tabbed MarketHead { display: block; }
        & #market-parts { height: 1fr; }
        &.-beside ChartPart { width: 2fr; }
        &.-beside LadderPart { width: 1fr; min-width: 34; max-width: 48; border-left: solid $rule; }
        &.-beside TradesPart { width: 38; border-left: solid $rule; }
        &.-beside LadderPart:focus, &.-beside TradesPart:focus { border-left: solid $rule-focus; }
    }
    """

    def __init__(self, *, id: str | None = None, number: int = 7) -> None:
        super().__init__(id=id)
        self.number = number
        self.around: Surroundings = NOWHERE
        self.head = MarketHead()
        self.chart = ChartPart(id="market-chart")
        self.ladder = LadderPart(id="market-ladder")
        self.trades = TradesPart(id="market-trades")
        self.grids: tuple[MarketPart, ...] = (self.chart, self.ladder, self.trades)
        self.names = tuple(part.NAME for part in self.grids)
        self.tab = 0
        self.beside = False
        self._facts: list[str] = []
        self._show_open()

    def compose(self) -> ComposeResult:
        yield self.head
        with Horizontal(id="market-parts"):
            yield from self.grids

    @property
    def grid(self) -> MarketPart:
        """The part that the keys work on."""
        return self.grids[self.tab]

    @property
    def title(self) -> str:
        """The parts, the open one marked, and what the market is at, as far as there is room.

        Where all of them are in sight, none is open: said is which of them the keys work on, after the first.
        """
        tabs = " ".join(
            f"{'▸' if number == self.tab and not self.beside else ''}{name}"
            for number, name in enumerate(self.names)
        )
        if self.beside and self.tab:
            tabs += f" · keys: {self.names[self.tab]}"
        title, room = f"Market {tabs}", self.size.width - _AROUND
        for fact in self._facts:
            if room > 0 and len(title) + len(fact) > room:
                break
            title += f" · {fact}"
        return title

    def go_to(self, tab: int) -> None:
        self.tab = tab
        self._show_open()
        self._entitle()

    def make_tabbed(self, tabbed: bool) -> None:
        """Title and tabs in a line of their own, where no border shows them."""
        self.set_class(tabbed, "-tabbed")

    def on_resize(self, event: events.Resize) -> None:
        self.beside = event.size.width >= BESIDE
        self.set_class(self.beside, "-beside")
        self._show_open()
        self._entitle()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        # A click focuses a part without a key: the tab follows.
        for number, part in enumerate(self.grids):
            if part is event.widget and number != self.tab:
                self.go_to(number)

    def _show_open(self) -> None:
        for number, part in enumerate(self.grids):
            part.display = self.beside or number == self.tab

    def show(self, detail: MarketDetail, now_ns: int, *, faded: bool = False, frozen: bool = False) -> int:
        """Draw what changed; ``frozen``: what is not known is not asked for. Returns the number of lines."""
        self._facts = facts(detail, self.around, past=faded)
        lines = self._entitle()
        for part in self.grids:
            part.faded, part.frozen = faded, frozen
            lines += part.show(detail, self.around, now_ns)
        return lines

    def _entitle(self) -> int:
        entitle(self, f"{self.number} {self.title}" if self.number else self.title)
        tabs: list[Cell] = [
            (
                f"{'▸' if number == self.tab else ' '}{name.lower()} ",
                "bold" if number == self.tab else "muted",
            )
            for number, name in enumerate(self.names)
        ]
        return self.head.show([*tabs, (f" {' · '.join(self._facts)}", "text"), ("  [ ] switch", "stale")])


def facts(detail: MarketDetail, around: Surroundings, *, past: bool = False) -> list[str]:
    """Symbol and interval, last price, spread: ``BTC-USD 1m``, ``64,218.37 ▲``, ``spread 1.30``.

    ``past``: all of it is of a while ago.
    """
    wanted = clean(short_name(around.symbol), 24)
    frame = detail.frame
    if frame is None or detail.symbol != around.symbol:
        return [f"{wanted}…" if wanted else "no symbol"]
    if not frame.known:
        return [f"{wanted} is not known here"]
    stale = " ~past" if past else " ~stale" if around.stale or frame.book_fault else ""
    mark = "~" if past or around.stale else ""
    out = [f"{wanted} {interval_words(detail.interval_s)}{stale}"]
    last = detail.trades[-1] if detail.trades else None
    best = tuple(side[0][0] for side in (frame.bids, frame.asks) if side)
    decimals = decimals_of(frame.tick_size, best if last is None else (last.price,))
    if last is not None:
        out.append(f"{mark}{price_text(last.price, decimals)} {figures.arrow(last.side)}".rstrip())
    if len(best) == 2:
        out.append(f"spread {mark}{price_text(best[1] - best[0], decimals)}")
    return out


def interval_words(seconds: int) -> str:
    """``1s``, ``15s``, ``1m``, ``1h30m``."""
    if seconds <= 0:
        return ""
    parts = (
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "m"),
        (seconds % 60, "s"),
    )
    return "".join(f"{count}{unit}" for count, unit in parts if count)
