"""Snapshots of the simulated books: they agree with the quotes, are few, and change nothing else."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from engine.events import NS, Depth, MarketEvent, Quote
from engine.feeds.simulation.venue import SimulatedVenue

START_NS = 1_700_000_000 * NS
LIVE_NS = START_NS + 5 * NS


def stream(depth_levels: int) -> list[MarketEvent]:
    venue = SimulatedVenue(
        ("BTC-USD", "ETH-USD"), seed=3, start_ns=START_NS, live_ns=LIVE_NS, depth_levels=depth_levels
    )
    return venue.advance(START_NS + 25 * NS)


@pytest.fixture(scope="module")
def events() -> list[MarketEvent]:
    return stream(5)


def test_trades_and_quotes_are_the_same_with_and_without(events: list[MarketEvent]) -> None:
    assert [event for event in events if not isinstance(event, Depth)] == stream(0)


def test_a_snapshot_follows_the_quote_it_agrees_with(events: list[MarketEvent]) -> None:
    newest: dict[str, Quote] = {}
    seen = 0
    for event in events:
        if isinstance(event, Quote):
            newest[event.symbol] = event
        elif isinstance(event, Depth):
            seen += 1
            quote = newest[event.symbol]
            assert (event.bids[0], event.asks[0]) == (
                (quote.bid, quote.bid_size),
                (quote.ask, quote.ask_size),
            )
            assert event.event_ns == quote.event_ns
            assert [price for price, _ in event.bids] == sorted({p for p, _ in event.bids}, reverse=True)
            assert [price for price, _ in event.asks] == sorted({p for p, _ in event.asks})
            assert 1 <= len(event.bids) <= 5 and all(size > 0 for _, size in (*event.bids, *event.asks))
    assert seen > 50


def test_they_are_few_and_live_only(events: list[MarketEvent]) -> None:
    times: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, Depth):
            times[event.symbol].append(event.event_ns)
    for found in times.values():
        assert found[0] >= LIVE_NS
        assert all(later - earlier >= NS // 4 for earlier, later in pairwise(found))
