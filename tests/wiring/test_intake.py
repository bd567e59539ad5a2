"""The way in: what is counted, what is turned away, and that batches make no difference."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import FeedState, FeedStatus, Gap, Malformed, MarketEvent
from engine.feeds.packing import Packer
from engine.ticks import QUOTE, TICK, TRADE
from engine.wiring.intake import CAPACITY
from tests.wiring.conftest import START_NS, Bench, calm, quote, trade

A, B = "sim:AAA-USD", "sim:BBB-USD"


def flow() -> list[MarketEvent]:
    """Two symbols, a minute of calm, then one rises by four percent in a second and falls again."""
    events: list[MarketEvent] = []
    for first, second in zip(calm(A, 100.0, 60), calm(B, 5.0, 60), strict=True):
        events += [*first, *second]
    for n in range(16):
        price, at = 100.0 + 0.6 * min(n, 15 - n), 60 + n / 8
        events += [quote(A, price - 0.01, price + 0.01, at), trade(A, 5000 + n, price, 9.0, at)]
    return events


def outcome(batches: list[list[MarketEvent]]) -> tuple[object, ...]:
    """Everything that follows from a flow of events."""
    bench = Bench()
    for batch in batches:
        bench.desk.on_events(batch)
    desk = bench.desk
    rows = [repr(desk.features.row(instrument.index)) for instrument in desk.instruments]
    journal = [msgspec.json.encode(event) for event in bench.journal]
    return desk.funnel(), dict(desk.drops), rows, journal, [repr(record) for record in bench.records]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=12))
@settings(max_examples=12, deadline=None)
def test_the_result_does_not_depend_on_the_batches(sizes: list[int]) -> None:
    events = flow()
    batches, at, turn = [], 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)]
        batches.append(events[at : at + size])
        at, turn = at + size, turn + 1
    expected = outcome([[event] for event in events])
    assert expected[3], "the flow leads to orders"
    assert outcome(batches) == expected


def test_symbols_of_a_block_get_their_rows_in_order_of_arrival() -> None:
    """Else a tape's desk would depend on how large its blocks are."""
    packer = Packer()
    packer.index(A)
    packer.add([quote(B, 4.9, 5.1, 0), quote(A, 99.9, 100.1, 1)])
    ticks, _ = packer.take()
    bench = Bench()
    bench.desk.on_block(ticks, packer.symbols)
    assert packer.symbols == [A, B]
    assert bench.desk.intake.symbols == [B, A]


def test_more_than_the_buffer_holds_is_taken() -> None:
    bench = Bench()
    bench.desk.on_events([trade(A, n, 100.0, 1.0, n / 1000) for n in range(1, 2 * CAPACITY + 10)])
    assert bench.desk.funnel()["trades"] == 2 * CAPACITY + 9


def test_what_is_rejected_is_counted_by_reason_and_not_as_a_tick() -> None:
    bench = Bench()
    good = [quote(A, 99.9, 100.1, 0), trade(A, 1, 100.0, 1.0, 0.1)]
    bad = [
        trade(A, 2, math.nan, 1.0, 0.2),
        trade(A, 3, -1.0, 1.0, 0.3),
        trade(A, 1, 100.0, 1.0, 0.4),
        quote(A, math.inf, 100.1, 0.5),
        quote(A, 100.2, 100.1, 0.6),
    ]
    bench.desk.on_events([*good, *bad])
    desk = bench.desk
    assert (desk.intake.trades, desk.intake.quotes) == (1, 1)
    assert desk.intake.rejected == {"NOT_FINITE": 2, "NOT_POSITIVE": 1, "DUPLICATE": 1, "CROSSED": 1}
    assert desk.drops == {f"market:{code}": count for code, count in desk.intake.rejected.items()}
    row = desk.features.row(0)
    assert (row.last, row.bid, row.ask) == (100.0, 99.9, 100.1)


def test_other_events_keep_their_place_among_the_ticks() -> None:
    bench = Bench()
    ns = START_NS
    bench.desk.on_events(
        [
            FeedStatus("sim", FeedState.UP, "", ns),
            trade(A, 1, 100.0, 1.0, 0),
            Gap(A, 2, 4, "cut", ns + 1),
            trade(A, 5, 101.0, 1.0, 1),
            Malformed("sim", "{", "no JSON", ns + 2),
        ]
    )
    desk = bench.desk
    assert desk.intake.trades == 2
    assert desk.drops["feeds:MALFORMED"] == 1
    (alert,) = bench.journal
    assert "2–4" in alert.text and "cut" in alert.text and alert.source == A  # type: ignore[union-attr]


