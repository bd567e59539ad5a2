"""Live feeds against local venues that play the captures, well-behaved and not."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from pathlib import Path

import msgspec
import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import BookStatus, FeedState, MarketEvent, Quote, Trade
from engine.feeds.base import Feed, UnreachableError
from engine.feeds.connection import SocketFeed
from engine.feeds.pace import Pace
from engine.feeds.registry import open_feed
from engine.feeds.tape import Tape
from tests.feeds.conftest import COINBASE, KRAKEN, Listener, Venues, happened, ids, listening, until
from tests.venue_server import GARBAGE, Frame, Script, VenueServer

pytestmark = pytest.mark.data


def feed_on(server: VenueServer, venue: str, *symbols: str) -> Feed:
    config = FeedConfig(symbols=symbols, ws_url=server.ws_url, rest_url=server.rest_url)
    return open_feed(venue, config, clock=time.time_ns, rng=random.Random(1))


async def test_binance_end_to_end(venues: Venues) -> None:
    async with (
        venues("binance", limit=6000) as server,
        listening(server, "binance", "BTCUSDT", book_levels=0) as feed,
    ):
        await feed.until(server.finished.is_set)
        await feed.until(lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT"))
        await feed.until(lambda: len(feed.quotes) == sum("@bookTicker" in one.raw for one in server.frames))
        assert server.subscriptions == ["streams=btcusdt@trade/btcusdt@bookTicker"]
        assert feed.states == [FeedState.CONNECTING, FeedState.UP]
        assert not feed.gaps and not feed.malformed and not any(trade.backfilled for trade in feed.trades)


async def test_coinbase_end_to_end(venues: Venues) -> None:
    async with venues("coinbase") as server, listening(server, "coinbase", *COINBASE) as feed:
        await feed.until(server.finished.is_set)
        await feed.until(lambda: len(feed.trades) == 84 and len(feed.quotes) > 1000)
        assert not feed.gaps and not feed.malformed
        assert feed.feed.stats.state is FeedState.UP


async def test_kraken_end_to_end(venues: Venues) -> None:
    async with venues("kraken") as server, listening(server, "kraken", *KRAKEN) as feed:
        await feed.until(server.finished.is_set)
        await feed.until(lambda: len(feed.trades) == 10 and len(feed.quotes) == 587)
        assert not feed.gaps and not feed.malformed and FeedState.STALE not in feed.states
        assert [one.aggressor for one in feed.trades if one.symbol == "kraken:XMR/USD"][:2] == [-1, 1]


async def test_a_cut_loses_nothing_that_the_venue_can_backfill(venues: Venues) -> None:
    script = Script(cut_after={2000: 700, 4000: 1, 5000: 300})
    async with (
        venues("binance", limit=8000, script=script) as server,
        listening(server, "binance", "BTCUSDT") as feed,
    ):
        await feed.until(server.finished.is_set)
        await feed.until(lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT"))
        lost = set(range(2001, 2701)) | {4001} | set(range(5001, 5301))
        missed = [server.frames[at - 1].raw for at in sorted(lost) if "@trade" in server.frames[at - 1].raw]
        assert sum(trade.backfilled for trade in feed.trades) == len(missed) > 20
        assert feed.feed.stats.backfilled == len(missed)
        assert not feed.gaps and feed.feed.stats.reconnects == 3 and server.connections == 4


async def test_a_cut_on_coinbase_is_backfilled(venues: Venues) -> None:
    async with (
        venues("coinbase", script=Script(cut_after={2000: 3000})) as server,
        listening(server, "coinbase", *COINBASE) as feed,
    ):
        await feed.until(server.finished.is_set)
        for native in server.protocol.trades:
            expected = happened(server, native, "trade_id")
            await feed.until(lambda n=native, e=expected: ids(feed, f"coinbase:{n}") == e)  # type: ignore[misc]
        assert not feed.gaps and any(trade.backfilled for trade in feed.trades)


async def test_a_cut_on_kraken_is_backfilled_and_its_books_are_right_again(venues: Venues) -> None:
    async with (
        venues("kraken", script=Script(cut_after={1000: 900})) as server,
        listening(server, "kraken", *KRAKEN) as feed,
    ):
        await feed.until(server.finished.is_set)
        for native in server.protocol.trades:
            expected = happened(server, native)
            await feed.until(lambda n=native, e=expected: ids(feed, f"kraken:{n}") == e)  # type: ignore[misc]
        assert FeedState.STALE not in feed.states and not feed.gaps
        for native, best in server.protocol.best.items():
            expected_best = tuple(map(float, best))
            await feed.until(
                lambda n=native, e=expected_best: any(  # type: ignore[misc]
                    (one.bid, one.bid_size, one.ask, one.ask_size) == e
                    for one in feed.quotes
                    if one.symbol == f"kraken:{n}"
                )
            )


async def test_what_a_venue_repeats_of_the_past_does_not_make_a_feed_up(venues: Venues) -> None:
    """Coinbase's last matches, before anything else."""
    async with venues("coinbase") as server:
        server.frames = [frame for frame in server.frames if '"last_match"' in frame.raw]
        server.script.silent_after = len(server.frames)
        async with listening(server, "coinbase", *COINBASE) as feed:
            await feed.until(lambda: len(feed.trades) == 5)
            assert all(trade.backfilled for trade in feed.trades)
            assert feed.states == [FeedState.CONNECTING]


