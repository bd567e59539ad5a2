"""A live feed of Coinbase Advanced Trade on a local server that counts its messages as the venue does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web

from engine.config import FeedConfig
from engine.events import BookStatus
from engine.feeds.registry import open_feed
from tests.feeds.conftest import Listener

NATIVE = "BTC-USD"


class AdvancedServer:
    """One product with a trade and a change of the book a message. What is ``lost`` is counted, not sent."""

    def __init__(self) -> None:
        self.trades: list[dict[str, str]] = []
        self.bids = {"99.0": "1"}
        self.lost: set[int] = set()
        """Trade ids whose message, and that of the book with it, never arrives."""
        self.asked: list[tuple[str, str]] = []
        """(type, channel) of what clients sent."""
        self.connections = 0
        self.pages = 0
        self._sockets: dict[web.WebSocketResponse, list[int]] = {}
        self._wanted: set[str] = set()

    async def __aenter__(self) -> AdvancedServer:
        app = web.Application()
        app.router.add_get("/", self._socket)
        app.router.add_get("/api/v3/brokerage/market/products/{product}/ticker", self._page)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def happen(self, *, beat: bool = False) -> None:
        """The next trade, at a price of its own in the book; or a heartbeat only."""
        if beat:
            await self._tell("heartbeats", {"current_time": "now", "heartbeat_counter": 1})
            return
        number = len(self.trades) + 1
        price = f"{99 + number / 1000:.3f}"
        self.bids[price] = str(number)
        one = {
            "trade_id": str(number),
            "product_id": NATIVE,
            "price": price,
            "size": "1",
            "side": "BUY",
            "time": f"2026-04-07T14:30:{number // 1000:02}.{number % 1000:03}Z",
        }
        self.trades.append(one)
        sent = number not in self.lost
        await self._tell("market_trades", {"type": "update", "trades": [one]}, sent)
        await self._tell("l2_data", self._book("update", {price: str(number)}), sent)

    def _book(self, kind: str, bids: dict[str, str]) -> dict[str, Any]:
        rows = [{"side": "bid", "price_level": price, "new_quantity": size} for price, size in bids.items()]
        offer = {"side": "offer", "price_level": "200", "new_quantity": "1"}
        return {"type": kind, "product_id": NATIVE, "updates": [*rows, offer]}

    async def _tell(self, channel: str, event: dict[str, Any], sent: bool = True) -> None:
        name = {"l2_data": "level2"}.get(channel, channel)
        if name not in self._wanted and channel != "subscriptions":
            return
        for socket, count in list(self._sockets.items()):
            body = {
                "channel": channel,
                "timestamp": "2026-04-07T14:30:00Z",
                "sequence_num": count[0],
                "events": [event],
            }
            count[0] += 1
            if sent:
                await socket.send_str(json.dumps(body, separators=(",", ":")))

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.connections += 1
        self._sockets[socket] = [0]
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            self.asked.append((told["type"], told["channel"]))
            change = self._wanted.add if told["type"] == "subscribe" else self._wanted.discard
            change(told["channel"])
            await self._tell("subscriptions", {"subscriptions": {told["channel"]: [NATIVE]}})
            if told["type"] == "subscribe" and told["channel"] == "level2":
                await self._tell("l2_data", self._book("snapshot", self.bids))
            if told["type"] == "subscribe" and told["channel"] == "market_trades" and self.trades:
                await self._tell("market_trades", {"type": "snapshot", "trades": self.trades[:-51:-1]})
        self._sockets.pop(socket)
        return socket

    async def hang_up(self) -> None:
        for socket in list(self._sockets):
            transport = socket._req.transport if socket._req is not None else None
            assert transport is not None
            transport.abort()
        while self._sockets:
            await asyncio.sleep(0.005)
        self._wanted.clear()

    async def _page(self, request: web.Request) -> web.Response:
        self.pages += 1
        page = self.trades[:-1001:-1]
        return web.json_response({"trades": page, "best_bid": "1", "best_ask": "2"})


@contextlib.asynccontextmanager
async def listening(server: AdvancedServer) -> AsyncIterator[Listener]:
    config = FeedConfig(
        symbols=(NATIVE,),
        ws_url=f"ws://{server.address}",
        rest_url=f"http://{server.address}",
        backoff_max_s=0.1,
        poll_interval_s=30.0,
    )
    listener = Listener(open_feed("coinbase-advanced", config, clock=time.time_ns, rng=random.Random(1)))
    task = asyncio.create_task(listener.feed.run(listener.events.extend))
    try:
        await listener.until(lambda: {"level2", "market_trades"} <= {channel for _, channel in server.asked})
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ids(feed: Listener) -> list[int]:
    return [trade.trade_id for trade in feed.trades]


def books(feed: Listener) -> list[bool]:
    return [event.live for event in feed.events if isinstance(event, BookStatus)]


async def test_every_channel_is_subscribed_and_nothing_is_lost() -> None:
    async with AdvancedServer() as server, listening(server) as feed:
        for _ in range(300):
            await server.happen()
        await feed.until(lambda: ids(feed) == list(range(1, 301)))
        assert [channel for _, channel in server.asked] == ["heartbeats", "market_trades", "ticker", "level2"]
        assert not feed.gaps and not feed.malformed and books(feed) == [] and server.pages == 0


async def test_lost_messages_mend_themselves_on_the_same_connection() -> None:
    async with AdvancedServer() as server, listening(server) as feed:
        server.lost = set(range(41, 48))
        for _ in range(60):
            await server.happen()
        await feed.until(lambda: books(feed) == [False, True])
        await feed.until(lambda: ids(feed) == list(range(1, 61)))
        assert server.connections == 1 and not feed.gaps
        assert server.asked[4:] == [
            (kind, channel)
            for channel in ("market_trades", "level2")
            for kind in ("unsubscribe", "subscribe")
        ]


async def test_a_loss_at_the_end_is_shown_by_the_heartbeat() -> None:
    async with AdvancedServer() as server, listening(server) as feed:
        server.lost = {20}
        for _ in range(20):
            await server.happen()
        await feed.until(lambda: ids(feed) == list(range(1, 20)))
        await server.happen(beat=True)
        await feed.until(lambda: ids(feed) == list(range(1, 21)) and books(feed) == [False, True])
        assert feed.trades[-1].backfilled and not feed.gaps


async def test_a_cut_is_backfilled_by_rest() -> None:
    async with AdvancedServer() as server, listening(server) as feed:
        for _ in range(30):
            await server.happen()
        await feed.until(lambda: ids(feed) == list(range(1, 31)))
        await server.hang_up()
        for _ in range(100):  # more than the snapshot of a new subscription holds
            await server.happen()
        await feed.until(lambda: server.connections == 2)
        await feed.until(lambda: ("subscribe", "level2") in server.asked[4:])
        await server.happen()
        await feed.until(lambda: ids(feed) == list(range(1, 132)))
        assert not feed.gaps and server.pages >= 1
