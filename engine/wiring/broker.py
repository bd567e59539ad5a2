"""The brokers: their tasks, their connections, their keys. What they decide is decided in their gateways."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from engine.config import AlpacaConfig, Config
from engine.errors import ConfigError, OrderError
from engine.events import NS
from engine.execution.alpaca import account as alpaca_account
from engine.execution.alpaca.calls import Answer, Call
from engine.execution.alpaca.gateway import NAME, AlpacaGateway
from engine.execution.alpaca.keys import check_host, load_keys, stream_of
from engine.execution.alpaca.order_form import currency, is_crypto
from engine.execution.alpaca.outbox import LOOK_BACK_NS, PAGE, executions_call
from engine.execution.alpaca.rest import Rest
from engine.execution.alpaca.updates import LineError, Updates
from engine.execution.alpaca.webhook import SECRET, Webhook
from engine.execution.alpaca.wire import (
    AccountRow,
    Execution,
    FeeRow,
    OrderRow,
    PositionRow,
    decode,
    plain,
    refusal,
)
from engine.execution.gateway import Gateway, Report, VenueAccount
from engine.execution.order import Order
from engine.execution.webhook import OrderWebhook
from engine.feeds.backoff import Backoff
from engine.task_group import TaskGroup

log = logging.getLogger("engine.alpaca")

CRYPTO_FEE = Decimal("0.0025")
SENDERS = 8
"""Requests that may be on their way at once."""
RESTART_S = 1.0
SETTLE_TIMEOUTS = 3
"""An order that left so many time-outs ago does not arrive any more."""
FIRST_BACKOFF_S = 0.5
STEADY_S = 30.0
"""A line is good when it held for this long: only then the back-off starts over."""
_PAGES = 50
"""Of one list, at most: a venue that pages for ever is not followed."""

T = TypeVar("T")

Alert = Callable[[str, str, str], None]
"""alert(level, source, text)"""


class BrokerError(Exception):
    """A broker cannot tell what was asked; the text is one line."""


class AlpacaBroker:
    """Alpaca's gateway with its session and its stream."""

    name = NAME

    def __init__(
        self,
        config: AlpacaConfig,
        *,
        clock: Callable[[], int],
        on_reports: Callable[[Sequence[Report]], None],
        alert: Alert,
        failed: Callable[[Exception], None],
        rng: random.Random,
        environ: Mapping[str, str],
    ) -> None:
        """Raises ConfigError, with what to do."""
        _check_symbols(config.symbols)
        stream_url = config.stream_url or stream_of(config.rest_url)
        check_host("brokers.alpaca.rest_url", config.rest_url, "http")
        check_host("brokers.alpaca.stream_url", stream_url, "ws")
        self._config = config
        self._clock = clock
        self._on_reports = on_reports
        self._alert = alert
        self._failed = failed
        self._work = asyncio.Event()
        self.currencies = {ours: currency(theirs) for ours, theirs in config.symbols.items()}
        self.gateway = AlpacaGateway(
            config.symbols,
            requests_per_min=config.requests_per_min,
            settle_ns=int(SETTLE_TIMEOUTS * config.timeout_s * NS),
            dry_run=config.dry_run,
            woken=self._work.set,
        )
        self.webhook = Webhook(self.gateway, environ.get(SECRET, ""))
        self._trouble = ""
        """Why the stream is, or was, not there."""
        self.reconnected: Callable[[], None] = lambda: None
        """Called when the stream is up again."""
        if config.dry_run:
            return
        keys = load_keys(environ, config.key_file)
        self._rest = Rest(config.rest_url, keys, config.timeout_s)
        self._updates = Updates(stream_url, keys, config.timeout_s)
        self._backoff = Backoff(FIRST_BACKOFF_S, config.backoff_max_s, rng)

    async def run(self) -> None:
        """Send, ask and listen, until canceled."""
        if self._config.dry_run:
            log.warning("alpaca: dry run, orders are logged and not sent")
            return
        try:
            async with TaskGroup() as tasks:
                tasks.create_task(self._send(tasks), name="alpaca-orders")
                tasks.create_task(self._listen(), name="alpaca-updates")
        finally:
            self.gateway.connected = False
            await self._rest.close()

    def fee_share(self, symbol: str) -> Decimal:
        """Most that Alpaca takes of what a trade brings before it tells: crypto's highest taker fee."""
        return CRYPTO_FEE if is_crypto(self._config.symbols.get(symbol, "")) else Decimal(0)

    def text(self) -> str:
        """How it is reached, one line."""
        if self._config.dry_run:
            return f"{NAME}: dry run"
        if self.gateway.connected:
            waiting = len(self.gateway.waiting())
            return f"{NAME}: connected, {waiting} orders there" if waiting else f"{NAME}: connected"
        return f"{NAME}: {self.away()}"

    def away(self) -> str:
        """Why no entry is sent there now; "" where they are."""
        if self._config.dry_run or self.gateway.connected:
            return ""
        return f"no updates{f': {self._trouble}' if self._trouble else ''}"

    # --- requests

    async def _send(self, tasks: asyncio.TaskGroup) -> None:
        slots = asyncio.Semaphore(SENDERS)
        while True:
            self._work.clear()
            self._report(self.gateway.give_up(self._clock()))
            await slots.acquire()
            call = self.gateway.next_call(self._clock())
            if call is not None:
                tasks.create_task(self._exchange(call, slots), name=f"alpaca-{call.kind.value}")
                continue
            slots.release()
            now = self._clock()
            due = self.gateway.due_ns(now)
            try:
                # Never less than a moment: what is due may wait for a slot or an answer.
                pause_s = None if due is None else max((due - now) / NS, 0.01)
                async with asyncio.timeout(pause_s):  # wait_for may swallow a cancellation
                    await self._work.wait()
            except TimeoutError:
                pass

    async def _exchange(self, call: Call, slots: asyncio.Semaphore) -> None:
        answer = Answer(0, b"not waited for")
        try:
            answer = await self._rest.send(call)
        finally:
            # Also when we are canceled: what was sent is unresolved then, not forgotten.
            slots.release()
            self._answered(call, answer)

    def _answered(self, call: Call, answer: Answer) -> None:
        self._note(call, answer)
        try:
            self._report(self.gateway.answered(call, answer, self._clock()))
        except Exception as error:  # our own bug: the other orders go on, and this one is not forgotten
            self._failed(error)
            self.gateway.unheard(call, self._clock())

    def _note(self, call: Call, answer: Answer) -> None:
        if not answer.ok and answer.status != 404:
            why = refusal(answer.body).message
            log.warning("%s %s: %s %s", call.method, call.path, answer.status or "no answer", why)

    def _report(self, reports: Sequence[Report]) -> None:
        if reports:
            self._on_reports(reports)

    # --- updates

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._updates.listen(self._heard, self._up)
            except LineError as error:
                why = str(error)
            held = self.gateway.connected and loop.time() - began >= STEADY_S
            was_up = self.gateway.connected
            self.gateway.line(False, self._clock())
            if was_up or why != self._trouble:
                self._trouble = why
                log.warning("%s", why)
                self._alert("warning", NAME, f"{why}: entries there are off until it is back")
            if held:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next())

    def _up(self) -> None:
        log.info("listening to order updates")
        self.gateway.line(True, self._clock())
        self.reconnected()

    def _heard(self, frame: bytes) -> None:
        try:
            self._report(self.gateway.update(frame, self._clock()))
        except OrderError as error:
            # It may have been about anything: ask how all orders stand.
            log.warning("an update is %s: asking", error)
            self.gateway.line(True, self._clock())
        except Exception as error:  # our own bug: the stream goes on
            self._failed(error)

    # --- the account

    async def account(self, since_ns: int) -> VenueAccount:
        """What the venue says it has; executions that we lack are reported first. Raises BrokerError.

        ``since_ns``: of the first contact; fees since then are told. 0: it is this one.
        """
        if self._config.dry_run:
            raise BrokerError("dry run: nothing is asked")
        back_ns = min(self.gateway.since_ns(self._clock()), self._clock() - LOOK_BACK_NS)
        account = await self._read(alpaca_account.account_call(), AccountRow)
        orders = await self._read(alpaca_account.open_orders_call(), list[OrderRow])
        orders += await self._read(alpaca_account.orders_call(back_ns), list[OrderRow])
        positions = await self._read(alpaca_account.positions_call(), list[PositionRow])
        executions = await self._pages(lambda page: executions_call(back_ns, page), Execution)
        fees: list[FeeRow] = []
        if since_ns:
            fees = await self._pages(lambda page: alpaca_account.fees_call(since_ns, page), FeeRow)
        now = self._clock()
        self._report(self.gateway.rows(orders, now))
        self._report(self.gateway.jobs.executions(executions, now))
        told = alpaca_account.Told(account, positions, orders, executions, fees, back_ns)
        return alpaca_account.venue_account(told, self.gateway.jobs, self._config.symbols, now)

    async def _pages(self, call: Callable[[str], Call], kind: type[T]) -> list[T]:
        rows: list[T] = []
        page = ""
        for _ in range(_PAGES):
            found: list[T] = await self._read(call(page), list[kind])  # type: ignore[valid-type]
            rows += found
            if len(found) < PAGE:
                break
            page = getattr(found[-1], "id", "")
        return rows

    async def _read(self, call: Call, kind: type[T]) -> T:
        while not self.gateway.rate.take(self._clock()):
            now = self._clock()
            await asyncio.sleep(max((self.gateway.rate.next_ns(now) - now) / NS, 0.01))
        answer = await self._rest.send(call)
        if answer.status == 429:
            self.gateway.rate.close(self._clock() + int(max(answer.retry_after_s, 1.0) * NS))
        if not answer.ok:
            why = refusal(answer.body).message
            raise BrokerError(f"{call.path}: {answer.status or 'no answer'} {why}".strip())
        try:
            return decode(answer.body, kind)
        except OrderError as error:
            raise BrokerError(f"{call.path}: {error}") from None


