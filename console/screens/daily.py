"""Daily runs: the days, and the steps, orders and figures of one; asked anew, so that a run is seen live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.export_files import Export
from console.link_protocol import Link
from console.screens.asking_reader import AskingReader
from console.table_csv import exported
from console.view import DeskView
from engine.api.daily_protocol import DailyDetail, DailyRow
from widgets.daily import daily_lines
from widgets.lines import Line


class DailyScreen(AskingReader):
    """The newest run first; the ones before it by ``]``, back by ``[``."""

    DEFAULT_CSS = """
    DailyScreen > .dialog { width: 96%; max-width: 180; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "walk(1)", show=False, id="tab_right"),
        Binding("left_square_bracket", "walk(-1)", show=False, id="tab_left"),
    ]

    def __init__(self, link: Link, view: DeskView) -> None:
        super().__init__("Daily runs")
        self._link, self._view = link, view
        self._runs: tuple[DailyRow, ...] | None = None
        self._chosen = 0
        self._details: tuple[DailyDetail, ...] = ()

    def on_mount(self) -> None:
        self.dialog.border_subtitle = self.hints(
            "{tab_left} {tab_right} day", "{down} {up} scroll", "esc close"
        )

    def action_walk(self, step: int) -> None:
        if self._runs:
            self._chosen = min(max(self._chosen + step, 0), len(self._runs) - 1)
            self._draw()
            self.run_worker(self._fill(), group="walk", exclusive=True)

    async def ask(self) -> None:
        before = self._shown
        runs = tuple(await self._link.daily())
        if before is not None and self._chosen:  # one was begun meanwhile: the same stays chosen
            same = (number for number, row in enumerate(runs) if _name(row) == _name(before))
            self._chosen = next(same, self._chosen)
        self._chosen = min(self._chosen, max(len(runs) - 1, 0))
        self._runs = runs
        shown = self._shown
        if shown is not None:
            self._details = tuple(await self._link.daily_of(shown.day))

    @property
    def _shown(self) -> DailyRow | None:
        return self._runs[self._chosen] if self._runs else None

    def exports(self) -> Sequence[Export]:
        runs, orders = self._runs or (), self._detail
        steps = self._shown.steps if self._shown is not None else ()
        return (
            exported((("daily-steps", steps), ("daily-orders", orders.orders if orders is not None else ())))
            if runs
            else super().exports()
        )

    @property
    def _detail(self) -> DailyDetail | None:
        shown = self._shown
        if shown is None:
            return None
        return next((one for one in self._details if _name(one.run) == _name(shown)), None)

    def told(self, width: int) -> list[Line]:
        if self._runs is None:
            return []
        return daily_lines(self._runs, self._chosen, self._detail, self._view.now_ns, width)


def _name(row: DailyRow) -> tuple[str, str, str, bool]:
    return row.day, row.kind, row.account, row.dry
