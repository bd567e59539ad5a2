"""Alerts at the keyboard: made, listed, and told: a toast, the bell, the desktop, a mark until Esc."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from textual import work

from console.alert_words import FORM, rule_of
from console.command_line.command import Argument, Candidate, Command, CommandError
from console.commanding import TOASTS
from console.desktop_notice import NOTIFY_SEND, Way, command, sequence, way_of
from console.link_protocol import Link
from console.screens.alerts import AlertScreen, AlertsScreen, last_price
from console.trading import TradingApp
from engine.api.alert_protocol import SOURCE
from engine.errors import AlertError
from engine.events import Alert
from engine.text import clean
from widgets.alerts import KINDS

APART_S = 1.0
"""Between two bells, and between two notifications."""
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
        self._untold: list[str] = []
        self._notified_at = -APART_S

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

    def tell_alerts(self, alerts: Sequence[Alert]) -> None:
        """What the engine said: everything is a toast; what a person asked for is more. Called at each frame:
        what comes at once is told at once."""
        others = [one for one in alerts if one.source != SOURCE and self._replies.is_new(one.text)]
        mine = [one for one in alerts if one.source == SOURCE]
        self._toast(others, "{pane6} is the log")
        self._toast(mine, "{alert} {alert} lists them, {pane6} is the log")
        if mine:
            self.desk.note_alerts(len(mine))
        self.notify_person([one.text for one in mine])

    def _toast(self, alerts: Sequence[Alert], where: str) -> None:
        """No more at once than the screen has room for; the rest is counted."""
        shown = alerts if len(alerts) <= TOASTS else alerts[: TOASTS - 1]
        for alert in shown:
            self.say(alert.text, alert.level, title=alert.source)
        if more := len(alerts) - len(shown):
            self.say(self.key_map.words(f"and {more} more: {where}"), "warning", title=alerts[-1].source)

    def notify_person(self, texts: Sequence[str]) -> None:
        """Beside the screen; what comes faster than ``APART_S`` is told together."""
        self._untold += texts
        now = time.monotonic()
        if self._untold and now - self._notified_at >= APART_S:
            more = f"{len(self._untold)} alerts: " if len(self._untold) > 1 else ""
            self._notify(more + clean(self._untold[0]))
            self._untold, self._notified_at = [], now

    def _notify(self, text: str) -> None:
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
