"""The watched market on the stream: what is new and nothing else, and what a client says wrongly."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import stream as stream_module
from engine.api.market_conflator import MarketConflator
from engine.api.market_protocol import MOST_TRADES, LatencyDetail, MarketFrame, Watch
from engine.slices import at_once
from tests.api.conftest import Serve
from tests.api.fake_market import SYMBOL, FakeMarket
from tests.api.test_server import Stream
from widgets.market.detail import MarketDetail

steps = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(1, 300)),
        st.tuples(st.just("fill"), st.integers(1, 3)),
        st.tuples(st.just("bar"), st.integers(0, 9)),
        st.tuples(st.just("open"), st.integers(0, 9)),
        st.tuples(st.just("book"), st.integers(1, 5)),
        st.tuples(st.just("fault"), st.integers(0, 1)),
        st.tuples(st.just("known"), st.integers(0, 1)),
        st.tuples(st.just("forget"), st.just(0)),
        st.tuples(st.just("frame"), st.just(0)),
    ),
    max_size=40,
)


def do(market: FakeMarket, what: str, number: int) -> None:
    if what == "trade":
        for n in range(number):
            market.trade(100.0 + n)
    elif what == "fill":
        for n in range(number):
            market.fill(str(n))
    elif what in ("bar", "open"):
        market.bar(number, float(market.revision), closed=what == "bar")
    elif what == "book":
        market.levels = ((99.0, float(number)),), ((101.0, 1.0),)
    elif what == "fault":
        market.fault = "wrong" * number
    elif what == "known":
        market.known = bool(number)
    elif what == "forget":
        market.forget_bars()


@settings(max_examples=200)
@given(steps)
def test_frames_merged_are_the_full_one(told: list[tuple[str, int]]) -> None:
    market, merged, since = FakeMarket(), MarketDetail(), 0
    conflator = MarketConflator(market)
    conflator.watch(Watch(SYMBOL, 60))
    for what, number in [*told, ("frame", 0)]:
        do(market, what, number)
        if what == "frame" and (frame := at_once(conflator.making())) is not None:
            assert len(frame.trades) <= MOST_TRADES
            if frame.full:
                since = len(frame.trades)
                total = len(market.prints) if market.known else 0
            else:
                since += len(frame.trades) + frame.missed_trades
            merged.merge(frame)
            assert not market.known or since - min(total, MOST_TRADES) == len(market.prints) - total
    assert at_once(conflator.making()) is None, "nothing is new"
    fresh, whole = MarketConflator(market), MarketDetail()
    fresh.watch(Watch(SYMBOL, 60))
    full = at_once(fresh.making())
    assert full is not None and full.full
    whole.merge(full)
    assert merged.frame is not None
    assert merged.bars == whole.bars
    assert list(merged.trades)[-len(whole.trades) :] == list(whole.trades) or not whole.trades
    assert list(merged.fills) == list(whole.fills)
    for name in ("bids", "asks", "depth", "book_age_ms", "book_fault", "tick_size", "interval_s"):
        assert getattr(merged.frame, name) == getattr(full, name)


async def market_frame(stream: Stream) -> MarketFrame:
    while not isinstance(message := await stream.next(), MarketFrame):
        pass
    return message


async def say(stream: Stream, watch: Watch) -> None:
    await stream._socket.send_bytes(msgspec.json.encode(watch))


async def test_another_symbol_is_shown_at_once_and_then_only_what_is_new(serve: Serve) -> None:
    async with serve(frames_per_s=4.0) as served, Stream(served) as stream:
        market, loop = served.desk.market, asyncio.get_running_loop()
        market.trade(100.0)
        market.bar(1, 1.0)
        await stream.until_state()
        began = loop.time()
        await say(stream, Watch(SYMBOL, 300))
        first = await market_frame(stream)
        assert loop.time() - began < 0.2, "not with the next state"
        assert first.full and first.interval_s == 300 and len(first.trades) == len(first.bars) == 1
        assert first.bids == ((99.0, 1.0),) and market.recalled == [SYMBOL]
        market.trade(101.0)
        second = await market_frame(stream)
        assert not second.full and [row.price for row in second.trades] == [101.0] and not second.bars
        await say(stream, Watch("nobody:X"))
        unknown = await market_frame(stream)
        assert unknown.full and not (unknown.known or unknown.bids or unknown.trades or unknown.bars)
        await say(stream, Watch())
        market.trade(102.0)
        await stream.until_state()
        before, _ = await stream.until_state()
        assert not before, "who watches nothing is sent nothing"
        assert {what for what, _ in market.times} == {"framed", "sent"}


async def test_many_watches_at_once_are_no_many_frames(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MARKET_S", 0.2)
    async with serve(frames_per_s=2.0) as served, Stream(served) as stream:
        await stream.until_state()
        for seconds in range(100):
            await say(stream, Watch(SYMBOL, seconds + 1))
        frames = [await market_frame(stream)]
        while frames[-1].interval_s != 100:
            frames.append(await market_frame(stream))
        assert len(frames) < 4


@pytest.mark.parametrize(
    "said",
    [
        b"", b"[]", b"\xff\xfe", b'{"symbol": 1}', b'{"symbol": "a", "more": 1}', b'{"interval_s": 1e400}',
        b'{"symbol": "' + b"x" * 101 + b'"}', b'{"symbol": "\xc3"}', "nonsense \x1b[2J",
    ],
)  # fmt: skip
async def test_what_is_no_watch_ends_the_stream_with_one_line(serve: Serve, said: bytes | str) -> None:
    async with serve() as served:
        async with Stream(served) as stream:
            await stream.until_state()
            socket = stream._socket
            await (socket.send_str(said) if isinstance(said, str) else socket.send_bytes(said))
            while (message := await socket.receive(timeout=5.0)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data == aiohttp.WSCloseCode.POLICY_VIOLATION
            assert (
                message.extra and message.extra.startswith("not understood") and message.extra.isprintable()
            )
        async with Stream(served) as other:
            await other.until_state()


async def test_a_message_without_end_is_cut_off(serve: Serve) -> None:
    async with serve() as served, Stream(served) as stream:
        await stream.until_state()
        await stream._socket.send_bytes(b" " * 100_000)
        while (message := await stream._socket.receive(timeout=5.0)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE and message.data == 1009


async def test_clients_are_told_at_the_same_moment_so_that_one_frame_does_for_all(serve: Serve) -> None:
    loop = asyncio.get_running_loop()

    async def times(stream: Stream) -> list[float]:
        found = []
        for _ in range(4):
            await stream.until_state()
            found.append(loop.time())
        return found

    async with serve(frames_per_s=5.0) as served, Stream(served) as one:
        first = asyncio.create_task(times(one))
        await asyncio.sleep(0.07)
        async with Stream(served) as other:
            second = await times(other)
            assert min(abs(a - b) for a in await first for b in second[1:]) < 0.04


async def test_latencies_by_stage(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/latency")
        assert status == 200
        assert msgspec.json.decode(body, type=LatencyDetail) == await served.desk.market.latency()
