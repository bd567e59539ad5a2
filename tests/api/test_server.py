"""Routes, one-line errors, and the stream: events in order, state conflated, slow clients dropped."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import stat
from pathlib import Path

import aiohttp
import msgspec
import pytest

from engine import nan_json
from engine.api import server as server_module
from engine.api import stream as stream_module
from engine.api.private_socket import listen
from engine.api.protocol import (
    ErrorReply,
    EventFrame,
    Explanation,
    Health,
    Reply,
    Resync,
    StateFrame,
    StrategyPatch,
    StreamMessage,
)
from engine.api.server import ApiServer
from engine.api.trading_protocol import FlattenPatch
from engine.errors import LinkError, StoreError
from engine.events import JournalEvent, RiskChange, RiskState
from tests.api.conftest import Serve, Served, alert
from tests.console import sample_explanation

decode = msgspec.json.decode


class Stream:
    """A client of the stream."""

    def __init__(self, served: Served, query: str = "") -> None:
        self._served, self._query = served, query

    async def __aenter__(self) -> Stream:
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._served.socket)))
        self._socket = await self._session.ws_connect(f"http://engine/v1/stream{self._query}", max_msg_size=0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._socket.close()
        await self._session.close()

    async def next(self) -> StreamMessage:
        return decode(await self._socket.receive_bytes(timeout=5.0), type=StreamMessage)

    async def until_state(self) -> tuple[list[StreamMessage], StateFrame]:
        """What came before the next state frame, and that frame."""
        before: list[StreamMessage] = []
        while not isinstance(message := await self.next(), StateFrame):
            before.append(message)
        return before, message

    async def events(self, count: int) -> list[int]:
        """Sequence numbers of the next ``count`` events."""
        seqs: list[int] = []
        while len(seqs) < count:
            message = await self.next()
            if isinstance(message, EventFrame):
                seqs.append(message.seq)
        return seqs


async def test_reads(serve: Serve) -> None:
    async with serve() as served:
        assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
        status, body = await served.request("GET", "/v1/health")
        assert (status, decode(body, type=Health)) == (200, served.desk.health())
        status, body = await served.request("GET", "/v1/snapshot")
        assert (status, decode(body, type=StateFrame)) == (200, served.desk.frame)
        status, body = await served.request("GET", "/v1/explain/opp-0008")
        assert (status, nan_json.decode(body, Explanation).headline) == (
            200,
            sample_explanation.explanation().headline,
        )


async def test_commands_reach_the_desk_with_who_asked(serve: Serve) -> None:
    async with serve() as served:
        who = {"X-Tickdesk-Client": "test\u202e[31m"}
        for path, body in (
            ("/v1/strategies/trend", b'{"enabled":false}'),
            ("/v1/strategies/trend", b'{"weight":2.5}'),
            ("/v1/risk", b'{"state":"halted","reason":"lunch"}'),
            ("/v1/model/reload", None),
            ("/v1/flatten", None),
            ("/v1/stop", b""),
        ):
            status, answer = await served.request("POST", path, body, **who)
            assert status == 200 and decode(answer, type=Reply).ok
        assert served.desk.asked == [
            ("strategy", "trend", StrategyPatch(enabled=False), "test[31m"),
            ("strategy", "trend", StrategyPatch(weight=2.5), "test[31m"),
            ("risk", "halted", "lunch", "test[31m"),
            ("reload", "test[31m"),
            ("flatten", FlattenPatch(), "test[31m"),
            ("stop", "test[31m"),
        ]


async def test_a_state_is_not_changed_from_another_one_than_was_seen(serve: Serve) -> None:
    """Entries off, asked for while the desk was active, would take one up that has halted since."""
    async with serve() as served:
        now = served.desk.risk_state
        seen = "halted" if now == "active" else "active"
        for expected, done in ((seen, False), (now, True)):
            asked = f'{{"state":"reducing","expected":"{expected}"}}'.encode()
            status, answer = await served.request("POST", "/v1/risk", asked)
            reply = decode(answer, type=Reply)
            assert (status, reply.ok) == (200, done)
            assert done or f"the desk is {now.upper()} by now" in reply.text
        assert [kind for kind, *_ in served.desk.asked] == ["risk"]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "says"),
    [
        ("GET", "/v1/explain/none%1b%0ax", None, 404, "nothing is known of none x"),
        ("GET", "/v1/nothing", None, 404, "no such address"),
        ("DELETE", "/v1/risk", None, 405, "it takes POST"),
        ("POST", "/v1/strategies/none", b'{"enabled":true}', 404, "no strategy none"),
        ("POST", "/v1/strategies/trend", b'{"enabled":"maybe"}', 400, "enabled: expected true or false"),
        ("POST", "/v1/strategies/trend", b'{"weigth":1}', 400, "weigth"),
        ("POST", "/v1/risk", b'{"state":"asleep"}', 400, "asleep"),
        ("POST", "/v1/risk", b"", 400, "state"),
        ("POST", "/v1/risk", b"\xff\x00{", 400, "body"),
        ("POST", "/v1/risk", b'{"state":"halted","reason":"caf\xe9"}', 400, "no JSON"),
        ("POST", "/v1/risk", b'{"state":1,"reason":"caf\xe9"}', 400, "state"),
        ("POST", "/v1/risk", b'{"state":"halted","reason":"' + b"x" * 70_000 + b'"}', 413, "too large"),
        ("GET", "/v1/stream", None, 400, "bad request"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_errors_are_one_line_and_change_nothing(
    serve: Serve, method: str, path: str, body: bytes | None, expected: int, says: str
) -> None:
    async with serve() as served:
        status, answer = await served.request(method, path, body)
        error = decode(answer, type=ErrorReply)
        assert status == expected
        assert says.lower() in error.error.lower()
        assert error.error.isprintable() and error.code
        assert served.desk.asked == []
        assert (await served.request("GET", "/v1/health"))[0] == 200


async def test_a_bug_is_logged_and_not_shown(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as served:
        with caplog.at_level(logging.ERROR, "engine.api"):
            status, answer = await served.request("POST", "/v1/strategies/broken", b"{}")
        assert status == 500
        assert decode(answer, type=ErrorReply).code == "INTERNAL"
        assert b"bug" not in answer
        assert caplog.records[-1].exc_info is not None


async def test_first_a_full_frame_then_events_without_a_gap(serve: Serve) -> None:
    async with serve() as served:
        served.publish(3)
        async with Stream(served) as stream:
            before, frame = await stream.until_state()
            assert (before, frame.full, frame.last_seq) == ([], True, 3)
            served.publish(20)
            assert await stream.events(20) == list(range(4, 24))
            _, frame = await stream.until_state()
            assert (frame.full, frame.last_seq, frame.ticks) == (False, 23, ())


async def test_a_client_resumes_after_the_last_event_it_saw(serve: Serve) -> None:
    async with serve() as served:
        served.publish(5)
        async with Stream(served, "?since=2") as stream:
            assert await stream.events(3) == [3, 4, 5]
        served.publish(5)
        async with Stream(served, "?since=5") as stream:
            assert await stream.events(5) == list(range(6, 11))


async def test_changes_of_the_trading_state_newest_first(serve: Serve) -> None:
    changes = [RiskChange(RiskState.HALTED, RiskState.ACTIVE, "", "risk", ns) for ns in range(1, 61)]
    async with serve() as served:
        served.desk.journaled = [*enumerate(changes, 1)]
        for path, count in (("/v1/risk/changes", 50), ("/v1/risk/changes?limit=2", 2)):
            _, answer = await served.request("GET", path)
            told = msgspec.json.decode(answer, type=list[RiskChange])
            assert told == changes[::-1][:count]
        status, answer = await served.request("GET", "/v1/risk/changes?limit=0")
        assert status == 400 and b"limit" in answer


async def test_events_from_before_this_engine_come_from_the_journal(serve: Serve) -> None:
    async with serve(capacity=10) as served:
        served.publish(20)
        served.desk.journaled = [(seq, alert(seq)) for seq in range(1, 25)]  # 21 to 24: on disk, not yet told
        async with Stream(served, "?since=3") as stream:
            assert await stream.events(17) == list(range(4, 21))
            served.publish(4)
            assert await stream.events(4) == list(range(21, 25))


@pytest.mark.parametrize(("since", "oldest"), [(3, 11), (21, 21)])
@pytest.mark.parametrize("readable", [True, False])
async def test_a_client_that_cannot_resume_is_told(
    serve: Serve, since: int, oldest: int, *, readable: bool
) -> None:
    async with serve(capacity=10) as served:
        served.publish(20)
        if not readable:  # the disk is gone: what is now is shown all the same

            def journal(since: int, limit: int) -> list[tuple[int, JournalEvent]]:
                raise StoreError("cannot read the database: disk I/O error")

            served.desk.journal = journal  # type: ignore[method-assign]
        async with Stream(served, f"?since={since}") as stream:
            before, frame = await stream.until_state()
            assert before == [Resync(oldest_seq=oldest)]
            assert frame.full and frame.last_seq == 20
            served.publish(1)
            assert await stream.events(1) == [21]


@pytest.mark.parametrize("since", ["-1", "x", "9" * 30, "1.5", ""])
async def test_nonsense_for_since_is_refused_in_one_line(serve: Serve, since: str) -> None:
    async with serve() as served:
        status, body = await served.request("GET", f"/v1/stream?since={since}")
        assert status == 400 and "since" in decode(body, type=ErrorReply).error


async def test_state_comes_no_faster_than_its_rate(serve: Serve) -> None:
    async with serve(frames_per_s=10.0) as served, Stream(served) as stream:
        await stream.until_state()
        loop = asyncio.get_running_loop()
        began, frames = loop.time(), 0
        while frames < 4:
            served.publish(1)  # events are sent at once and must not bring state with them
            if isinstance(await stream.next(), StateFrame):
                frames += 1
        assert loop.time() - began > 0.25


async def deaf_client(served: Served) -> sockets.socket:
    """Opens a stream and never reads it."""
    deaf = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, str(served.socket))
    await loop.sock_sendall(
        deaf,
        b"GET /v1/stream HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    return deaf


async def test_a_client_that_reads_nothing_is_dropped_and_nothing_is_kept_for_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(stream_module, "ARRIVAL_S", 0.3)
    async with serve() as served:
        deaf, loop = await deaf_client(served), asyncio.get_running_loop()
        async with Stream(served) as healthy:
            await healthy.until_state()
            most = 0
            deadline = loop.time() + 8.0
            while len(served.server.streams.open) > 1:
                assert loop.time() < deadline, "the deaf client was not dropped"
                served.desk.grow(rows=200, width=500)
                await asyncio.sleep(0.02)
                for transport in served.server.streams.open.values():
                    most = max(most, _unsent(transport))
                await healthy.until_state()
            # One frame of that size, not the hundreds of them that passed meanwhile.
            assert most < 500_000
            served.publish(1)
            assert await healthy.events(1) == [1]
        deaf.close()


async def test_a_stream_with_a_bug_in_it_is_cut_off_not_left_standing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as served, Stream(served) as stream:
        await stream.until_state()

        def broken() -> StateFrame:
            raise StoreError("a bug")

        monkeypatch.setattr(served.desk, "state", broken)
        with pytest.raises((TypeError, aiohttp.ClientError)):
            for _ in range(1000):
                await stream.next()
        async with asyncio.timeout(5):
            while served.server.streams.open:
                await asyncio.sleep(0.001)
        assert caplog.records[-1].exc_info is not None


async def test_closing_ends_every_stream(serve: Serve) -> None:
    async with serve() as served, Stream(served) as stream:
        await stream.until_state()
        await served.server.close()
        with pytest.raises((TypeError, aiohttp.ClientError)):  # a close frame is no message
            for _ in range(1000):
                await stream.next()


async def test_clients_that_read_nothing_do_not_keep_the_engine_from_its_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "CLOSE_S", 0.2)
    async with serve() as served:
        served.desk.grow(rows=4000, width=500)
        deaf = [await deaf_client(served) for _ in range(5)]
        async with asyncio.timeout(5):
            while sum(_unsent(transport) > 0 for transport in served.server.streams.open.values()) < 5:
                await asyncio.sleep(0.005)
        began = asyncio.get_running_loop().time()
        await served.server.close()
        assert asyncio.get_running_loop().time() - began < 0.8
        for each in deaf:
            each.close()


def _unsent(transport: asyncio.Transport | None) -> int:
    return 0 if transport is None else transport.get_write_buffer_size()


async def test_a_dead_engines_socket_is_replaced(serve: Serve) -> None:
    async with serve() as served:
        with sockets.socket(sockets.AF_UNIX) as other:
            left = served.socket.with_name("left.sock")
            other.bind(str(left))
        again = ApiServer(served.desk, served.hub, frames_per_s=4)
        await again.start(left)
        served.socket = left
        assert (await served.request("GET", "/v1/health"))[0] == 200
        await again.close()


async def test_an_engine_that_ends_leaves_the_socket_of_another(serve: Serve) -> None:
    async with serve() as served:
        first, second = (ApiServer(served.desk, served.hub, frames_per_s=4) for _ in range(2))
        socket = served.socket.with_name("both.sock")
        await first.start(socket)
        socket.rename(socket.with_name("away.sock"))
        await second.start(socket)
        await first.close()
        first.withdraw()
        served.socket = socket
        assert (await served.request("GET", "/v1/health"))[0] == 200
        await second.close()
        second.withdraw()
        assert not socket.exists()


async def test_what_others_make_while_a_socket_is_put_is_as_they_want_it(
    serve: Serve, tmp_path: Path
) -> None:
    """The mask that makes it private is the whole process's: a folder lacked the right to be entered."""
    async with serve() as served:
        assert served.server._runner is not None
        putting = asyncio.create_task(listen(served.server._runner, tmp_path / "another.sock"))
        while not putting.done():
            await asyncio.sleep(0)
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir(mode=0o700)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((await putting).st_mode) == 0o600


async def test_a_socket_that_was_removed_is_there_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SOCKET_S", 0.005)
    asked = asyncio.Event()
    ours = False

    def prepare() -> None:
        asked.set()
        if not ours:
            raise LinkError("the state directory was removed or replaced")

    async with serve() as served, Stream(served) as stream:
        await stream.until_state()
        task = asyncio.create_task(served.server.keep_listening(prepare))
        served.socket.unlink()
        async with asyncio.timeout(5.0):
            await asked.wait()
            assert not served.socket.exists(), "not in a place that is another's"
            ours = True
            while not served.socket.exists():
                await asyncio.sleep(0)
        assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
        assert (await served.request("GET", "/v1/health"))[0] == 200
        await stream.until_state()  # who was attached still is
        task.cancel()
        served.server.withdraw()
        assert not served.socket.exists()
