"""Alerts: a form for a new one, and the list of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.alert_link import AlertsLink
from console.screens.editor import Editor, Field, Value
from console.screens.form import FormScreen
from console.view import DeskView
from engine.alert_rule import AlertRule, checked, words
from engine.api.alert_protocol import AlertRow
from engine.api.protocol import Reply
from engine.errors import AlertError
from widgets import figures
from widgets.alerts import AlertsGrid, alert_fields, alert_lines, alert_of
from widgets.lines import Line
from widgets.market.prices import decimals_needed, price_text
from widgets.symbol_names import short_name

BEGIN: Mapping[str, str] = {"what": "last", "beyond": "above", "window_s": "60"}


class AlertScreen(FormScreen):
    """A new one. ``values``: what it begins with; ``open_list`` shows those that there are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("exclamation_mark", "list", show=False, id="alert")]

    def __init__(
        self,
        link: AlertsLink,
        view: DeskView,
        symbols: Sequence[str],
        values: Mapping[str, str],
        open_list: Callable[[], None],
    ) -> None:
        super().__init__("Alert")
        self._link, self._view, self._symbols, self._open_list = link, view, symbols, open_list
        self._values = {**BEGIN, **values}
        self._rule: AlertRule | None = None
        """As it was submitted: that is sent, whatever is typed meanwhile."""
        self._show_fields()
        self.form.move_to("value" if symbols else "what")

    def on_mount(self) -> None:
        keys = self.hints("↑↓ field", "←→ choose", "enter", "{alert} list", "esc")
        self.dialog.border_subtitle = keys

    def _show_fields(self) -> None:
        self.form.show(alert_fields(self._values, self._symbols))

    def form_changed(self, key: str, value: str) -> None:
        self._values[key] = value
        if key in ("what", "symbol"):
            self._values["value"] = last_price(self._view, self._values)
            if key == "what" and value == "opportunity":
                self._values["symbol"] = ""
            elif key == "what" and not self._values.get("symbol") and self._symbols:
                self._values["symbol"] = self._symbols[0]
        self._show_fields()
        self.say("")
        self.follow()

    def follow(self) -> None:
        tick = self._view.tick(self._values.get("symbol", ""))
        now: Line = (("the market of this symbol is not known", "muted"),)
        if tick is not None:
            now = (
                (f"{short_name(tick.symbol)} ", "bold"),
                ("last ", "muted"),
                (f"~{_price(tick.last)}", "stale") if tick.stale else (_price(tick.last), "text"),
                ("  score ", "muted"),
                (figures.signed(tick.score), "text"),
            )
        self.show_about(now)
        try:
            rule = checked(alert_of(self._values))
        except (ValueError, AlertError) as error:
            self.show_outcome([((str(error), "muted"),)])
        else:
            self.show_outcome([(("tell when ", "muted"), (words(rule), "bold")), ()])

    def form_submitted(self) -> None:
        if self.sending:
            self.say("on its way…", "muted")
            return
        try:
            self._rule = checked(alert_of(self._values))
        except (ValueError, AlertError) as error:
            self.say(str(error))
            return
        self.send()

    async def deliver(self) -> bool:
        rule = self._rule
        if rule is None:
            return False
        reply = await self.commands.ask_engine("ALERT", lambda: self._link.add_alert(rule), safer=True)
        if reply is not None and not reply.ok:
            self.say(reply.text, "bad")
        return reply is not None and reply.ok

    def action_list(self) -> None:
        self.dismiss(None)
        self._open_list()


def last_price(view: DeskView, values: Mapping[str, str]) -> str:
    """What a price begins with: the one that is selected; "" for all else."""
    tick = view.ticks.get(values.get("symbol", ""))
    what = values["what"]
    if tick is None or what not in ("last", "bid", "ask"):
        return ""
    price = {"last": tick.last, "bid": tick.bid, "ask": tick.ask}[what]
    if price is None:
        return ""
    return _price(price).replace(",", "") if price >= 0.01 else f"{price:.12f}".rstrip("0")


def _price(price: float | None) -> str:
    return figures.UNKNOWN if price is None else price_text(price, decimals_needed(price))


class AlertsScreen(Editor):
    """The list: on and off, deleted, and how often each came. ``make`` opens the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "make", show=False, id="alerts_new"),
        Binding("exclamation_mark", "make", show=False, id="alert"),
        Binding("d", "remove", show=False, id="alerts_delete"),
        Binding("delete", "remove", show=False),
        Binding("enter", "switch", show=False),
    ]

    def __init__(self, link: AlertsLink, make: Callable[[], None]) -> None:
        self._table = AlertsGrid()
        super().__init__("Alerts", self._table)
        self._link, self._make = link, make
        self._rows: dict[str, AlertRow] = {}

    def on_mount(self) -> None:
        self.dialog.border_subtitle = self.hints(
            "{alerts_new} new", "{toggle} on/off", "{alerts_delete} delete", "esc close"
        )

    async def load(self) -> None:
        rows = await self._link.alerts()
        self._rows = {row.id: row for row in rows}
        self.fields = {row.id: Field("flag", "on" if row.on else "off", row.text) for row in rows}
        self._table.show(rows)

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        return self._link.switch_alert(key, bool(value))

    def describe(self, key: str) -> Sequence[Line]:
        return alert_lines(self._rows[key])

    def action_make(self) -> None:
        self._make()

    def action_remove(self) -> None:
        key = self.grid.cursor_key
        if key in self._rows:
            self.send_command(key, lambda: self._link.remove_alert(key))

    def on_screen_resume(self) -> None:
        """Back from the form."""
        self.refresh_values()
