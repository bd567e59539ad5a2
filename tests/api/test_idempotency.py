"""Idempotency keys: the same command is done once, whatever was lost on the way."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from engine.api.asked_by import HEADER
from engine.api.command_port import KeptReply
from engine.api.idempotency import KEY, REPLAYED
from engine.api.protocol import ErrorReply
from engine.api.trading_protocol import OrderReply, OrderTicket
from engine.errors import NotReadyError, OrderError, OutcomeUnknownError, StoreError
from tests.api.conftest import Serve, Served

ORDER = b'{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}'


async def place(served: Served, key: str, body: bytes = ORDER, **headers: str) -> tuple[int, bytes]:
    return await served.request("POST", "/v1/orders", body, **{KEY: key, **headers})


def code(answer: bytes) -> str:
    return msgspec.json.decode(answer, type=ErrorReply).code


async def test_the_same_again_is_answered_and_not_done(serve: Serve) -> None:
    async with serve() as served:
        first = await place(served, "k1")
        asked = len(served.desk.asked)
        assert first[0] == 200 and asked
        async with served.session() as session:
            answer = await session.post("http://engine/v1/orders", data=ORDER, headers={KEY: "k1"})
            assert (answer.status, await answer.read()) == first
            assert answer.headers[REPLAYED] == "true"
        assert len(served.desk.asked) == asked
        assert (await place(served, "k2"))[0] == 200
        assert len(served.desk.asked) == asked + 1


async def test_orders_go_by_a_token_that_follows_from_the_key(serve: Serve) -> None:
    async with serve() as served:
        trader = {HEADER: "trade 127.0.0.1 bot"}
        await place(served, "k")
        await place(served, "k", **trader)
        await served.request("POST", "/v1/orders", ORDER)
        own = msgspec.json.encode(OrderTicket("kraken:BTC/USD", "buy", quantity="1", token="mine"))
        await place(served, "k3", own)
        tokens = [each[1].token for each in served.desk.asked if isinstance(each[1], OrderTicket)]  # type: ignore[attr-defined]
        assert len(set(tokens)) == 4 and tokens[2:] == ["", "mine"]


async def test_a_reply_that_is_not_kept_any_more_is_not_made_up_by_doing_it_again(serve: Serve) -> None:
    async with serve() as served:
        await place(served, "k")
        for name, kept in served.desk.commands.keys.items():
            served.desk.commands.keys[name] = KeptReply(kept.digest, kept.status, b"")
        asked = len(served.desk.asked)
        status, answer = await place(served, "k")
        assert (status, code(answer)) == (409, "KEY_REPLY_GONE") and len(served.desk.asked) == asked


async def test_a_body_that_is_no_text_leaves_its_key_free(serve: Serve) -> None:
    async with serve() as served:
        for path in ("/v1/orders", "/v1/flatten"):
            asked = len(served.desk.asked)
            status, answer = await served.request("POST", path, b'{"symbol":"caf\xe9"}', **{KEY: "k"})
            assert (status, code(answer)) == (400, "HTTP_400") and len(served.desk.asked) == asked
            body = ORDER if path == "/v1/orders" else b""
            assert (await served.request("POST", path, body, **{KEY: "k"}))[0] == 200
            served.desk.commands.keys.clear()


async def test_another_command_under_a_used_key_is_refused(serve: Serve) -> None:
    async with serve() as served:
        await place(served, "k")
        asked = len(served.desk.asked)
        for path, body in (("/v1/orders", ORDER + b" "), ("/v1/orders/list", ORDER), ("/v1/kill", b"")):
            status, answer = await served.request("POST", path, body, **{KEY: "k"})
            assert (status, code(answer)) == (422, "KEY_REUSED"), path
        assert len(served.desk.asked) == asked
        status, _ = await place(served, "k", **{HEADER: "trade 127.0.0.1 bot"})
        assert status == 200, "another owner's key is another key"


async def test_the_same_while_the_first_is_at_work_waits_for_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as served:
        begun, go = asyncio.Event(), asyncio.Event()
        done = 0

        async def slow(ticket: OrderTicket, who: str) -> OrderReply:
            nonlocal done
            begun.set()
            await go.wait()
            done += 1
            return OrderReply(True, "sent", ("a",))

        monkeypatch.setattr(served.desk.trading, "place", slow)
        first = asyncio.create_task(place(served, "k"))
        await begun.wait()
        monkeypatch.setattr("engine.api.idempotency.WAIT_S", 0.01)
        status, answer = await place(served, "k")
        assert (status, code(answer)) == (409, "KEY_IN_USE")
        monkeypatch.setattr("engine.api.idempotency.WAIT_S", 5.0)
        second = asyncio.create_task(place(served, "k"))
        other = await place(served, "k", ORDER + b" ")
        assert (other[0], code(other[1])) == (422, "KEY_REUSED")
        go.set()
        assert await first == await second and done == 1


async def test_what_was_cut_short_is_looked_for_and_what_adds_up_is_not_done_again(serve: Serve) -> None:
    async with serve() as served:
        await place(served, "k")
        await served.request("POST", "/v1/flatten", **{KEY: "f"})
        for name, kept in served.desk.commands.keys.items():  # as if the engine had ended before it answered
            served.desk.commands.keys[name] = KeptReply(kept.digest, 0, b"")
        assert (await place(served, "k"))[0] == 200
        tickets = [each[1] for each in served.desk.asked if isinstance(each[1], OrderTicket)]
        assert len(tickets) == 2 and tickets[0] == tickets[1], "the same token: the desk finds the order"
        asked = len(served.desk.asked)
        status, answer = await served.request("POST", "/v1/flatten", **{KEY: "f"})
        assert (status, code(answer)) == (409, "KEY_INTERRUPTED") and len(served.desk.asked) == asked


@pytest.mark.parametrize(
    ("error", "answered", "kept"),
    [
        (NotReadyError(), 503, None),
        (OrderError("no symbol"), 409, 409),
        (StoreError("nothing can be written"), 409, 0),
        (OutcomeUnknownError("late"), 504, 0),
    ],
)
async def test_a_key_keeps_what_was_done_and_is_free_where_nothing_was(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, error: Exception, answered: int, kept: int | None
) -> None:
    async with serve() as served:

        async def fail(ticket: OrderTicket, who: str) -> OrderReply:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(served.desk.trading, "place", fail)
            status, _ = await place(served, "k")
        assert status == answered
        entry = served.desk.commands.keys.get(("local", "k"))
        assert (None if entry is None else entry.status) == kept
        assert (await place(served, "k"))[0] == (409 if kept == 409 else 200)


async def test_a_full_disk_stops_no_kill(serve: Serve) -> None:
    async with serve() as served:
        served.desk.commands.failed = True
        assert (await served.request("POST", "/v1/kill", **{KEY: "k"}))[0] == 200
        status, answer = await place(served, "k")
        assert (status, code(answer)) == (409, "StoreError")


@pytest.mark.parametrize("key", ["", "x" * 201, "ü"])
async def test_what_is_no_key_is_refused(serve: Serve, key: str) -> None:
    async with serve() as served:
        status, answer = await place(served, key)
        assert status == 400 and b"Idempotency-Key" in answer and not served.desk.asked


async def test_a_disk_that_stands_still_holds_up_no_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as served:
        monkeypatch.setattr("engine.api.idempotency.DISK_S", 0.05)
        commands = served.desk.commands
        commands.answers.clear()
        for path, body in (("/v1/orders", ORDER), ("/v1/flatten", b"")):
            status, answer = await served.request("POST", path, body, **{KEY: path})
            assert (status, code(answer)) == (504, "OutcomeUnknownError"), answer
            status, answer = await served.request("POST", path, body, **{KEY: path})
            assert (status, code(answer)) == (409, "KEY_IN_USE"), "its key is under way"
        assert not served.desk.asked
        commands.answers.set()
        while commands.claims or commands.keys:
            await asyncio.sleep(0)
        for path, body in (("/v1/orders", ORDER), ("/v1/flatten", b"")):
            status, _ = await served.request("POST", path, body, **{KEY: path})
            assert status == 200, "nothing was done under it"
        assert len(served.desk.asked) == 2


async def test_what_makes_it_safer_does_not_wait_for_the_disk(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as served:
        monkeypatch.setattr("engine.api.idempotency.DISK_S", 60.0)
        monkeypatch.setattr("engine.api.idempotency.SAFER_S", 0.01)
        commands = served.desk.commands
        commands.answers.clear()
        status, first = await served.request("POST", "/v1/kill", **{KEY: "k"})
        assert status == 200 and len(served.desk.asked) == 1
        again = await served.request("POST", "/v1/kill", **{KEY: "k"})
        assert again == (200, first) and len(served.desk.asked) == 1
        halted = msgspec.structs.replace(served.desk.frame.status, risk_state="halted")
        served.desk.frame = msgspec.structs.replace(served.desk.frame, status=halted)
        status, answer = await served.request("POST", "/v1/risk", b'{"state":"active"}', **{KEY: "r"})
        assert (status, code(answer)) == (504, "OutcomeUnknownError"), (
            "it may have been done, and halted since"
        )
        assert len(served.desk.asked) == 1
        commands.answers.set()
        while commands.claims or len(commands.keys) < 2:
            await asyncio.sleep(0)
        assert await served.request("POST", "/v1/kill", **{KEY: "k"}) == (200, first)
        assert len(served.desk.asked) == 1


async def test_an_answer_is_told_before_the_disk_has_kept_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as served:
        monkeypatch.setattr("engine.api.idempotency.DISK_S", 0.05)
        commands, place_it = served.desk.commands, served.desk.trading.place

        async def stuck(ticket: OrderTicket, who: str) -> OrderReply:
            commands.answers.clear()
            return await place_it(ticket, who)

        monkeypatch.setattr(served.desk.trading, "place", stuck)
        assert (await place(served, "k"))[0] == 200
        commands.answers.set()
