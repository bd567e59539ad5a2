"""Feeds that run in another process, as that process tells of them."""

from __future__ import annotations

from dataclasses import asdict

from engine.bus.registry import WorkerRow
from engine.events import FeedState
from engine.feeds.base import FeedStats
from engine.workers.far_feed import BESIDE, far_feeds


def worker(*feeds: dict[str, object], state: str = "running") -> WorkerRow:
    return WorkerRow(id="w", host="h", pid=1, stages=("market",), state=state, feeds=feeds)


def test_they_are_as_the_market_worker_says_until_nobody_says() -> None:
    stats = FeedStats(messages=7, gaps=2, state=FeedState.UP, detail="", best_effort=True)
    (feed,) = far_feeds([], [worker({"venue": "kraken", **asdict(stats)})])
    assert (feed.venue, feed.stats) == ("kraken", stats)
    stats.messages = 9
    again = far_feeds([feed], [worker({"venue": "kraken", **asdict(stats)}), worker(state="waiting")])
    assert again == [feed] and feed.stats.messages == 9
    far_feeds([feed], [])
    assert feed.stats.state is FeedState.DOWN and "no market worker" in feed.stats.detail


def test_what_is_not_understood_is_left_as_it_was() -> None:
    (feed,) = far_feeds([], [worker({"venue": "x\x1b[2J", "messages": 3, "state": "up", "detail": "fine"})])
    assert feed.venue == "x[2J" or "\x1b" not in feed.venue
    feed.take({"messages": "many", "gaps": -1, "state": "soaring", "detail": "\x1b]0;a\x07"})
    assert (feed.stats.messages, feed.stats.gaps, feed.stats.state) == (3, 0, FeedState.UP)
    assert "\x1b" not in feed.stats.detail


def test_what_collects_beside_the_market_is_told_apart() -> None:
    feeds = far_feeds([], [worker({"venue": "sim", "state": "up"}, {"venue": "poll", BESIDE: True})])
    assert {feed.venue: feed.beside for feed in feeds} == {"sim": False, "poll": True}
