"""Alerts at the keyboard: made, listed, and told: a toast, the bell, the desktop, a mark until Esc."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from textual import work

from console.alert_words import FORM, rule_of
from console.command_line.command import Argument, Candidate, Command, CommandError
from console.desktop_notice import NOTIFY_SEND, Way, command, sequence, way_of
from console.link_protocol import Link
from console.screens.alerts import AlertScreen, AlertsScreen, last_price
from console.trading import TradingApp
from engine.api.alert_protocol import SOURCE
from engine.errors import AlertError
from engine.events import Alert
from engine.text import clean
from widgets.alerts import KINDS

NOTICE_S = 5.0
"""Longer than that no notification program may take."""


class Notices(NamedTuple):
    """How a person is told beside the screen."""

    bell: bool = True
    desktop: Way = "auto"


SILENT = Notices(bell=False, desktop="off")


class AlertsApp(TradingApp):
    link: Link

    def __init__(self, *, notices: Notices = SILENT, **options: Any) -> None:
        super().__init__(**options)
        self._notices = notices

    def typed_commands(self) -> list[Command]:
        kinds = [Candidate(kind, about) for kind, about in KINDS.items()]
        return [
            *super().typed_commands(),
            Command(
                "alert",
                "Tell when something comes true; without words: the list",
                self._type_alert,
                (Argument("WORDS", FORM, lambda before: () if before else kinds, optional=True, rest=True),),
            ),
        ]

    async def _type_alert(self, words: Sequence[str]) -> None:
        if not words:
            self.action_alerts()
            return
        try:
            rule = rule_of(words)
        except AlertError as error:
            raise CommandError(str(error)) from None
        if why_not := await self.why_not("ALERT", safer=True):
            raise CommandError(why_not)
        reply = await self.link.add_alert(rule)
        if not reply.ok:
            raise CommandError(reply.text)
        self.say(reply.text)

    # --- made and listed -------------------------------------------------------------------------

    def action_alert(self) -> None:
        """A new one, about the selected row."""
        symbols = sorted(self.view.ticks)
        chosen = self.selected_symbol()
        symbol = chosen if chosen in self.view.ticks else symbols[0] if symbols else ""
        values = {"what": "last", "symbol": symbol}
        values["value"] = last_price(self.view, values)
        self.push_screen(AlertScreen(self.link, self.view, symbols, values, self._list_alerts))

    def action_alerts(self) -> None:
        self.push_screen(AlertsScreen(self.link, self.action_alert))

    def _list_alerts(self) -> None:
        """Back to the list that the form was opened from, or to a new one."""
        if not any(isinstance(screen, AlertsScreen) for screen in self.screen_stack):
            self.call_after_refresh(self.action_alerts)

    # --- told ------------------------------------------------------------------------------------

    def tell_alert(self, alert: Alert) -> None:
        """What the engine said: everything is a toast; what a person asked for is more."""
        if alert.source != SOURCE:
            if self._replies.is_new(alert.text):
                self.say(alert.text, alert.level, title=alert.source)
            return
        self.desk.note_alert()
        self.say(alert.text, "warning", title="alert")
        self._notify_person(clean(alert.text))

    def _notify_person(self, text: str) -> None:
        way = way_of(self._notices.desktop, os.environ)
        told = ("\a" if self._notices.bell else "") + sequence(way, "tickdesk", text, os.environ)
        if told and self._driver is not None:
            self._driver.write(told)
        if way == NOTIFY_SEND:
            self._run_notifier(command("tickdesk", text))

    @work(group="notices")
    async def _run_notifier(self, arguments: Sequence[str]) -> None:
        """Whatever becomes of it, the toast and the mark are there; it must not hold up anything."""
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            self.say(f"{NOTIFY_SEND}: {error.strerror}; see `[console] desktop_notifications`", "error")
            return
        try:
            async with asyncio.timeout(NOTICE_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
