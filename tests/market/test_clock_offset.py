"""The clock offset: the least delay seen, unknown until a venue told its time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS, Quote, Trade
from engine.instruments import Instruments
from engine.market.clock_offset import AT_LEAST, PATIENCE_S, RECENT_S, SAMPLES, ClockOffset, Lateness
from tests.features.ticks import T0

MS = NS // 1000


def test_unknown_until_the_first_trade_and_each_venue_for_itself() -> None:
    offset = ClockOffset()
    assert offset.skew_ns("kraken") is None
    offset.note("kraken", T0, T0 + 40 * MS)
    assert (offset.skew_ns("kraken"), offset.skew_ns("binance")) == (40 * MS, None)


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, NS)), min_size=1, max_size=600))
def test_the_least_of_the_recent(told: list[tuple[int, int]]) -> None:
    offset, recv_ns, samples = ClockOffset(), T0, []
    for delay, later_ns in told:
        recv_ns += later_ns
        samples.append((recv_ns // NS, delay))
        offset.note("kraken", recv_ns - delay, recv_ns)
    seconds = sorted({second for second, _ in samples})
    recent = {second for second in seconds if second > recv_ns // NS - RECENT_S} | set(seconds[-AT_LEAST:])
    assert offset.skew_ns("kraken") == min(delay for second, delay in samples if second in recent)


def test_a_line_that_falls_behind_shows_within_seconds() -> None:
    offset = ClockOffset()
    for tenth in range(300):
        late_ns = max(0, tenth - 100) * NS // 20  # half a second a second
        at = T0 + tenth * NS // 10
        offset.note("binance", at - late_ns - 20 * MS, at)
        if late_ns < NS - 20 * MS:
            assert offset.late(NS) == {}
        if late_ns > NS + RECENT_S * NS // 2:
            assert offset.late(NS) != {}
    offset.note("binance", at, at + 20 * MS)
    assert offset.late(NS) == {}, "it has caught up"


def test_what_one_stall_held_up_says_nothing_of_what_comes_next() -> None:
    """A venue that trades seldom would be denied until it trades again."""
    offset = ClockOffset()
    for tenth in range(300):
        offset.note("okx", T0 + tenth * NS // 10, T0 + tenth * NS // 10 + 20 * MS)
    for read in range(20):
        offset.note("okx", T0 + 60 * NS, T0 + 62 * NS + read * 10 * MS)
    assert offset.late(NS) == {}
    for second in range(63, 63 + AT_LEAST):
        offset.note("okx", T0 + second * NS - 2 * NS, T0 + second * NS)
    assert offset.late(NS) == {"okx": 2 * NS}


def test_the_symbols_of_a_venue_that_is_late() -> None:
    offset, instruments = ClockOffset(), Instruments()
    for symbol in ("okx:A", "kraken:B", "okx:C"):
        instruments.add(symbol)
    late = Lateness(offset, instruments, lambda: NS)
    offset.note("kraken", T0, T0 + 5 * MS)
    offset.note("okx", T0, T0 + NS)
    for second in range(20, 20 + AT_LEAST - 1):
        offset.note("okx", T0 + second * NS, T0 + (second + 3) * NS)
    assert (late.late(), late.late_ns(0)) == ([], 0), "one of the newest was in time"
    offset.note("okx", T0 + 30 * NS, T0 + 33 * NS)
    assert (late.late(), late.late_ns(0), late.late_ns(1)) == ([0, 2], 3 * NS, 0)


def test_a_venue_that_only_quotes_is_unknown_for_a_while_then_has_no_clock() -> None:
    offset = ClockOffset()
    offset.note_quote("binance", T0)
    assert offset.skew_ns("binance") is None
    offset.note_quote("binance", T0 + PATIENCE_S * NS - 1)
    assert offset.skew_ns("binance") is None
    offset.note_quote("binance", T0 + PATIENCE_S * NS)
    assert (offset.skew_ns("binance"), offset.skew_ns("kraken")) == (0, None)


def test_the_first_trade_ends_the_doubt_for_good() -> None:
    offset = ClockOffset()
    for second in (0, 60):
        offset.note_quote("binance", T0 + second * NS)
    offset.note("binance", T0, T0 + 5 * NS)
    offset.note_quote("binance", T0 + 90 * NS)
    assert offset.skew_ns("binance") == 5 * NS


def test_latency_is_what_comes_on_top_of_the_fastest() -> None:
    offset = ClockOffset()
    assert offset.latency_ns("kraken") is None
    for number in range(101):
        offset.note("kraken", T0, T0 + (500 + number) * MS)
    assert offset.latency_ns("kraken") == (50 * MS, 99 * MS)


def test_latency_is_of_the_newest() -> None:
    offset = ClockOffset()
    offset.note("kraken", T0, T0 + 9 * NS)
    for _ in range(SAMPLES):
        offset.note("kraken", T0, T0 + 20 * MS)
    assert offset.latency_ns("kraken") == (0, 0)


def test_of_a_batch_the_newest_trade_tells_the_time_and_a_quote_only_that_the_venue_lives() -> None:
    clocks = ClockOffset()
    quote = Quote("okx:A", 1.0, 1.0, 2.0, 1.0, 5, 40 * NS)
    old = Trade("okx:A", 1, 1.0, 1.0, 0, NS, 41 * NS, True)
    clocks.note_batch([quote])
    clocks.note_batch([quote, old])
    assert clocks.skew_ns("okx") is None, "a fetched trade is no sample"
    clocks.note_batch([Trade("okx:A", 2, 1.0, 1.0, 0, 39 * NS, 42 * NS), quote])
    assert clocks.skew_ns("okx") == 3 * NS
