"""What every source does about a service that is slow, broken, busy or wrong; over real HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from engine.config import PollingConfig
from engine.errors import ConfigError, FeedError, StoreError
from engine.events import NS, FeedState
from engine.feeds.base import UnreachableError
from engine.feeds.rest import BusyError, RefusedError
from engine.feeds.sources import rest_source
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.budget import HOUR_NS
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.rest_source import RestSource
from engine.feeds.sources.source import ExhaustedError
from engine.feeds.sources.twelve_data import TwelveData
from engine.feeds.sources.yahoo import Yahoo
from tests.feeds.context.server import Handler, LoopbackServer, cut, hang, says
from tests.feeds.sources.bodies import ENVIRON, KEY, Clock, Disk, S, around, source

CHART = "/v8/finance/chart/AAPL"
BODY = (
    b'{"chart":{"result":[{"meta":{"regularMarketPrice":10.5,"regularMarketTime":1773000000},'
    b'"indicators":{"quote":[{}]}}],"error":null}}'
)
GOOD = says(BODY)


async def drip(request: web.Request) -> web.StreamResponse:
    """A byte now and then, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def flood(request: web.Request) -> web.StreamResponse:
    """More than any answer holds, compressed to little: sent until its client hangs up."""
    response = web.StreamResponse()
    response.enable_compression()
    await response.prepare(request)
    while True:
        await response.write(b" " * (1 << 20))


@asynccontextmanager
async def opened(one: S) -> AsyncIterator[S]:
    try:
        yield one
    finally:
        await one.close()


async def latest(one: RestSource) -> float:
    return (await one.latest("poll:AAPL", "AAPL"))[-1].close


def answers(server: LoopbackServer, *handlers: Handler) -> str:
    server.answers[CHART] = list(handlers)
    return server.url


async def test_a_failure_that_may_pass_is_tried_again(server: LoopbackServer) -> None:
    url = answers(server, says("broken", 500), GOOD)
    async with opened(source(Yahoo, url)) as one:
        assert await latest(one) == 10.5
        assert len(server.asked) == 2
        assert one.budget.left_now(one._clock()) == 28  # both were counted
        assert one.stats.state is FeedState.UP
        assert "1 errors, the last: yahoo answered HTTP 500: broken" in one.stats.detail


@pytest.mark.parametrize(
    "handler",
    [hang, cut, drip, says(BODY[:40]), says(b"\xff\x00\xfe"), says("[]"), says("broken", 503)],
    ids=["timeout", "cut", "slow loris", "truncated JSON", "no text", "wrong JSON", "unavailable"],
)
async def test_faults_are_errors_that_may_pass_within_the_time_limit(
    server: LoopbackServer, handler: Handler
) -> None:
    async with opened(source(Yahoo, answers(server, handler), timeout_s=0.2)) as one:
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnreachableError, match="yahoo"):
            await latest(one)
        assert asyncio.get_running_loop().time() - began < 3.0
        assert one.stats.state is FeedState.DOWN


async def test_a_price_that_is_late_is_not_waited_for_twice(server: LoopbackServer) -> None:
    async with opened(source(Yahoo, answers(server, hang), timeout_s=0.2)) as one:
        with pytest.raises(UnreachableError):
            await latest(one)
        assert len(server.asked) == 1
        with pytest.raises(UnreachableError):
            await one.actions("poll:AAPL", "AAPL", 0, 86_400 * NS)
        assert len(server.asked) == 4


async def test_an_answer_without_end_is_cut_off(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_source, "MAX_BODY", 1 << 20)
    async with opened(source(Yahoo, answers(server, flood))) as one:
        with pytest.raises(UnreachableError, match="too long"):
            await latest(one)


async def test_retry_after_is_honoured(server: LoopbackServer) -> None:
    clock = Clock()
    async with opened(
        source(Yahoo, answers(server, says("slow down", 429, Retry_After="7"), GOOD), clock=clock)
    ) as one:
        with pytest.raises(BusyError):
            await latest(one)
        assert len(server.asked) == 1  # not tried again at once
        assert one.wait_ns(clock.ns) == 7 * NS
        clock.ns += 6 * NS
        with pytest.raises(ExhaustedError) as caught:
            await latest(one)
        assert caught.value.retry_after_s == pytest.approx(1.0)
        assert len(server.asked) == 1
        assert "left alone for 1 s" in one.stats.detail