async def test_state_changes_and_what_decoders_find_reach_log_and_detail(
    venues: Venues, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine.feeds")
    details: set[str] = set()
    script = Script(corrupt_at=frozenset({1500}))
    async with venues("kraken", limit=2000, script=script) as server:
        feed = feed_on(server, "kraken", *KRAKEN)
        assert isinstance(feed, SocketFeed)
        feed._connects = Pace(0.0)

        def sink(events: list[MarketEvent]) -> None:
            details.add(feed.stats.detail)

        async with until(feed.run(sink)) as reached:
            await reached(server.finished.is_set)
            await reached(lambda: "right again" in caplog.text)
            server.hang_up()
            await reached(lambda: feed.stats.state is FeedState.UP and feed.stats.reconnects == 1)
    wrong = "book does not match the venue's checksum"
    asking = f"{wrong}: asking for a new snapshot"
    assert any(one.startswith("streaming from 127.0.0.1:") and one.endswith(asking) for one in details)
    assert feed.stats.detail == f"streaming from 127.0.0.1:{server.port}"
    assert {record.name for record in caplog.records} == {"engine.feeds.kraken"}
    told = [
        (record.levelname, getattr(record, "fields", {}).get("state", record.getMessage().split(" ", 1)[1]))
        for record in caplog.records
    ]
    assert told == [
        ("INFO", "connecting"),
        ("INFO", "up"),
        ("WARNING", wrong),
        ("INFO", "book is right again"),
        ("WARNING", "down"),
        ("INFO", "connecting"),
        ("INFO", "up"),
    ]


async def test_garbage_is_told_and_costs_nothing(venues: Venues) -> None:
    script = Script(garbage_after=frozenset({500, 1500}))
    async with (
        venues("binance", limit=3000, script=script) as server,
        listening(server, "binance", "BTCUSDT") as feed,
    ):
        await feed.until(server.finished.is_set)
        await feed.until(lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT"))
        assert len(feed.malformed) == feed.feed.stats.malformed == 2 * (len(GARBAGE) + 1)
        assert feed.feed.stats.reconnects == 0 and all(len(one.excerpt) <= 120 for one in feed.malformed)


def books_told(feed: Listener) -> list[bool]:
    return [event.live for event in feed.events if isinstance(event, BookStatus)]


async def test_a_wrong_checksum_gets_a_new_snapshot(venues: Venues) -> None:
    async with (
        venues("kraken", limit=2000, script=Script(corrupt_at=frozenset({1500}))) as server,
        listening(server, "kraken", *KRAKEN) as feed,
    ):
        await feed.until(server.finished.is_set)
        await feed.until(lambda: books_told(feed) == [False, True])
        assert any('"unsubscribe"' in frame for frame in server.subscriptions)
        assert server.connections == 1


async def test_instruments_by_url(venues: Venues) -> None:
    for venue, symbol in (("binance", "BTCUSDT"), ("coinbase", "YFI-BTC"), ("kraken", "XMR/USD")):
        async with venues(venue) as server:
            (spec,) = await feed_on(server, venue, symbol).instruments()
            assert spec.symbol == f"{venue}:{symbol}" and spec.tick_size > 0 and spec.lot_size > 0


async def test_an_unknown_symbol_is_one_line_that_says_what_to_do(venues: Venues) -> None:
    for venue in ("binance", "coinbase", "kraken"):
        async with venues(venue) as server:
            with pytest.raises(
                FeedError, match=rf"NOPE.*feeds\.{venue}\.symbols|feeds\.{venue}\.symbols.*NOPE"
            ) as caught:
                await feed_on(server, venue, "NOPE").instruments()
            assert "\n" not in str(caught.value) and not isinstance(caught.value, UnreachableError)


async def test_of_many_binance_symbols_only_the_unknown_ones_are_named(venues: Venues) -> None:
    async with venues("binance") as server:
        server.protocol.symbols = ("BTCUSDT", "ETHUSDT")  # type: ignore[attr-defined]
        feed = feed_on(server, "binance", "ETHUSDT", "NOPE", "BTCUSDT", "NADA")
        with pytest.raises(FeedError, match=r"the symbols NOPE, NADA: correct feeds\.binance\.symbols$"):
            await feed.instruments()
        assert len(server.rest_paths) == 2


async def test_symbols_never_subscribed_do_not_get_in(
    venues: Venues, caplog: pytest.LogCaptureFixture
) -> None:
    async with venues("binance", limit=2000) as server:
        for frame in server.frames[::2]:
            frame_of_another = frame.raw.replace('"s":"BTCUSDT"', '"s":"DOGEUSDT"')
            server.frames[server.frames.index(frame)] = Frame(frame.ns, frame_of_another)
        async with listening(server, "binance", "BTCUSDT", book_levels=0) as feed:
            await feed.until(server.finished.is_set)
            sent = sum("@trade" in one.raw or "@bookTicker" in one.raw for one in server.frames[::2])
            await feed.until(lambda: feed.feed.stats.unsubscribed == sent > 100)
            told = {one.symbol for one in feed.events if isinstance(one, Trade | Quote)}
            assert told == {"binance:BTCUSDT"}
    assert caplog.text.count("never subscribed") == 1


async def test_an_unreachable_venue_is_told_apart_from_a_wrong_one(venues: Venues) -> None:
    async with venues("binance", script=Script(rest_away=True)) as server:
        feed = feed_on(server, "binance", "BTCUSDT")
        with pytest.raises(UnreachableError):
            await feed.instruments()
    with pytest.raises(UnreachableError):
        await feed.instruments()  # now nobody listens there at all


def test_configuration_errors_are_found_before_anything_is_opened() -> None:
    def feed(venue: str, config: FeedConfig) -> None:
        open_feed(venue, config, clock=time.time_ns, rng=random.Random(1))

    with pytest.raises(ConfigError, match=r"binance, .*coinbase, .*kraken"):
        feed("nyse", FeedConfig(symbols=("A",)))
    with pytest.raises(ConfigError, match=r"feeds\.kraken\.symbols is empty"):
        feed("kraken", FeedConfig())
    with pytest.raises(ConfigError, match=r"feeds\.kraken\.ws_url"):
        feed("kraken", FeedConfig(symbols=("A/B",), ws_url="http://x"))


async def test_an_error_of_the_sink_is_not_taken_for_a_network_fault(venues: Venues) -> None:
    def sink(events: list[MarketEvent]) -> None:
        if any(isinstance(event, Trade) for event in events):
            raise OSError("the disk is full")

    async with venues("binance", limit=500) as server:
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(feed_on(server, "binance", "BTCUSDT").run(sink), 10)
        assert caught.group_contains(OSError, match="the disk is full") and server.connections == 1


def without_our_clock(tick: Trade | Quote) -> Trade | Quote:
    """The first snapshot of a book tells no time, in this capture: it is dated by its arrival."""
    event_ns = 0 if tick.event_ns == tick.recv_ns else tick.event_ns
    return msgspec.structs.replace(tick, event_ns=event_ns, recv_ns=0)


async def test_the_socket_and_the_tape_tell_the_same(venues: Venues, data_dir: Path) -> None:
    tape = Tape([data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz"])
    taped = [event for batch in tape.batches() for event in batch if isinstance(event, Trade | Quote)]
    async with venues("coinbase", speed=200.0) as server, listening(server, "coinbase", *COINBASE) as feed:
        await feed.until(lambda: len(feed.trades) + len(feed.quotes) == len(taped))
        live = [event for event in feed.events if isinstance(event, Trade | Quote)]
        for kind in (Trade, Quote):  # a symbol's first trades wait a moment for older ones, quotes do not
            timeless = [
                sorted(repr(without_our_clock(one)) for one in row if isinstance(one, kind))
                for row in (live, taped)
            ]
            assert timeless[0] == timeless[1]
