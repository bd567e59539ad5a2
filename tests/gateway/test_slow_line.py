"""What a console over TCP is shown is of now: state waits where what was sent before is still under way."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType

from engine.api.protocol import EventFrame, StateFrame, StreamMessage
from engine.gateway import direct
from tests.api.conftest import Serve
from tests.gateway.conftest import Gate, Gated

CONSOLE = "?console=0123456789abcdef%20seat%20a@b/1"
decode = msgspec.json.Decoder(StreamMessage).decode


async def until_asked(stream: Any) -> bytes:
    """Read up to the ping behind a state."""
    async with asyncio.timeout(5):
        while True:
            message = await stream.receive()
            if message.type is WSMsgType.PING and message.data:
                return bytes(message.data)


def equity(gated: Gated, value: str) -> None:
    desk = gated.served.desk
    desk.frame = msgspec.structs.replace(
        desk.frame, status=msgspec.structs.replace(desk.frame.status, equity=value)
    )


async def test_a_console_on_a_slow_line_is_sent_no_state_until_the_last_one_has_arrived(gate: Gate) -> None:
    # Minutes of state lay in the buffers of a slow line, and were shown as the present, a halt's among it.
    async with gate(engine={"frames_per_s": 50.0}) as gated:
        stream = await gated.stream("trade", CONSOLE, autoping=False)
        mark = await until_asked(stream)
        for n in range(10):
            equity(gated, str(n))
            await asyncio.sleep(0.03)
        gated.served.publish(1)
        async with asyncio.timeout(5):
            event = decode((await stream.receive()).data)
        assert isinstance(event, EventFrame), "events wait for nothing, and nothing else came before"
        await stream.pong(mark)
        async with asyncio.timeout(5):
            state = decode((await stream.receive()).data)
        assert isinstance(state, StateFrame) and state.status.equity == "9"


async def test_an_engine_that_waits_for_a_slow_console_is_not_taken_for_one_that_hangs(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "SILENCE_S", 0.1)
    async with gate(engine={"frames_per_s": 50.0}) as gated:
        stream = await gated.stream("trade", CONSOLE, autoping=False)
        mark = await until_asked(stream)
        with pytest.raises(TimeoutError):
            await stream.receive(timeout=0.4)
        equity(gated, "7")
        await stream.pong(mark)
        async with asyncio.timeout(5):
            state = decode((await stream.receive()).data)
        assert isinstance(state, StateFrame) and state.status.equity == "7"


async def test_a_client_that_answers_another_ping_has_not_taken_what_it_was_sent(serve: Serve) -> None:
    async with (
        serve(frames_per_s=50.0) as served,
        served.session() as session,
        session.ws_connect("http://engine/v1/stream", autoping=False) as stream,
    ):
        await until_asked(stream)
        await stream.pong(b"")
        await stream.ping(b"there?")
        answer = await stream.receive(timeout=5)
        assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"there?")
        served.desk.grow(rows=1, width=10)
        with pytest.raises(TimeoutError):
            await stream.receive(timeout=0.2)