class Brokers:
    """The brokers of a desk that are enabled. ``gateways`` are to be asked, ``run`` to be kept running."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], int],
        on_reports: Callable[[Sequence[Report]], None],
        alert: Alert,
        failed: Callable[[Exception], None],
        rng: random.Random,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``on_reports`` takes what gateways report later than they were asked; ``failed`` our own bugs.

        Raises ConfigError.
        """
        self._failed = failed
        self.alpaca: AlpacaBroker | None = None
        self._symbols: dict[str, str] = {}
        alpaca = config.brokers.alpaca
        if alpaca.enabled:
            self.alpaca = AlpacaBroker(
                alpaca,
                clock=clock,
                on_reports=on_reports,
                alert=alert,
                failed=failed,
                rng=rng,
                environ=environ,
            )
            self._symbols = dict.fromkeys(alpaca.symbols, NAME)

    @property
    def gateways(self) -> dict[str, Gateway]:
        """By name."""
        return {} if self.alpaca is None else {NAME: self.alpaca.gateway}

    @property
    def webhooks(self) -> dict[str, OrderWebhook]:
        """Of the gateways that take order updates by one, by name."""
        return {} if self.alpaca is None else {NAME: self.alpaca.webhook}

    def symbols(self, gateway: str) -> list[str]:
        """The desk's symbols that it executes."""
        return [symbol for symbol, name in self._symbols.items() if name == gateway]

    def route(self, symbol: str) -> str | None:
        """The gateway of a symbol; None: the paper venue."""
        return self._symbols.get(symbol)

    def text(self) -> str:
        """How they are reached, one line; "" without any."""
        return "" if self.alpaca is None else self.alpaca.text()

    def restore(self, orders: Sequence[Order], past: Iterable[Order], now_ns: int) -> None:
        """Hand each gateway its orders of an earlier run: the open ones, and those in their lists; and of all
        that were ``past`` then, what it may still tell."""
        if self.alpaca is not None:
            gateway = self.alpaca.gateway
            gateway.restore([o for o in orders if o.request.gateway == NAME], now_ns)
            for order in past:
                if order.request.gateway == NAME:
                    gateway.jobs.remember(order)

    async def run(self) -> None:
        """Keep every broker running, until canceled; a bug of ours is told, and it goes on."""
        while self.alpaca is not None:
            try:
                await self.alpaca.run()
                return
            except Exception as error:
                self._failed(error)
            await asyncio.sleep(RESTART_S)


def _check_symbols(symbols: Mapping[str, str]) -> None:
    """Raises ConfigError unless each has a name of its own: positions could not be told apart."""
    if not symbols:
        raise ConfigError('brokers.alpaca.symbols is empty: write e.g. "coinbase:BTC-USD" = "BTC/USD"')
    names: dict[str, str] = {}
    for ours, theirs in symbols.items():
        if not theirs.replace("/", "").replace(".", "").isalnum() or not theirs.isascii():
            raise ConfigError(f"brokers.alpaca.symbols: {ours!r} has no name that Alpaca could know")
        other = names.setdefault(plain(theirs), ours)
        if other != ours:
            raise ConfigError(f"brokers.alpaca.symbols: {ours} and {other} are both {theirs}")
