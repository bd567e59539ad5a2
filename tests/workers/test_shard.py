"""However symbols are dealt and rounds are cut: the rows and signals of one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import (
    NS,
    BookStatus,
    Candle,
    Depth,
    FeedState,
    FeedStatus,
    Gap,
    Malformed,
    MarketEvent,
    Quote,
    Trade,
)
from engine.feeds.simulation.venue import SimulatedVenue
from engine.feeds.tape import Tape
from engine.wiring.sources import adopt
from tests.wiring.conftest import START_NS
from tests.workers.one_process import Shards, config, desk, same

NAMES = ("sim:AAA-USD", "sim:BBB-USD", "sim:CCC-USD", "sim:DDD-USD", "poll:EEE")
NAMES_VENUE = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD")


def event(kind: int, symbol: str, n: int, ns: int, late: int, price: float) -> MarketEvent:
    recv_ns = ns - late
    if kind <= 5:
        return Trade(symbol, n, price, 5.0 + n % 3, 1 if n % 2 else -1, recv_ns, recv_ns)
    if kind <= 8:
        return Quote(symbol, price * 0.999, 10.0, price * 1.001, 10.0, recv_ns, recv_ns)
    if kind == 9:
        return Gap(symbol, n, n + 3, "a cut", recv_ns)
    if kind == 10:
        return BookStatus(symbol, n % 3 == 0, "checksum", True, recv_ns)
    if kind == 11:
        return Trade(symbol, 10_000 + n, price, 1.0, 1, recv_ns, recv_ns, True)
    if kind == 12:
        return Quote(symbol, price * 1.1, 10.0, price, 10.0, recv_ns, recv_ns)
    if kind == 13:
        minute = recv_ns // (60 * NS) * 60 * NS
        return Candle(symbol, 60, minute, price, price, price, price, 1.0, True, minute + 60 * NS, recv_ns)
    if kind == 14:
        return Depth(symbol, ((price * 0.99, 1.0),), ((price * 1.01, 1.0),), recv_ns, recv_ns)
    if kind == 15:
        return Malformed("sim", "{", "it ends", recv_ns)
    return FeedStatus("sim", FeedState.UP, "", recv_ns)


@st.composite
def flows(draw: st.DrawFn) -> list[MarketEvent]:
    """Symbols that come and go, receipts that go back, pauses of many bars, and whatever goes wrong."""
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(0, 16),
                st.integers(0, 4),
                st.sampled_from([0, 1, 50_000_000, 300_000_000, 999_999_999, 7 * NS, 70 * NS]),
                st.sampled_from([0, 0, 0, 1, 400_000_000, 3 * NS]),
                st.integers(-40, 60),
            ),
            min_size=1,
            max_size=150,
        )
    )
    ns, found = START_NS, []
    for n, (kind, symbol, later, late, move) in enumerate(steps):
        ns += later
        found.append(event(kind, NAMES[symbol], n, ns, late, (100.0 + symbol) * (1 + move / 1000)))
    return found


def cut_up(events: Sequence[MarketEvent], sizes: Sequence[int]) -> list[Sequence[MarketEvent]]:
    found, at, turn = [], 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)]
        found.append(events[at : at + size])
        at, turn = at + size, turn + 1
    return found


def run(events: Sequence[MarketEvent], shards: int, sizes: Sequence[int]) -> None:
    made = config(shards)
    whole, spy = desk(made)
    whole.on_events(events)
    parts = Shards(made)
    rounds = parts.rounds()
    for batch in cut_up(events, sizes):
        rounds.events(batch)
        parts.take(rounds.cut(1))
        while rounds.cut_again:
            parts.take(rounds.cut(1))
    parts.take(rounds.cut(1))
    assert [one.symbol for one in rounds.instruments] == [one.symbol for one in whole.instruments]
    assert list(rounds.instruments) == list(whole.instruments)
    assert rounds.rejected == whole.intake.rejected
    assert (rounds.trades, rounds.quotes) == (whole.intake.trades, whole.intake.quotes)
    same(spy, parts, {one.symbol: one.index for one in whole.instruments})


@given(flows(), st.integers(1, 8), st.lists(st.integers(1, 60), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_dealing_and_any_rounds_give_what_one_process_gives(
    events: list[MarketEvent], shards: int, sizes: list[int]
) -> None:
    run(events, shards, sizes)


@pytest.mark.parametrize(("shards", "size"), [(1, 5000), (3, 7), (8, 400)])
def test_the_simulated_venue_gives_the_same_through_shards(shards: int, size: int) -> None:
    made = config(shards, **{"strategies.rapid_rise.min_change_pct": 0.05})
    whole, spy = desk(made)
    venue = SimulatedVenue(NAMES_VENUE, seed=3, start_ns=START_NS)
    specs = venue.instruments()
    adopt(whole, specs)
    parts = Shards(made)
    rounds = parts.rounds()
    rounds.adopt(specs)
    for step in range(1, 60 * 4 + 1):
        until = START_NS + step * NS // 4
        events = venue.advance(until)
        whole.on_events(events)
        whole.advance(until)
        for at in range(0, len(events), size):
            rounds.events(events[at : at + size])
            parts.take(rounds.cut(until))
        parts.take(rounds.cut(until, advance_ns=until))
    assert spy.bars and spy.rises, "strategies speak"
    assert list(rounds.instruments) == list(whole.instruments)
    same(spy, parts, {one.symbol: one.index for one in whole.instruments})


@pytest.mark.data
def test_real_captures_give_the_same_through_shards(data_dir: Path) -> None:
    captures = sorted((data_dir / "feeds").rglob("*.jsonl*"))[:12]
    if not captures:
        pytest.skip("no captures")
    seen = 0
    for path in captures:
        try:
            tape = Tape([path])
        except Exception:
            continue
        made = config(8)
        whole, spy = desk(made)
        parts = Shards(made)
        rounds = parts.rounds()
        adopt(whole, tape.specs)
        rounds.adopt(tape.specs)
        for batch in tape.blocks():
            if isinstance(batch, list):
                rounds.events(batch)
                whole.on_events(batch)
            else:
                rounds.block(batch.copy(), tape.symbols)
                whole.on_block(batch, tape.symbols)
            parts.take(rounds.cut(1))
        same(spy, parts, {one.symbol: one.index for one in whole.instruments})
        seen += len(spy.rows)
    assert seen > 100
