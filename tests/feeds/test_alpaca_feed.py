"""Alpaca on the wire: keys first, then the subscription, one connection at a time, keys nowhere else."""

from __future__ import annotations

import json
import logging
import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import FeedState
from engine.feeds.registry import open_feed
from tests.feeds.conftest import Listener, listening
from tests.feeds.small_venue import Line, SmallVenue
from tests.feeds.test_alpaca import QUOTE, TRADE, frame

SECRET = "hush-hush"
CONNECTED, ACCEPTED = ({"T": "success", "msg": text} for text in ("connected", "authenticated"))
BEGAN = datetime.now(UTC)


def stamp(second: int) -> str:
    return (BEGAN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def trade(number: int) -> dict[str, object]:
    return TRADE | {"i": number, "t": stamp(number)}


def rest(path: str, query: dict[str, str]) -> str:
    rows = [{key: value for key, value in trade(one).items() if key not in "TS"} for one in (3, 2, 1)]
    quote = {"t": stamp(1), "bp": 1, "bs": 1, "ap": 2, "as": 1}
    return json.dumps(
        {
            "/v2/assets": [{"symbol": "AAPL", "status": "active"}],
            "/v2/stocks/snapshots": {"AAPL": {"latestTrade": {"p": 126.5}}},
            "/v2/stocks/trades": {"trades": {"AAPL": rows}, "next_page_token": None},
            "/v2/stocks/quotes/latest": {"quotes": {"AAPL": quote}},
        }[path]
    )


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_ALPACA_KEY", "PKTEST")
    monkeypatch.setenv("TICKDESK_ALPACA_SECRET", SECRET)


def shown(feed: Listener, caplog: pytest.LogCaptureFixture) -> str:
    return repr((feed.events, feed.feed.stats, caplog.text, [vars(record) for record in caplog.records]))


async def log_in(line: Line) -> None:
    await line.tell(frame(CONNECTED))
    login = await line.hear()
    assert login == {"action": "auth", "key": "PKTEST", "secret": SECRET}
    await line.tell(frame(ACCEPTED))
    wanted = await line.hear()
    assert wanted == {"action": "subscribe", "trades": ["AAPL"], "quotes": ["AAPL"]}
    await line.tell(frame({"T": "subscription", "trades": ["AAPL"], "quotes": ["AAPL"], "bars": []}))


async def test_keys_subscription_data_and_a_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def talk(line: Line) -> None:
        await log_in(line)
        if line.number == 1:
            await line.tell_binary(frame(trade(1), QUOTE))
            await line.cut()
        else:
            await line.tell(frame(trade(3)))

    async with SmallVenue(talk, rest, path="/v2/iex") as server:
        async with listening(server, "alpaca", "AAPL") as feed:
            await feed.until(lambda: len(feed.trades) >= 3)
            (spec,) = await feed.feed.instruments()
        asked = {request.path: request.headers for request in server.requests}
        assert server.most_open == 1 and server.connections == 2
    assert spec.symbol == "alpaca:AAPL"
    for path in ("/v2/assets", "/v2/stocks/snapshots", "/v2/stocks/trades"):
        assert asked[path]["APCA-API-SECRET-KEY"] == SECRET
    assert [one.event_ns for one in feed.trades] == sorted({one.event_ns for one in feed.trades})
    assert [one.backfilled for one in feed.trades] == [False, True, False] and not feed.gaps
    assert feed.quotes and not feed.malformed
    assert SECRET not in shown(feed, caplog) and "PKTEST" not in shown(feed, caplog)


@pytest.mark.parametrize(
    ("code", "words"), [(402, "check TICKDESK_ALPACA_KEY"), (406, "another connection with these keys")]
)
async def test_a_refusal_is_told_and_waited_out(
    code: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(line: Line) -> None:
        await line.tell(frame(CONNECTED))
        await line.hear()
        await line.tell(frame({"T": "error", "code": code, "msg": "no"}))

    async with (
        SmallVenue(talk, rest, path="/v2/iex") as server,
        listening(server, "alpaca", "AAPL") as feed,
    ):
        stats = feed.feed.stats
        await feed.until(lambda: stats.state is FeedState.DOWN and words in stats.detail)
        wait_s = float(stats.detail.rpartition("next attempt in ")[2].partition(" ")[0])
        assert wait_s >= 15 and server.connections == 1 and server.open == 0
    assert SECRET not in shown(feed, caplog)


async def test_a_symbol_that_is_none_is_refused_without_keys_in_the_words() -> None:
    async def talk(line: Line) -> None:
        await log_in(line)

    async with SmallVenue(talk, rest, path="/v2/iex") as server, listening(server, "alpaca", "NOPE") as feed:
        with pytest.raises(FeedError, match="does not know the symbol NOPE") as told:
            await feed.feed.instruments()
    assert SECRET not in str(told.value)


async def test_keys_that_rest_refuses_are_spoken_of() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403, text='{"message": "forbidden."}')

    app = web.Application()
    app.router.add_get("/{path:.*}", refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = FeedConfig(symbols=("AAPL",), ws_url="ws://127.0.0.1:1/v2/iex", rest_url=url)
    try:
        with pytest.raises(FeedError, match=r"HTTP 403 to its keys \(are they right\?\)") as told:
            await open_feed("alpaca", config, clock=time.time_ns, rng=random.Random(1)).instruments()
    finally:
        await runner.cleanup()
    assert SECRET not in str(told.value) and "PKTEST" not in str(told.value)


async def test_keys_do_not_follow_a_redirection() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("APCA-API-SECRET-KEY", ""))
        return web.Response(text="[]")

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{request.url.port}/elsewhere")

    app = web.Application()
    app.router.add_get("/elsewhere", elsewhere)
    app.router.add_get("/{path:.*}", moved)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = FeedConfig(symbols=("AAPL",), ws_url="ws://127.0.0.1:1/v2/iex", rest_url=url)
    try:
        with pytest.raises(FeedError, match="HTTP 302"):
            await open_feed("alpaca", config, clock=time.time_ns, rng=random.Random(1)).instruments()
    finally:
        await runner.cleanup()
    assert not seen
