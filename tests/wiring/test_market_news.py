"""Books, gaps and bars in the desk: what each of them stops, at once and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from engine.events import NS, BookStatus, Candle, Depth, Gap, Malformed, MarketEvent, Quarantined
from engine.market.freshness import NO_QUOTE
from tests.market.candles import candle
from tests.risk.conftest import entry
from tests.wiring.conftest import START_NS, Bench, calm, quote, trade

SYMBOL = "kraken:BTC/USD"
LEVELS = ((99.0, 1.0),), ((101.0, 1.0),)


def at(seconds: float) -> int:
    return START_NS + round(seconds * NS)


def book(live: bool, seconds: float, *, quotes: bool = True) -> BookStatus:
    return BookStatus(SYMBOL, live, "" if live else "checksum differs", quotes, at(seconds))


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    for events in calm(SYMBOL, 100.0, 5):
        made.desk.on_events(events)
    return made


def fault(bench: Bench) -> str:
    return bench.desk.freshness.fault(0, bench.desk.now_ns)


def test_a_wrong_book_takes_its_depth_and_its_quotes_with_it_until_it_is_right(bench: Bench) -> None:
    desk = bench.desk
    desk.on_events([Depth(SYMBOL, *LEVELS, at(4.2), at(4.2))])
    assert SYMBOL in desk.news.depths and fault(bench) == ""
    desk.on_events([book(False, 4.3), trade(SYMBOL, 99, 100.0, 1.0, 4.4)])
    assert desk.news.depths == {} and fault(bench) == "book checksum differs"
    assert math.isnan(desk.features.live_quote(0)[0]), "exits are judged by the last trade"
    assert desk.features.quote(0)[0] > 0.0, "the screen still shows it, dimmed"
    desk.on_events([book(True, 4.5), quote(SYMBOL, 99.9, 100.1, 4.5)])
    assert fault(bench) == "" and desk.features.live_quote(0)[0] == 99.9


def test_within_one_batch_what_comes_before_is_believed_and_what_comes_after_is_not(bench: Bench) -> None:
    desk, seen = bench.desk, []
    desk.trading.on_wake = lambda symbol: seen.append(fault(bench))
    desk.intake._on_trigger = lambda code, symbol: seen.append(fault(bench))
    desk.features.wake_at(0, 0)
    batch = [quote(SYMBOL, 99, 101, 6), book(False, 6.1), trade(SYMBOL, 99, 100.0, 1.0, 6.2)]
    desk.on_events(batch)
    assert seen[-2:] == ["", "book checksum differs"]


def test_a_wrong_book_beside_a_ticker_of_its_own_leaves_the_quotes(bench: Bench) -> None:
    bench.desk.on_events([book(False, 4.3, quotes=False), trade(SYMBOL, 99, 100.0, 1.0, 4.4)])
    assert fault(bench) == "" and bench.desk.features.live_quote(0)[0] > 0.0
    assert bench.desk.freshness.book_fault(0) == "book checksum differs"


def test_a_gap_marks_the_symbol_until_its_window_is_past_it_and_is_told(bench: Bench) -> None:
    desk = bench.desk
    desk.on_events([Gap(SYMBOL, 6, 9, "the line was cut", at(5))])
    assert desk.features.row(0).window_gapped == 1.0 and desk.news.gaps == {SYMBOL: 1}
    assert "6–9" in bench.journal[-1].text  # type: ignore[union-attr]
    desk.on_events([trade(SYMBOL, 10, 100.0, 1.0, 10.1)])
    assert desk.features.row(0).window_gapped == 0.0


def test_gaps_without_end_are_counted_and_do_not_fill_the_journal(bench: Bench) -> None:
    desk, before = bench.desk, len(bench.journal)
    desk.on_events([Gap(SYMBOL, -1, -1, "cut", at(5 + n / 100)) for n in range(1_000)])
    assert desk.news.gaps == {SYMBOL: 1_000} and len(bench.journal) == before + 1
    desk.on_events([Gap("kraken:ETH/USD", -1, -1, "cut", at(20)), Gap(SYMBOL, 7, 9, "cut", at(65))])
    assert [one.text for one in bench.journal[before + 1 :]] == [  # type: ignore[union-attr]
        "trades an unknown number missed: cut",
        "trades 7–9 missed: cut; 999 more gaps since the last one that was told",
    ]


def test_no_order_comes_of_a_rise_that_spans_a_gap() -> None:
    def signals(gap: bool) -> int:
        bench = Bench()
        for events in calm(SYMBOL, 100.0, 40):
            bench.desk.on_events(events)
        if gap:
            bench.desk.on_events([Gap(SYMBOL, 41, 44, "cut", at(40))])
        rise = [trade(SYMBOL, 50 + n, 100.0 + n, 50.0, 40.1 + 0.1 * n) for n in range(6)]
        bench.desk.on_events(rise)
        return sum(
            state.signals for state in bench.desk.signals.strategies.states() if state.name == "rapid_rise"
        )

    assert (signals(False) > 0, signals(True)) == (True, 0)


def gappy() -> Iterator[MarketEvent]:
    """A stream with everything in it that is no tick."""
    for number, events in enumerate(calm(SYMBOL, 100.0, 60)):
        yield from events
        if number % 7 == 3:
            yield Gap(SYMBOL, -1, -1, "cut", at(number + 0.2))
        if number % 11 == 5:
            yield book(False, number + 0.3)
            yield trade(SYMBOL, -1, 103.0 + number % 3, 20.0, number + 0.4)
            yield book(True, number + 0.5)
        if number % 13 == 4:
            yield msgspec.structs.replace(
                candle(number, 50.0 + number % 2),
                symbol="poll:AAPL",
                recv_ns=at(number + 0.6),
                event_ns=at(number),
            )


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_what_follows_does_not_depend_on_the_batch(size: int) -> None:
    events, whole, parts = list(gappy()), Bench(), Bench()
    whole.desk.on_events(events)
    for start in range(0, len(events), size):
        parts.desk.on_events(events[start : start + size])
    assert whole.desk.features._state.tobytes() == parts.desk.features._state.tobytes()
    # What is set aside is found when a batch is screened, before any of it is consumed.
    for aside in (False, True):
        one, other = (
            [repr(record) for record in bench.records if isinstance(record, Quarantined) is aside]
            for bench in (whole, parts)
        )
        assert one == other
    assert whole.journal == parts.journal


def polled(number: int, close: float, seconds: float, *, closed: bool = True) -> Candle:
    bar = candle(number, close, symbol="poll:AAPL", source="yahoo", closed=closed)
    return msgspec.structs.replace(bar, event_ns=at(seconds), recv_ns=at(seconds))


def bars(count: int) -> list[Candle]:
    return [polled(number, 200.0 + number / 10, 60.0 * number + 60) for number in range(count)]


def test_a_polled_bar_is_a_print_at_its_close_and_nothing_to_trade_at() -> None:
    bench = Bench()
    bench.desk.on_events(bars(3))
    index = 0
    assert bench.desk.features.quote(index)[4] == 200.2
    assert bench.desk.freshness.fault(index, bench.desk.now_ns) == NO_QUOTE
    assert bench.desk.intake.trades == 3


def test_an_open_bar_is_shown_and_is_no_print() -> None:
    bench = Bench()
    bench.desk.on_events([*bars(2), polled(2, 201.0, 130.0, closed=False)])
    assert bench.desk.news.candles["poll:AAPL"].close == 201.0 and bench.desk.intake.trades == 2


def test_bars_that_are_told_again_count_once_and_are_no_fault() -> None:
    bench = Bench()
    bench.desk.on_events([*bars(3), *bars(3)])
    assert bench.desk.intake.trades == 3
    assert not any(code.startswith("market:") for code in bench.desk.drops)
    assert not any(isinstance(record, Quarantined) for record in bench.records)


def test_a_bar_that_is_not_believed_is_kept_and_not_passed_on() -> None:
    bench, heard = Bench(), []
    bench.desk.news.on_candle = heard.append
    good, bad = polled(0, 200.0, 60.0), polled(1, 900.0, 120.0)
    bench.desk.on_events([good, bad])
    assert heard == [good] and bench.desk.drops == {"market:OUTLIER": 1}
    kept = [record for record in bench.records if isinstance(record, Quarantined)]
    assert [(row.symbol, row.reason, row.kind) for row in kept] == [("poll:AAPL", "OUTLIER", "bar")]


def test_bars_of_a_venue_beside_its_ticks_are_passed_on_and_are_no_prints(bench: Bench) -> None:
    heard: list[Candle] = []
    bench.desk.news.on_candle = heard.append
    before = bench.desk.intake.trades
    bar = candle(0, 100.0, symbol=SYMBOL, recv_ns=at(60))
    bench.desk.on_events([bar])
    assert heard == [bar] and bench.desk.intake.trades == before and fault(bench) == ""


def test_rejected_ticks_and_frames_are_kept(bench: Bench) -> None:
    bench.records.clear()
    bench.desk.on_events([quote(SYMBOL, 101, 99, 6), Malformed("kraken", "{", "not JSON", at(6))])
    kept = [record for record in bench.records if isinstance(record, Quarantined)]
    assert [(row.reason, row.kind) for row in kept] == [("CROSSED", "quote"), ("MALFORMED", "frame")]
    assert bench.desk.drops["feeds:MALFORMED"] == 1


def test_an_entry_on_a_wrong_book_is_denied_with_that_reason(bench: Bench) -> None:
    desk = bench.desk
    desk.on_events([book(False, 4.3), trade(SYMBOL, 99, 100.0, 1.0, 4.4)])
    request = entry(symbol=SYMBOL, quantity=Decimal("0.001"), decision_price=100.0, decision_ns=desk.now_ns)
    (verdict,) = desk.trading.judge([request])
    told = {check.code: (check.passed, check.value) for check in verdict.checks}
    assert not verdict.approved and told["STALE_DATA"] == (False, "book checksum differs")
    desk.on_events([book(True, 4.5), quote(SYMBOL, 99.9, 100.1, 4.5)])
    (verdict,) = desk.trading.judge([request])
    assert {check.code: check.passed for check in verdict.checks}["STALE_DATA"]


@pytest.mark.parametrize("quiet_s", [30, 61, 3_600])
def test_a_pair_that_does_not_trade_is_entered_as_long_as_its_quotes_are_fresh(
    bench: Bench, quiet_s: int
) -> None:
    desk = bench.desk
    desk.on_events([quote(SYMBOL, 99.9, 100.1, 5 + second) for second in range(quiet_s)])
    request = entry(symbol=SYMBOL, quantity=Decimal("0.001"), decision_price=100.0, decision_ns=desk.now_ns)

    def fresh() -> bool:
        (verdict,) = desk.trading.judge([request])
        return {check.code: check.passed for check in verdict.checks}["STALE_DATA"]

    assert fresh()
    desk.advance(at(5 + quiet_s + 1.9))
    assert fresh(), "as old as risk.stale_data_s allows"
    desk.advance(at(5 + quiet_s + 2.1))
    assert not fresh()
