"""Live feeds against local venues that play the captures, well-behaved and not."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import NS, BookStatus, FeedState, MarketEvent, Quote, Trade
from engine.feeds import connection
from engine.feeds.base import Feed, UnreachableError
from engine.feeds.connection import SocketFeed
from engine.feeds.continuity import Continuity
from engine.feeds.pace import Pace
from engine.feeds.registry import open_feed
from engine.feeds.tape import Tape
from tests.feeds.conftest import Listener, Venues, listening, until
from tests.venue_server import GARBAGE, Frame, Script, VenueServer

pytestmark = pytest.mark.data

COINBASE = (
    "BAND-GBP",
    "YFI-BTC",
    "SKL-BTC",
    "DASH-BTC",
    "NMR-EUR",
    "BAND-BTC",
    "NU-GBP",
    "CRV-EUR",
    "SKL-GBP",
    "SKL-USD",
)
KRAKEN = ("WAVES/EUR", "XMR/USD", "KSM/BTC", "SC/EUR", "ETH/CHF")


def ids(listener: Listener, symbol: str) -> list[int]:
    return [trade.trade_id for trade in listener.trades if trade.symbol == symbol]


def happened(server: VenueServer, native: str, key: str = "id") -> list[int]:
    return [row[key] for row in server.protocol.trades.get(native, [])]


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
        await feed.until(lambda: len(feed.trades) == 10 and len(feed.quotes) == 540)
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


async def test_what_cannot_be_backfilled_is_an_explicit_gap(venues: Venues) -> None:
    script = Script(cut_after={2000: 700}, no_history=True)
    async with (
        venues("binance", limit=4000, script=script) as server,
        listening(server, "binance", "BTCUSDT") as feed,
    ):
        await feed.until(server.finished.is_set)
        everything = happened(server, "BTCUSDT")
        await feed.until(lambda: bool(feed.trades) and feed.trades[-1].trade_id == everything[-1])
        told = set(ids(feed, "binance:BTCUSDT"))
        for gap in feed.gaps:
            assert gap.reason
            told |= set(range(gap.first_id, gap.last_id + 1))
        assert feed.gaps and told == set(everything)
        assert ids(feed, "binance:BTCUSDT") == sorted(set(ids(feed, "binance:BTCUSDT")))


async def test_a_hole_is_given_up_in_time_while_the_feed_is_down_and_its_fetch_ends(venues: Venues) -> None:
    script = Script(cut_after={2000: 700, 2900: 0})
    async with (
        venues("binance", limit=4000, script=script) as server,
        listening(server, "binance", "BTCUSDT", silence_s=0.4) as feed,
    ):
        assert isinstance(feed.feed, SocketFeed)
        feed.feed._delivery._order = Continuity(max_hold_ns=NS // 2)
        await feed.until(lambda: server.position >= 2000)
        script.rest_hangs = True
        await feed.until(lambda: server.position >= 2900)
        script.away = True
        assert not feed.gaps
        await feed.until(lambda: bool(feed.gaps))
        assert feed.feed.stats.state in (FeedState.DOWN, FeedState.CONNECTING)
        (gap,) = feed.gaps
        assert gap.reason == "not fetched within 0.5 s"
        told = ids(feed, "binance:BTCUSDT")
        assert told[-1] > gap.last_id  # what was held back came after it
        await feed.until(
            lambda: not any(task.get_name().startswith("backfill") for task in asyncio.all_tasks())
        )
        script.rest_hangs = False


async def test_a_silent_socket_is_replaced(venues: Venues) -> None:
    async with (
        venues("binance", limit=3000, script=Script(silent_after=1000, deaf=True)) as server,
        listening(server, "binance", "BTCUSDT", silence_s=0.2) as feed,
    ):
        await feed.until(
            lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT") and server.position == 3000
        )
        assert feed.states[:5] == [
            FeedState.CONNECTING,
            FeedState.UP,
            FeedState.STALE,
            FeedState.DOWN,
            FeedState.CONNECTING,
        ]
        assert server.connections >= 2


async def test_pongs_keep_a_quiet_socket_where_there_are_no_heartbeats(venues: Venues) -> None:
    async with (
        venues("binance", limit=3000, script=Script(silent_after=1000)) as server,
        listening(server, "binance", "BTCUSDT", silence_s=0.15) as feed,
    ):
        await feed.until(lambda: FeedState.STALE in feed.states)
        stale_s = time.monotonic()
        assert server.connections == 1
        await feed.until(lambda: server.connections == 2)
        assert time.monotonic() - stale_s > 0.15 * 4


@pytest.mark.parametrize("steady_s", [0.0, 30.0])
async def test_a_flapping_venue_is_left_alone_ever_longer(
    venues: Venues, monkeypatch: pytest.MonkeyPatch, steady_s: float
) -> None:
    """It sends some frames and hangs up, again and again: that is no good connection, unless 0 s make one."""
    monkeypatch.setattr(connection, "STEADY_S", steady_s)
    monkeypatch.setattr(connection, "_FIRST_BACKOFF_S", 0.1)
    script = Script(cut_after=dict.fromkeys(range(50, 2000, 50), 0))
    async with (
        venues("binance", limit=2000, script=script) as server,
        listening(server, "binance", "BTCUSDT", backoff_max_s=30.0) as feed,
    ):
        await feed.until(lambda: len(server.handshakes) >= 5)
        waits_s = [after - before for before, after in pairwise(server.handshakes)]
        assert feed.states[:4] == [FeedState.CONNECTING, FeedState.UP, FeedState.DOWN, FeedState.CONNECTING]
        if steady_s:
            assert waits_s[1] >= 0.1 and waits_s[2] >= 0.2 and waits_s[3] >= 0.4
        else:
            assert waits_s[3] < 0.4


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


async def test_polling_tells_why_and_which_symbol_is_refused(venues: Venues) -> None:
    script = Script(away=True)
    async with (
        venues("binance", limit=2000, script=script) as server,
        listening(server, "binance", "BTCUSDT", poll_interval_s=0.05) as feed,
        listening(server, "binance", "NOPE", "BTCUSDT", poll_interval_s=0.05) as half,
    ):
        server.advance(1000)
        await feed.until(lambda: feed.feed.stats.state is FeedState.POLLING)
        assert f"polling 127.0.0.1:{server.port} every 0.05 s: " in feed.feed.stats.detail
        assert "refused the connection with HTTP 503" in feed.feed.stats.detail
        await half.until(lambda: half.feed.stats.state is FeedState.POLLING)
        assert "NOPE: binance answered HTTP 400" in half.feed.stats.detail
        await half.until(lambda: bool(ids(half, "binance:BTCUSDT")))


async def test_heartbeats_keep_a_quiet_socket_but_not_for_ever(venues: Venues) -> None:
    script = Script(silent_after=3000, beats_while_silent=True)
    async with (
        venues("coinbase", script=script) as server,
        listening(server, "coinbase", *COINBASE, silence_s=0.15) as feed,
    ):
        await feed.until(lambda: FeedState.STALE in feed.states)
        stale_s = time.monotonic()
        assert server.connections == 1
        await feed.until(lambda: server.connections == 2)
        assert time.monotonic() - stale_s > 0.15 * 4


async def test_rest_stands_in_while_the_socket_is_away(venues: Venues) -> None:
    script = Script(cut_after={1000: 0})
    async with (
        venues("binance", limit=6000, script=script) as server,
        listening(server, "binance", "BTCUSDT", poll_interval_s=0.05) as feed,
    ):
        await feed.until(lambda: server.position >= 1000)
        script.away = True
        await feed.until(lambda: feed.feed.stats.state is FeedState.POLLING)
        for _ in range(3):
            server.advance(500)
            await feed.until(lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT"))
        assert feed.trades[-1].backfilled is False  # polled while polling: as good as live
        script.away = False
        await feed.until(server.finished.is_set)
        await feed.until(lambda: ids(feed, "binance:BTCUSDT") == happened(server, "BTCUSDT"))
        assert feed.feed.stats.state is FeedState.UP
        polls = len(server.rest_paths)
        await feed.until(lambda: FeedState.UP in feed.states[-1:])
        assert feed.states[-2:] == [FeedState.POLLING, FeedState.UP]
        assert len(server.rest_paths) == polls and not feed.gaps


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


async def test_retry_after_is_honoured(venues: Venues) -> None:
    async with (
        venues("binance", limit=200, script=Script(refusals=[(429, "1")])) as server,
        listening(server, "binance", "BTCUSDT") as feed,
    ):
        await feed.until(server.finished.is_set)
        assert server.handshakes[1] - server.handshakes[0] >= 1.0
        assert feed.states[:2] == [FeedState.CONNECTING, FeedState.DOWN]


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
