"""Change an order at work: its quantity, its prices; what is not touched stays."""

from __future__ import annotations

import time

from console.link_protocol import UNSENT, TradingLink
from console.screens.confirm import BACK, ConfirmScreen
from console.screens.form import FormScreen
from console.view import DeskView
from engine.api.protocol import OrderRow
from engine.api.trading_protocol import AmendPatch
from engine.errors import LinkError
from widgets import figures
from widgets.form import FormField
from widgets.lines import Line
from widgets.opportunities import SIDES
from widgets.orders import FINAL, order_state
from widgets.symbol_names import short_name
from widgets.ticket import market_line, verdict_line

_FIELDS = (
    ("quantity", "quantity"),
    ("price", "limit"),
    ("stop_price", "trigger"),
    ("trail", "trail"),
)
_LEVELS = ("price", "trail", "stop_price")


class AmendScreen(FormScreen):
    """``row``: the order as it was when this was opened; how it stands now is followed in ``view``."""

    def __init__(self, link: TradingLink, view: DeskView, row: OrderRow) -> None:
        super().__init__(f"Amend {row.side} {short_name(row.symbol)}")
        self._link, self._view, self._row = link, view, row
        self._judging = False
        self._judged: tuple[dict[str, str], Line] = ({}, ())
        """The changes that were judged last, and what risk says of them."""
        self._asked = AmendPatch()
        """What the question was about: that is sent."""
        self._before = {key: getattr(row, key) for key, _ in _FIELDS if getattr(row, key)}
        self._values = dict(self._before)
        self.form.show(
            [FormField(key, label, self._values[key]) for key, label in _FIELDS if key in self._values]
        )
        # A number typed at once is meant for the level: as a quantity it would be an order of thousands.
        self.form.move_to(next((key for key in _LEVELS if key in self._values), next(iter(self._values))))

    def form_changed(self, key: str, value: str) -> None:
        self._values[key] = value
        self.say("")
        self.follow()

    def _changes(self) -> dict[str, str]:
        return {
            key: value
            for key, value in self._values.items()
            if figures.decimal(value) != figures.decimal(self._before[key])
        }

    def follow(self) -> None:
        self._show()
        if self._changes() and not self._judging and not self.sending:
            self._judging = True
            self.run_worker(self._judge(), group="judge")

    def _show(self) -> None:
        row = self._view.orders.get(self._row.id, self._row)
        held = self._view.positions.get(row.symbol)
        self.show_about(market_line(self._view.tick(row.symbol), held.quantity if held else "0"))
        self.show_outcome(
            [
                (
                    SIDES.get(row.side, (row.side, "text")),
                    (f" {row.type.replace('_', ' ')} {row.time_in_force.upper()}  ", "text"),
                    order_state(row),
                    (f"  filled {figures.amount(row.filled or '0')}", "text"),
                ),
                self._change_line(),
                self._verdict_line() or ((row.reason, "muted"),),
            ]
        )
        if (question := self.asked) is not None:
            question.tell(self._question_lines())

    def _verdict_line(self) -> Line:
        """Of what is shown now; nothing while that is not judged."""
        changes, line = self._judged
        return (self.past_line() or line) if changes == self._changes() else ()

    async def _judge(self) -> None:
        """Until the engine has judged what is shown now; one question at a time, on slow lines too."""
        try:
            while changes := self._changes():
                self.judged_since = time.monotonic()
                try:
                    preview = await self._link.preview_amendment(self._row.id, AmendPatch(**changes))
                    line = verdict_line(preview)
                except LinkError as error:
                    line = ((str(error).removeprefix(UNSENT), "warn"),)
                self._judged = changes, line
                if changes == self._changes():
                    break
        finally:
            self._judging, self.judged_since = False, None
        self._show()

    def _change_line(self) -> Line:
        changes = self._changes()
        if not changes:
            return (("type what it is to become", "muted"),)
        labels = dict(_FIELDS)
        said = ", ".join(
            f"{labels[key]} {figures.amount(self._before[key])} → {figures.amount(value)}"
            for key, value in changes.items()
        )
        return ((said, "bold"),)

    def form_submitted(self) -> None:
        changes = self._changes()
        wrong = next((key for key, value in changes.items() if figures.decimal(value) is None), None)
        row = self._view.orders.get(self._row.id, self._row)
        if self.sending:
            self.say("on its way…", "muted")
        elif wrong is not None:
            self.say(f"{dict(_FIELDS)[wrong]}: give a number")
        elif not changes:
            self.say("nothing is changed yet", "muted")
        elif row.state in FINAL:
            self.say(f"the order is {row.state}: there is nothing to amend")
        else:
            self._asked = AmendPatch(**changes)
            lines = self._question_lines()
            title, amends = f"{self._title}?", "Amend the order"
            self.ask(ConfirmScreen(title, lines, amends, "it loses its place", BACK), follows=True)

    def _question_lines(self) -> list[Line]:
        """What is asked, and what risk says of it now."""
        row = self._view.orders.get(self._row.id, self._row)
        if row.state in FINAL:
            return [self._change_line(), ((f"the order is {row.state}: there is nothing to amend", "warn"),)]
        return [self._change_line(), self._verdict_line() or (("risk …", "muted"),)]

    async def deliver(self) -> bool:
        patch = self._asked
        reply = await self.commands.ask_engine("AMEND", lambda: self._link.amend(self._row.id, patch))
        if reply is None:
            self.say(self.commands.unsent or "not confirmed: the order's row says what holds")
            return False
        if not reply.ok:
            self.say(reply.text, "bad")
        return reply.ok
