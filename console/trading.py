"""The trader's keys: orders placed, changed and canceled, positions closed, the desk halted and resumed.

What makes the desk safer is sent at once; what adds risk, or cannot be undone, asks once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from console.command_line.command import Command
from console.command_line.trading import trading_commands
from console.commanding import Answer, CommandingApp
from console.link_protocol import Link
from console.loosening import beyond, loosens, question_of
from console.screens.account import AccountScreen
from console.screens.amend import AmendScreen
from console.screens.close import CloseScreen
from console.screens.confirm import BACK, AskScreen, ConfirmScreen, ResumeScreen
from console.screens.desk_panes import Part
from console.screens.limits import LimitsScreen
from console.screens.ticket import TicketScreen
from console.view import DeskView
from engine.api.protocol import OrderRow, PositionRow
from engine.api.trading_protocol import FlattenPatch, LimitPatch, LimitRow
from widgets import figures
from widgets.orders import FINAL
from widgets.symbol_names import short_name

SETTLE_S = 0.7
"""A key that comes so soon after the selected row went away was meant for that one."""


class TradingApp(CommandingApp):
    """``link`` takes the commands, ``view`` is what they are about."""

    link: Link
    view: DeskView

    def typed_commands(self) -> list[Command]:
        return [*super().typed_commands(), *trading_commands(self)]

    async def learn_for_typing(self) -> None:
        await super().learn_for_typing()
        self.view.take("limits", await self.link.limits())

    # --- the desk's state ------------------------------------------------------------------------

    def action_halt(self) -> None:
        self.command(
            "HALT", lambda: self.link.set_risk("halted", "halted from the console"), "halted", safer=True
        )

    def action_entries_off(self) -> None:
        if self.view.risk_state == "active":
            self.command(
                "ENTRIES OFF",
                # A desk that has halted meanwhile must not be taken up by it.
                lambda: self.link.set_risk("reducing", "entries off from the console", "active"),
                "reducing",
                safer=True,
            )
        else:
            # From HALTED, REDUCING would be a step up: that is resuming, and asks.
            self.action_resume()

    def action_resume(self) -> None:
        if self.refused():
            return
        status = self.view.status
        asked_in = self.view.risk_state

        def answered(state: str | None) -> None:
            if state not in ("reducing", "active"):
                return
            if self.view.risk_state != asked_in:
                now, key = self.view.risk_state.upper(), self.key_map.words("{resume}")
                self.say(f"NOT SENT: the desk is {now} by now: {key} asks again", "warning")
            else:
                self.command(
                    f"RESUME {state.upper()}",
                    lambda: self.link.set_risk(state, "resumed from the console", asked_in),
                    state,
                )

        self.push_screen(
            ResumeScreen(self.view.risk_state, status.risk_reason if status is not None else ""), answered
        )

    def action_flatten(self) -> None:
        if self.refused():
            return
        view = self.view

        def question() -> str:
            return f"Entries off, cancel entries, close {_counted(len(view.positions), 'position')}."

        detail = "at the market, cannot be undone"
        screen = ConfirmScreen("Flatten", [question()], "Flatten everything", detail, BACK, now=question)
        self._confirm(screen, "FLATTEN", self.flatten)

    def action_kill(self) -> None:
        if not self.refused(safer=True):
            self._confirm(kill_screen(self.view), "KILL", self.kill, safer=True)

    async def flatten(self) -> Answer:
        return await self._receipt("FLATTEN", self.link, self.link.flatten())

    async def kill(self) -> Answer:
        return await self._receipt("KILL", self.link, self.link.kill())

    async def _receipt(self, name: str, link: Link, asked: Awaitable[Answer]) -> Answer:
        """What was stopped stands there until Esc."""
        reply = await asked
        if link is not self.link:
            return reply  # of a desk that is not shown any more
        text = f"{name}: {reply.text}"
        self.desk.receipt = text if reply.ok else ""
        if not self._still_unconfirmed(name):
            self.desk.notice = "" if reply.ok else text
        elif not reply.ok:
            self.say(text, "error")
        self.desk.paint(force=True)
        return reply

    def _confirm(
        self, screen: AskScreen, name: str, send: Callable[[], Awaitable[Answer]], *, safer: bool = False
    ) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command(name, send, safer=safer)

        self.push_screen(screen, answered)

    # --- orders ----------------------------------------------------------------------------------

    def action_ticket(self) -> None:
        symbols = sorted(self.view.ticks)
        if not symbols:
            self.say("no symbol is known yet: wait for the feed")
            return
        chosen = self.selected_symbol()
        self.open_ticket({"symbol": chosen if chosen in symbols else symbols[0]})

    def open_ticket(self, values: Mapping[str, str]) -> None:
        """The order ticket with these values, ``symbol`` among them; nothing is sent."""
        self.push_screen(self.new_ticket(values))

    def new_ticket(self, values: Mapping[str, str]) -> TicketScreen:
        return TicketScreen(self.link, self.view, sorted(self.view.ticks), values)

    def selected_symbol(self) -> str:
        """Of the selected row, or of the row last selected in the ticks."""
        return self.symbol_at(self.desk.grid, self.desk.grid.cursor_key) or self.desk.ticks.cursor_key or ""

    def symbol_at(self, part: Part, row: str | None) -> str:
        """Of a row of the ticks, opportunities, positions, orders; "" of any other or one that is gone."""
        desk, view, key = self.desk, self.view, row or ""
        if part is desk.ticks or part is desk.positions.grid:
            return key
        if part is desk.opportunities and key in view.opportunities:
            return view.opportunities[key].symbol
        if part in desk.orders.grids and key in view.orders:
            return view.orders[key].symbol
        return ""

    def action_cancel_order(self) -> None:
        row = self._working_order("cancel")
        if row is None:
            return
        if self.desk.orders.grid.displaced_s < SETTLE_S:
            self.say(f"NOT SENT: the selected order has just gone; this is {order_words(row)}", "warning")
            return
        self.cancel_order(row)

    def cancel_order(self, row: OrderRow) -> None:
        self.command(f"cancel of {order_words(row)}", partial(self.link.cancel, row.id), safer=True)

    def action_cancel_all(self) -> None:
        self.command("CANCEL ALL", self.link.cancel_all, safer=True)

    def action_amend(self) -> None:
        row = self._working_order("amend")
        if row is not None:
            self.push_screen(AmendScreen(self.link, self.view, row))

    def _working_order(self, what: str) -> OrderRow | None:
        """The selected order while it can still be changed; else says why there is none."""
        desk = self.desk
        row = self.view.orders.get(desk.grid.cursor_key or "") if desk.grid in desk.orders.grids else None
        if row is None:
            self.say(
                self.key_map.words(f"select the order to {what} first: {{pane4}}, then {{down}} and {{up}}")
            )
        elif row.state in FINAL:
            self.say(f"{order_words(row)} is {row.state.replace('_', ' ')}: there is nothing to {what}")
        else:
            return row
        return None

    def action_close_position(self) -> None:
        desk = self.desk
        row = (
            self.view.positions.get(desk.grid.cursor_key or "") if desk.grid is desk.positions.grid else None
        )
        if row is None:
            self.say(self.key_map.words("select the position to close first: {pane3}, then {down} and {up}"))
            return
        self.close_position(row)

    def close_position(self, row: PositionRow, percent: float | None = None) -> None:
        """Asks once: how much of it, or whether so many percent."""
        if self.refused():
            return
        native = short_name(row.symbol)

        def close(patch: FlattenPatch) -> None:
            self.command(f"CLOSE {patch.percent:g} % of {native}", lambda: self.link.flatten(patch))

        if percent is None:
            view = self.view
            how_much = CloseScreen(view.position(row.symbol) or row, lambda: view.position(row.symbol))
            self.push_screen(how_much, lambda patch: close(patch) if patch is not None else None)
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                close(FlattenPatch(symbol=row.symbol, percent=percent))

        side, held = "short" if row.quantity.startswith("-") else "long", row.quantity.lstrip("-")
        question = f"Close {percent:g} % of {side} {figures.amount(held)} {native}."
        screen = ConfirmScreen("Close a position", [question], f"Close {percent:g} %", "at the market", BACK)
        self.push_screen(screen, answered)

    # --- limits and the account ------------------------------------------------------------------

    def change_limit(self, row: LimitRow, patch: LimitPatch) -> None:
        """What is tighter is sent at once, what is looser after one question."""

        def send() -> None:
            self.command(f"the limit {patch.name}", lambda: self.link.set_limit(patch))

        if why_not := beyond(row, patch):
            self.say(why_not, "warning")
        elif not loosens(row, patch):
            send()
        elif not self.refused():
            question = question_of(row, patch)
            screen = ConfirmScreen("Allow more?", question, "Loosen the limit")
            self.push_screen(screen, lambda answer: send() if answer == "yes" else None)

    def action_limits(self) -> None:
        self.push_screen(LimitsScreen(self.link, self.view))

    def action_account(self) -> None:
        self.push_screen(AccountScreen(self.link, self.view))


def kill_screen(view: DeskView) -> ConfirmScreen:
    """The kill switch asks, since it cannot be undone."""

    def question() -> str:
        held = _counted(len(view.positions), "position")
        at_work = _counted(sum(row.state not in FINAL for row in view.orders.values()), "order")
        return f"HALT the desk, cancel {at_work}, close {held} at the market, verify."

    label, detail = "Kill: halt, cancel all, flatten", "cannot be undone"
    return ConfirmScreen("Kill", [question()], label, detail, BACK, now=question)


def order_words(row: OrderRow) -> str:
    return f"{row.side} {figures.amount(row.quantity)} {short_name(row.symbol)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
