"""Metrics of what brings the data: sockets, polling, context, and how old each venue's data is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.clock import Clock
from engine.events import FeedState
from engine.feeds.base import FeedStats, Watched
from engine.market.clock_offset import ClockOffset
from engine.ops.exposition import Page

_COUNTERS = (
    ("messages", "Messages taken from the venue."),
    ("reconnects", "Connections made anew after a loss."),
    ("handovers", "Connections replaced while they still delivered."),
    ("gaps", "Gaps: trades that were missed for good."),
    ("malformed", "Messages that could not be read."),
    ("duplicates", "Trades that came a second time."),
    ("reordered", "Trades that came before an older one."),
    ("backfilled", "Trades fetched over REST after a gap."),
    ("unsubscribed", "Messages of symbols that were never subscribed."),
    ("resyncs", "Books found wrong, and asked for anew."),
)


class FeedMetrics:
    def __init__(
        self, feeds: Callable[[], Sequence[Watched]], clocks: ClockOffset, clock: Callable[[], Clock]
    ) -> None:
        self._feeds = feeds
        self._clocks = clocks
        self._clock = clock

    def __call__(self, page: Page) -> None:
        feeds = [(feed.venue, feed.stats) for feed in self._feeds()]
        self._states(page, feeds)
        self._times(page, feeds)
        for name, about in _COUNTERS:
            page.counters(
                f"tickdesk_feed_{name}_total", about, ("venue",), [((v,), getattr(s, name)) for v, s in feeds]
            )
        for name, about in (("books", "Books that are right."), ("books_broken", "Books that are wrong.")):
            page.gauges(
                f"tickdesk_feed_{name}", about, ("venue",), [((v,), getattr(s, name)) for v, s in feeds]
            )

    def _states(self, page: Page, feeds: Sequence[tuple[str, FeedStats]]) -> None:
        page.gauges(
            "tickdesk_feed_up",
            "1 while the feed delivers, by socket or by polling.",
            ("venue",),
            [((v,), int(s.state in (FeedState.UP, FeedState.POLLING))) for v, s in feeds],
        )
        page.gauges(
            "tickdesk_feed_state",
            "1 for the state that the feed is in.",
            ("venue", "state"),
            [((v, state.value), int(s.state is state)) for v, s in feeds for state in FeedState],
        )

    def _times(self, page: Page, feeds: Sequence[tuple[str, FeedStats]]) -> None:
        now_ns = self._clock()()
        page.gauges(
            "tickdesk_feed_data_age_seconds",
            "Since the last trade or quote; absent before the first.",
            ("venue",),
            [((v,), max(0, now_ns - s.last_data_ns) / 1e9 if s.last_data_ns else None) for v, s in feeds],
        )
        page.gauges(
            "tickdesk_feed_clock_offset_seconds",
            "Our clock less the venue's, with the shortest way here.",
            ("venue",),
            [((v,), _seconds(self._clocks.skew_ns(v))) for v, _ in feeds],
        )
        delays = [(v, self._clocks.latency_ns(v)) for v, _ in feeds]
        page.gauges(
            "tickdesk_feed_delay_seconds",
            "What a datum takes on top of the fastest of late, by quantile.",
            ("venue", "quantile"),
            [
                ((venue, quantile), None if delay is None else delay[which] / 1e9)
                for venue, delay in delays
                for which, quantile in enumerate(("0.5", "0.99"))
            ],
        )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9
