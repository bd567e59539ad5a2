"""The commands of the screen itself: where to go, how to sort, what to explain, which help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import one_of
from console.command_line.symbols import symbol_candidates, symbol_named
from console.keymap import PANES
from engine.text import clean
from widgets.grid import Grid
from widgets.market.pane import MarketPane
from widgets.opportunities import SIDES
from widgets.symbol_names import short_name
from widgets.tabbed import TabbedPane

if TYPE_CHECKING:
    from console.command_line.prompt import PromptApp

_TICKS = 1
_WAYS = {"down": True, "up": False}
_AS_IT_COMES = "none"


def desk_commands(app: PromptApp) -> list[Command]:
    typed = _Desk(app)
    return [
        Command(
            "go",
            "Go to a symbol, a pane or a tab",
            typed.go,
            (Argument("SYM|PANE|TAB", "where to", typed.places),),
            palette="Go to {}",
        ),
        Command(
            "sort",
            "Sort the table of the pane",
            typed.sort,
            (
                Argument("COLUMN", "by which, or none", typed.columns),
                Argument("down|up", "which way", typed.ways, optional=True),
            ),
            palette="Sort by {}",
        ),
        Command(
            "explain",
            "Explain an opportunity or an order",
            typed.explain,
            (Argument("ID", "of it", typed.ids),),
        ),
        Command(
            "help",
            "What works here, or what speaks of a word",
            typed.help,
            (Argument("WORD", "a key, a command, any word", typed.words, optional=True),),
        ),
    ]


class _Desk:
    def __init__(self, app: PromptApp) -> None:
        self._app = app

    def go(self, words: Sequence[str]) -> None:
        desk, text = self._app.desk, words[0].casefold()
        tabs = {name.casefold(): (number, tab) for number, tab, name in self._tabs()}
        names = {name.casefold(): number for number, name in enumerate(PANES, 1)}
        if text in names or (text.isdecimal() and text.isascii() and 1 <= int(text[:3]) <= len(PANES)):
            desk.go_to(names.get(text) or int(text))
        elif text in tabs:
            number, tab = tabs[text]
            desk.go_to(number)
            desk.go_to_tab(tab)
        else:
            self._go_to_symbol(symbol_named(words[0], self._app.view.ticks))

    def _go_to_symbol(self, symbol: str) -> None:
        desk = self._app.desk
        at = next((n for n, row in enumerate(desk.ticks.rows) if row.key == symbol), None)
        if at is None:
            # Of a watchlist or a filter that leaves it out; a hidden pane is filled when it is gone to.
            desk.go_to(_TICKS)
            at = next((n for n, row in enumerate(desk.ticks.rows) if row.key == symbol), None)
        if at is None:
            raise CommandError(f"{clean(words_of(symbol), 40)} is left out by the watchlist or the filter")
        desk.go_to(_TICKS)
        desk.ticks.move_cursor(at)

    def _tabs(self) -> Iterable[tuple[int, int, str]]:
        """(pane, tab, name) of every part of a pane."""
        for number, pane in enumerate(self._app.desk.panes, 1):
            if isinstance(pane, (TabbedPane, MarketPane)):
                yield from ((number, tab, name) for tab, name in enumerate(pane.names))

    def sort(self, words: Sequence[str]) -> None:
        desk = self._app.desk
        titles = {title: at for at, title in enumerate(self._titles()) if title}
        name = one_of(words[0], [*titles, _AS_IT_COMES], "column")
        way = one_of(words[1], _WAYS, "way") if len(words) > 1 else "down"
        desk.sort_by(None if name == _AS_IT_COMES else titles[name], _WAYS[way])

    def _titles(self) -> list[str]:
        grid = self._app.desk.grid
        return [column.title.strip().lower() for column in grid.COLUMNS] if isinstance(grid, Grid) else []

    def explain(self, words: Sequence[str]) -> None:
        self._app.open_explanation(words[0])

    def help(self, words: Sequence[str]) -> None:
        self._app.open_help(words[0] if words else "")

    # --- what a word may become ------------------------------------------------------------------

    def places(self, before: Sequence[str]) -> Iterable[Candidate]:
        yield from symbol_candidates(self._app.view.ticks)
        for number, name in enumerate(PANES, 1):
            yield Candidate(name.lower(), f"pane {number}")
        for number, _, name in self._tabs():
            yield Candidate(name.lower(), f"in pane {number}")

    def columns(self, before: Sequence[str]) -> Iterable[Candidate]:
        titles = self._titles()
        return [*(Candidate(title) for title in titles if title), Candidate(_AS_IT_COMES, "as it comes")]

    def ways(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate("down", "the highest first"), Candidate("up", "the lowest first")]

    def ids(self, before: Sequence[str]) -> Iterable[Candidate]:
        view = self._app.view
        for opportunity in view.opportunities.values():
            side = SIDES.get(opportunity.side, (opportunity.side, ""))[0]
            yield Candidate(opportunity.id, f"{side} {words_of(opportunity.symbol)}")
        for order in view.orders.values():
            yield Candidate(order.id, f"{order.side} {words_of(order.symbol)} {order.state}")

    def words(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate(name, command.about) for name, command in self._app.known_commands().items()]


def words_of(symbol: str) -> str:
    return short_name(symbol)
