"""The order ticket: what to trade and how, judged while it is filled in, asked once, placed once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

import msgspec

from console.link_protocol import UNSENT, TradingLink
from console.screens.confirm import BACK, ConfirmScreen
from console.screens.form import FormScreen
from console.view import DeskView
from engine.api.trading_protocol import OrderPreview, OrderTicket
from engine.errors import LinkError
from widgets.lines import Line, faded
from widgets.ticket import (
    BEGIN,
    LIMITED,
    market_line,
    passive_price,
    preview_lines,
    ticket_fields,
    ticket_lines,
    ticket_of,
    verdict_line,
)


class TicketScreen(FormScreen):
    """``values``: what it begins with; its symbol is offered first, the others by left and right."""

    def __init__(
        self, link: TradingLink, view: DeskView, symbols: Sequence[str], values: Mapping[str, str]
    ) -> None:
        super().__init__("")
        self._token = uuid4().hex
        """Of this ticket: however often it is sent, one order is placed. Another one after a refusal."""
        self._judging = False
        self._asked: OrderTicket | None = None
        """What the question was about: that is sent, whatever is judged meanwhile."""
        self._shown: OrderPreview
        """What the question says that it comes to."""
        self._came_to: list[Line] = []
        """What the form shows that it comes to."""
        self._wanted = False
        """Enter was pressed before the engine had judged what is shown."""
        self._offered = ""
        """The limit that we put there, and nobody typed."""
        self._offering = True
        """Nobody touched the limit: it is offered as soon as the touch is known."""
        self.begin(link, view, symbols, values)

    def begin(
        self, link: TradingLink, view: DeskView, symbols: Sequence[str], values: Mapping[str, str]
    ) -> None:
        """As it would be made, for one that waits to be opened: nobody has typed in it."""
        self._link, self._view, self._symbols = link, view, symbols
        self._values = {**BEGIN, **values}
        self._mode = _mode(view)
        self._say_whether_it_is_sent()
        self._offer_price()
        self._show_fields()
        self.form.move_to("size" if values.get("size") else "side")

    def _say_whether_it_is_sent(self) -> None:
        """Control is taken and given while it is open."""
        standing = self._view.standing
        watching = "" if standing.controls or standing.seat_is_free else " · not sent from here"
        title = f"Order · {self._mode}{watching}"
        if title != self._title:
            self.entitle(title)

    def _show_fields(self) -> None:
        self.form.show(ticket_fields(self._values, self._symbols))

    def _offer_price(self) -> None:
        """A limit begins at the touch on its own side; what somebody typed stays."""
        if self._values["type"] in LIMITED and not self._values.get("price"):
            tick = self._view.tick(self._values["symbol"])
            self._values["price"] = self._offered = passive_price(tick, self._values["side"])

    def form_changed(self, key: str, value: str) -> None:
        self._values[key] = value
        if key == "price":
            self._offering = False
        if key == "symbol":
            self._offering = True
            # Prices and sizes of another symbol mean nothing here.
            for of_it in ("size", "price", "stop_price", "trail", "stop_loss", "take_profit"):
                self._values.pop(of_it, None)
        elif key == "side" and self._values.get("price") == self._offered:
            self._values.pop("price", None)
        if key in ("symbol", "side", "type"):
            self._offer_price()
        self._wanted = False
        self._show_fields()
        self.say("")
        self.follow()

    def form_submitted(self) -> None:
        if self.sending:
            self.say("on its way…", "muted")
            return
        self._wanted = True
        self.follow()

    # --- judged while it is filled in --------------------------------------------------------------

    def follow(self) -> None:
        symbol = self._values["symbol"]
        self._say_whether_it_is_sent()
        if self._offering and not self._values.get("price"):
            self._offer_price()
            if self._values.get("price"):
                self._show_fields()
        held = self._view.positions.get(symbol)
        self.show_about(market_line(self._view.tick(symbol), held.quantity if held is not None else "0"))
        if self._judging:
            self._say_what_is_past()
        else:
            self._judging = True
            asks = self.asked is not None and self._asked is not None
            self.run_worker(self._judge_asked() if asks else self._judge(), group="judge")

    def _say_what_is_past(self) -> None:
        """A line that stands still must not leave an old price and verdict as they were."""
        if not (past := self.past_line()):
            return
        if self.asked is not None and self._asked is not None:
            self.asked.tell([*map(faded, _question(self._asked, self._shown)[:-1]), past])
        elif self._came_to:
            self.show_outcome([*map(faded, self._came_to[:-1]), past])

    def _ticket(self) -> OrderTicket | None:
        """As it stands; None, and said why, while it is not whole."""
        try:
            return ticket_of(self._values)
        except ValueError as error:
            self._wanted = False
            self._came_to = []
            self.show_outcome([((str(error), "muted"),)])
            return None

    async def _judge(self) -> None:
        """Until the engine has judged what is shown now; one question at a time, on slow lines too."""
        try:
            while (ticket := self._ticket()) is not None:
                self.judged_since = time.monotonic()
                try:
                    preview = await self._link.preview(ticket)
                except LinkError as error:
                    preview = None
                    if ticket == self._ticket():
                        self._wanted = False
                        self._came_to = []
                        self.show_outcome([((str(error).removeprefix(UNSENT), "warn"),)])
                if ticket != self._ticket():
                    continue
                if preview is not None:
                    self._came_to = preview_lines(preview)
                    self.show_outcome(self._came_to)
                    if self._wanted:
                        self._wanted = False
                        self._confirm(ticket, preview)
                return
        finally:
            self._judging, self.judged_since = False, None

    async def _judge_asked(self) -> None:
        """What the order that is asked about comes to now: an answer may take minutes."""
        try:
            question, ticket = self.asked, self._asked
            if question is None or ticket is None:
                return
            self.judged_since = time.monotonic()
            try:
                preview = self._shown = await self._link.preview(ticket)
                lines = [*_question(ticket, preview)]
                detail = _detail(preview)
            except LinkError as error:
                # The figures are those of before, and no more.
                why = ((str(error).removeprefix(UNSENT), "warn"),)
                lines = [*map(faded, _question(ticket, self._shown)[:-1]), why]
                detail = ""
            if self.asked is question:
                question.tell(lines)
                question.choices.describe("yes", detail)
        finally:
            self._judging, self.judged_since = False, None

    # --- sent --------------------------------------------------------------------------------------

    def _confirm(self, ticket: OrderTicket, preview: OrderPreview) -> None:
        if self.app.screen is not self or self.sending:
            return
        self._asked = sized(ticket, preview)
        self._shown = preview
        lines = _question(ticket, preview)
        question = ConfirmScreen("Send this order?", lines, "Send the order", _detail(preview), BACK)
        self.ask(question, follows=True)

    async def deliver(self) -> bool:
        if self._asked is None:
            return False
        if (mode := _mode(self._view)) != self._mode:
            # The engine was started anew as another.
            self.say(
                f"NOT SENT: this is a ticket for {self._mode}, the desk is {mode} now: open another", "bad"
            )
            return False
        ticket = msgspec.structs.replace(self._asked, token=self._token)
        reply = await self.commands.ask_engine("ORDER", lambda: self._link.place(ticket))
        if reply is None:
            # Whatever became of it: the same token places it once.
            self.say(self.commands.unsent or "not confirmed: sending it again places one order")
            return False
        if not reply.ok:
            self._token = uuid4().hex
            self.say(reply.text, "bad")
        return reply.ok


def _question(ticket: OrderTicket, preview: OrderPreview) -> list[Line]:
    return [*ticket_lines(ticket, preview), preview_lines(preview)[0], verdict_line(preview)]


def _detail(preview: OrderPreview) -> str:
    """Beside the answer that sends it."""
    return "" if preview.approved else "risk denies it as it stands"


def _mode(view: DeskView) -> str:
    return view.status.mode if view.status is not None else "mode unknown"


def sized(ticket: OrderTicket, preview: OrderPreview) -> OrderTicket:
    """The ticket of the quantity that is shown: a notional or a share of equity would be another by now."""
    if ticket.quantity is not None:
        return ticket
    return msgspec.structs.replace(ticket, quantity=preview.quantity, notional=None, equity_pct=None)
