"""What a feed tells of itself."""

from __future__ import annotations

from engine.events import FeedState, FeedStatus
from engine.feeds.status import Status


def test_a_detail_tells_of_a_few_symbols_and_counts_the_rest() -> None:
    """However many books of a venue are wrong at once."""
    told: list[FeedStatus] = []
    status = Status("kraken", lambda: 7, told.append)
    status.watch({str(n): f"book {n} is crossed" for n in range(5)})
    status.tell(FeedState.UP, "streaming")
    expected = "streaming; book 0 is crossed; book 1 is crossed; book 2 is crossed; and 2 more"
    assert status.stats.detail == expected
    status.tell(FeedState.DOWN, "cut")
    assert status.stats.detail == "cut" and len(told) == 2


def test_while_rest_delivers_trouble_with_the_socket_is_not_the_feeds_state() -> None:
    told: list[FeedStatus] = []
    status = Status("kraken", lambda: 7, told.append)
    status.polled("polling")
    status.tell(FeedState.CONNECTING, "connecting")
    status.tell(FeedState.DOWN, "refused")
    assert status.stats.state is FeedState.POLLING and status.stats.detail == "polling"
    status.poll_failed("REST is away too")
    status.streaming("x.example")
    assert [one.state for one in told] == [FeedState.POLLING, FeedState.DOWN, FeedState.UP]
    assert status.stats.detail == "streaming from x.example"