def block(rows: list[tuple[int, int, float, float, float]]) -> np.ndarray:
    """(symbol, kind, at_s, a, b) as packed ticks."""
    ticks = np.zeros(len(rows), TICK)
    for n, (symbol, kind, at_s, a, b) in enumerate(rows):
        ns = START_NS + int(at_s * 1e9)
        ticks[n]["symbol"], ticks[n]["kind"], ticks[n]["a"], ticks[n]["b"] = symbol, kind, a, b
        ticks[n]["recv_ns"] = ticks[n]["event_ns"] = ns
        ticks[n]["trade_id"] = n + 100 if kind == TRADE else -1
    return ticks


@pytest.mark.parametrize("size", [1, 7, 500])
def test_events_in_one_call_are_what_a_block_is_in_two(size: int) -> None:
    """More symbols and more trades in a window than there is room for at first; one tick in nine is bad."""
    names = [f"sim:S{n:02d}-USD" for n in range(70)]
    rows = []
    for n in range(2_000):
        symbol, at_s = (0 if n % 2 else n % len(names)), n / 400
        price = 0.0 if n % 9 == 0 else 100.0 + n % 13 / 100
        rows.append((symbol, TRADE, at_s, price, 1.0) if n % 5 else (symbol, QUOTE, at_s, price, price + 0.1))
    packed, desks = block(rows), [Bench().desk for _ in range(2)]
    for desk in desks:
        for name in names:
            desk.intake.add_symbol(name, 100.0)
    for first in range(0, len(packed), size):
        events: list[MarketEvent] = []
        for tick in packed[first : first + size]:
            name, at_s = names[tick["symbol"]], (int(tick["recv_ns"]) - START_NS) / 1e9
            if tick["kind"] == TRADE:
                one = trade(name, int(tick["trade_id"]), float(tick["a"]), float(tick["b"]), at_s)
                events.append(msgspec.structs.replace(one, aggressor=0))
            else:
                events.append(quote(name, float(tick["a"]), float(tick["b"]), at_s, size=0.0))
        desks[0].on_events(events)
        desks[1].on_block(packed[first : first + size].copy(), names)
    one, other = ((desk.funnel(), desk.drops, desk.intake.rejected, desk.now_ns) for desk in desks)
    assert one == other and one[2]["NOT_POSITIVE"] == len(range(0, 2_000, 9))
    for index in range(len(names)):
        assert repr(desks[0].features.row(index)) == repr(desks[1].features.row(index))


def test_a_blocks_symbols_are_those_of_its_tape() -> None:
    bench = Bench()
    bench.desk.on_events([trade(B, 1, 5.0, 1.0, 0)])  # B has row 0 here, number 1 on the tape
    ticks = block([(1, TRADE, 1, 5.5, 1.0), (0, QUOTE, 1.1, 99.9, 100.1), (0, TRADE, 1.2, 100.0, 2.0)])
    bench.desk.on_block(ticks, [A, B, "sim:NEVER-USD"])
    desk = bench.desk
    assert (desk.intake.trades, desk.intake.quotes) == (3, 1)
    instruments = {instrument.symbol: instrument.index for instrument in desk.instruments}
    assert instruments == {B: 0, A: 1}
    assert desk.features.row(0).last == 5.5 and desk.features.row(1).last == 100.0


def test_an_unknown_symbol_gets_a_grid_that_fits_its_price() -> None:
    bench = Bench()
    bench.desk.on_events([trade(A, 1, 60_000.0, 1.0, 0), trade(B, 1, 0.0005, 1.0, 0)])
    coarse, fine = bench.desk.instruments
    assert coarse.tick_size > fine.tick_size > 0 and coarse.assumed and fine.assumed


def test_no_events_are_no_work() -> None:
    bench = Bench()
    bench.desk.on_events([])
    bench.desk.advance(START_NS)
    assert bench.desk.funnel() == dict.fromkeys(bench.desk.funnel(), 0)
    with pytest.raises(IndexError):
        bench.desk.instruments[0]


@pytest.mark.parametrize("venue", ["bybit", "alpaca", "okx", "ccxt-bitget"])
def test_trades_whose_ids_only_tell_them_apart_are_all_taken(venue: str) -> None:
    bench = Bench()
    ids = np.random.default_rng(5).permutation(500).tolist()
    bench.desk.on_events([trade(f"{venue}:X", one, 100.0, 1.0, n / 10) for n, one in enumerate(ids)])
    assert bench.desk.funnel()["trades"] == 500 and not bench.desk.drops
