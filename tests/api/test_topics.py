"""Topics of the stream: a client is told what it asked for, and why it is dropped."""

from __future__ import annotations

import asyncio
import struct

import aiohttp
import msgspec
import pytest

from engine.api import stream as stream_module
from engine.api import topics
from engine.api.protocol import EventFrame, StateFrame
from tests.api.conftest import Serve
from tests.api.test_server import Stream, deaf_client

PATH = "http://engine/v1/stream"


def test_topics_are_named_and_none_is_made_up() -> None:
    assert topics.parse("") == topics.ALL
    assert topics.parse("orders, events") == {"orders", "events"}
    for wrong in ("order", "orders,", ",", "orders,ORDERS"):
        with pytest.raises(ValueError, match=r"no topic .*there are .*positions"):
            topics.parse(wrong)
    assert set(StateFrame.__struct_fields__) >= set(topics.ROWS)


async def test_a_client_is_told_its_topics_alone(serve: Serve) -> None:
    async with serve(frames_per_s=50.0) as served, Stream(served, "?topics=orders,events") as stream:
        first = await stream.next()
        assert isinstance(first, StateFrame) and first.full
        whole = served.desk.frame
        assert first.orders == whole.orders and whole.orders and whole.ticks
        assert not (first.ticks or first.positions or first.logs or first.strategies)
        served.desk.grow(rows=5, width=10)  # logs: none of its topics
        await asyncio.sleep(0.06)
        served.publish(2)
        seqs = [(await stream.next()).seq for _ in range(2)]  # type: ignore[union-attr]
        assert seqs == [1, 2], "nothing but events came between"
        changed = msgspec.structs.replace(whole.orders[0], state="filled")
        served.desk.frame = msgspec.structs.replace(whole, orders=(changed, *whole.orders[1:]))
        frame = await stream.next()
        assert isinstance(frame, StateFrame) and frame.orders == (changed,)


async def test_without_events_state_alone_comes(serve: Serve) -> None:
    async with serve(frames_per_s=50.0) as served, Stream(served, "?topics=status&since=0") as stream:
        served.publish(3)
        frames = [await stream.next() for _ in range(4)]
        assert not any(isinstance(frame, EventFrame) for frame in frames)
        assert frames[-1].last_seq == 3  # type: ignore[union-attr]


async def test_what_was_not_asked_for_is_refused_with_a_reason(serve: Serve) -> None:
    async with serve() as served, served.session() as session:
        status, answer = await served.request("GET", "/v1/stream?topics=prices")
        assert status == 400 and b"no topic" in answer
        async with session.ws_connect(f"{PATH}?topics=orders") as stream:
            await stream.send_str('{"symbol":"kraken:BTC/USD"}')
            while (message := await stream.receive(timeout=5.0)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert (message.data, message.extra) == (1008, "the topic market was not asked for")


async def test_a_slow_client_hears_why_it_is_dropped_if_it_takes_anything_yet(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "SEND_TIMEOUT_S", 0.2)
    monkeypatch.setattr(stream_module, "ARRIVAL_S", 0.2)
    async with serve() as served:
        served.desk.grow(rows=4000, width=500)
        deaf, loop = await deaf_client(served), asyncio.get_running_loop()
        async with asyncio.timeout(8.0):
            while not served.server.streams._dropping:
                await asyncio.sleep(0.01)
            told = b""
            while part := await loop.sock_recv(deaf, 1 << 20):
                told += part
        deaf.close()
    reason = b"took nothing for 0 s: come back with since=0"
    assert told.endswith(struct.pack("!BBH", 0x88, 2 + len(reason), 1013) + reason)
