"""Close a position, or a part of it: one question, the safe answer first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.screens.confirm import BACK
from console.screens.modal import Modal
from engine.api.protocol import PositionRow
from engine.api.trading_protocol import FlattenPatch
from widgets import figures
from widgets.choices import Choice, Choices
from widgets.lines import Line, Lines
from widgets.positions import level, signed_money
from widgets.symbol_names import short_name

PARTS = (100, 75, 50, 25)


REFRESH_S = 0.5


class CloseScreen(Modal[FlattenPatch]):
    """Dismisses with what to close, None for nothing. ``now``: the position as it stands; None: gone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right,space", "turn", show=False),
        Binding("h", "turn", show=False, id="left"),
        Binding("l", "turn", show=False, id="right"),
        Binding("q", "close", show=False, id="dialog_close"),
    ]
    DEFAULT_CSS = """
    CloseScreen {
        & > .dialog { width: 60; max-width: 100%; height: auto; padding: 1 2; }
        & Lines { height: auto; max-height: 4; margin-bottom: 1; }
    }
    """

    def __init__(self, row: PositionRow, now: Callable[[], PositionRow | None]) -> None:
        super().__init__()
        self._row, self._now = row, now
        self._gone = False
        self.limited = False
        self.choices = Choices(self._choices(), id="choices")
        self._lines = Lines(self._said())
        self._lines.can_focus = False

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = "Close a position"
            dialog.border_subtitle = "↑↓ Enter · ←→ market/limit · esc goes back"
            yield self._lines
            yield self.choices

    def on_mount(self) -> None:
        self.set_focus(self.choices)
        self.set_interval(REFRESH_S, self._follow)

    def _follow(self) -> None:
        """The desk trades on behind the question."""
        row = self._now()
        if (row is None, row or self._row) != (self._gone, self._row):
            self._gone, self._row = row is None, row or self._row
            self._tell()

    def _tell(self) -> None:
        for choice in self._choices():
            self.choices.describe(choice.id, choice.detail)
        self._lines.set_lines(self._said())

    def _choices(self) -> list[Choice]:
        held = figures.decimal(self._row.quantity) or Decimal(0)
        side = "sell" if held > 0 else "buy"
        how = "at a limit" if self.limited else "at the market"
        return [
            BACK,
            *(
                Choice(str(part), f"{part} %", f"{side} {_about(abs(held), part)} {how}", "warn")
                for part in PARTS
            ),
        ]

    def _said(self) -> list[Line]:
        row = self._row
        if self._gone:
            return [(("It is closed by now: nothing is held.", "warn"),), ()]
        held = figures.decimal(row.quantity) or Decimal(0)
        how = "a limit at the touch: it may rest" if self.limited else "the market: it fills what is there"
        return [
            (
                ("▲ LONG " if held > 0 else "▼ SHORT ", "up" if held > 0 else "down"),
                (f"{figures.amount(str(abs(held)))} {short_name(row.symbol)}", "bold"),
                (" at ", "muted"),
                (level(row.entry_price), "text"),
                ("  now ", "muted"),
                signed_money(row.unrealized, row.stale),
            ),
            (("by ", "muted"), (how, "text")),
        ]

    def action_turn(self) -> None:
        """Market or limit."""
        self.limited = not self.limited
        self._tell()

    def action_close(self) -> None:
        if not self.choices.is_done:
            super().action_close()

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        if event.id == BACK.id:
            self.dismiss(None)
            return
        kind = "limit" if self.limited else "market"
        self.dismiss(FlattenPatch(symbol=self._row.symbol, percent=float(event.id), type=kind))  # type: ignore[arg-type]


def _about(held: Decimal, part: int) -> str:
    """The part of what is held; the engine rounds it to lots."""
    if part == 100:
        return figures.amount(str(held))
    return f"~{figures.amount(str((held * part / 100).normalize()))}"