async def test_too_often_without_a_time_is_left_alone_for_a_minute(server: LoopbackServer) -> None:
    clock = Clock()
    async with opened(source(Yahoo, answers(server, says("", 429), GOOD), clock=clock)) as one:
        with pytest.raises(BusyError):
            await latest(one)
        assert one.wait_ns(clock.ns) == 60 * NS
        clock.ns += 60 * NS
        assert await latest(one) == 10.5


async def test_a_limit_under_200_is_honoured_too(server: LoopbackServer) -> None:
    clock = Clock()
    body = '{"Information": "the standard rate limit is 25 requests per day"}'
    server.answers["/query"] = [says(body)]
    async with opened(source(AlphaVantage, server.url, clock=clock)) as one:
        with pytest.raises(BusyError, match="25 requests per day"):
            await latest(one)
        assert one.wait_ns(clock.ns) == HOUR_NS
        assert len(server.asked) == 1


async def test_a_refusal_is_not_tried_again_and_breaks_no_circuit(server: LoopbackServer) -> None:
    async with opened(source(Yahoo, answers(server, says("no such symbol", 404)))) as one:
        for _ in range(8):
            with pytest.raises(RefusedError, match="no such symbol"):
                await latest(one)
        assert len(server.asked) == 8
        assert not one._circuit.open
        assert one.stats.state is FeedState.DOWN  # nothing was answered yet: it may be a key
        server.answers[CHART] = [GOOD, says("no such symbol", 404)]
        await latest(one)
        with pytest.raises(RefusedError):
            await latest(one)
        assert one.stats.state is FeedState.UP


async def test_the_circuit_opens_and_one_request_closes_it(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_source, "_RESET_S", 1.5)
    async with opened(source(Yahoo, answers(server, says("broken", 500)), per_minute=10_000)) as one:
        for _ in range(3):
            with pytest.raises(UnreachableError):
                await latest(one)
        assert len(server.asked) == 5  # of six attempts
        assert one.wait_ns(one._clock()) > 0
        assert "circuit open" in one.stats.detail
        with pytest.raises(UnreachableError, match=r"yahoo is not asked for up to 1.5 s: .*500"):
            await latest(one)
        assert len(server.asked) == 5
        server.answers[CHART] = [GOOD]
        await asyncio.sleep(1.6)
        assert one.wait_ns(one._clock()) == 0
        assert await latest(one) == 10.5
        assert len(server.asked) == 6
        assert one.stats.state is FeedState.UP


