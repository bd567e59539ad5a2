"""Tapes as feeds: paced, ended, told in pieces."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from engine.events import FeedState, FeedStatus, MarketEvent, Trade
from engine.feeds.playback import Playback
from engine.feeds.tape import Tape
from engine.feeds.tape_feed import TapeFeed
from tests.feeds.small_tape import binance_trade, columnar, row, write


async def test_a_tape_plays_at_its_pace_and_ends(tmp_path: Path) -> None:
    ms = 1_000_000
    path = write(tmp_path / "a.jsonl", *(row(1_000 * ms * i, binance_trade(i)) for i in range(1, 5)))
    seen: list[tuple[float, MarketEvent]] = []
    start = time.monotonic()
    feed = TapeFeed(Tape([path]), Playback(50.0), time.monotonic_ns)
    await feed.run(lambda events: seen.extend((time.monotonic() - start, event) for event in events))
    trades = [at for at, event in seen if isinstance(event, Trade)]
    assert len(trades) == 4
    assert all(at >= 0.02 * i - 0.001 for i, at in enumerate(trades))
    last = seen[-1][1]
    assert isinstance(last, FeedStatus) and (last.state, last.detail) == (FeedState.ENDED, "end of tape")


async def test_a_columnar_tape_plays_as_events(tmp_path: Path) -> None:
    path = columnar(tmp_path / "a.tape", ["a:A", "b:B"], [1, 2, 3])
    seen: list[MarketEvent] = []
    await TapeFeed(Tape([path]), Playback(math.inf), time.monotonic_ns).run(seen.extend)
    assert [event.symbol for event in seen if isinstance(event, Trade)] == ["a:A", "b:B", "a:A"]


@pytest.mark.parametrize("packed", [True, False])
async def test_where_hardly_anything_trades_little_is_played_at_once(packed: bool, tmp_path: Path) -> None:
    """Each second of it is a bar that is decided upon: thousands at once would keep who asks waiting."""
    at = [ns * 5_000_000_000 for ns in range(1, 2001)]
    spans: list[int] = []

    def take(first_ns: int, last_ns: int) -> None:
        spans.append(last_ns - first_ns)

    path = columnar(tmp_path / "a.tape", ["a:A"], at)
    feed = TapeFeed(
        Tape([path]),
        Playback(math.inf),
        time.monotonic_ns,
        (lambda ticks, _: take(ticks["recv_ns"][0], ticks["recv_ns"][-1])) if packed else None,
    )
    await feed.run(lambda events: take(events[0].recv_ns, events[-1].recv_ns))
    assert len(spans) > 400 and max(spans) <= 20_000_000_000
