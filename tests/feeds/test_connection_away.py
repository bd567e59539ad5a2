"""Feeds whose venue is silent, away, or does not want them: watched, polled, left alone for long enough."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from engine.events import NS, FeedState
from engine.feeds import connection
from engine.feeds.connection import SocketFeed
from engine.feeds.continuity import Continuity
from tests.feeds.conftest import COINBASE, Venues, happened, ids, listening
from tests.venue_server import Script

pytestmark = pytest.mark.data


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
        await feed.until(lambda: server.connections == 2)
        first_s, second_s = server.handshakes
        # As the server saw it: where this process stands still, it sees the line go stale late.
        assert second_s - first_s > 0.15 * 5


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
        await feed.until(lambda: server.connections == 2)
        first_s, second_s = server.handshakes
        # As the server saw it: where this process stands still, it sees the line go stale late.
        assert second_s - first_s > 0.15 * 5


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


async def test_retry_after_is_honoured(venues: Venues) -> None:
    async with (
        venues("binance", limit=200, script=Script(refusals=[(429, "1")])) as server,
        listening(server, "binance", "BTCUSDT") as feed,
    ):
        await feed.until(server.finished.is_set)
        assert server.handshakes[1] - server.handshakes[0] >= 1.0
        assert feed.states[:2] == [FeedState.CONNECTING, FeedState.DOWN]
