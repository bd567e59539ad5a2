"""The console's link against a real server: resume after a cut, tell a dead engine, answer in one line."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket as sockets
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from console import link as link_module
from console import trading_requests
from console.engine_at import EngineAt
from console.link import EngineLink
from console.link_protocol import LinkState, NoAnswerError
from engine.api.control_protocol import Console, ControlDetail
from engine.api.market_protocol import Watch
from engine.api.protocol import (
    VERSION,
    EventFrame,
    Resync,
    StateFrame,
    StrategyPatch,
    StreamMessage,
    WeightsPatch,
)
from engine.api.server import ApiServer
from engine.api.trading_protocol import AmendPatch, FlattenPatch, LimitPatch, OrderTicket
from engine.errors import LinkError
from engine.events import Fill, Side
from tests.api.conftest import Serve, Served, serve
from tests.console import sample_explanation

__all__ = ["serve"]


class Client:
    """A running link and what it delivered."""

    def __init__(self, socket: Path | EngineAt, console: Console | None = None) -> None:
        self.link = EngineLink(socket, console)
        self.messages: list[StreamMessage] = []
        self.states: list[tuple[LinkState, str]] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def seqs(self) -> list[int]:
        return [message.seq for message in self.messages if isinstance(message, EventFrame)]

    @property
    def state(self) -> LinkState | None:
        return self.states[-1][0] if self.states else None

    @property
    def full_frames(self) -> int:
        return sum(isinstance(message, StateFrame) and message.full for message in self.messages)

    async def until(self, holds: Callable[[], bool], within_s: float = 5.0) -> None:
        deadline = asyncio.get_running_loop().time() + within_s
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, (self.states, self.seqs)
            if self.task is not None and self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def connected(socket: Path | EngineAt, console: Console | None = None) -> AsyncIterator[Client]:
    client = Client(socket, console)
    client.task = asyncio.create_task(
        client.link.run(client.messages.append, lambda state, why: client.states.append((state, why)))
    )
    try:
        yield client
    finally:
        client.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LinkError):
            await client.task


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def cut(served: Served) -> None:
    """Cut every stream without a closing handshake."""
    for stream in list(served.server.streams.open):
        assert stream._req is not None and stream._req.transport is not None
        stream._req.transport.abort()


async def test_the_desk_arrives_and_so_does_every_event(serve: Serve) -> None:
    async with serve() as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        served.publish(50)
        await client.until(lambda: len(client.seqs) == 50)
        assert client.seqs == list(range(1, 51))
        assert [state for state, _ in client.states] == [LinkState.CONNECTING, LinkState.UP]
        assert client.link.bytes_received > 1000


async def test_what_happened_during_a_cut_is_delivered_once(serve: Serve) -> None:
    async with serve() as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        for round_ in range(1, 4):
            served.publish(10)
            await client.until(lambda n=round_: client.seqs[-1:] == [20 * n - 10])  # type: ignore[misc]
            await cut(served)
            served.publish(10)
            await client.until(lambda n=round_: client.full_frames == n + 1)  # type: ignore[misc]
            await client.until(lambda n=round_: client.seqs[-1:] == [20 * n])  # type: ignore[misc]
        assert client.seqs == list(range(1, 61))
        assert LinkState.LOST in [state for state, _ in client.states]


async def test_a_cut_before_the_first_event_loses_none(serve: Serve) -> None:
    async with serve() as served:
        served.publish(7)
        async with connected(served.socket) as client:
            await client.until(lambda: client.full_frames == 1)
            await cut(served)
            served.publish(3)
            await client.until(lambda: client.seqs[-1:] == [10])
            assert client.seqs == [8, 9, 10]


async def test_too_long_a_cut_is_told_and_the_stream_goes_on(serve: Serve) -> None:
    async with serve(capacity=5) as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        served.publish(2)
        await client.until(lambda: client.seqs == [1, 2])
        await cut(served)
        served.publish(20)
        await client.until(lambda: Resync(oldest_seq=18) in client.messages)
        await client.until(lambda: client.full_frames == 2)
        served.publish(1)
        await client.until(lambda: client.seqs == [1, 2, 23])
        await cut(served)
        served.publish(1)
        await client.until(lambda: client.seqs == [1, 2, 23, 24])


async def test_an_engine_that_ends_is_gone_and_a_new_one_is_joined(serve: Serve) -> None:
    async with serve() as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        await served.server.close()
        served.socket.unlink(missing_ok=True)
        await client.until(lambda: client.state is LinkState.ENGINE_GONE)
        assert client.states[-1][1].startswith("it was stopped")
        again = ApiServer(served.desk, served.hub, frames_per_s=50)
        await again.start(served.socket)
        await client.until(lambda: client.full_frames == 2)
        assert client.state is LinkState.UP
        await again.close()


async def test_the_socket_of_a_killed_engine_is_no_engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    left = tmp_path_factory.mktemp("s") / "engine.sock"
    with sockets.socket(sockets.AF_UNIX) as killed:
        killed.bind(str(left))
    async with connected(left) as client:
        await client.until(lambda: client.state is LinkState.ENGINE_GONE)


async def test_an_engine_that_hangs_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "SILENCE_S", 0.2)
    socket = tmp_path_factory.mktemp("s") / "engine.sock"

    async def hang(request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        await asyncio.sleep(60)
        return stream

    app = web.Application()
    app.router.add_get("/v1/stream", hang)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    async with connected(socket) as client:
        await client.until(lambda: client.state is LinkState.LOST)
        assert "nothing from the engine" in client.states[-1][1]
    await runner.cleanup()


async def test_another_version_is_said_in_one_line(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.api import conflator

    monkeypatch.setattr(conflator, "encode", lambda value: b'{"type":"state","from":"the future\x1b["}')
    async with serve() as served:
        client = Client(served.socket)
        with pytest.raises(LinkError, match="versions differ") as caught:
            await asyncio.wait_for(client.link.run(client.messages.append, lambda *_: None), 5)
        assert str(caught.value).isprintable()


async def test_another_version_that_comes_back_is_said_and_what_was_shown_stays(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.api import conflator

    async with serve() as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        now = served.desk.frame
        served.desk.frame = msgspec.structs.replace(now, version=VERSION + 1)
        await client.until(lambda: "another version" in client.states[-1][1])
        known, asked = len(client.messages), served.server.streams.open
        served.desk.frame = now
        await client.until(lambda: client.state is LinkState.UP)
        assert len(client.messages) > known and len(asked) == 1
        monkeypatch.setattr(conflator, "encode", lambda value: b'{"type":"state","from":"the future"}')
        await client.until(lambda: client.state is LinkState.LOST)
        assert "q leaves" in client.states[-1][1]


async def test_a_console_that_leaves_says_so_and_one_that_is_cut_off_keeps_its_seat(serve: Serve) -> None:
    name = Console("0123abcd", "seat", "ana@pts/3/4242")

    async def controller(served: Served) -> ControlDetail:
        return msgspec.json.decode((await served.request("GET", "/v1/control"))[1], type=ControlDetail)

    async with serve() as served:
        async with connected(served.socket, name) as client:
            await client.until(lambda: client.full_frames == 1)
            assert (await controller(served)).controller == name.label
            await cut(served)
            await client.until(lambda: client.full_frames == 2)
            assert (await controller(served)).controller == name.label
            assert (await client.link.give_control()).ok and (await client.link.take_control("")).ok
            await client.link.set_risk("halted", "lunch")
            assert served.desk.asked[-1] == ("risk", "halted", "lunch", "console pts/3"), "of several, which"
            # The fake desk's frames say that nobody controls: to a next engine it comes as one that watches.
            assert client.link.console == msgspec.structs.replace(name, access="watch")
        async with asyncio.timeout(5):
            while (left := await controller(served)).consoles or left.controller:
                await asyncio.sleep(0.005)


async def test_a_console_that_says_that_it_leaves_need_not_wait_for_the_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, looked = Console("0123abcd", "seat", "ana@pts/3/4242"), asyncio.Event()

    async def recall(symbol: str) -> None:
        await looked.wait()

    async with serve() as served, aiohttp.ClientSession(connector=unix(served)) as http:
        monkeypatch.setattr(served.desk.market, "recall", recall)
        control = served.server._guard.control
        stream = await http.ws_connect(URL("http://engine/v1/stream").with_query(console=name.text))
        await stream.receive()
        await stream.send_bytes(msgspec.json.encode(Watch("sim:X")))
        await stream._writer.close(aiohttp.WSCloseCode.GOING_AWAY)
        connection = stream._response.connection
        assert connection is not None and connection.transport is not None
        connection.transport.close()  # what is written goes out, and nothing is taken any more
        ((_, transport),) = served.server.streams.open.items()
        assert transport is not None and control.count == 1
        async with asyncio.timeout(5):
            while not transport.is_closing():
                await asyncio.sleep(0.005)
            looked.set()
            while control.count:
                await asyncio.sleep(0.005)
        assert control.controller(time.monotonic_ns()) is None


def unix(served: Served) -> aiohttp.UnixConnector:
    return aiohttp.UnixConnector(str(served.socket))


async def test_an_event_with_an_unknown_price_is_delivered(serve: Serve) -> None:
    fill = Fill("tx", "td", "sim:X", Side.SELL, Decimal(1), Decimal(2), Decimal(0), "taker", math.nan, 1)
    async with serve() as served, connected(served.socket) as client:
        await client.until(lambda: client.full_frames == 1)
        served.hub.publish(1, fill)
        await client.until(lambda: client.seqs == [1])
        (event,) = [message.event for message in client.messages if isinstance(message, EventFrame)]
        assert isinstance(event, Fill) and math.isnan(event.decision_price)


async def test_commands(serve: Serve) -> None:
    async with serve() as served:
        link = EngineLink(served.socket)
        assert (await link.set_strategy("trend", StrategyPatch(enabled=False))).text == "trend set"
        assert (await link.set_risk("halted", "lunch")).ok
        assert (await link.reload_model()).text == "model loaded"
        assert (await link.flatten()).text == "verified flat"
        assert (await link.explain("opp-0008")).headline == sample_explanation.explanation().headline
        assert (await link.stop_engine()).ok
        assert served.desk.asked == [
            ("strategy", "trend", StrategyPatch(enabled=False), "console"),
            ("risk", "halted", "lunch", "console"),
            ("reload", "console"),
            ("flatten", FlattenPatch(), "console"),
            ("stop", "console"),
        ]
        await link.close()


async def test_commands_of_trading(serve: Serve) -> None:
    ticket = OrderTicket(symbol="sim:BTC-USD", side="buy", quantity="0.5", token="t")
    part = FlattenPatch("sim:BTC-USD", 50.0, "limit")
    limit = LimitPatch("desk", "max_gross_pct", 80.0)
    async with serve() as served:
        link = EngineLink(served.socket)
        assert (await link.place(ticket)).ids == ("td-1",)
        assert (await link.preview(ticket)).approved
        assert (await link.amend("td/1", AmendPatch(price="63000"))).ok
        assert (await link.cancel("td-1")).text == "canceled"
        assert (await link.cancel_all()).text == "canceled 1/1"
        assert (await link.flatten(part)).ok and (await link.kill()).ok and (await link.set_limit(limit)).ok
        assert (await link.reconcile()).text == "no drift"
        assert served.desk.asked == [
            ("place", ticket, "console"),
            ("preview", ticket, "console"),
            ("amend", "td/1", AmendPatch(price="63000"), "console"),
            ("cancel", "td-1", "console"),
            ("cancel all", "", "console"),
            ("flatten", part, "console"),
            ("kill", "console"),
            ("limit", limit, "console"),
            ("reconcile", "console"),
        ]
        assert [row.name for row in await link.limits()] == ["max_gross_pct"]
        assert (await link.account()).equity == "100000.00"
        assert [row.gateway for row in await link.reconciliation()] == ["paper"]
        assert (await link.performance()).rows and (await link.equity(2)).ns is not None
        with pytest.raises(LinkError, match="write it as venue:NATIVE"):
            await link.place(msgspec.structs.replace(ticket, symbol="no:SUCH"))
        await link.close()


async def test_strategies_weights_signals_and_automations(serve: Serve) -> None:
    async with serve() as served:
        link = EngineLink(served.socket)
        detail = await link.strategy("my_own")
        assert detail.error.startswith("ZeroDivisionError") and detail.params[0].value is True
        assert (await link.set_strategy("trend", StrategyPatch(symbols=(), params={"ttl_s": 7.0}))).ok
        assert (await link.reload_strategies()).text == "nothing changed"
        assert (await link.weights()).speed == 20.0
        assert (await link.set_weights(WeightsPatch(speed=15.0))).text == "weights set"
        signals = await link.signals("kraken:BTC/USD")
        assert signals.symbol == "kraken:BTC/USD" and signals.features is not None
        assert math.isnan(signals.features.return_std_long), "not warm yet, not zero"
        served.desk.definitions["a/b ü"] = b'{"steps": [1]}'
        assert await link.automation("a/b ü") == {"steps": [1]}
        assert [row.signal for row in await link.automation_statistics()] == ["rapid_rise", "trend"]
        assert (await link.set_automation("a/b ü", False)).ok
        assert served.desk.asked == [
            ("strategy", "trend", StrategyPatch(symbols=(), params={"ttl_s": 7.0}), "console"),
            ("reload strategies", "console"),
            ("weights", WeightsPatch(speed=15.0), "console"),
            ("automation", "a/b ü", False, "console"),
        ]
        for ask in (link.strategy("nobody"), link.signals("sim:NONE"), link.automation("nothing")):
            with pytest.raises(LinkError, match="unknown"):
                await ask
        await link.close()


async def test_errors_of_commands_are_one_line(serve: Serve) -> None:
    async with serve() as served:
        link = EngineLink(served.socket)
        for ask, says in (
            (link.set_strategy("none", StrategyPatch(enabled=True)), "no strategy none"),
            (link.set_strategy("broken", StrategyPatch(enabled=True)), "log says why"),
            (link.explain("x"), "nothing is known of x"),
        ):
            with pytest.raises(LinkError, match=says) as caught:
                await ask
            assert str(caught.value).isprintable()
        await link.close()
    gone = EngineLink(served.socket)
    with pytest.raises(
        LinkError, match=r"NOT SENT: no engine runs, nothing trades; `tickdesk` starts it"
    ) as caught:
        await gone.flatten()
    assert str(caught.value).isprintable()
    await gone.close()


async def test_a_command_to_an_engine_that_hangs_is_not_confirmed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trading_requests, "RISK_S", 0.1)
    socket = tmp_path_factory.mktemp("s") / "engine.sock"
    with sockets.socket(sockets.AF_UNIX) as hung:
        hung.bind(str(socket))
        hung.listen()
        link = EngineLink(socket)
        with pytest.raises(NoAnswerError, match="did not answer within 0 s"):
            await link.set_risk("halted", "")
        await link.close()


async def test_names_and_ids_are_quoted_in_paths(serve: Serve) -> None:
    async with serve() as served:
        link = EngineLink(served.socket)
        await link.set_strategy("a/b?c#d%2F", StrategyPatch(enabled=True))
        assert served.desk.asked == [("strategy", "a/b?c#d%2F", StrategyPatch(enabled=True), "console")]
        with pytest.raises(LinkError, match=r"nothing is known of \.\./x"):
            await link.explain("../x")
        await link.close()


async def test_closing_twice_and_leaving_no_session(serve: Serve) -> None:
    async with serve() as served:
        before = open_files()
        async with connected(served.socket) as client:
            await client.until(lambda: client.full_frames == 1)
        await client.link.close()
        await asyncio.sleep(0.05)
        assert open_files() <= before
