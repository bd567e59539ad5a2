"""Commands on their way: sent once, waited for in sight, and never taken for done before they are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from textual import events, work
from textual.app import App
from textual.notifications import Notification

from console.command_line.command import Command
from console.keymap import DEFAULT_KEYS, LOG_PANE, KeyMap
from console.link_protocol import Link, NoAnswerError
from console.memory import ConsoleMemory
from console.replies import Replies
from console.screens.desk import DeskScreen
from engine.errors import LinkError
from engine.text import clean

_SEVERITY: dict[str, Any] = {"info": "information", "warning": "warning", "error": "error"}
TOASTS = 3
"""At once; one less where there is little room."""
ROOM_FOR_TOASTS = 36
"""Rows of a terminal that has room for all."""
READ_S = 1.5
"""A toast that stood so long has been seen: where there is little room, the next key takes it away."""
ANSWER_S = 0.2
"""An engine at work answers sooner; from then on it is said that we wait."""
END = "`tickdesk stop`, or kill its process"


class Answer(Protocol):
    """What the engine says of a command."""

    @property
    def ok(self) -> bool: ...

    @property
    def text(self) -> str: ...


A = TypeVar("A", bound=Answer)


class CommandingApp(App[None]):
    """An app that sends commands to an engine and says what became of them. ``desk`` is its first screen."""

    desk: DeskScreen
    link: Link
    """Of the desk that is shown."""
    unsent = ""
    """Why the command that was asked last was not done; "": it was, or nobody knows."""

    def __init__(
        self, *, memory: ConsoleMemory | None = None, keys: KeyMap = DEFAULT_KEYS, **options: Any
    ) -> None:
        """``memory``: what is remembered from one time to the next; None: nothing is kept."""
        super().__init__(**options)
        self.key_map = keys
        self.set_keymap(keys.for_textual)
        self.memory = ConsoleMemory() if memory is None else memory
        self._in_flight: set[str] = set()
        self._said_about: dict[str, Notification] = {}
        self._wanted_state = self._unconfirmed = ""
        """The risk state that a command would bring of which nobody knows whether it was done; its name."""
        self._replies = Replies()

    def begin_with_desk(self) -> None:
        """Another desk is shown from now on: nothing is known of it, and nothing on its way to the one before
        may reach it."""
        self._wanted_state = self._unconfirmed = ""
        self._replies = Replies()

    def typed_commands(self) -> list[Command]:
        """What can be typed on the command line; every class with commands adds its own."""
        return []

    async def learn_for_typing(self) -> None:
        """Ask for what completions rest on and the stream does not tell. Raises LinkError."""

    def say(self, text: str, level: str = "info", *, title: str = "", about: str = "") -> None:
        """A toast; never markup. It takes the place of one that says the same, or is ``about`` the same, and
        the oldest make room, so that many do not hide the desk."""
        toast = Notification(clean(text), clean(title, 40), _SEVERITY.get(level, "warning"))
        before = self._said_about.get(about)
        kept = []
        for old in list(self._notifications):
            if old.message == toast.message or old is before:
                self._unnotify(old, refresh=False)
            else:
                kept.append(old)
        most = TOASTS if self.size.height >= ROOM_FOR_TOASTS else TOASTS - 1
        for old in kept[: max(len(kept) + 1 - most, 0)]:
            self._unnotify(old, refresh=False)
        if about:
            self._said_about[about] = toast
        self._notifications.add(toast)  # at once: the next one counts it
        self.place_toasts()
        self._refresh_notifications()

    def place_toasts(self) -> None:
        """Away from what is read at the bottom now."""
        for rack in self.desk.query_children("ToastRack"):
            rack.set_class(self.read_at_the_bottom(), "-top")

    def read_at_the_bottom(self) -> bool:
        """Whether somebody looks at the desk's last lines: the log's newest ones are there."""
        return self.desk.active == LOG_PANE and self.desk.has_class("-compact")

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded and self.desk.has_class("-compact"):
            self._take_away_what_was_read(time.time())
        await super().on_event(event)

    def _take_away_what_was_read(self, now: float) -> None:
        read = [one for one in self._notifications if now - one.raised_at >= READ_S]
        for one in read:
            self._unnotify(one, refresh=False)
        if read:
            self._refresh_notifications()

    # --- whether ---------------------------------------------------------------------------------

    def refusal(self, *, safer: bool = False) -> str:
        """Why this console may send no command now; "": it may. ``safer``: one that makes the desk safer."""
        return ""

    async def why_not(self, name: str, *, safer: bool = False) -> str:
        """As ``refusal``, after a person was asked what has to be asked. Waits: only in a worker."""
        return self.refusal(safer=safer)

    def refused(self, *, safer: bool = False) -> bool:
        """Says why, where a key would only ask for what cannot be sent."""
        text = self.refusal(safer=safer)
        if text:
            self.say(text, "warning")
        return bool(text)

    # --- commands --------------------------------------------------------------------------------

    def command(
        self,
        name: str,
        send: Callable[[], Awaitable[Answer]],
        wanted_state: str = "",
        *,
        safer: bool = False,
    ) -> None:
        """Send once: a second key press while the first is on its way only says so.

        ``name`` as a person reads it; ``wanted_state``: the risk state in which it has come true; ``safer``:
        every console but a read-only one may send it, not the one alone that controls.
        """
        if name in self._in_flight:
            self.say(f"{name} is already on its way")
        elif not self.refused(safer=safer):
            self._in_flight.add(name)
            self._send(name, send, wanted_state, safer, self.link)

    @work(group="commands")
    async def _send(
        self,
        name: str,
        send: Callable[[], Awaitable[Answer]],
        wanted_state: str,
        safer: bool,
        link: Link,
    ) -> None:
        try:
            await self.ask_engine(name, send, wanted_state, safer=safer, link=link)
        finally:
            self._in_flight.discard(name)

    async def ask_engine(
        self,
        name: str,
        send: Callable[[], Awaitable[A]],
        wanted_state: str = "",
        *,
        safer: bool = False,
        link: Link | None = None,
    ) -> A | None:
        """The engine's answer, shown; None when there was none. ``link``: of the desk that the command is
        for, where that is not the one shown now."""
        link = self.link if link is None else link
        self._in_flight.add(name)
        try:
            return await self._ask_engine(name, send, wanted_state, safer, link)
        finally:
            self._in_flight.discard(name)

    async def _ask_engine(
        self, name: str, send: Callable[[], Awaitable[A]], wanted_state: str, safer: bool, link: Link
    ) -> A | None:
        why_not = await self.why_not(name, safer=safer)
        if link is not self.link:
            why_not = f"NOT SENT: {name}: its desk is not shown any more"
        self.unsent = why_not
        if why_not:
            self.say(why_not, "warning")
            return None
        if not self._still_unconfirmed(name, wanted_state):
            self._wanted_state = ""
            self._notice("")
        slow = self.set_timer(ANSWER_S, lambda: self._wait_for(name))
        try:
            reply = await send()
        except NoAnswerError as error:
            self.unsent = ""  # another command's meanwhile
            if link is not self.link:
                self.say(f"{name} of the desk before NOT CONFIRMED: {error}", "error")
                return None
            text = f"{name} NOT CONFIRMED: {error} and may still do it · {name} again, or end it: {END}"
            another = self._still_unconfirmed(name, wanted_state)
            if not another:
                self._wanted_state, self._unconfirmed = wanted_state, name
                self._notice(text)
            if another or self.screen is not self.desk:
                self.say(text, "error")
            return None
        except LinkError as error:
            self.unsent = str(error)
            self.say(self.unsent, "error")
            return None
        finally:
            slow.stop()
            self._wait_for("")
        if self._replies.is_new(reply.text):
            self.say(reply.text, "info" if reply.ok else "error")
        return reply

    def _still_unconfirmed(self, name: str, wanted_state: str = "") -> bool:
        """Whether another command than ``name`` is, as a halt of which nobody knows whether it was done: what
        is sent after it does not take that from the screen, but for a halt."""
        unconfirmed = bool(self._wanted_state and self.desk.notice) and name != self._unconfirmed
        return unconfirmed and wanted_state != "halted"

    def _wait_for(self, name: str) -> None:
        if name == self.desk.waiting:
            return
        self.desk.waiting = name
        self.desk.paint(force=True)
        if name and self.screen is not self.desk:
            self.say(f"{name} sent, waiting for the engine…")

    def _notice(self, text: str) -> None:
        if text != self.desk.notice:
            self.desk.notice = text
            self.desk.paint(force=True)
