"""The gateway beside the engine: started where ``[api] listen`` is set, heard when it ends, started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.config import Config
from engine.gateway.given import Given
from engine.models.child_environment import child_environment
from engine.processor import keep_off
from engine.text import clean

log = logging.getLogger("engine")

GRACE_S = 3.0
"""Between the asking and the killing of a gateway that is to end."""
AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""From its end to its next start, the longer the more often it ends soon."""
WELL_S = 60.0
"""One that has run for so long begins with the shortest again."""
_TAIL = 2_000


class GatewayProcess:
    """Runs below ``supervised``, at low priority: it cannot outlive the engine.

    ``alert(level, source, text)`` tells the person at the desk; the same reason is told once."""

    def __init__(
        self,
        config: Config,
        state_dir: Path,
        alert: Callable[[str, str, str], None],
        clock: Callable[[], float],
    ) -> None:
        """``clock``: seconds that never step back."""
        self._given = msgspec.json.encode(Given(config.api, config.logging)) + b"\n"
        self._listen = config.api.listen
        self._command = (
            *(sys.executable, "-P", "-m", "engine.wiring.supervised", str(GRACE_S)),
            *(sys.executable, "-P", "-m", "engine.gateway", str(state_dir)),
        )
        self._alert = alert
        self._clock = clock
        self._told = ""

    async def run(self) -> None:
        """Until cancelled: the gateway has ended then."""
        failures = 0
        while True:
            began = self._clock()
            why = await self._once()
            failures = 0 if self._clock() - began >= WELL_S else failures
            wait_s = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
            failures += 1
            if why != self._told or failures == 1:
                self._told = why
                again = f"tried again within {AGAIN_S[-1]:.0f} s"
                self._alert("error", "api", f"nobody is served on {self._listen}: {why}; {again}")
            else:
                log.warning("the gateway ended: %s", why)
            await asyncio.sleep(wait_s)

    async def _once(self) -> str:
        """One gateway, until its end; why it ended, one line."""
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            env=child_environment(),
            # A key that ends the engine does not end it; but of the engine's session: in one of its own
            # it would not be nicer than the desk, and stand behind all else on the machine.
            process_group=0,
        )
        assert child.stdin is not None and child.stderr is not None
        keep_off(child.pid)  # its command is started when it is told what to serve
        try:
            with contextlib.suppress(ConnectionError):  # its end says more
                child.stdin.write(self._given)
                await child.stdin.drain()
            tail = b""
            while part := await child.stderr.read(4096):
                tail = (tail + part)[-_TAIL:]
            code = await child.wait()
        finally:
            await _end(child)
        lines = tail.decode("utf-8", "replace").strip().splitlines()
        return clean(lines[-1], 200) if lines else f"the gateway ended with code {code}: see gateway.log"


async def _end(child: Process) -> None:
    """It is asked, and then killed: its supervisor sees to all that is below."""
    for ask in (child.terminate, child.kill):
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            ask()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S + 1.0):
                await child.wait()
