"""A feed that runs in the market worker, as that worker tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from engine.bus.registry import WorkerRow
from engine.events import FeedState
from engine.feeds.base import FeedStats
from engine.text import clean

_COUNTS = frozenset(one.name for one in fields(FeedStats)) - {"state", "detail", "best_effort"}
BESIDE = "beside"
_STATES = frozenset(FeedState)


class FarFeed:
    """Implements ``engine.feeds.base.Watched``."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.beside = False
        """It collects; the market's sockets are others."""
        self.stats = FeedStats()

    def take(self, told: Mapping[str, Any]) -> None:
        """What is not understood is left as it was: another version may tell more, or less."""
        stats = self.stats
        for name in _COUNTS:
            value = told.get(name)
            if type(value) is int and value >= 0:
                setattr(stats, name, value)
        self.beside = told.get(BESIDE) is True
        stats.best_effort = told.get("best_effort") is True
        state = told.get("state")
        if isinstance(state, str) and state in _STATES:
            stats.state = FeedState(state)
        stats.detail = clean(told.get("detail", ""), 200)

    def lose(self, why: str) -> None:
        """Nobody tells of it any more."""
        self.stats.state, self.stats.detail = FeedState.DOWN, why


def far_feeds(known: list[FarFeed], workers: Iterable[WorkerRow]) -> list[FarFeed]:
    """``known`` as the market worker tells of them now, with those that are new."""
    told = {
        str(one.get("venue", ""))[:40]: one
        for row in workers
        if "market" in row.stages and row.state != "waiting"
        for one in row.feeds
    }
    feeds = {feed.venue: feed for feed in known}
    for venue in told.keys() - feeds.keys():
        feeds[venue] = FarFeed(clean(venue, 40))
    for venue, feed in feeds.items():
        if venue in told:
            feed.take(told[venue])
        else:
            feed.lose("no market worker tells of it")
    return list(feeds.values())
