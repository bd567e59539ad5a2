"""One feed of several: its state is its worst part's, but for a market in which nothing trades."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from engine.events import FeedState, FeedStatus, Gap, MarketEvent
from engine.feeds.base import FeedStats, InstrumentSpec, Sink
from engine.feeds.joined import JoinedFeed

UP, POLLING, STALE, CONNECTING, DOWN = (
    FeedState.UP,
    FeedState.POLLING,
    FeedState.STALE,
    FeedState.CONNECTING,
    FeedState.DOWN,
)


class Part:
    """Tells its states as a feed does: first in its counters, then as an event."""

    venue = "v"

    def __init__(self) -> None:
        self.stats = FeedStats()
        self._sink: Sink

    async def instruments(self) -> list[InstrumentSpec]:
        return []

    async def run(self, sink: Sink) -> None:
        self._sink = sink
        await asyncio.Event().wait()

    def tell(self, state: FeedState, detail: str = "") -> None:
        self.stats.state, self.stats.detail = state, detail
        self._sink([FeedStatus("v", state, detail, 1)])

    def send(self, event: MarketEvent) -> None:
        self._sink([event])


async def joined(script: Callable[[Part, Part, JoinedFeed], None]) -> list[MarketEvent]:
    """What a feed of quotes and one of trades tell together while ``script`` plays on them."""
    books, trades = Part(), Part()
    feed, out = JoinedFeed((books, trades), without_quotes={1}), list[MarketEvent]()
    task = asyncio.create_task(feed.run(out.extend))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        script(books, trades, feed)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return out


def states(events: list[MarketEvent]) -> list[FeedState]:
    return [event.state for event in events if isinstance(event, FeedStatus)]


async def test_the_state_is_told_when_the_worst_part_changes() -> None:
    def script(books: Part, trades: Part, feed: JoinedFeed) -> None:
        for part in (books, trades):
            part.tell(CONNECTING)
        for part in (books, trades):
            part.tell(UP)
        trades.tell(DOWN, "cut")
        books.send(Gap("v:A", 1, 2, "lost", 1))
        trades.tell(POLLING)
        trades.tell(UP)

    told = await joined(script)
    assert states(told) == [CONNECTING, UP, DOWN, POLLING, UP]
    assert [event for event in told if isinstance(event, Gap)] == [Gap("v:A", 1, 2, "lost", 1)]


async def test_trades_that_pause_beside_quotes_are_a_quiet_market() -> None:
    def script(books: Part, trades: Part, feed: JoinedFeed) -> None:
        books.tell(UP, "streaming")
        trades.tell(UP, "streaming")
        for _ in range(3):
            trades.tell(STALE, "no data for 11.0 s")
            assert feed.stats.state is UP
            trades.tell(UP, "streaming")

    assert states(await joined(script)) == [UP]


@pytest.mark.parametrize("quotes", [STALE, POLLING, CONNECTING, DOWN])
async def test_trades_that_pause_beside_no_quotes_are_stale(quotes: FeedState) -> None:
    def script(books: Part, trades: Part, feed: JoinedFeed) -> None:
        books.tell(UP)
        trades.tell(UP)
        trades.tell(STALE, "no data for 11.0 s")
        books.tell(quotes)
        assert feed.stats.state is max((quotes, STALE), key=[UP, POLLING, STALE, CONNECTING, DOWN].index)
        assert "no data for 11.0 s" in feed.stats.detail

    assert states(await joined(script))[0] is UP


async def test_quotes_that_pause_are_stale_whatever_trades() -> None:
    def script(books: Part, trades: Part, feed: JoinedFeed) -> None:
        books.tell(UP)
        trades.tell(UP)
        books.tell(STALE)
        trades.tell(UP)

    assert states(await joined(script)) == [UP, STALE]


async def test_counters_are_added_up() -> None:
    def script(books: Part, trades: Part, feed: JoinedFeed) -> None:
        books.stats.messages, trades.stats.messages = 3, 4
        books.stats.last_data_ns, trades.stats.last_data_ns = 30, 40
        trades.stats.gaps = 2
        books.tell(UP)
        assert (feed.stats.messages, feed.stats.last_data_ns, feed.stats.gaps) == (7, 40, 2)

    await joined(script)
