"""What is no address of a venue is refused, in one line that names its key and shows no secret."""

from __future__ import annotations

import random
import time

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import FeedState, FeedStatus, MarketEvent
from engine.feeds.address import check_url, place, without_password
from engine.feeds.connection import SocketFeed
from engine.feeds.registry import open_feed
from tests.feeds.conftest import until

BAD = (
    "ws://[::1",
    "ws://127.0.0.1:99999",
    "ws://127.0.0.1:port",
    "ws://127.0.0.1:0",
    "ws://a b",
    "ws://a\tb",
    "ws://a\nb",
    "ws://",
    "ws://:80",
    "a.example",
    "http://a.example",
    "ws://me:hunter2@a.example",
    "ws://hunter2@a.example",
    "ws://a.example/?token=hunter2",
    "ws://a.example/#hunter2",
)


def open_at(venue: str, ws_url: str = "ws://127.0.0.1:9", rest_url: str = "http://127.0.0.1:9") -> SocketFeed:
    config = FeedConfig(symbols=("A",), ws_url=ws_url, rest_url=rest_url, backoff_max_s=0.02)
    feed = open_feed(venue, config, clock=time.time_ns, rng=random.Random(1))
    assert isinstance(feed, SocketFeed)
    return feed


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_is_refused_before_anything_is_opened(url: str) -> None:
    for venue in ("binance", "coinbase", "kraken"):
        with pytest.raises(ConfigError, match=rf"^feeds\.{venue}\.ws_url ") as caught:
            open_at(venue, ws_url=url)
        assert "\n" not in str(caught.value) and "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"^feeds\.kraken\.rest_url "):
        open_at("kraken", rest_url=url if url.startswith("ws:") else f"ftp{url}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://ws.kraken.com/v2", "ws.kraken.com"),
        ("ws://127.0.0.1:8080/v2", "127.0.0.1:8080"),
        ("ws://[::1]:8080", "[::1]:8080"),
        ("WSS://Stream.Example:9443", "stream.example:9443"),
    ],
)
def test_an_address_shows_its_host_and_port(url: str, shown: str) -> None:
    check_url("feeds.x.ws_url", url, ("ws", "wss"))
    assert place(url) == shown


async def test_whatever_connecting_raises_is_a_reason_and_is_tried_again() -> None:
    feed = open_at("kraken", ws_url=f"ws://{'a' * 70}..b")  # no name that a resolver could be asked for
    seen: list[MarketEvent] = []
    async with until(feed.run(seen.extend)) as reached:
        await reached(lambda: feed.stats.reconnects >= 2)
    told = [event for event in seen if isinstance(event, FeedStatus)]
    assert [event.state for event in told[:4]] == [FeedState.CONNECTING, FeedState.DOWN] * 2
    assert told[1].detail.startswith("cannot connect to aaa") and "next attempt in" in told[1].detail


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://me:s3c@ret@host/0?ssl_cert_reqs=none", "rediss://me:***@host/0?ssl_cert_reqs=none"),
        ("redis://s3cret@host", "redis://***@host"),
        ("redis://:s3?cret@host", "redis://***"),
        ("unix://me:s3cret@/run/redis.sock", "unix://me:***@/run/redis.sock"),
        ("unix:///run/redis.sock?password=s3cret&db=1", "unix:///run/redis.sock?password=***&db=1"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
