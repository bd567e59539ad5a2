"""Notifications beyond the desk: fills, halts, drift, what is wrong with the engine, the daily report.

What the journal says is told once it is durable. Nothing here is waited for: messages queue, what cannot wait
before the others, and a service that is slow costs the oldest of those. To one that is away they are sent
again, a few times, and what must not be missed until the line is back: what is worth telling comes when it is
down.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.api.alert_protocol import SOURCE as ALERT
from engine.automation.notification import Notifier
from engine.automation.parts import Level
from engine.config import NotifyConfig
from engine.errors import AutomationError, ConfigError
from engine.events import NS, Alert, Fill, JournalEvent, RiskChange, RiskState
from engine.ops.alarms import FEED_KINDS, Told
from engine.ops.telling import Message, Telling
from engine.private_file import read_private
from engine.task_group import TaskGroup
from engine.text import clean
from engine.wiring.decimal_text import plain
from engine.wiring.reconciliation import SOURCE as RECONCILIATION

log = logging.getLogger("engine.notify")

URLS = "TICKDESK_NOTIFY_URLS"
BEAT_S = 1.0
"""Fills and alerts are gathered this often."""
WAITING = 100
LISTED = 20
"""Fills, or alerts, that one message names."""
AGAIN_S = (10.0, 60.0, 300.0)
"""How long after each attempt that failed the next one is made."""
HOUR_S = 3600.0
HOURS = 24
"""The trading state, what is critical and a day's report are tried each hour after that, so often, or once
something else gets through."""
LATE_S = 30.0
"""What was sent later than this says of when it is."""
AGAIN = "(sent again: it may have arrived before)"
SOURCE = "notify"
HELD = "notify:held"
"""Setting: what waits for the end of the quiet hours."""
UNSENT = "notify:unsent"
"""Setting: what no service has taken."""
RESTARTED = "(of before the engine's restart; it may have arrived then)"
KEEP_S = 5.0
"""It is kept at most this often."""
_MOST = 64 * 1024
_STATE = "trading state"


class _Sending(NamedTuple):
    message: Message
    urls: tuple[str, ...]
    """That have not taken it."""
    failures: int = 0


class Notifications:
    """Made at the start of a live desk; then ``run``."""

    def __init__(
        self,
        config: NotifyConfig,
        *,
        alert: Callable[[str, str, str], None],
        environ: Mapping[str, str] = os.environ,
        keep: Callable[[str, object], None] = lambda name, value: None,
        timer: Callable[[], float] = time.monotonic,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """``keep(name, value)`` keeps a setting for the next start. ``timer`` in seconds; ``clock``: ns UTC,
        for the quiet hours.

        Raises ConfigError: no address, a file that others can read, no Apprise.
        """
        self._config = config
        self._urls = addresses(config, environ)
        self._alert = alert
        self._keep = keep
        self._timer = timer
        self._clock = clock
        self._notifier = Notifier(environ)
        self._fills: list[Fill] = []
        self._rules: list[str] = []
        """What the rules of a person told."""
        self._messages: deque[_Sending] = deque()
        self._later: deque[tuple[float, _Sending]] = deque()
        """What failed, and when it is sent again."""
        self._news = asyncio.Event()
        self._left_out = 0
        """Since a message was sent."""
        self.left_out = 0
        """Since the start."""
        self._telling = Telling(config.quiet_s, config.quiet_hours)
        self._failing = False
        self._taken_up = False
        """What an earlier run left to be told is known."""
        self._held_anew = False
        self._kept_s = -KEEP_S
        self._sending: _Sending | None = None
        self._unsent: object = None
        """As it was kept last."""

    @property
    def waiting(self) -> int:
        """Messages that wait to be sent."""
        return len(self._messages) + len(self._later)

    # --- in

    def on_event(self, event: JournalEvent) -> None:
        """A durable event of the journal."""
        config = self._config
        if isinstance(event, Fill):
            if config.fills:
                self._fills.append(event)
        elif isinstance(event, RiskChange):
            if _loosened(event):
                self._telling.over(_STATE)  # the next halt is another one
            if event.state is not RiskState.ACTIVE and config.halts:
                states = f"{event.previous.value.upper()} → {event.state.value.upper()}"
                level: Level = "error" if event.state is RiskState.HALTED else "warning"
                halted = event.state is RiskState.HALTED
                self._tell(_STATE, f"{states} by {event.who}: {event.reason}", level, critical=halted)
        elif isinstance(event, Alert) and config.drift and event.source == RECONCILIATION:
            wrong = event.level == "error"
            self._tell("reconciliation", event.text, "error" if wrong else "info", critical=wrong)
        elif isinstance(event, Alert) and config.alerts and event.source == ALERT:
            news = self._telling.again("alert", event.text, self._timer())
            if news is not None:
                self._rules.append(news)

    def daily_report(self, day: str, text: str) -> None:
        if self._config.daily_report:
            self._offer(Message(f"daily report {day}", clean_lines(text), "info", whole=True))

    def look(self) -> None:
        """Make one message of the fills since the last look, one of the alerts, one of what was held; send
        again what is due."""
        for held in self._telling.due(self._clock()):
            self._held_anew = True
            self._push(held)
        fills, self._fills = self._fills, []
        if fills:
            self._offer(_message_of("fill", [_fill(fill) for fill in fills], "info"))
        rules, self._rules = self._rules, []
        if rules:
            self._offer(_message_of("alert", rules, "warning"))
        now_s = self._timer()
        for _ in range(len(self._later)):
            due_s, sending = self._later.popleft()
            if due_s > now_s:
                self._later.append((due_s, sending))
            else:
                self._queue(sending)
        if now_s - self._kept_s >= KEEP_S:
            self._keep_held()
            self._keep_unsent(_is_owed)

    def take_up(self, settings: Mapping[str, object]) -> None:
        """``settings``: what was kept."""
        self._taken_up = True
        self._telling.take_up(settings.get(HELD))
        self._unsent = settings.get(UNSENT)
        try:
            unsent = msgspec.convert(self._unsent or (), tuple[Message, ...])
        except msgspec.ValidationError as error:
            log.warning("what was not sent before is not understood, and forgotten: %s", error)
            unsent = ()
        for message in unsent[-WAITING:]:
            self._push(message._replace(text=f"{message.text.removesuffix(RESTARTED).rstrip()}\n{RESTARTED}"))

    def keep(self) -> None:
        """The engine ends: what came in the last moment may have to be held, or sent later, too. Before
        ``take_up`` nothing is done: what an earlier run kept would be lost."""
        if not self._taken_up:
            return
        self.look()
        self._keep_held()
        self._keep_unsent(lambda sending: True)

    def _keep_held(self) -> None:
        if self._held_anew:
            self._held_anew, self._kept_s = False, self._timer()
            self._keep(HELD, self._telling.held())

    def _keep_unsent(self, which: Callable[[_Sending], bool]) -> None:
        """For the next start: a line that is down until then loses no halt, however the engine ends."""
        sending = () if self._sending is None else (self._sending,)
        waiting = (*sending, *(one for _, one in self._later), *self._messages)
        unsent = msgspec.to_builtins([one.message for one in waiting if which(one)][-WAITING:]) or None
        if unsent != self._unsent:
            self._unsent, self._kept_s = unsent, self._timer()
            self._keep(UNSENT, unsent)

    def operation(self, told: Told) -> None:
        """What the engine tells of itself."""
        config = self._config
        if config.feed_loss if told.kind in FEED_KINDS else config.operation:
            # What is over was told to have begun: it is never a repetition.
            over = told.level == "info"
            text = told.text if over else self._telling.again(told.kind, told.text, self._timer())
            if text is not None:
                self._offer(Message(told.kind, clean_lines(text), told.level, told.critical))

    def _tell(self, title: str, text: str, level: Level, *, critical: bool = False) -> None:
        news = self._telling.again(title, text, self._timer())
        if news is not None:
            self._offer(Message(title, clean_lines(news), level, critical))

    def _offer(self, message: Message) -> None:
        if self._telling.sent_now(message, self._clock()):
            self._push(message)
        else:
            self._held_anew = True

    def _push(self, message: Message) -> None:
        self._queue(_Sending(message if message.ns else message._replace(ns=self._clock()), self._urls))

    def _queue(self, sending: _Sending) -> None:
        last = len(self._messages)
        # A halt stands behind no fills that a slow service has yet to take.
        place = last if _can_wait(sending) else _first_to_wait(self._messages, last)
        self._messages.insert(place, sending)
        if len(self._messages) > WAITING:
            del self._messages[_first_to_wait(self._messages, 0)]
            self._leave_out()
        self._news.set()

    def _leave_out(self) -> None:
        self._left_out += 1
        self.left_out += 1

    # --- out

    async def run(self) -> None:
        """Send, until canceled."""
        try:
            async with TaskGroup() as tasks:
                tasks.create_task(self._look_on())
                tasks.create_task(self._send_all())
        finally:
            self.keep()
            self._notifier.close()

    async def _look_on(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(BEAT_S)

    async def _send_all(self) -> None:
        try:
            await self._notifier.check(self._urls)
        except AutomationError as error:
            self._failed(error)
        while True:
            while self._messages:
                await self._send(self._messages.popleft())
            self._news.clear()
            await self._news.wait()

    async def _send(self, sending: _Sending) -> None:
        text = sending.message.text
        if self._left_out:
            text, self._left_out = f"{text}\n({self._left_out} earlier messages were left out)", 0
        if self._clock() - sending.message.ns > LATE_S * NS:
            text = f"{text}\n(of {_utc(sending.message.ns)})"
        if sending.failures:
            text = f"{text}\n{AGAIN}"
        self._sending = sending
        # One by one: whoever has taken it is not told again because another has not.
        errors = await asyncio.gather(*(self._sent(url, sending.message, text) for url in sending.urls))
        self._sending = None
        failed = tuple(url for url, error in zip(sending.urls, errors, strict=True) if error is not None)
        self._line_is_back({*sending.urls}.difference(failed))
        if not failed:
            self._failing = False
            return
        self._failed(next(error for error in errors if error is not None))
        if sending.failures < len(AGAIN_S):
            due_s = self._timer() + AGAIN_S[sending.failures]
        elif _must_arrive(sending) and sending.failures < len(AGAIN_S) + HOURS:
            due_s = self._timer() + HOUR_S
        else:
            self._leave_out()
            return
        self._later.append((due_s, sending._replace(urls=failed, failures=sending.failures + 1)))
        if len(self._later) > WAITING:
            del self._later[_first_to_wait([one for _, one in self._later], 0)]
            self._leave_out()

    def _line_is_back(self, urls: set[str]) -> None:
        """What has long waited for one of these is due."""
        for place, (_, one) in enumerate(self._later):
            if one.failures > len(AGAIN_S) and not urls.isdisjoint(one.urls):
                self._later[place] = self._timer(), one

    async def _sent(self, url: str, message: Message, text: str) -> AutomationError | None:
        """Why not."""
        try:
            await self._notifier.send((url,), f"tickdesk: {message.title}", text, message.level)
        except AutomationError as error:
            return error
        return None

    def _failed(self, error: AutomationError) -> None:
        """Said once, until a message gets through again."""
        if not self._failing:
            self._failing = True
            self._alert("error", SOURCE, f"{error}; said once until a message gets through")


def _loosened(event: RiskChange) -> bool:
    return event.state is RiskState.ACTIVE or (
        event.state is RiskState.REDUCING and event.previous is RiskState.HALTED
    )


def _is_owed(sending: _Sending) -> bool:
    """A service did not take it, or has not since the restart."""
    return sending.failures > 0 or sending.message.text.endswith(RESTARTED)


def _can_wait(sending: _Sending) -> bool:
    """What tells of the trading state keeps its order: what is told last is how it stands."""
    return not (sending.message.critical or sending.message.title == _STATE)


def _must_arrive(sending: _Sending) -> bool:
    return not _can_wait(sending) or sending.message.whole


def _utc(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _first_to_wait(sendings: Sequence[_Sending], otherwise: int) -> int:
    """The place of the oldest that can wait, where there is one."""
    return next((place for place, one in enumerate(sendings) if _can_wait(one)), otherwise)


def clean_lines(text: str) -> str:
    return "\n".join(clean(line, 300) for line in text.splitlines()[:100])


def _message_of(what: str, told: Sequence[str], level: Level) -> Message:
    lines = list(told[:LISTED])
    if len(told) > LISTED:
        lines.append(f"and {len(told) - LISTED} more")
    title = what if len(told) == 1 else f"{len(told)} {what}s"
    return Message(title, clean_lines("\n".join(lines)), level)


def _fill(fill: Fill) -> str:
    what = f"{fill.side.value} {plain(fill.quantity)} {fill.symbol}"
    return f"{what} at {plain(fill.price)}, fee {plain(fill.fee)}"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return False


def addresses(config: NotifyConfig, environ: Mapping[str, str]) -> tuple[str, ...]:
    """From the environment (separated by blanks), else from the file (one a line).

    Raises ConfigError: none, a file that others can read, no Apprise to send to them.
    """
    if not _installed("apprise"):
        raise ConfigError("notify.enabled needs Apprise: pip install 'tickdesk[notify]', or switch it off")
    text = environ.get(URLS, "")
    if not text and config.url_file:
        text = read_private(Path(config.url_file), "notify.url_file", _MOST)
    urls = tuple(text.split())
    if not urls:
        raise ConfigError(f"notify.enabled needs addresses: set {URLS}, or notify.url_file")
    return urls
