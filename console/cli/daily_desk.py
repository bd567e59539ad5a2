"""The engine that a daily run asks: the one that runs, else one of its own, without a screen."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from console.cli.client import ask
from console.cli.desk import answers, config_options
from engine.api.address import socket_path
from engine.api.protocol import Health, Reply, RiskPatch
from engine.errors import EngineBusyError, LinkError, NoEngineError, RefusedError
from engine.one_line import OneLine
from engine.research.daily import CLIENT

if TYPE_CHECKING:
    from console.engine_process import EngineProcess

_T = TypeVar("_T")

START_S = 60.0
"""How long a new engine may warm up, and one that was told to end may take."""
SILENCE_S = 300.0
"""Longest silence of one that starts, and so how long the one of a run that was killed meanwhile may hold the
state directory: nobody waits at a screen, and a first start compiles."""
LOOK_S = 1.0
"""Between two tries to start one beside another that does not answer."""
MOST_TRIES = 3
WATCHES = "engine.hands_off=true"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class DeskHere:
    """Implements ``engine.wiring.daily_context.DeskAt``. Its own engine ends with it, and with this process
    however that ends."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        state_dir: Path,
        extra: Sequence[str],
        say: Callable[[str], None],
        hold: str = "",
    ) -> None:
        """``extra``: options of its own engine, beside the configuration; ``hold``: why that one begins
        without entries, "" where it does not."""
        self._hold = hold
        self._options = [*config_options(arguments), *extra]
        self._state_dir = state_dir
        self._say = say
        self._process: EngineProcess | None = None
        self._ready = self._said = False
        self._begun = False
        """Its own was started, and nothing was asked of it yet."""

    @property
    def own(self) -> bool:
        return self._process is not None

    def ask(
        self,
        method: str,
        path: str,
        reply: type[_T],
        *,
        body: bytes | None = None,
        key: str = "",
        timeout_s: float = 10.0,
    ) -> _T:
        """Of the engine that runs, or is started for it. One that went away is followed by another; what may
        be asked twice is then asked again."""
        for number in range(1, MOST_TRIES + 1):
            if not self._ready:
                self._ensure()
            try:
                return ask(
                    self._state_dir,
                    method,
                    path,
                    reply,
                    body=body,
                    key=key,
                    client=CLIENT,
                    timeout_s=timeout_s,
                )
            except RefusedError:
                raise
            except LinkError as error:
                self._ready = False
                heard = not isinstance(error, NoEngineError)
                if number == MOST_TRIES or (heard and method != "GET" and not key):
                    raise
        raise AssertionError("the last try returns or raises")

    def look(self, path: str, reply: type[_T]) -> _T:
        """Of the engine that runs; none is started for it. Raises LinkError."""
        return ask(self._state_dir, "GET", path, reply, client=CLIENT)

    def close(self) -> None:
        """End an engine of its own; one that somebody else has started meanwhile goes on."""
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        try:
            if ask(self._state_dir, "GET", "/v1/health", Health, client=CLIENT).pid == process.pid:
                ask(self._state_dir, "POST", "/v1/stop", Reply, client=CLIENT)
        except LinkError:
            pass  # it is gone, or ends when the end of its pipe is closed
        process.end(START_S)

    def _ensure(self) -> None:
        """Until one runs: found, or started. The last run's may be about to end, and still answer. Raises
        TickdeskError when none runs in time."""
        began = time.monotonic()
        while True:
            why, limit_s = "", START_S
            if not answers(socket_path(self._state_dir)):
                try:
                    self._start()
                    began = time.monotonic()  # it warms up from now on, however long it compiled
                except EngineBusyError as error:
                    why, limit_s = str(error), SILENCE_S
            try:
                health = ask(self._state_dir, "GET", "/v1/health", Health)
                if health.status.phase == "running":
                    self._begin(health)
                    self._ready = True
                    return
                why = f"the engine is {health.status.phase}"
            except LinkError as error:
                why = why or str(error)
            if time.monotonic() - began >= limit_s:
                raise LinkError(f"{why}, for {limit_s:.0f} s: see engine.log in {self._state_dir}")
            time.sleep(LOOK_S if limit_s > START_S else 0.05)

    def _begin(self, health: Health) -> None:
        """One of its own that just runs: without entries, where these come later. Raises LinkError."""
        if self._process is not None and health.pid != self._process.pid:
            self._process.end()  # it has ended, and somebody else's runs
            self._process, self._begun = None, False
        if self._begun and self._hold and health.status.risk_state == "active":
            # One that has halted meanwhile must not be taken up by this, and holds entries back by itself.
            body = msgspec.json.encode(RiskPatch("reducing", self._hold, expected="active"))
            reply = ask(self._state_dir, "POST", "/v1/risk", Reply, body=body, client=CLIENT)
            health = ask(self._state_dir, "GET", "/v1/health", Health)
            if not reply.ok and health.status.risk_state == "active":
                raise LinkError(f"entries cannot be taken off: {reply.text}")
        self._begun = False

    def _start(self) -> None:
        from console.engine_process import start_engine

        if self._process is not None:  # it has ended, or it would answer
            self._process.end()
            self._process = None
        if not self._said:
            self._said = True
            watches = ", and only watches" if WATCHES in self._options else ""
            self._say(f"no engine runs: one is started for this run{watches}")
        process = start_engine(self._state_dir, self._options, ours=True)
        try:
            with OneLine(sys.stderr, "tickdesk: ") as note:
                process.wait_ready(note, SILENCE_S)
        except BaseException:
            process.end()
            raise
        self._process, self._begun = process, True


def quiet_options(*, dry: bool) -> list[str]:
    """Of an engine that is to do a daily run's orders alone: no strategy enters, and it tells nobody. Of a
    ``dry`` run it begins nothing at all by itself: no exit, no automation."""
    day = _DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    settings = (
        f"opportunities.sessions=['{day} 00:00-00:01']",
        "targets.enabled=false",
        "notify.enabled=false",
        *((WATCHES,) if dry else ()),
    )
    return [part for setting in settings for part in ("--set", setting)]
