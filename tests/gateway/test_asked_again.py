"""What is asked again to the letter on one connection is not read again, and judged all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.gateway.listener import MOST_CHUNKS, Connection
from engine.gateway.server import Gateway
from engine.gateway.tokens import Tokens
from tests.gateway.conftest import Gate, Gated, gated
from tests.gateway.test_listener import Pipe, connect, ended, head

TICKS, LIMITS, SNAPSHOT = "/v1/ticks", "/v1/limits", "/v1/snapshot"


async def answer(pipe: Pipe) -> tuple[int, bytes]:
    reader, _ = pipe
    async with asyncio.timeout(5):
        said = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in said.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return int(said.split()[1]), await reader.readexactly(int(length.split()[1]))


async def asks(pipe: Pipe, said: bytes) -> tuple[int, bytes]:
    pipe[1].write(said)
    return await answer(pipe)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses of all requests that were read."""
    found: list[str] = []
    whole = Gateway.answer

    async def watched(self: Gateway, request: Any) -> Any:
        found.append(request.path)
        return await whole(self, request)

    monkeypatch.setattr(Gateway, "answer", watched)
    return found


@pytest.mark.parametrize("path", [TICKS, SNAPSHOT])
async def test_it_is_read_once_and_answered_as_it_is_now(gate: Gate, read: list[str], path: str) -> None:
    async with gate() as one:
        pipe = await connect(one)
        first = await asks(pipe, head(one, "GET", path))
        again = [await asks(pipe, head(one, "GET", path)) for _ in range(3)]
        assert first[0] == 200 and again == [first] * 3 and read == [path]
        one.one.gateway.mirror.version += 1
        one.one.gateway.mirror.versions["ticks"] = one.one.gateway.mirror.version
        one.one.gateway.mirror._rows["ticks"].clear()
        now = await asks(pipe, head(one, "GET", path))
        assert now[0] == 200 and now != first and read == [path]
        assert (await asks(pipe, head(one, "GET", path, 'If-None-Match: "x"')))[1] == now[1]
        assert len(read) == 2, "in other words it is read"
        pipe[1].close()


async def test_what_the_engine_answered_is_told_until_it_is_asked_again(gate: Gate, read: list[str]) -> None:
    async with gate() as one:
        one.one.gateway._kept._keep_s = 3600.0
        pipe = await connect(one)
        first = await asks(pipe, head(one, "GET", LIMITS))
        assert await asks(pipe, head(one, "GET", LIMITS)) == first and read == [LIMITS]
        one.one.gateway._kept.forget()
        assert await asks(pipe, head(one, "GET", LIMITS)) == first and read == [LIMITS] * 2
        pipe[1].close()


async def test_two_at_once_are_told_apart_and_known_from_then_on(gate: Gate, read: list[str]) -> None:
    """As they come where a client did not wait for us: the connection is as fast as before afterwards."""
    async with gate() as one:
        pipe = await connect(one)
        both = head(one, "GET", TICKS) + head(one, "GET", SNAPSHOT)
        pipe[1].write(both)
        first = [await answer(pipe), await answer(pipe)]
        assert first[0] != first[1] and read == [TICKS, SNAPSHOT]
        pipe[1].write(both)
        assert [await answer(pipe), await answer(pipe)] == first and read == [TICKS, SNAPSHOT]
        pipe[1].close()


async def test_a_token_that_is_removed_counts_no_more(gate: Gate) -> None:
    async with gate() as one:
        pipe = await connect(one)
        assert [(await asks(pipe, head(one, "GET", TICKS)))[0] for _ in range(2)] == [200, 200]
        Tokens(one.state_dir).remove("admin-bot")
        assert (await asks(pipe, head(one, "GET", TICKS)))[0] == 401
        pipe[1].close()


