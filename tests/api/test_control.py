"""Several consoles, one controller: who has the seat, and what the others may do."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.control import SEAT_S, Control
from engine.api.control_protocol import HEADER, MOST_LABEL, Console, ControlDetail, parse, place
from engine.api.protocol import ErrorReply, Reply
from engine.api.table import TABLE
from engine.errors import ControlError
from engine.events import NS
from engine.text import clean
from tests.api.conftest import Serve, Served

A = Console("aaaaaaaa", "seat", "ana@pts/3/4242")
B = Console("bbbbbbbb", "seat", "bob@pts/5/99")
R = Console("cccccccc", "read-only", "eve@-/7")


def test_a_name_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    assert parse(A.text) == A and parse(R.text) == R
    assert (place(A.label), place(R.label), place("x")) == ("pts/3", "pid 7", "pid x")
    assert parse(f"{A.id} watch a\x1b[31m\u202e b").label == "a[31m b"
    for bad in (
        "",
        "x",
        "aaaaaaaa",
        "aaaaaaaa king ana",
        "AAAAAAAA seat ana",
        "aaaaaaaa seat \x1b",
        "a" * 9000,
    ):
        with pytest.raises(ValueError, match="a console names itself as"):
            parse(bad)


@given(st.text(max_size=300))
def test_whatever_is_sent_as_a_name_is_one_line_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        label = parse(f"0123abcd seat {text}").label
        assert label == clean(label) and 0 < len(label) <= MOST_LABEL


def test_the_first_that_may_command_controls_and_keeps_its_seat_through_a_short_cut() -> None:
    control = Control()
    assert not control.attach(R, 0)
    assert control.attach(A, 1)
    assert not control.attach(B, 2)
    control.detach(A, 10, left=False)
    assert control.controller(10 + int(SEAT_S * NS) - 1) == A
    assert not control.attach(A, 11)
    assert control.controller(10 + 100 * NS) == A and control.count == 3
    control.detach(A, 0, left=False)
    assert control.controller(int(SEAT_S * NS)) is None


def test_whoever_comes_back_on_the_terminal_of_a_killed_controller_has_its_seat() -> None:
    again = Console("dddddddd", "seat", "ana@pts/3/4343")
    for other, left, sits in (
        (again, False, True),
        (again, None, False),
        (msgspec.structs.replace(again, access="watch"), False, False),
        (msgspec.structs.replace(again, label="ana@pts/4/4343"), False, False),
        (msgspec.structs.replace(again, label="bob@pts/3/4343"), False, False),
    ):
        control = Control()
        control.attach(A, 0)
        if left is not None:
            control.detach(A, 1, left=left)
        assert control.attach(other, 2) is sits
        assert control.controller(3) == (other if sits else A)
    nowhere = Control()
    nowhere.attach(Console("eeeeeeee", "seat", "ana@-/1"), 0)
    nowhere.detach(Console("eeeeeeee", "seat", "ana@-/1"), 1, left=False)
    assert not nowhere.attach(Console("ffffffff", "seat", "ana@-/2"), 2)


def test_a_console_that_reconnects_before_its_cut_is_noticed_stays_attached() -> None:
    control = Control()
    control.attach(A, 0)
    control.attach(A, 1)
    control.detach(A, 2, left=False)
    assert control.controller(1_000 * NS) == A and control.count == 1


def test_who_leaves_frees_the_seat_at_once_and_who_watched_does_not_get_it_unasked() -> None:
    control = Control()
    control.attach(A, 0)
    control.attach(B, 0)
    control.detach(A, 1, left=True)
    assert control.controller(1) is None
    with pytest.raises(ControlError, match="nobody controls the desk: take"):
        control.check(B, "control", 1)
    control.check(B, "safer", 1)
    assert control.take(B, 2) is None and control.controller(2) == B
    control.check(B, "control", 2)


def test_taking_over_and_giving_up() -> None:
    control = Control()
    control.attach(A, 0)
    control.attach(B, 0)
    control.attach(R, 0)
    with pytest.raises(ControlError, match="pts/3 controls the desk: take over"):
        control.check(B, "control", 0)
    assert control.take(B, 1) == A and control.take(B, 1) is None
    with pytest.raises(ControlError, match="pts/5 controls"):
        control.check(A, "control", 1)
    assert not control.give(A, 1) and control.give(B, 1)
    for refused in (lambda: control.take(R, 2), lambda: control.check(R, "safer", 2)):
        with pytest.raises(ControlError, match="read-only"):
            refused()
    control.check(R, "look", 2)
    control.detach(A, 2, left=True)
    with pytest.raises(ControlError, match="line is cut"):
        control.take(A, 2)


def test_who_was_not_shown_as_the_controller_is_not_taken_over_from() -> None:
    control = Control()
    control.attach(B, 0)
    control.attach(A, 0)
    for seen in ("", R.id):
        with pytest.raises(ControlError, match="pts/5 controls the desk by now"):
            control.take(A, 1, seen)
    assert control.take(A, 1, B.id) == B and control.take(A, 1, "") is None
    control.give(A, 1)
    assert control.take(B, 2, A.id) is None, "the seat is free by now: nobody loses it"


def test_nobody_else_goes_by_the_id_of_a_console() -> None:
    control = Control()
    control.attach(A, 0)
    for other in (
        msgspec.structs.replace(A, label=B.label),
        msgspec.structs.replace(A, access="read-only"),
    ):
        with pytest.raises(ControlError, match=r"pts/3 goes by this console's id|read-only"):
            control.check(other, "control", 0)
        for refused in (control.attach, control.take):
            with pytest.raises(ControlError, match=r"pts/3 goes by this console's id|read-only"):
                refused(other, 0)
    control.check(msgspec.structs.replace(A, label=B.label), "safer", 0)
    control.detach(A, 1, left=False)
    with pytest.raises(ControlError, match="pts/3 goes by"):
        control.attach(msgspec.structs.replace(A, access="read-only"), 2)
    assert control.controller(3) == A
    assert not control.attach(msgspec.structs.replace(A, access="watch"), 4)
    control.check(A, "control", 4)


def test_after_a_restart_of_the_engine_who_watched_leaves_the_seat_to_who_had_it() -> None:
    control = Control()
    assert not control.attach(msgspec.structs.replace(B, access="watch"), 0)
    assert control.attach(A, 1)


_STEPS = st.tuples(st.sampled_from(["attach", "left", "cut", "take", "give"]), st.sampled_from([A, B, R]))


@given(st.lists(st.tuples(_STEPS, st.integers(0, 12 * NS)), max_size=40))
def test_there_is_never_more_than_one_controller_and_never_one_that_only_reads(
    steps: list[tuple[tuple[str, Console], int]],
) -> None:
    control, now, streams = Control(), 0, {A.id: 0, B.id: 0, R.id: 0}
    for (what, console), later in steps:
        now += later
        if what == "attach":
            control.attach(console, now)
            streams[console.id] += 1
        elif what in ("left", "cut"):
            control.detach(console, now, left=what == "left")
            streams[console.id] = max(0, streams[console.id] - 1)
        elif what == "take":
            with contextlib.suppress(ControlError):
                control.take(console, now)
                assert streams[console.id] and control.controller(now) == console
        else:
            control.give(console, now)
        detail, seated = control.detail(now), control.controller(now)
        assert {row.id for row in detail.consoles} == {id for id, count in streams.items() if count}
        assert sum(row.controls for row in detail.consoles) <= 1
        assert seated is None or (seated != R and detail.controller == seated.label)
        if seated is not None and not streams[seated.id]:
            assert control.controller(now + int(SEAT_S * NS)) is None
            return


@contextlib.asynccontextmanager
async def attached(served: Served, console: Console) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(served.socket))) as session,
        session.ws_connect("http://engine/v1/stream", params={"console": console.text}, max_msg_size=0) as ws,
    ):
        await ws.receive(timeout=5.0)
        yield ws
        await ws.close(code=aiohttp.WSCloseCode.GOING_AWAY)


async def detail_of(served: Served) -> ControlDetail:
    return msgspec.json.decode((await served.request("GET", "/v1/control"))[1], type=ControlDetail)


def test_what_needs_no_control_is_known() -> None:
    commands = {(route.method, route.address): route.need for route in TABLE if route.command}
    assert {route for route, need in commands.items() if need == "safer"} == {
        ("POST", "/v1/risk"),
        ("POST", "/v1/orders/cancel"),
        ("DELETE", "/v1/orders/{id}"),
        ("POST", "/v1/kill"),
        ("POST", "/v1/reconcile"),
        ("POST", "/v1/control"),
        ("POST", "/v1/alerts"),
    }
    assert {route.address for route in TABLE if route.method != "GET" and not route.command} == {
        "/v1/orders/preview",
        "/v1/orders/list/preview",
        "/v1/orders/{id}/preview",
        "/v1/targets/plan",
        "/signals",
        "/v1/audit/refused",
        "/v1/signals/generate",
    }


async def test_every_route_is_judged_for_every_kind_of_console(serve: Serve) -> None:
    async with serve() as served, attached(served, A), attached(served, B), attached(served, R):
        asked = len(served.desk.asked)
        for route in TABLE:
            if not route.command:
                continue
            method, path = route.method, route.address
            for named in ("x", "a%2Fpreview", "preview%3F"):
                where = re.sub(r"\{\w+\}", named, path)
                status, answer = await served.request(method, where, b"{}", **{HEADER: R.text})
                assert status == 409 and b"read-only" in answer, (method, where)
                if route.need == "control":
                    status, answer = await served.request(method, where, b"{}", **{HEADER: B.text})
                    assert status == 409 and b"pts/3 controls" in answer, (method, where)
        for name in ("", "x" * 8000, f"{A.id} seat", f"{A.id} seat \u202e", f" {A.id} king x"):
            status, _ = await served.request("POST", "/v1/flatten", **{HEADER: name})
            assert status == 400, name
        assert len(served.desk.asked) == asked, "nothing reached the desk"


async def test_the_engine_refuses_what_a_console_may_not(serve: Serve) -> None:
    async with serve() as served, attached(served, A), attached(served, B), attached(served, R):

        async def asks(console: Console | None, method: str, path: str, body: bytes | None = None) -> str:
            headers = {} if console is None else {HEADER: console.text}
            status, answer = await served.request(method, path, body, **headers)
            if status == 200:
                return "done"
            assert status == 409 and msgspec.json.decode(answer, type=ErrorReply).code == "ControlError"
            return msgspec.json.decode(answer, type=ErrorReply).error

        risky = [
            ("POST", "/v1/orders", b'{"symbol":"simulated:BTC-USD","side":"buy","quantity":"1"}'),
            ("POST", "/v1/orders/td-1", b'{"quantity":"1"}'),
            ("POST", "/v1/flatten", None),
            ("POST", "/v1/limits", b'{"scope":"desk","name":"max_position_pct","value":1}'),
            ("POST", "/v1/strategies/trend", b'{"enabled":false}'),
            ("POST", "/v1/model/reload", None),
            ("POST", "/v1/stop", None),
        ]
        safer = [
            ("POST", "/v1/risk", b'{"state":"halted"}'),
            ("POST", "/v1/orders/cancel", b"{}"),
            ("DELETE", "/v1/orders/td-1", None),
            ("POST", "/v1/kill", None),
        ]
        for request in risky:
            assert "pts/3 controls the desk" in await asks(B, *request), request
            assert "read-only" in await asks(R, *request), request
            assert await asks(A, *request) == await asks(None, *request) == "done", request
        for method, body in (("POST", b'{"on":false}'), ("DELETE", None)):
            assert "pts/3 controls the desk" in await asks(B, method, "/v1/alerts/a1", body)
        for request in safer:
            assert await asks(B, *request) == "done", request
            assert "read-only" in await asks(R, *request), request
        for console in (A, B, R):
            assert await asks(console, "POST", "/v1/orders/preview", risky[0][2]) == "done"
            assert await asks(console, "GET", "/v1/limits") == "done"

        # A state is loosened by the controller alone, from wherever it is.
        desk = served.desk
        for now, wanted, refused in (
            ("active", "reducing", False),
            ("halted", "reducing", True),
            ("reducing", "active", True),
            ("reducing", "halted", False),
        ):
            status = msgspec.structs.replace(desk.frame.status, risk_state=now)
            desk.frame = msgspec.structs.replace(desk.frame, status=status)
            told = await asks(B, "POST", "/v1/risk", f'{{"state":"{wanted}"}}'.encode())
            assert (told != "done") is refused, (now, wanted, told)

        # Taking over is told to everybody, once.
        desk.asked.clear()
        for _ in range(2):
            assert await asks(B, "POST", "/v1/control", b'{"action":"take"}') == "done"
        text = f"{B.label} controls, taken over from {A.label}"
        assert desk.asked == [("tell", "warning", "control", text)]
        assert "pts/5 controls" in await asks(A, "POST", "/v1/flatten")
        assert "only a console" in await asks(None, "POST", "/v1/control", b'{"action":"take"}')
        detail = await detail_of(served)
        assert [(row.label, row.access) for row in detail.consoles] == [
            (A.label, "watch"),
            (B.label, "seat"),
            (R.label, "read-only"),
        ]
        status, answer = await served.request("POST", "/v1/flatten", **{HEADER: "nonsense"})
        assert status == 400 and HEADER in msgspec.json.decode(answer, type=ErrorReply).error


async def test_a_command_that_was_begun_before_a_take_over_is_not_done_after_it(serve: Serve) -> None:
    async with serve() as served, attached(served, A), attached(served, B):
        reader, writer = await asyncio.open_unix_connection(str(served.socket))
        order = b'{"symbol":"simulated:BTC-USD","side":"buy","quantity":"1"}'
        head = f"POST /v1/orders HTTP/1.1\r\nHost: engine\r\n{HEADER}: {A.text}\r\n"
        writer.write(f"{head}Content-Length: {len(order)}\r\n\r\n".encode() + order[:-1])
        await writer.drain()
        await served.request("GET", "/v1/control")
        status, _ = await served.request("POST", "/v1/control", b'{"action":"take"}', **{HEADER: B.text})
        assert status == 200
        writer.write(order[-1:])
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"}")
        assert b" 409 " in answer.splitlines()[0] and b"pts/5 controls" in answer
        assert [what[0] for what in served.desk.asked] == ["tell"]
        writer.close()


async def test_a_cut_keeps_the_seat_and_leaving_frees_it(serve: Serve) -> None:
    async with serve() as served:

        async def alone() -> None:
            async with asyncio.timeout(5):
                while (await detail_of(served)).consoles:
                    await asyncio.sleep(0.005)

        async with attached(served, A) as stream:
            assert stream._conn is not None and stream._conn.transport is not None
            stream._conn.transport.abort()
            await alone()
        cut = await detail_of(served)
        assert cut.controller == A.label and cut.cut_s is not None
        async with attached(served, A):
            assert (await detail_of(served)).cut_s is None
        await alone()
        assert (await detail_of(served)).controller == ""
        status, answer = await served.request("POST", "/v1/stop")
        assert status == 200 and msgspec.json.decode(answer, type=Reply).ok
