"""People and programs on the link of an engine under test: they trade as fast as it answers, and watch."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import aiohttp
import msgspec

from engine.api.address import socket_path
from engine.api.protocol import EventFrame, StateFrame, StreamMessage
from engine.api.trading_protocol import AmendPatch, OrderReply, OrderTicket
from engine.errors import LinkError
from engine.events import JournalEvent
from engine.feeds.simulation.listings import listing
from tests.e2e.engine import RunningEngine, options

SYMBOLS = ("sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD", "sim:XRP-USD")

WIDE: Sequence[str] = options(
    simulated__history_s=30,
    risk__max_orders_per_s=10_000,
    risk__order_burst=10_000,
    risk__repeat_limit=1_000_000,
    risk__duplicate_window_s=0.001,
    risk__max_open_orders=100_000,
    risk__max_open_orders_per_symbol=100_000,
    risk__max_position_pct=1000,
    risk__max_gross_pct=1000,
    risk__max_net_pct=1000,
    risk__daily_loss_reduce_pct=99,
    risk__daily_loss_halt_pct=100,
    risk__max_drawdown_pct=100,
    exits__stop_lock_count=0,
    exits__cooldown_bars=0,
)
"""Limits so wide that what is sent goes through."""

_decoder: msgspec.json.Decoder[StreamMessage] = msgspec.json.Decoder(StreamMessage)


def on_grid(symbol: str, price: float) -> str:
    """The price that the simulated venue takes, at or below ``price``."""
    tick = listing(symbol.partition(":")[2]).tick_size
    return str(Decimal(repr(price)) // tick * tick)


class Load:
    """Clients of one engine, in a thread of their own, until the engine or the test ends."""

    def __init__(
        self, engine: RunningEngine, seed: int, clients: int = 4, *, pace_s: float = 0.0, since: int = 0
    ) -> None:
        """``since``: what the journal had before is not asked for."""
        self._since = since
        self._socket = socket_path(engine.state_dir)
        self._rng = random.Random(seed)
        self._clients = clients
        self._pace_s = pace_s
        self.prices: dict[str, float] = {}
        """Last trade by symbol."""
        self.shown: dict[int, JournalEvent] = {}
        """What the engine showed as having happened, by number."""
        self.shown_ns: dict[int, int] = {}
        """When that was, by the clock of the test."""
        self.placed: list[str] = []
        """Client order ids of what it said it sent."""
        self.answers: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the clients, and wait for it."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(20)

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError, OSError):
            self._loop.run_until_complete(self._run())

    async def _run(self) -> None:
        connector = aiohttp.UnixConnector(str(self._socket), limit=0)
        async with (
            aiohttp.ClientSession("http://engine", connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._until_gone(self._watch(session)))
            for _ in range(self._clients):
                group.create_task(self._until_gone(self._trade(session)))

    async def _until_gone(self, work: object) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError, LinkError):
            await work  # type: ignore[misc]

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"/v1/stream?since={self._since}", max_msg_size=0) as stream:
            async for message in stream:
                if message.type is not aiohttp.WSMsgType.BINARY:
                    continue
                found = _decoder.decode(message.data)
                if isinstance(found, EventFrame):
                    self.shown_ns[found.seq] = time.monotonic_ns()
                    self.shown[found.seq] = found.event
                elif isinstance(found, StateFrame):
                    for row in found.ticks:
                        if row.last:
                            self.prices[row.symbol] = row.last

    async def _trade(self, session: aiohttp.ClientSession) -> None:
        rng = self._rng
        while True:
            if not self.prices:
                await asyncio.sleep(0.01)
                continue
            chance = rng.random()
            if chance < 0.7 or not self.placed:
                await self._place(session, rng)
            elif chance < 0.85:
                identity = rng.choice(self.placed[-50:])
                async with session.delete(f"/v1/orders/{identity}") as answer:
                    self.answers[f"cancel {answer.status}"] += 1
            else:
                identity = rng.choice(self.placed[-50:])
                patch = AmendPatch(quantity=str(rng.choice((0.02, 0.03, 0.05))))
                body = msgspec.json.encode(patch)
                async with session.post(f"/v1/orders/{identity}", data=body) as answer:
                    self.answers[f"amend {answer.status}"] += 1
            if self._pace_s:
                await asyncio.sleep(self._pace_s)

    async def _place(self, session: aiohttp.ClientSession, rng: random.Random) -> None:
        ticket = self._ticket(rng)
        async with session.post("/v1/orders", data=msgspec.json.encode(ticket)) as answer:
            self.answers[f"place {answer.status}"] += 1
            if answer.status == 200:
                reply = msgspec.json.decode(await answer.read(), type=OrderReply)
                self.answers["sent" if reply.ok else f"refused: {reply.text[:60]}"] += 1
                if reply.ok:
                    self.placed += reply.ids

    def _ticket(self, rng: random.Random) -> OrderTicket:
        symbol = rng.choice([one for one in SYMBOLS if one in self.prices] or list(self.prices))
        last = self.prices[symbol]
        side = rng.choice(("buy", "sell"))
        sign = 1 if side == "buy" else -1
        kind = rng.random()
        if kind < 0.4:
            return OrderTicket(symbol, side, notional="200")
        if kind < 0.7:
            price = on_grid(symbol, last * (1 - sign * rng.uniform(-0.001, 0.01)))
            return OrderTicket(symbol, side, type="limit", notional="200", price=price)
        stop, target = last * (1 - sign * 0.01), last * (1 + sign * 0.01)
        return OrderTicket(
            symbol, side, notional="200", stop_loss=on_grid(symbol, stop), take_profit=on_grid(symbol, target)
        )
