"""Which symbol's market is watched: the one selected last; and only while somebody sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import work

from console.command_line.command import Argument, Candidate, Command
from console.command_line.symbols import symbol_candidates, symbol_named
from console.layouts import LayoutsApp
from console.link_protocol import Link, MarketLink
from console.memory import Layout
from console.screens.desk_banner import past_words
from console.screens.desk_layout import MARKET, SYMBOL_PANES
from console.screens.market import MarketScreen
from console.view import DeskView
from engine.api.market_protocol import Watch
from widgets.market.pane import MarketPane
from widgets.market.surroundings import Surroundings, surroundings

INTERVALS_S = (5, 15, 60, 300, 900, 3600, 14_400, 86_400)
"""Bars of the chart besides the desk's own: those that are made up of them."""
LONGER = 5
"""So many of them are walked through."""


class MarketApp(LayoutsApp):
    link: Link
    view: DeskView
    market_symbol = ""
    """The symbol selected last; "": none."""
    chart_interval_s = 0
    """Of the chart's bars; 0: the desk's own."""
    _own_interval_s = 0
    """Of the desk's bars; 0: not told yet."""
    _watched = Watch()
    """What the panes show."""
    _said = Watch()
    """What the engine was told last."""
    _told: MarketLink | None = None
    """Whose engine that was."""

    def begin_with_desk(self) -> None:
        super().begin_with_desk()
        self.desk.thaw()
        if self._told is not None and self._said.symbol:
            self._say_no_more(self._told)
        self._watched = self._said = Watch()
        self.desk.left = None
        for grid in self.desk.grids:
            grid.begin_anew()  # one that is out of sight would go on naming what was selected on that desk
        self.market_symbol, self.chart_interval_s, self._own_interval_s = "", 0, 0

    def typed_commands(self) -> list[Command]:
        symbol = Argument("SYM", "whose market is shown", self._symbols)
        return [
            *super().typed_commands(),
            Command("chart", "Show a symbol's chart, book and trades", self._chart, (symbol,), "Chart of {}"),
        ]

    def _symbols(self, before: Sequence[str]) -> Iterable[Candidate]:
        return symbol_candidates(self.view.ticks)

    def _chart(self, words: Sequence[str]) -> None:
        symbol = symbol_named(words[0], self.view.ticks)
        self.desk.go_to(MARKET)
        self.desk.left, self.market_symbol = None, symbol

    # --- what is watched -------------------------------------------------------------------------

    def follow_market(self) -> None:
        """Before the desk is painted: watch what is selected, and tell the panes what stands around it."""
        frozen, view, shown = self.desk.frozen, self.view, self.desk.shown
        if not frozen:
            self._follow()
        else:
            for pane in self.market_panes():
                if pane.chart.detail is not shown.market or not pane.around.symbol:
                    pane.around = self._around(shown)
                    pane.show(shown.market, shown.now_ns, faded=shown.is_past, frozen=True)
        for screen in self._market_screens():
            said = past_words(view) or ("FROZEN · the desk goes on behind it" if frozen else "")
            screen.tell(said, self.desk.status_view)
            if not frozen and screen.pane.is_mounted:
                screen.pane.show(view.market, view.now_ns, faded=view.is_past)

    def _follow(self) -> None:
        self._select()
        symbol, panes, view = self.market_symbol, self.market_panes(), self.view
        wanted = Watch(symbol, self.chart_interval_s) if panes and symbol else Watch()
        if wanted != self._watched:
            if wanted.symbol != self._watched.symbol:
                view.market.clear()  # what is known is of another market, or of a while ago
            self._watched, view.changed = wanted, True
            self._say_what_is_watched()
        if view.market.frame is not None and not self._watched.interval_s:
            self._own_interval_s = view.market.interval_s
        if panes:
            around = self._around(view)
            for pane in panes:
                pane.around = around

    def _around(self, view: DeskView) -> Surroundings:
        symbol = self.market_symbol
        return surroundings(symbol, view.ticks.get(symbol), view.positions.get(symbol), view.orders.values())

    def _select(self) -> None:
        """Of the row that is selected, or was, in the table that was left for another pane."""
        left = self.desk.left
        if self.desk.active in SYMBOL_PANES:
            self.market_symbol = super().selected_symbol()
        elif left is not None:
            self.market_symbol = self.symbol_at(*left) or self.market_symbol
        first = min(self.view.ticks, default="")  # where no table was drawn yet
        self.market_symbol = self.market_symbol or super().selected_symbol() or first

    def market_panes(self) -> list[MarketPane]:
        """Those in sight, the one in front last."""
        if not self.desk.is_placed:
            return []
        panes = [self.desk.market, *(screen.pane for screen in self._market_screens())]
        return [pane for pane in panes if pane.display and pane.is_mounted]

    def _market_screens(self) -> list[MarketScreen]:
        return [screen for screen in self.screen_stack if isinstance(screen, MarketScreen)]

    def selected_symbol(self) -> str:
        """Where a market is shown and no row is selected, that market's."""
        if self.desk.active in SYMBOL_PANES and not isinstance(self.screen, MarketScreen):
            return super().selected_symbol()
        return self.market_symbol or super().selected_symbol()

    @work(group="watch")
    async def _say_what_is_watched(self) -> None:
        """One after the other, however fast the selection moves."""
        while self._said != self._watched:
            self._told, self._said = self.link, self._watched
            await self.link.watch(self._said)

    @work(group="watch")
    async def _say_no_more(self, link: MarketLink) -> None:
        """To a desk that is not shown any more."""
        await link.watch(Watch())

    # --- keys ------------------------------------------------------------------------------------

    def action_interval(self) -> None:
        """The next longer bars, then the desk's own again."""
        own, now = self._own_interval_s, self.chart_interval_s
        if not self.market_panes():
            self.say(self.key_map.words("no chart is in sight: {pane7} shows the market"))
        elif not own and not now:
            self.say("no bar is known yet: wait for the chart")
        else:
            self.chart_interval_s = next((each for each in longer_than(own) if each > now), 0)
            self.follow_market()

    def action_study(self) -> None:
        """The next of the desk's indicators on the chart."""
        panes = self.market_panes()
        if panes:
            panes[-1].chart.next_study()
        else:
            self.say(self.key_map.words("no chart is in sight: {pane7} shows the market"))

    def action_market(self) -> None:
        """The market of the symbol on the whole screen."""
        self.push_screen(MarketScreen(self.desk.market.chart.study))

    # --- layouts ---------------------------------------------------------------------------------

    def capture_layout(self) -> Layout:
        layout = super().capture_layout()
        layout.interval_s = self.chart_interval_s
        return layout

    def take_up_layout(self, layout: Layout) -> None:
        self.chart_interval_s = max(layout.interval_s, 0)
        super().take_up_layout(layout)


def longer_than(own_s: int) -> list[int]:
    """Intervals that bars of ``own_s`` make up, seconds; none while that is not known (0)."""
    return [each for each in INTERVALS_S if own_s and each > own_s and each % own_s == 0][:LONGER]
