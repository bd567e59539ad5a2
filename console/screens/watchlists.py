"""Watchlists: choose which symbols the ticks show, and make, fill, order, rename and delete lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.memory import ConsoleMemory, RememberError
from console.screens.confirm import ConfirmScreen
from console.screens.editor import Editor, Field, Value
from console.view import DeskView
from console.watchlist import ALL, MOST_LISTS, list_name, typed, typed_symbols
from engine.api.protocol import Reply
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow

_LIST, _NAME, _NEW = "list:", "name:", "new"
"""In front of what is typed: a list's symbols, its name, the name of another one."""


class WatchlistsGrid(Grid):
    COLUMNS = (
        Column("shown", "", 1, 0),
        Column("name", "watchlist", 12, 0, grow=12),
        Column("count", "symbols", 7, 1, right=True),
        Column("symbols", "", 20, 2, grow=FILL),
    )


class WatchlistsScreen(Editor):
    """``choose`` shows a list by its name, "" all symbols."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", show=False),
        Binding("e", "edit", show=False, id="watchlists_edit"),
        Binding("a", "add", show=False, id="watchlists_new"),
        Binding("r", "rename", show=False, id="watchlists_rename"),
        Binding("d", "delete", show=False, id="watchlists_delete"),
        Binding("J", "order(1)", show=False, id="watchlists_down"),
        Binding("K", "order(-1)", show=False, id="watchlists_up"),
    ]

    def __init__(self, memory: ConsoleMemory, view: DeskView, choose: Callable[[str], None]) -> None:
        self._table = WatchlistsGrid()
        super().__init__("Watchlists", self._table)
        self._kept, self._view, self._choose = memory, view, choose
        self._made = ""
        """The row of the list that was made just now."""

    def on_mount(self) -> None:
        self.dialog.border_subtitle = self.hints(
            "enter shows",
            "{watchlists_new} new",
            "{watchlists_edit} edit",
            "{watchlists_rename} name",
            "{watchlists_delete} del",
            "{watchlists_down} {watchlists_up} move",
        )

    @property
    def _lists(self) -> dict[str, list[str]]:
        return self._kept.memory.watchlists

    async def load(self) -> None:
        known, shown = self._view.ticks, self._kept.memory.watchlist
        rows = [_row("", ALL, len(known), "every symbol, by name", not shown)]
        for name, symbols in self._lists.items():
            text = typed(symbols, known)
            self.fields[_LIST + name] = Field("list", text, f"symbols of {name}")
            self.fields[_NAME + name] = Field("text", name, "name")
            rows.append(_row(_LIST + name, name, len(symbols), text, name == shown))
        self.fields[_NEW] = Field("text", "", "name")
        self._table.set_rows(rows)
        if self._made:
            # What is typed next is meant for it: no filter may hide it.
            if not self._move_to(self._made):
                self.end_search()
                self._move_to(self._made)
            self._made = ""

    def _move_to(self, key: str) -> bool:
        """Put the cursor on a row. False: it is not shown."""
        at = next((at for at, row in enumerate(self._table.rows) if row.key == key), None)
        if at is not None:
            self._table.move_cursor(at)
        return at is not None

    async def why_not(self) -> str:
        return ""  # nothing is sent

    def describe(self, key: str) -> Sequence[Line]:
        puts = "{watch} on the desk puts the selected row's symbol into the list that is shown"
        types = "{watchlists_edit} types the symbols in their order, separated by blanks"
        if not self._chosen():
            return [((self.words(puts), "muted"),)]
        return [
            (("what is held or ordered is shown beside the list, whatever is in it", "muted"),),
            ((self.words(types), "muted"),),
        ]

    def show_detail(self) -> None:
        self._detail.set_lines(self.describe(""))

    def _chosen(self) -> str:
        """The name of the list under the cursor; "" all."""
        return (self.grid.cursor_key or "").removeprefix(_LIST)

    # --- keys ------------------------------------------------------------------------------------

    def action_choose(self) -> None:
        self._choose(self._chosen())
        self.dismiss(None)

    def action_edit(self) -> None:
        if self._chosen():
            super().action_edit()
        else:
            self.say(self.words("all symbols are all: {watchlists_new} makes a list"), "muted")

    def action_add(self) -> None:
        if len(self._lists) < MOST_LISTS:
            self.edit(_NEW)
        else:
            deletes = self.words("{watchlists_delete} deletes one")
            self.say(f"{MOST_LISTS} lists are as many as there can be: {deletes}", "bad")

    def action_rename(self) -> None:
        if name := self._chosen():
            self.edit(_NAME + name)

    def action_delete(self) -> None:
        name = self._chosen()
        if not name:
            return

        def answered(answer: str | None) -> None:
            if answer == "yes" and name in self._lists:
                del self._lists[name]
                self._forget(name)
                self._changed(f"{name} is deleted")

        question = [f"The watchlist {name} with {len(self._lists[name])} symbols is deleted."]
        self.app.push_screen(ConfirmScreen("Delete", question, "Delete the list"), answered)

    def action_order(self, step: int) -> None:
        """Move the list under the cursor among the lists."""
        names, name = list(self._lists), self._chosen()
        if name in names and 0 <= (to := names.index(name) + step) < len(names):
            names.remove(name)
            names.insert(to, name)
            self._kept.memory.watchlists = {one: self._lists[one] for one in names}
            self._changed(f"{name} is number {to + 1}")

    # --- what is typed ---------------------------------------------------------------------------

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        return self._commit(key, " ".join(value) if isinstance(value, tuple) else str(value))

    async def _commit(self, key: str, text: str) -> Reply:
        try:
            return Reply(True, self._take(key, text))
        except (ValueError, RememberError) as error:
            return Reply(False, str(error))

    def _take(self, key: str, text: str) -> str:
        lists = self._lists
        if key == _NEW:
            name = list_name(text, lists)
            lists[name] = []
            self._made = _LIST + name
            said = f"{name} is made: {self.words('{watchlists_edit}')} types its symbols"
        elif key.startswith(_NAME):
            before = key.removeprefix(_NAME)
            name = list_name(text, lists.keys() - {before})
            self._kept.memory.watchlists = {name if one == before else one: lists[one] for one in lists}
            if self._kept.memory.watchlist == before:
                self._kept.memory.watchlist = name
            for layout in self._kept.memory.layouts.values():
                if layout.watchlist == before:
                    layout.watchlist = name
            said = f"{before} is called {name}"
        else:
            name = key.removeprefix(_LIST)
            lists[name] = typed_symbols(text, self._view.ticks, lists.get(name, ()))
            said = f"{name}: {len(lists[name])} symbols"
        self._kept.save()
        self._choose(self._kept.memory.watchlist)
        return said

    def _forget(self, name: str) -> None:
        self.fields.pop(_LIST + name, None)
        self.fields.pop(_NAME + name, None)
        if self._kept.memory.watchlist == name:
            self._choose("")

    def _changed(self, said: str) -> None:
        try:
            self._kept.save()
        except RememberError as error:
            self.say(str(error), "bad")
        else:
            self.say(said, "good")
        self.refresh_values()


def _row(key: str, name: str, count: int, text: str, shown: bool) -> GridRow:
    cells: tuple[Cell, ...] = (
        ("▸" if shown else "", "key"),
        (name, "bold"),
        (str(count), "text"),
        (text, "muted"),
    )
    return GridRow(key, cells, (shown, name, count, text))
