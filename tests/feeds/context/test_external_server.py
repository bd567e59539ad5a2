"""The external quant server's client against a server with faults: attempts, back-off, circuit, secrets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from aiohttp import web

from engine.config import QuantServerConfig
from engine.errors import ConfigError
from engine.events import FeedState
from engine.feeds.context.external_server import ExternalServer
from tests.feeds.context.server import Handler, LoopbackServer, cut, hang, says, until

GOOD = '{"signals":{"speed":0.5},"latency_ms":1,"timestamp":1}'
FAST = QuantServerConfig(
    interval_s=0.1, timeout_ms=100, backoff_ms=5, breaker_failures=1000, breaker_reset_s=0.3
)
TOKEN = "s3cret-token"


class Client:
    """An ExternalServer and what it delivered."""

    def __init__(
        self, config: QuantServerConfig, symbols: tuple[str, ...], refuse: Callable[[str], str], token: str
    ) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.refuse = refuse
        self.server = ExternalServer(
            "alpha",
            config,
            token=token,
            symbols=lambda: symbols,
            ask=lambda symbol: None if symbol == "x:COLD" else f'{{"symbol":"{symbol}"}}'.encode(),
            take=self.take,
            rng=random.Random(1),
        )

    @property
    def stats(self):  # type: ignore[no-untyped-def]
        return self.server.stats

    def take(self, symbol: str, body: bytes) -> None:
        why = self.refuse(symbol)
        if why:
            raise ValueError(why)
        self.taken.append((symbol, body))


@contextlib.asynccontextmanager
async def running(
    server: LoopbackServer,
    *answers: Handler,
    config: QuantServerConfig = FAST,
    symbols: tuple[str, ...] = ("x:A",),
    refuse: Callable[[str], str] = lambda symbol: "",
    token: str = "",
    path: str = "",
) -> AsyncIterator[Client]:
    server.answers = {path or "/signals": list(answers)}
    config = msgspec.structs.replace(config, url=server.url + path)
    client = Client(config, symbols, refuse, token)
    task = asyncio.create_task(client.server.run())
    try:
        yield client
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_every_symbol_is_asked_again_and_again(server: LoopbackServer) -> None:
    async with running(server, says(GOOD), symbols=("x:A", "x:B", "x:COLD"), token=TOKEN) as client:
        await until(lambda: len(client.taken) >= 4)
        assert client.stats.state is FeedState.UP
        assert client.server.venue == "quant-server:alpha"
    assert {symbol for symbol, _ in client.taken} == {"x:A", "x:B"}
    assert client.taken[0][1] == GOOD.encode()
    assert set(server.asked) == {"/signals"}
    assert set(server.bodies) == {b'{"symbol":"x:A"}', b'{"symbol":"x:B"}'}
    assert server.headers[0]["Authorization"] == f"Bearer {TOKEN}"
    assert server.headers[0]["Content-Type"] == "application/json"


async def test_a_path_of_its_own_is_kept_and_no_token_is_sent_without_one(server: LoopbackServer) -> None:
    async with running(server, says(GOOD), path="/v2/score") as client:
        await until(lambda: bool(client.taken))
    assert server.asked[0] == "/v2/score"
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("fault", [says("boom", 500), says("later", 503), hang, cut])
async def test_what_may_pass_is_tried_three_times(server: LoopbackServer, fault: Handler) -> None:
    once = msgspec.structs.replace(FAST, interval_s=60.0)
    async with running(server, fault, fault, says(GOOD), config=once) as client:
        await until(lambda: bool(client.taken))
        assert client.stats.state is FeedState.UP
    assert len(server.asked) == 3


async def test_after_the_last_attempt_the_symbol_is_left_until_its_next_turn(server: LoopbackServer) -> None:
    once = msgspec.structs.replace(FAST, interval_s=60.0)
    async with running(server, says("boom", 500), config=once) as client:
        await until(lambda: not client.server._asking and len(server.asked) == 3)
        assert client.stats.state is FeedState.DOWN
        assert "HTTP 500: boom" in client.stats.detail
    assert client.taken == []


@pytest.mark.parametrize("status", [400, 401, 404, 302])
async def test_a_refusal_is_not_repeated_at_once(server: LoopbackServer, status: int) -> None:
    once = msgspec.structs.replace(FAST, interval_s=60.0)
    answer = says("no", status, Location="/elsewhere")
    async with running(server, answer, config=once, token=TOKEN) as client:
        await until(lambda: not client.server._asking and bool(server.asked))
        assert f"HTTP {status}" in client.stats.detail
    assert server.asked == ["/signals"], "neither repeated nor followed elsewhere"


async def test_retry_after_silences_all_symbols(server: LoopbackServer) -> None:
    symbols = tuple(f"x:{number}" for number in range(20))
    config = msgspec.structs.replace(FAST, max_in_flight=1)
    async with running(
        server, says("", 429, Retry_After="0.5"), says(GOOD), config=config, symbols=symbols
    ) as client:
        await until(lambda: "429" in client.stats.detail)
        await asyncio.sleep(0.25)
        assert len(server.asked) == 1
        await until(lambda: bool(client.taken))


async def test_the_circuit_opens_and_one_request_closes_it(server: LoopbackServer) -> None:
    config = msgspec.structs.replace(FAST, breaker_failures=4, breaker_reset_s=1.0, interval_s=0.1)
    symbols = tuple(f"x:{number}" for number in range(3))
    healthy = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        return await says(GOOD)(request) if healthy.is_set() else await says("boom", 500)(request)

    async with running(server, answer, config=config, symbols=symbols) as client:
        await until(lambda: "circuit open" in client.stats.detail and not client.server._asking)
        opened = len(server.asked)
        assert opened <= 4 + len(symbols), "those under way may still end"
        await asyncio.sleep(0.2)
        assert len(server.asked) == opened, "nobody asks while it is open"
        assert client.stats.state is FeedState.DOWN
        await until(lambda: len(server.asked) > opened)
        await until(lambda: "circuit open" in client.stats.detail)
        assert len(server.asked) == opened + 1, "one request tried it"
        healthy.set()
        await until(lambda: len(client.taken) >= 6)
        assert client.stats.state is FeedState.UP


async def test_no_more_than_so_many_are_in_flight_and_none_twice(server: LoopbackServer) -> None:
    config = msgspec.structs.replace(FAST, max_in_flight=2, timeout_ms=60_000, interval_s=0.1)
    symbols = tuple(f"x:{number}" for number in range(6))
    async with running(server, hang, config=config, symbols=symbols) as client:
        await until(lambda: server.in_flight == 2)
        await asyncio.sleep(0.25)
        assert server.in_flight == 2
        assert len(client.server._asking) == 6
    assert server.most_in_flight == 2
    assert len(server.asked) == 2


async def test_a_refused_answer_is_said_once_and_costs_its_symbol_only(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with running(
        server, says(GOOD), symbols=("x:BAD",), refuse=lambda symbol: "refused: 3 is no score"
    ) as client:
        await until(lambda: client.stats.malformed >= 3)
        assert client.stats.detail == "an answer is refused: x:BAD: refused: 3 is no score"
    assert client.taken == []
    assert sum("an answer is refused" in record.message for record in caplog.records) == 1


async def test_an_endless_answer_is_cut_off(server: LoopbackServer) -> None:
    async with running(server, says("x" * (1 << 17))) as client:
        await until(lambda: "too long" in client.stats.detail)
    assert client.taken == []


@pytest.mark.parametrize("padding", ["", "x" * 82])
async def test_the_token_reaches_no_log_and_no_screen(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture, padding: str
) -> None:
    caplog.set_level(logging.DEBUG)

    async def echo(request: web.Request) -> web.StreamResponse:
        text = f"{padding}bad {request.headers['Authorization']}"
        return web.Response(status=401, text=text)

    async with running(server, echo, token=TOKEN) as client:
        await until(lambda: "401" in client.stats.detail)
        assert TOKEN[:4] not in client.stats.detail
    assert TOKEN[:4] not in caplog.text


async def test_the_token_is_not_told_where_an_answer_is_refused(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(symbol: str) -> str:
        return f"refused: Invalid enum value '{TOKEN}' - at `$.signals.speed`"

    async with running(server, says(GOOD), refuse=refuse, token=TOKEN) as client:
        await until(lambda: client.stats.malformed > 0)
        assert "Invalid enum value" in client.stats.detail
        assert TOKEN[:4] not in client.stats.detail
    assert TOKEN[:4] not in caplog.text


@pytest.mark.parametrize("url", ["", "ws://host", "http://user:pw@host", "http://", "host:80"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match=r"quant\.servers\.alpha\.url"):
        Client(QuantServerConfig(url=url), (), lambda symbol: "", "")


def test_a_token_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="TICKDESK_QUANT_TOKEN") as caught:
        Client(QuantServerConfig(url="http://127.0.0.1"), (), lambda symbol: "", "two words\n")
    assert "two words" not in str(caught.value)


def test_a_token_in_the_clear_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    Client(QuantServerConfig(url="http://quant.example"), (), lambda symbol: "", TOKEN)
    assert "use https" in caplog.text
    assert TOKEN not in caplog.text
