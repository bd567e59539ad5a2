"""Risk limits: of the desk, of its exits, of a strategy, of a symbol; changed while the desk runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.link_protocol import TradingLink
from console.loosening import beyond, loosens, question_of
from console.screens.confirm import ConfirmScreen
from console.screens.editor import Editor, Field, Value
from console.view import DeskView
from engine.api.protocol import Reply
from engine.api.trading_protocol import LimitPatch, LimitRow
from engine.config import OWN_LIMITS
from widgets.limits import LimitsGrid, limit_lines
from widgets.lines import Line
from widgets.symbol_names import short_name

DESK, EXITS, STRATEGY, SYMBOL = "desk", "exits", "strategy:", "symbol:"


class LimitsScreen(Editor):
    AT_ONCE = ("scope(1)", "scope(-1)")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "scope(1)", show=False),
        Binding("shift+tab", "scope(-1)", show=False),
        Binding("right_square_bracket", "scope(1)", show=False, id="tab_right"),
        Binding("left_square_bracket", "scope(-1)", show=False, id="tab_left"),
        Binding("delete", "reset", show=False),
        Binding("d", "reset", show=False, id="limits_reset"),
    ]

    def __init__(self, link: TradingLink, view: DeskView) -> None:
        self._table = LimitsGrid()
        super().__init__("Risk limits", self._table)
        self._link, self._view = link, view
        self.scope = DESK
        self._limits: dict[str, LimitRow] = {}

    def on_mount(self) -> None:
        self.dialog.border_subtitle = self.hints(
            "{down} {up}", "enter edits", "{limits_reset} default", "{tab_left} {tab_right} of what", "esc"
        )

    async def load(self) -> None:
        while True:
            scope = self.scope
            rows = of_scope(await self._link.limits(), scope)
            if scope == self.scope:
                break  # else another one was chosen meanwhile: keys wait for that one's
        self._limits = {row.name: row for row in rows}
        self.fields = {row.name: Field("number", row.value, row.name) for row in rows}
        self._table.show(rows)
        self.show_head(self._head_lines())

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        return self._link.set_limit(self._patch(key, value))

    def _patch(self, key: str, value: Value | None) -> LimitPatch:
        assert value is None or isinstance(value, float)
        return LimitPatch(self.scope, key, value)

    def send(self, key: str, value: Value) -> None:
        self._ask(self._patch(key, value), lambda: super(LimitsScreen, self).send(key, value))

    def _ask(self, patch: LimitPatch, send: Callable[[], None]) -> None:
        """What is tighter is sent at once, what is looser after one question."""
        row = self._limits.get(patch.name)
        if why_not := beyond(row, patch):
            self.say(why_not, "bad")
            return
        if row is None or not loosens(row, patch):
            send()
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                send()

        screen = ConfirmScreen("Allow more?", question_of(row, patch), "Loosen the limit")
        self.app.push_screen(screen, answered)

    def describe(self, key: str) -> Sequence[Line]:
        return limit_lines(self._limits[key])

    def action_reset(self) -> None:
        """Back to the configuration's, or to the scope above."""
        key = self.grid.cursor_key
        if key in self.fields and not self.editing:
            patch = self._patch(key, None)
            self._ask(patch, lambda: self.send_command(key, lambda: self._link.set_limit(patch)))

    def action_scope(self, step: int) -> None:
        if self.editing:
            return
        scopes = self.scopes()
        at = scopes.index(self.scope) if self.scope in scopes else 0
        self.scope = scopes[(at + step) % len(scopes)]
        self._limits, self.fields = {}, {}
        self._table.show(())
        self.say("", "muted")
        self.keep_keys()
        self.refresh_values()

    def scopes(self) -> list[str]:
        """What limits can be of, in the order in which they are walked."""
        view = self._view
        return [
            DESK,
            EXITS,
            *(STRATEGY + name for name in sorted(view.strategies)),
            *(SYMBOL + symbol for symbol in sorted(view.ticks)),
        ]

    @property
    def _walks(self) -> str:
        return f"{self.hints('{tab_left} {tab_right}') or 'Tab'} walks"

    def _head_lines(self) -> list[Line]:
        scopes, status = self.scopes(), self._view.status
        at = scopes.index(self.scope) + 1 if self.scope in scopes else 1
        lines: list[Line] = [
            (
                ("limits of ", "muted"),
                (self.scope, "bold"),
                (f"  {at} of {len(scopes)}, {self._walks}", "muted"),
            )
        ]
        if status is not None and status.locked:
            names = ", ".join(short_name(symbol) for symbol in status.locked)
            lines.append(
                (("! locked after stops: ", "warn"), (names, "text"), (" not entered for a while", "muted"))
            )
        return lines


def of_scope(rows: Sequence[LimitRow], scope: str) -> list[LimitRow]:
    """The limits of a scope; what a strategy or a symbol does not have of its own is there to be given."""
    mine = {row.name: row for row in rows if row.scope == scope}
    if not scope.startswith((STRATEGY, SYMBOL)):
        return list(mine.values())
    above = {row.name: row for row in rows if row.scope == DESK}
    return [
        mine.get(name)
        or LimitRow(scope, name, "", "", "", above[name].unit, above[name].about, looser=above[name].looser)
        for name in OWN_LIMITS
        if name in mine or name in above
    ]