async def test_a_half_open_circuit_lets_one_request_through(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_source, "_RESET_S", 1.5)
    async with opened(source(Yahoo, answers(server, says("broken", 500)), per_minute=10_000)) as one:
        for _ in range(3):
            with pytest.raises(UnreachableError):
                await latest(one)
        await asyncio.sleep(1.6)
        found = await asyncio.gather(*(latest(one) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(error, UnreachableError) for error in found)
        assert len(server.asked) == 6
        assert one._circuit.open


async def test_a_spent_budget_asks_nothing(server: LoopbackServer) -> None:
    async with opened(source(Yahoo, answers(server, GOOD), per_minute=3)) as one:
        found = await asyncio.gather(*(latest(one) for _ in range(10)), return_exceptions=True)
        assert sum(price == 10.5 for price in found) == 3
        assert sum(isinstance(error, ExhaustedError) for error in found) == 7
        assert len(server.asked) == 3
        assert "0 of 3 left this minute" in one.stats.detail


async def test_what_was_spent_is_kept_before_the_request_leaves(server: LoopbackServer) -> None:
    clock, disk = Clock(), Disk()
    kept_at_request: list[int] = []

    async def look(request: web.Request) -> web.StreamResponse:
        state = disk.kept["yahoo"]
        kept_at_request.append(state.total + state.ahead)
        return await GOOD(request)

    url = answers(server, look)
    one = source(Yahoo, url, clock=clock, disk=disk, per_day=100)
    for _ in range(6):
        await latest(one)
    assert all(kept >= number for number, kept in enumerate(kept_at_request, 1))
    # It dies here; what comes after it knows.
    async with opened(source(Yahoo, url, clock=clock, disk=disk, per_day=100)) as after:
        assert 100 - 6 - 2 <= after.budget.left_today(clock.ns) <= 100 - 6
    await one._rest.close()


async def test_nothing_is_asked_while_nothing_can_be_kept(server: LoopbackServer) -> None:
    disk = Disk()
    async with opened(source(Yahoo, answers(server, GOOD), disk=disk)) as one:
        disk.error = StoreError("the disk is full")
        with pytest.raises(UnreachableError, match="the disk is full"):
            await latest(one)
        assert server.asked == []


async def test_history_leaves_half_of_a_day(server: LoopbackServer) -> None:
    async with opened(source(Yahoo, answers(server, says(BODY)), per_day=10)) as one:
        day_ns = 86_400 * NS
        with pytest.raises(ExhaustedError):
            async for _ in one.bars("poll:AAPL", "AAPL", 86_400, 0, 80_000 * day_ns):
                pass
        assert len(server.asked) == 5
        assert await latest(one) == 10.5


async def test_bars_come_page_by_page(server: LoopbackServer) -> None:
    """Days of eleven years: two questions, each for its own span; nothing outside of it is passed on."""
    day_ns, start = 86_400 * NS, 1_400_000_000 // 86_400
    row = b'{"chart":{"result":[{"meta":{},"timestamp":[%d],"indicators":{"quote":[{%s}]}}],"error":null}}'
    columns = b",".join(b'"%s":[5]' % name for name in (b"open", b"high", b"low", b"close", b"volume"))
    times = (start * 86_400 + 3600, (start + 3660) * 86_400 + 3600)
    url = answers(server, *(says(row % (seconds, columns)) for seconds in (*times, 1)))
    async with opened(source(Yahoo, url)) as one:
        pages = [
            page async for page in one.bars("x:Y", "AAPL", 86_400, start * day_ns, (start + 3700) * day_ns)
        ]
    assert [[bar.open_ns // day_ns for bar in page] for page in pages] == [[start], [start + 3660]]
    assert all(bar.closed and bar.symbol == "x:Y" for page in pages for bar in page)


async def test_a_source_says_what_it_does_not_have(server: LoopbackServer) -> None:
    async with opened(source(Yahoo, server.url)) as one:
        with pytest.raises(RefusedError, match="no bars of 7 s"):
            await anext(one.bars("x:Y", "AAPL", 7, 0, NS))


@pytest.mark.parametrize("kind", [AlphaVantage, TwelveData, Polygon])
async def test_the_key_is_sent_and_never_shown(
    server: LoopbackServer,
    kind: type[RestSource],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also by a service that repeats it, be it in the middle of an excerpt that is cut."""
    caplog.set_level(logging.DEBUG)

    async def repeat(request: web.Request) -> web.StreamResponse:
        sent = request.headers.get("Authorization", "") + request.path_qs
        assert KEY in sent
        filler = "x" * 70
        return web.Response(
            status=500, text=f"{filler} your key {KEY} was used with {request.path_qs} and {KEY}"
        )

    async with opened(source(kind, server.url)) as one:
        request = one.latest_request("AAPL", one._clock())
        server.answers[request.path] = [repeat]
        with pytest.raises(FeedError) as caught:
            await latest(one)
        # All but what the server itself logs.
        logged = [text.getMessage() for text in caplog.records if text.name != "aiohttp.access"]
        shown = [str(caught.value), repr(caught.value), one.stats.detail, repr(request), *logged]
        assert server.asked
        for text in shown:
            assert KEY[:6] not in text


@pytest.mark.parametrize("kind", [AlphaVantage, TwelveData, Polygon])
def test_a_missing_key_is_named(kind: type[RestSource]) -> None:
    with pytest.raises(ConfigError, match=f"set {kind.variable} in the environment"):
        kind(PollingConfig(), around(environ={}))
    with pytest.raises(ConfigError, match="control character"):
        kind(PollingConfig(), around(environ=dict.fromkeys(ENVIRON, "a\nb")))


def test_a_bad_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(
        ConfigError, match=r"collection\.sources\.yahoo\.rest_url holds a user name"
    ) as caught:
        source(Yahoo, "https://user:secret@example.com")
    assert "secret" not in str(caught.value)


async def test_no_request_leaves_that_was_not_counted() -> None:
    """A service that takes the second request of each connection and closes it, unanswered."""
    reached = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        for answer in (head + BODY, b""):
            await reader.readuntil(b"\r\n\r\n")
            reached += 1
            writer.write(answer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with opened(source(Yahoo, url)) as one:
        for _ in range(6):
            assert await latest(one) == 10.5
        assert 30 - one.budget.left_now(one._clock()) == reached == 11
    listening.close()


async def test_a_redirection_is_not_followed(server: LoopbackServer) -> None:
    """It would be a request more than was counted, and may lead the key elsewhere."""

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently("/elsewhere")

    server.answers["/query"] = [moved]
    async with opened(source(AlphaVantage, server.url)) as one:
        with pytest.raises(RefusedError, match="HTTP 301"):
            await one.latest("poll:AAPL", "AAPL")
        assert len(server.asked) == 1