@pytest.mark.parametrize("bound", ["reads_per_s", "address_per_s"])
async def test_it_counts_as_often_as_it_is_asked(gate: Gate, bound: str) -> None:
    async with gate(**{bound: 2.0}) as one:
        pipe = await connect(one)
        got = [(await asks(pipe, head(one, "GET", TICKS)))[0] for _ in range(6)]
        assert got == [200] * 4 + [429] * 2, "two seconds' worth, and none of it twice"
        pipe[1].close()


async def test_who_does_not_take_the_answers_is_cut_off(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gate(answer_s=0.2) as one:
        pipe = await connect(one)
        await asks(pipe, head(one, "GET", TICKS))
        made: list[Connection] = list(one.one.gateway.listener.connections)
        transport = made[0].transport
        assert transport is not None
        monkeypatch.setattr(type(transport), "get_write_buffer_size", lambda self: size)
        size = 0
        write = type(transport).write

        def stuck(self: Any, data: bytes) -> None:
            nonlocal size
            size = 1
            write(self, data)

        monkeypatch.setattr(type(transport), "write", stuck)
        made[0].data_received(head(one, "GET", TICKS))
        monkeypatch.setattr(type(transport), "write", write)
        assert await ended(pipe[0]), "its answer, and then the end"
        pipe[1].close()


def requests(one: Gated) -> dict[str, bytes]:
    known, preview = head(one, "GET", TICKS), "/v1/orders/preview"
    return {
        "ticks": known,
        "limits": head(one, "GET", LIMITS),
        "none": head(one, "GET", "/v1/none"),
        "a body like a request": head(one, "POST", preview, f"Content-Length: {len(known)}") + known,
        "an empty body": head(one, "POST", "/v1/orders/td-1/preview", "Content-Length: 0"),
        "chunks": head(one, "POST", preview, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    }


def test_however_requests_are_cut_into_pieces_each_has_its_own_answer(
    serve: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On one connection, some of them known to the letter, some in the bodies of others."""

    @contextlib.asynccontextmanager
    async def started() -> AsyncIterator[tuple[Gated, dict[str, bytes], dict[str, tuple[int, bytes]]]]:
        async with gated(serve, tmp_path_factory.mktemp("again"), {}, {"reads_per_s": 1e5}) as one:
            said = requests(one)
            alone = {}
            for name, each in said.items():
                pipe = await connect(one)
                alone[name] = await asks(pipe, each)
                pipe[1].close()
            yield one, said, alone

    with asyncio.Runner() as runner:
        begun = started()
        one, said, alone = runner.run(begun.__aenter__())

        @settings(max_examples=25, deadline=None)
        @given(
            st.lists(st.sampled_from(sorted(said)), min_size=1, max_size=12),
            st.lists(st.integers(1, 400), max_size=12),
        )
        def check(names: list[str], cuts: list[int]) -> None:
            runner.run(all_are_answered(names, cuts))

        async def all_are_answered(names: list[str], cuts: list[int]) -> None:
            pipe = await connect(one)
            whole = b"".join(said[name] for name in names)
            for cut in cuts:
                pipe[1].write(whole[:cut])
                whole = whole[cut:]
                await asyncio.sleep(0)
            pipe[1].write(whole)
            assert [await answer(pipe) for _ in names] == [alone[name] for name in names]
            assert await asks(pipe, said["ticks"]) == alone["ticks"]
            pipe[1].close()

        try:
            check()
        finally:
            runner.run(begun.__aexit__(None, None, None))


async def test_who_says_more_than_is_answered_is_read_as_ever(gate: Gate, read: list[str]) -> None:
    async with gate() as one:
        pipe = await connect(one)
        for _ in range(2 * MOST_CHUNKS):
            pipe[1].write(head(one, "GET", "/v1/none"))
        assert {(await answer(pipe))[0] for _ in range(2 * MOST_CHUNKS)} == {404}
        assert (await asks(pipe, head(one, "GET", TICKS)))[0] == 200
        pipe[1].close()
