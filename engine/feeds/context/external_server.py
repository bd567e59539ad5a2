"""The external quant server's client: symbol by symbol, few at a time, few attempts, and a circuit breaker.

Nothing here is waited for by the desk. What answers late counts late, what does not answer is absent.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from engine.config import QuantServerConfig
from engine.errors import ConfigError
from engine.events import FeedState
from engine.feeds.address import check_url, place
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, Request, UnreachableError
from engine.feeds.circuit import Circuit, OpenCircuitError
from engine.feeds.rest import RefusedError, Rest
from engine.task_group import TaskGroup
from engine.text import clean

VENUE = "quant-server"
PATH = "/signals"
PER_S = 1000.0
"""The pace is set by ``interval_s`` and ``max_in_flight``."""
MAX_REPLY = 1 << 16
_MAX_BACKOFF_S = 10.0
_TELLING = 4
"""So many characters of a token are too many to show."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Ask = Callable[[str], bytes | None]
"""Builds the body that asks for a symbol; None while there is nothing to ask with."""
Take = Callable[[str, bytes], None]
"""Takes the body that answered for a symbol. Raises ValueError for one that is refused."""


class ExternalServer:
    """Asks one server. ``stats`` tells its health: messages are answers taken, malformed those refused."""

    def __init__(
        self,
        name: str,
        config: QuantServerConfig,
        *,
        token: str,
        symbols: Callable[[], Sequence[str]],
        ask: Ask,
        take: Take,
        rng: random.Random,
    ) -> None:
        """``token`` is a bearer's, "" for none; it is never shown. Raises ConfigError for a bad URL."""
        key = f"quant.servers.{name}.url"
        check_url(key, config.url, ("http", "https"))
        if any(not char.isprintable() or char.isspace() for char in token):
            raise ConfigError("TICKDESK_QUANT_TOKEN holds a blank or a control character: set it anew")
        parts = urlsplit(config.url)
        path = parts.path if parts.path not in ("", "/") else PATH
        self.venue = f"{VENUE}:{name}"
        self.name = name
        self.stats = FeedStats()
        self._config = config
        self._token = token
        self._symbols = symbols
        self._ask = ask
        self._take = take
        self._rng = rng
        self._host = place(config.url)
        self._request = Request(path)
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._rest = Rest(
            self.venue,
            f"{parts.scheme}://{parts.netloc}",
            PER_S,
            timeout_s=config.timeout_ms / 1000.0,
            max_body=MAX_REPLY,
        )
        self._circuit = Circuit(name, config.breaker_failures, config.breaker_reset_s)
        self._turns = asyncio.Semaphore(config.max_in_flight)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._refused = ""
        """Why an answer was refused last: said once, until another is taken."""
        self._quiet_until_s = 0.0
        """Loop time before which the server asked not to be asked."""
        self._log = logging.getLogger(f"engine.feeds.{VENUE}")
        if token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            self._log.warning("%s is http: the token travels in the clear; use https", key)

    async def run(self) -> None:
        """Ask until cancelled; a symbol that is still being asked when its turn comes is left out."""
        self._tell(FeedState.CONNECTING, f"asking {self._host}")
        try:
            async with TaskGroup() as tasks:
                while True:
                    for symbol in self._symbols():
                        if symbol not in self._asking:
                            task = tasks.create_task(self._one(symbol), name=f"{self.venue}-{symbol}")
                            self._asking[symbol] = task
                    await asyncio.sleep(self._config.interval_s)
        finally:
            self._asking.clear()
            await self._rest.close()

    async def _one(self, symbol: str) -> None:
        try:
            await self._exchange(symbol)
        finally:
            self._asking.pop(symbol, None)

    async def _exchange(self, symbol: str) -> None:
        async with self._turns:
            if asyncio.get_running_loop().time() < self._quiet_until_s:
                return
            asked = self._ask(symbol)
            if asked is None:
                return
            answer = await self._attempts(asked)
        if answer is None:
            return
        try:
            self._take(symbol, answer)
        except ValueError as error:
            self._refuse(f"{clean(symbol, 40)}: {clean(error, 140)}")
            return
        self.stats.messages += 1
        self._refused = ""
        self._tell(FeedState.UP, f"{self._host} answers, asked every {self._config.interval_s:g} s")

    async def _attempts(self, asked: bytes) -> bytes | None:
        """The answer, or None after the last attempt, a refusal, or while the circuit is open."""
        backoff = Backoff(self._config.backoff_ms / 1000.0, _MAX_BACKOFF_S, self._rng)
        for left in reversed(range(self._config.attempts)):
            try:
                return await self._circuit.call(lambda: self._rest.post(self._request, asked, self._headers))
            except OpenCircuitError:
                return None
            except UnreachableError as error:
                self._failed(str(error))
                if error.retry_after_s > 0:
                    # Not slept here: the candles would grow old.
                    self._quiet_until_s = asyncio.get_running_loop().time() + error.retry_after_s
                    return None
                if left:
                    await asyncio.sleep(backoff.next())
            except RefusedError as error:
                self._failed(str(error))
                return None
        return None

    def _failed(self, why: str) -> None:
        """An attempt failed."""
        why = self._without_token(why)
        if self._circuit.open:
            why = f"{why}; circuit open for {self._config.breaker_reset_s:g} s"
        self._tell(FeedState.DOWN, why)

    def _without_token(self, why: str) -> str:
        """A server that repeats what it was sent must not put the token on a screen."""
        if not self._token:
            return why
        # Also where the excerpt of its answer was cut in the middle of it.
        why, found, _ = why.partition(self._token[:_TELLING])
        return f"{why}…" if found else why

    def _refuse(self, why: str) -> None:
        why = self._without_token(why)
        self.stats.malformed += 1
        if not self._refused:
            self._refused = why
            self._log.warning("an answer is refused: %s", why)
        self.stats.detail = f"an answer is refused: {why}"

    def _tell(self, state: FeedState, detail: str) -> None:
        """Note the state; log a change of it."""
        if state is not self.stats.state:
            self.stats.reconnects += state is FeedState.UP and self.stats.state is FeedState.DOWN
            self._log.log(logging.WARNING if state is FeedState.DOWN else logging.INFO, "%s", detail)
        self.stats.state, self.stats.detail = state, detail
