"""What the gateway answers: from its mirror, from the engine, and while the engine is away."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from engine.api.hub import Hub
from engine.api.last_words import receive
from engine.api.market_protocol import MarketFrame
from engine.api.protocol import ErrorReply, EventFrame, Resync, StateFrame, StreamMessage
from engine.api.server import ApiServer
from engine.config.api import ApiConfig
from engine.gateway.answers import ROWS, SNAPSHOT
from engine.gateway.run import opened
from tests.api.conftest import FakeDesk, alert
from tests.gateway.conftest import Gate, Gated, made_tokens

decode = msgspec.json.Decoder(StreamMessage).decode


async def seqs_until(stream: object, last: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(5):
        while not found or found[-1] < last:
            message = decode((await stream.receive()).data)  # type: ignore[attr-defined]
            if isinstance(message, EventFrame):
                found.append(message.seq)
    return found


async def test_the_mirror_answers_as_the_engine_does(gate: Gate) -> None:
    async with gate() as gated:
        before = gated.one.gateway.listener.requests_count
        status, body = await gated.ask("GET", SNAPSHOT, "read")
        theirs = msgspec.json.decode((await gated.served.request("GET", SNAPSHOT))[1], type=StateFrame)
        assert status == 200
        ours = msgspec.json.decode(body, type=StateFrame)
        for name in StateFrame.__struct_fields__:
            if name not in (
                "last_seq",
                "logs",
            ):  # where a client of the stream resumes; the sample's begin at 0
                assert getattr(ours, name) == getattr(theirs, name), name
        assert ours.logs == theirs.logs[1:]
        for path, kind in ROWS.items():
            status, body = await gated.ask("GET", path, "read")
            assert (status, body) == (200, msgspec.json.encode(getattr(theirs, kind)))
        assert gated.one.gateway.listener.requests_count > before


async def test_an_answer_that_is_known_is_not_sent_again(gate: Gate) -> None:
    async with gate(engine={"frames_per_s": 0.5}) as gated:
        session = gated.session()
        url = f"{gated.one.address}{SNAPSHOT}"
        async with session.get(url, headers=gated.headers("read")) as answer:
            tag = answer.headers["ETag"]
        told = gated.headers("read") | {"If-None-Match": tag}
        async with session.get(url, headers=told) as answer:
            assert answer.status == 304 and await answer.read() == b"" and answer.headers["ETag"] == tag


async def test_many_who_ask_the_same_ask_the_engine_once(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gate() as gated:
        asked = 0
        strategies = gated.desk.strategies

        def counted() -> object:
            nonlocal asked
            asked += 1
            return strategies()

        monkeypatch.setattr(gated.desk, "strategies", counted)
        found = await asyncio.gather(*(gated.ask("GET", "/v1/strategies", "read") for _ in range(50)))
        assert {status for status, _ in found} == {200} and asked <= 2


async def test_who_has_changed_something_is_told_of_after_it(gate: Gate) -> None:
    """Not what was kept of before."""
    async with gate() as gated:
        assert (await gated.ask("GET", "/v1/automations/x"))[0] == 404
        assert (await gated.ask("PUT", "/v1/automations/x", "admin", b'{"name":"x"}'))[0] == 200
        assert (await gated.ask("GET", "/v1/automations/x"))[1] == b'{"name":"x"}'
        assert gated.one.gateway._answers.get(SNAPSHOT) is None


async def test_events_come_without_a_gap_from_before_the_gateway_too(gate: Gate) -> None:
    async with gate() as gated:
        gated.desk.journaled = [(n, alert(n)) for n in range(1, 41)]
        stream = await gated.stream()
        gated.served.publish(30)
        assert await seqs_until(stream, 30) == list(range(1, 31))
        again = await gated.stream("read", "?since=12")
        assert await seqs_until(again, 30) == list(range(13, 31))


async def test_what_the_ring_does_not_hold_is_asked_of_the_engine(gate: Gate) -> None:
    async with gate() as gated:
        gated.served.publish(30)
        events = gated.one.gateway.streams.fanout.events
        async with asyncio.timeout(5):
            while events.last < 30:
                await asyncio.sleep(0.001)
        stream = await gated.stream("read", "?since=29")
        assert await seqs_until(stream, 30) == [30]
        events.begin(30)  # as one that was started just now
        again = await gated.stream("read", "?since=10")
        assert await seqs_until(again, 30) == list(range(11, 31))
        gated.served.publish(1)
        assert await seqs_until(again, 31) == [31]


@contextlib.asynccontextmanager
async def engine_at(socket: Path, last: int = 0):  # type: ignore[no-untyped-def]
    """An engine whose journal holds ``last`` events."""
    desk, hub = FakeDesk(), Hub()
    desk.journaled = [(n, alert(n)) for n in range(1, last + 1)]
    hub.start_at(last)
    server = ApiServer(desk, hub, frames_per_s=50.0)
    await server.start(socket)
    try:
        yield hub
    finally:
        await server.close()


async def test_an_engine_that_goes_and_comes_back(tmp_path: Path) -> None:
    """Commands are refused meanwhile, reads say how old they are, and the stream goes on where it was."""
    state_dir, socket = tmp_path / "state", tmp_path / "e.sock"
    tokens, expired = made_tokens(state_dir)
    async with opened(ApiConfig(listen="127.0.0.1:0"), state_dir, socket) as one:
        gated = Gated(None, one, tokens, expired, state_dir)  # type: ignore[arg-type]
        try:
            assert (await gated.ask("GET", SNAPSHOT, "read"))[0] == 503
            async with engine_at(socket) as hub:
                await gated.ready()
                stream = await gated.stream()
                hub.publish(1, alert(1))
                assert await seqs_until(stream, 1) == [1]
            await away(stream)
            one.gateway.mirror.heard_s -= 7
            status, body = await gated.ask("POST", "/v1/kill", "trade")
            assert status == 503 and msgspec.json.decode(body, type=ErrorReply).code == "AWAY"
            async with gated.sessions[0].get(
                f"{one.address}{SNAPSHOT}", headers=gated.headers("read")
            ) as answer:
                assert answer.status == 200 and answer.headers["Age"] == "7"
                assert b'"phase":"away"' in await answer.read()
            async with engine_at(socket, last=3):
                assert await seqs_until(stream, 3) == [2, 3]
                frame = decode((await stream.receive()).data)
                assert isinstance(frame, StateFrame) and frame.status.phase != "away"
                assert (await gated.ask("POST", "/v1/kill", "trade"))[0] == 200
        finally:
            for session in gated.sessions:
                await session.close()


async def away(stream: object) -> None:
    async with asyncio.timeout(5):
        while True:
            frame = decode((await stream.receive()).data)  # type: ignore[attr-defined]
            if isinstance(frame, StateFrame) and frame.status.phase == "away":
                return


async def test_a_token_that_is_removed_ends_its_streams_and_requests(gate: Gate) -> None:
    from engine.gateway.tokens import Tokens

    async with gate() as gated:
        stream, console = (
            await gated.stream(),
            await gated.stream("read", "?console=0123456789abcdef%20seat%20a@b/1"),
        )
        Tokens(gated.state_dir).remove("read-bot")
        assert (await gated.ask("GET", SNAPSHOT, "read"))[0] == 401
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
            while (await receive(console, 5.0)).type is WSMsgType.BINARY:
                pass
        assert stream.close_code == 1008
        assert (await gated.ask("GET", SNAPSHOT, "trade"))[0] == 200


async def test_a_page_of_another_origin_opens_no_stream(gate: Gate) -> None:
    async with gate(origins=("https://desk.example",)) as gated:
        for origin, opens in (("https://evil.example", False), ("https://desk.example", True)):
            told = gated.headers("read") | {"Origin": origin}
            session = gated.session()
            try:
                stream = await session.ws_connect(f"{gated.one.address}/v1/stream", headers=told)
                await stream.close()
                assert opens
            except Exception as error:
                assert not opens and getattr(error, "status", None) == 403


async def test_a_name_of_somebody_elses_is_not_answered(gate: Gate) -> None:
    async with gate(hosts=("desk.example",)) as gated:
        for host, status in (
            ("evil.example", 421), (f"evil.example:{gated.port}", 421), ("", 421),
            ("desk.example", 200), (f"LOCALHOST:{gated.port}", 200), ("[::1]:1", 200),
        ):  # fmt: skip
            assert (await gated.ask("GET", SNAPSHOT, "read", Host=host))[0] == status, host


async def test_a_stream_of_a_journal_unknown_is_told_to_read_it(gate: Gate) -> None:
    async with gate() as gated:
        stream = await gated.stream("read", "?since=999")
        assert isinstance(decode((await stream.receive()).data), Resync)


@pytest.mark.parametrize("query", ["?since=-1", "?since=x", "?topics=gold", "?x=1", "?console=nobody"])
async def test_a_stream_that_asks_for_nonsense_is_refused(gate: Gate, query: str) -> None:
    async with gate() as gated:
        status, body = await gated.ask("GET", f"/v1/stream{query}", "read")
        assert status == 400 and msgspec.json.decode(body, type=ErrorReply).error


async def test_a_client_watches_a_symbols_market_and_no_more_than_a_few_do(gate: Gate) -> None:
    async with gate(max_consoles=1) as gated:
        first, second = await gated.stream(), await gated.stream()
        await first.send_str('{"symbol":"kraken:BTC/USD"}')
        async with asyncio.timeout(5):
            while not isinstance(message := decode((await first.receive()).data), MarketFrame):
                pass
        assert message.full and message.symbol == "kraken:BTC/USD"
        await second.send_str('{"symbol":"kraken:BTC/USD"}')
        async with asyncio.timeout(5):
            async for _ in second:
                pass
        assert second.close_code == 1013
        await first.close()


async def test_a_console_that_may_trade_is_not_kept_out_by_who_may_only_read(gate: Gate) -> None:
    seat = "?console={}%20seat%20a@b/{}"
    async with gate(max_consoles=2) as gated:
        watches, looks = await gated.stream(), await gated.stream("read", seat.format("0" * 16, 1))
        await watches.send_str('{"symbol":"kraken:BTC/USD"}')
        async with asyncio.timeout(5):
            while not isinstance(decode((await watches.receive()).data), MarketFrame):
                pass
        commands = [await gated.stream("trade", seat.format(str(n) * 16, n)) for n in (2, 3)]
        async with asyncio.timeout(5):
            for reader in (watches, looks):
                while (await receive(reader, 5.0)).type is WSMsgType.BINARY:
                    pass
        for one in commands:
            assert isinstance(decode((await one.receive()).data), StateFrame)
        with pytest.raises(WSServerHandshakeError, match="503"):
            await gated.stream("trade", seat.format("4" * 16, 4))


@pytest.mark.parametrize("said", ["x", "[]", '{"symbol":1}', '{"symbol":"' + "x" * 101 + '"}'])
async def test_a_client_that_is_not_understood_is_told_and_cut_off(gate: Gate, said: str) -> None:
    async with gate() as gated:
        stream = await gated.stream()
        await stream.send_str(said)
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
        assert stream.close_code == 1008


async def test_a_client_that_reads_nothing_is_dropped_and_the_others_are_told(gate: Gate) -> None:
    async with gate(slow_s=0.5) as gated:
        reader, writer = await asyncio.open_connection("127.0.0.1", gated.port, limit=1024)
        told = (
            f"Authorization: Bearer {gated.tokens['read']}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        )
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{told}{key}".encode())
        assert b"101" in await reader.readline()
        other = await gated.stream()
        async with asyncio.timeout(20):
            while len(gated.one.gateway.streams.fanout.clients) != 2:
                await asyncio.sleep(0.01)
            while len(gated.one.gateway.streams.fanout.clients) != 1:
                gated.desk.grow(200, 400)
                await other.receive()
        writer.close()
        last = gated.served.hub.last_seq
        gated.served.publish(1)
        assert await seqs_until(other, last + 1) == [last + 1]


async def test_a_quiet_stream_is_kept_open_by_pings_and_one_that_answers_none_is_told(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.gateway.fanout.PING_S", 0.05)
    async with gate(slow_s=0.3) as gated:
        there = await gated.stream(query="?topics=events")
        silent = await gated.stream(query="?topics=events", autoping=False)
        async with asyncio.timeout(10):
            reading = asyncio.create_task(seqs_until(there, 1))
            pings = 0
            while (message := await silent.receive()).type is not WSMsgType.CLOSE:
                pings += message.type is WSMsgType.PING
            assert pings == 1
            assert (message.data, message.extra) == (1013, "no answer to a ping: come back with since")
            await there.ping(b"are you there")  # answered, too
            await asyncio.sleep(0.5)
            gated.served.publish(1)
            assert await reading == [1], "it answers, and is kept"
        assert gated.one.gateway.streams.fanout.dropped == 1
