"""Commands that are not let through are told to the engine, whose log of commands has them, too: a few a
second, and never in the way of an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiohttp import web

from engine.api.audit_protocol import RefusedCommand
from engine.gateway.engine_lines import EngineLines, target
from engine.gateway.rates import Buckets
from engine.gateway.refusal import Refused
from engine.gateway.tokens import Token
from engine.text import clean

log = logging.getLogger("engine.gateway")

PER_S = 5.0
NOBODY_PER_S = 0.2
"""Of those without a token, all together: they must not push what others did out of the log."""
_PATH = "/v1/audit/refused"
_ELSEWHERE = frozenset({503, 504})
"""The engine is away, or has it in its own log."""


class RefusedCommands:
    def __init__(self, lines: EngineLines, clock_s: Callable[[], float]) -> None:
        self._lines = lines
        self._clock_s = clock_s
        self._rate = Buckets(PER_S, burst_s=10.0)
        self._nobodys = Buckets(NOBODY_PER_S, burst_s=50.0)
        self._telling: set[asyncio.Task[None]] = set()
        self.untold = 0

    def tell(self, request: web.BaseRequest, token: Token | None, address: str, refused: Refused) -> None:
        if refused.status in _ELSEWHERE:
            return
        rate = self._nobodys if token is None else self._rate
        if rate.take("", self._clock_s()):
            self.untold += 1
            return
        command = RefusedCommand(
            who="nobody" if token is None else f"token {token.name}",
            role="" if token is None else token.role,
            peer=clean(address, 64),
            method=clean(request.method, 10),
            path=clean(request.path, 500),
            status=refused.status,
            outcome=clean(refused, 400),
        )
        task = asyncio.create_task(self._tell(command))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, command: RefusedCommand) -> None:
        body = msgspec.json.encode(command)
        try:
            said = await self._lines.ask("safer", "POST", target(_PATH, ""), {}, body)
        except Refused as refused:
            log.warning("a refused command is not written down: %s", refused)
            return
        if said.status != 200:
            log.warning("a refused command is not written down: %d", said.status)

    async def close(self) -> None:
        for task in list(self._telling):
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
