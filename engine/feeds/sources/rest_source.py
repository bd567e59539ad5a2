"""What all REST sources have in common: budget, circuit, retries, keys, health. A source adds requests and
parsers.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from engine.config import PollingConfig
from engine.errors import ConfigError, FeedError, StoreError, SymbolError
from engine.events import NS, Candle, FeedState
from engine.feeds.address import check_url, place
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, Request, UnreachableError
from engine.feeds.circuit import Circuit, OpenCircuitError
from engine.feeds.rest import BusyError, RefusedError, Rest
from engine.feeds.sources.budget import Budget, BudgetState, Limits
from engine.feeds.sources.candles import closed_by_age, closed_by_successor, in_order
from engine.feeds.sources.source import Action, ExhaustedError
from engine.symbols import native
from engine.text import clean

T = TypeVar("T")

MAX_BODY = 16 << 20
BUSY_S = 60.0
"""A service that says "too often", and not for how long, is left alone for so long."""
_LONG = 20_000
"""An answer of so many bytes takes longer to read than the loop may stand still."""
_PER_S = 1e6
"""The pace is set by the budget."""
_FAILURES, _RESET_S = 5, 30.0
_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 0.2, 3.0
_LATEST_ATTEMPTS, _BARS_ATTEMPTS = 2, 4
_LATEST = 3
"""Newest minutes that are told on from an answer."""
_TELLING = 4
"""So many characters of a key are too many to show."""

Keep = Callable[[str, BudgetState], Awaitable[None]]
"""Makes a source's budget durable. Raises StoreError."""


class Surroundings(NamedTuple):
    """What a source is given beside its own settings."""

    clock: Callable[[], int]
    """ns since the epoch."""
    rng: random.Random
    names: Mapping[str, Mapping[str, str]]
    """Spellings that no rule tells."""
    environ: Mapping[str, str]
    """Where keys come from."""
    budgets: Mapping[str, BudgetState]
    """As they were kept."""
    keep: Keep


class Key:
    """A key for a service: neither its text nor its repr shows it."""

    def __init__(self, variable: str, environ: Mapping[str, str]) -> None:
        """Raises ConfigError when the environment does not hold it."""
        value = environ.get(variable, "")
        if not value:
            raise ConfigError(f"it needs a key: set {variable} in the environment")
        if any(not char.isprintable() or char.isspace() for char in value):
            raise ConfigError(f"{variable} holds a blank or a control character: set it anew")
        self.value = value

    def __repr__(self) -> str:
        return "Key(hidden)"


class Headers:
    """Headers of a request that are not shown."""

    def __init__(self, **headers: str) -> None:
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __repr__(self) -> str:
        return "Headers(hidden)"

    def headers(self) -> dict[str, str]:
        return self._headers


