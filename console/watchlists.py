"""The keys of the watchlists: which symbols the ticks show, and what is in the list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from console.command_line.command import Argument, Candidate, Command, CommandError
from console.memory import RememberError
from console.screens.watchlists import WatchlistsScreen
from console.trading import TradingApp
from console.watchlist import ALL, MOST_SYMBOLS, Watchlist
from widgets.symbol_names import short_name

FIRST = "watchlist"
"""What the first list is called when nobody named one."""


class WatchlistsApp(TradingApp):
    def typed_commands(self) -> list[Command]:
        return [
            *super().typed_commands(),
            Command(
                "watch",
                "Show one watchlist, or all symbols",
                self._watch,
                (Argument("NAME", "of a watchlist, or all", self._names),),
                palette="Watchlist {}",
            ),
            Command(
                "filter",
                "Filter the rows of the pane; without words: all",
                self._filter,
                (Argument("WORDS", "word, !not, column:text, column>5", optional=True, rest=True),),
            ),
        ]

    def on_mount(self, *_: Any) -> None:
        self.show_watchlist(self.memory.memory.watchlist)

    def _filter(self, words: Sequence[str]) -> None:
        self.desk.filter_to(" ".join(words))

    def _watch(self, words: Sequence[str]) -> None:
        name = "" if words[0] == ALL else words[0]
        if name and name not in self.memory.memory.watchlists:
            raise CommandError(
                f"no watchlist is called {name}: {self.key_map.words('{watchlists}')} makes one"
            )
        self.choose_watchlist(name)

    def _names(self, before: Sequence[str]) -> Iterable[Candidate]:
        lists = self.memory.memory.watchlists
        return [Candidate(ALL), *(Candidate(name, f"{len(lists[name])} symbols") for name in lists)]

    # --- which one is shown ----------------------------------------------------------------------

    def show_watchlist(self, name: str) -> None:
        """For now; "" or a name that is not there: all symbols."""
        symbols = self.memory.memory.watchlists.get(name)
        self.desk.watchlist = None if symbols is None else Watchlist(name, tuple(symbols))
        self.desk.paint(force=True)

    def choose_watchlist(self, name: str) -> None:
        """For good."""
        known = name in self.memory.memory.watchlists
        if self.memory.memory.watchlist != (name if known else ""):
            self.memory.memory.watchlist = name if known else ""
            self._keep()
        self.show_watchlist(name)

    def action_watchlists(self) -> None:
        self.push_screen(WatchlistsScreen(self.memory, self.view, self.choose_watchlist))

    def action_watch(self) -> None:
        """The selected symbol into the list, or out of it; without one that is shown, into the first."""
        symbol, memory = self.selected_symbol(), self.memory.memory
        if not symbol:
            self.say(self.key_map.words("select a symbol first: {pane1}, then {down} and {up}"))
            return
        name = memory.watchlist or next(iter(memory.watchlists), FIRST)
        symbols = memory.watchlists.setdefault(name, [])
        native = short_name(symbol)
        if symbol in symbols:
            symbols.remove(symbol)
            said = f"{native} is out of {name}"
        elif len(symbols) < MOST_SYMBOLS:
            symbols.append(symbol)
            said = f"{native} is in {name}" + (
                "" if memory.watchlist else self.key_map.words(" · {watchlists} shows it")
            )
        else:
            self.say(f"{name} holds {MOST_SYMBOLS} symbols: that is as many as it can")
            return
        if self._keep():
            self.say(said)
        self.show_watchlist(memory.watchlist)

    def _keep(self) -> bool:
        try:
            self.memory.save()
        except RememberError as error:
            self.say(str(error), "error")
            return False
        return True
