"""Requests to the engine over its Unix socket: a few kept connections, few at once, each answered or told
apart: not done, or nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Literal

import aiohttp
from yarl import URL

from engine.gateway.body import Body
from engine.gateway.refusal import Refused, away

Lane = Literal["look", "history", "command", "safer", "signed"]
AT_ONCE: dict[Lane, int] = {"look": 4, "history": 2, "command": 8, "safer": 4, "signed": 2}
"""Requests that the engine is asked at the same time. signed: what anybody may send, so that it stands in
nobody's way."""
MOST_WAITING = 256
"""Of each kind; more are refused at once."""
_NOT_TOLD_ON = frozenset(
    {
        *("connection", "content-length", "content-encoding", "date", "keep-alive", "server"),
        *("transfer-encoding", "upgrade", "cache-control", "x-content-type-options"),
    }
)


class Answer:
    """What the engine said."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @cached_property
    def shared(self) -> Body:
        """For all who ask the same."""
        return Body(self.body, self.headers)


class EngineLines:
    """``answer_s``: the longest that the engine may take, and that anything waits before it is asked; what
    makes the desk safer waits on."""

    def __init__(self, socket: Path, answer_s: float) -> None:
        self._socket = socket
        self._answer_s = answer_s
        self._timeout = aiohttp.ClientTimeout(total=answer_s)
        self._lanes = {lane: asyncio.Semaphore(most) for lane, most in AT_ONCE.items()}
        self._waiting = dict.fromkeys(AT_ONCE, 0)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.UnixConnector(str(self._socket), limit=0, keepalive_timeout=60.0)
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
            )
        return self._session

    async def ask(
        self,
        lane: Lane,
        method: str,
        url: URL,
        headers: dict[str, str],
        body: bytes,
        judge: Callable[[], None] = lambda: None,
    ) -> Answer:
        """``judge``: called where it had to wait for its turn; raises Refused where it is not to be done now.

        Raises Refused: away or busy (nothing was done), or no answer (nobody knows).
        """
        if self._waiting[lane] >= MOST_WAITING:
            raise _busy()
        self._waiting[lane] += 1
        try:
            turns = self._lanes[lane]
            waits = turns.locked()
            try:
                async with asyncio.timeout(None if lane == "safer" else self._answer_s):
                    await turns.acquire()
            except TimeoutError:
                raise _busy() from None
            try:
                if waits:
                    judge()
                return await self._ask(method, url, headers, body)
            finally:
                turns.release()
        finally:
            self._waiting[lane] -= 1

    async def _ask(self, method: str, url: URL, headers: dict[str, str], body: bytes) -> Answer:
        try:
            async with self.session().request(
                method,
                url,
                data=body or None,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as said:
                content = await said.read()
                told = {k: v for k, v in said.headers.items() if k.lower() not in _NOT_TOLD_ON}
                return Answer(said.status, told, content)
        except aiohttp.ClientConnectorError:
            raise away() from None
        except TimeoutError:
            raise _nobody_knows(method, "in time") from None
        except (aiohttp.ClientError, OSError):
            raise _nobody_knows(method, "before it hung up") from None


def _busy() -> Refused:
    return Refused(503, "BUSY", "the engine has enough to answer: nothing was done; wait", retry_s=1)


def _nobody_knows(method: str, when: str) -> Refused:
    if method == "GET":
        return Refused(504, "NO_ANSWER", f"the engine did not answer {when}: try again", retry_s=1)
    text = f"the engine did not answer {when}: it may be done or not; ask again with the same Idempotency-Key"
    return Refused(504, "NO_ANSWER", text, retry_s=1)


def target(raw_path: str, raw_query: str) -> URL:
    """As it was asked for, to the letter: the engine must see the address that was judged."""
    return URL.build(scheme="http", host="engine", path=raw_path, query_string=raw_query, encoded=True)