class RestSource(ABC):
    """See Source. ``name``, ``url``, ``limits`` and the abstract methods are what a service adds.

    Parsers raise ValueError (or msgspec's) for what is not the service's answer, UnreachableError for one
    that says to ask later, RefusedError for one that says no.
    """

    name = ""
    url = ""
    limits = Limits()
    """Of its free users."""
    variable = ""
    """The environment variable of its key; "": it needs none."""
    split_adjusted = False
    dividends_adjusted = False
    tells_actions = False
    delay_s = 86_400
    """Many tell a session's bars after its end."""
    intervals_s: frozenset[int] = frozenset()

    def __init__(self, config: PollingConfig, around: Surroundings) -> None:
        """Raises ConfigError for a bad URL or a missing key."""
        url = config.rest_url or self.url
        check_url(f"collection.sources.{self.name}.rest_url", url, ("http", "https"))
        self.venue = f"source:{self.name}"
        self.priority = config.priority
        self._around = around
        self._clock = around.clock
        self._key = Key(self.variable, around.environ).value if self.variable else ""
        self._host = place(url)
        self._timeout_s = config.timeout_s
        self._rest = Rest(
            self.name, url, _PER_S, timeout_s=config.timeout_s, max_body=MAX_BODY, redirects=False
        )
        self._circuit = Circuit(self.name, _FAILURES, _RESET_S, (RefusedError, BusyError))
        limits = replace(
            self.limits,
            per_minute=config.per_minute or self.limits.per_minute,
            per_day=config.per_day or self.limits.per_day,
            gap_ns=0 if config.per_minute else self.limits.gap_ns,
        )
        self.budget = Budget(limits, around.budgets.get(self.name), around.clock())
        self._keeping = asyncio.Lock()
        self._quiet_ns = 0
        """Until then the service asked to be left alone."""
        self._why_quiet = ""
        self._told = "not asked yet"
        self._errors = 0
        self._last_error = ""
        self._stats = FeedStats(state=FeedState.CONNECTING)
        self._log = logging.getLogger(f"engine.feeds.{self.name}")

    # --- what a service adds ---

    @abstractmethod
    def latest_request(self, native: str, now_ns: int) -> Request: ...

    def parse_latest(self, symbol: str, native: str, body: bytes, recv_ns: int) -> list[Candle]:
        """The newest minutes in order, the last one not closed."""
        return closed_by_successor(in_order(self.parse_bars(symbol, native, 60, body, recv_ns))[-_LATEST:])

    @abstractmethod
    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        """Raises RefusedError for what the service does not have."""

    @abstractmethod
    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        """In any order, possibly with bars that were not asked for."""

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        """How far back the service has such bars."""
        return 0

    @abstractmethod
    def page_ns(self, interval_s: int, at_ns: int) -> int:
        """Where a page that begins at ``at_ns`` ends, at the latest."""

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        return []

    # --- health ---

    @property
    def stats(self) -> FeedStats:
        """``messages`` are answers taken, ``malformed`` those that could not be read."""
        now_ns = self._clock()
        stats = self._stats
        if self._circuit.blocked:
            stats.state = FeedState.DOWN
        parts = [self._told, *self._budget_text(now_ns)]
        if now_ns < self._quiet_ns:
            parts.append(f"left alone for {(self._quiet_ns - now_ns) / NS:.0f} s: {self._why_quiet}")
        elif self._circuit.open:
            parts.append(f"circuit open for up to {_RESET_S:g} s")
        if self._errors:
            parts.append(f"{self._errors} errors, the last: {self._last_error}")
        stats.detail = "; ".join(parts)
        return stats

    def _budget_text(self, now_ns: int) -> list[str]:
        limits, budget = self.budget.limits, self.budget
        parts = []
        if limits.per_day:
            parts.append(f"{budget.left_today(now_ns)} of {limits.per_day} left today")
        if limits.per_minute:
            parts.append(f"{budget.left_now(now_ns)} of {limits.per_minute} left this minute")
        return parts

    def _tell(self, state: FeedState, told: str) -> None:
        """Note the state; log a change of it, and nothing in between."""
        stats = self._stats
        if state is not stats.state:
            stats.reconnects += state is FeedState.UP and stats.state is FeedState.DOWN
            self._log.log(logging.WARNING if state is FeedState.DOWN else logging.INFO, "%s", told)
        stats.state, self._told = state, told

    def _failed(self, error: FeedError) -> None:
        """An attempt failed."""
        self._errors += 1
        self._last_error = clean(error, 160)
        if isinstance(error, UnreachableError):
            wait_s = error.retry_after_s or (BUSY_S if isinstance(error, BusyError) else 0.0)
            if wait_s > 0:
                self._quiet_ns = max(self._quiet_ns, self._clock() + round(wait_s * NS))
                self._why_quiet = self._last_error

    # --- asking ---

    def native_of(self, canonical: str) -> str:
        try:
            return native(self.name, canonical, self._around.names)
        except SymbolError:
            return ""

    def wait_ns(self, now_ns: int) -> int:
        if self._circuit.blocked:
            return round(_RESET_S * NS)
        budget = self.budget
        return max(0, self._quiet_ns - now_ns, budget.wait_ns(now_ns), budget.pace_ns(now_ns))

    async def latest(self, symbol: str, native: str) -> list[Candle]:
        return await self.ask(
            self.latest_request(native, self._clock()),
            lambda body: self.parse_latest(symbol, native, body, self._clock()),
            _LATEST_ATTEMPTS,
            live=True,
        )

    async def bars(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[Candle]]:
        if self.intervals_s and interval_s not in self.intervals_s:
            raise RefusedError(f"{self.name} has no bars of {interval_s} s")
        at_ns = max(start_ns, self.earliest_ns(interval_s, self._clock()))
        while at_ns < end_ns:
            until_ns = min(end_ns, self.page_ns(interval_s, at_ns))
            page = await self.page(symbol, native, interval_s, at_ns, until_ns)
            yield page
            at_ns = self.next_ns(page, native, interval_s, at_ns, until_ns)

    async def page(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> list[Candle]:
        """One page of ``bars``."""
        found = await self.ask(
            self.bars_request(native, interval_s, start_ns, end_ns),
            lambda body: self.parse_bars(symbol, native, interval_s, body, self._clock()),
            _BARS_ATTEMPTS,
        )
        page = in_order(bar for bar in found if start_ns <= bar.open_ns < end_ns)
        return closed_by_age(page, self._clock())

    def next_ns(self, page: list[Candle], native: str, interval_s: int, at_ns: int, until_ns: int) -> int:
        """Where the page after ``page``, which was asked for ``at_ns`` to ``until_ns``, begins."""
        return until_ns

    async def ask(
        self, request: Request, parse: Callable[[bytes], T], attempts: int, *, live: bool = False
    ) -> T:
        """The parsed answer. See Source for what is raised. Unless ``live``, half of the budget is left."""
        backoff = Backoff(_FIRST_BACKOFF_S, _MAX_BACKOFF_S, self._around.rng)
        loop = asyncio.get_running_loop()
        patient_s = loop.time() + self._timeout_s / 2 if live else math.inf
        for left in reversed(range(attempts)):
            await self._spend(live)
            try:
                answer = await self._circuit.call(lambda: self._attempt(request, parse))
            except OpenCircuitError:
                raise self._not_asked() from None
            except UnreachableError as error:
                self._failed(error)
                # Of a price that took long another source may tell sooner.
                if not left or self._clock() < self._quiet_ns or loop.time() > patient_s:
                    self._tell(FeedState.DOWN, f"{self._host} does not answer as it should")
                    raise
            except FeedError as error:
                self._failed(error)
                if not self._stats.messages:
                    self._tell(FeedState.DOWN, f"{self._host} refuses what it is asked")  # its key, it may be
                raise
            else:
                self._stats.messages += 1
                self._stats.last_data_ns = self._clock()
                self._tell(FeedState.UP, f"{self._host} answers")
                return answer
            await asyncio.sleep(backoff.next())
        raise AssertionError("the last attempt returns or raises")

    async def _spend(self, live: bool) -> None:
        """Count a request that is about to leave. Raises ExhaustedError when it must not."""
        now_ns = self._clock()
        if now_ns < self._quiet_ns:
            wait_s = (self._quiet_ns - now_ns) / NS
            raise ExhaustedError(f"{self.name} asked to be left alone: {self._why_quiet}", wait_s)
        if self._circuit.blocked:
            raise self._not_asked()
        if not self.budget.take(now_ns, live=live):
            wait_s = self.budget.wait_ns(now_ns, live=live) / NS
            left = ", ".join(self._budget_text(now_ns))
            raise ExhaustedError(f"{self.name}: the budget is spent ({left})", wait_s)
        if self.budget.unkept:
            await self._keep()

    def _not_asked(self) -> UnreachableError:
        """What to raise while the circuit is open: with what opened it, which nobody may have been told."""
        why = f": {self._last_error}" if self._last_error else ""
        return UnreachableError(f"{self.name} is not asked for up to {_RESET_S:g} s{why}")

    async def _keep(self) -> None:
        async with self._keeping:
            if not self.budget.unkept:
                return
            state = self.budget.promise()
            try:
                await self._around.keep(self.name, state)
            except StoreError as error:
                raise UnreachableError(f"{self.name} is not asked: {clean(error, 120)}") from None
            self.budget.kept(state)

    async def _attempt(self, request: Request, parse: Callable[[bytes], T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._rest.get(self.signed(request))
        except TimeoutError:
            raise UnreachableError(f"{self.name} does not answer within {self._timeout_s:g} s") from None
        except FeedError as error:
            raise self._without_key(error) from None
        try:
            if len(body) < _LONG:
                return parse(body)
            return await asyncio.to_thread(parse, body)
        except FeedError as error:
            raise self._without_key(error) from None
        except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
            self._stats.malformed += 1
            why = self._hidden(clean(error, 120))
            raise UnreachableError(f"{self.name}: its answer cannot be read: {why}") from None

    def signed(self, request: Request) -> Request:
        """``request`` with the key, where the service wants it."""
        return request

    def _without_key(self, error: FeedError) -> FeedError:
        """A service that repeats the key that it was sent must not put it on a screen."""
        shown = self._hidden(str(error))
        if shown == str(error):
            return error
        if isinstance(error, UnreachableError):
            return type(error)(shown, error.retry_after_s)
        return type(error)(shown)

    def _hidden(self, text: str) -> str:
        if not self._key:
            return text
        # Also where an excerpt was cut in the middle of it.
        shown, found, _ = text.partition(self._key[:_TELLING])
        return f"{shown}…" if found else text

    async def close(self) -> None:
        """Nothing leaves any more: what was promised and not spent is given back."""
        try:
            await self._around.keep(self.name, self.budget.settled())
        except StoreError as error:
            self._log.warning("its budget could not be kept: %s", error)
        await self._rest.close()
