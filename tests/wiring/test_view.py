"""The desk as rows: nothing unknown as a number, nothing that cannot travel, nothing that flickers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.protocol import StateFrame
from engine.config import load
from engine.events import NS, FeedState, Fill, RiskState, Side
from engine.feeds.base import FeedStats
from engine.market.clock_offset import ClockOffset
from engine.slices import at_once
from engine.wiring.decimal_text import money, plain
from engine.wiring.shown_numbers import age_ms, number
from engine.wiring.view import DeskView, Head, feed_row
from tests.wiring.conftest import START_NS, Bench, quote, simulated, trade

A = "sim:AAA-USD"


def frame(bench: Bench, now_ns: int, view: DeskView | None = None, **more: Any) -> StateFrame:
    made = view or DeskView(bench.desk, mode="PAPER", started_ns=START_NS)
    known: dict[str, Any] = {
        "phase": "running",
        "phase_detail": "",
        "feeds": (),
        "pending_writes": 0,
        "tape": "",
    } | more
    last_seq = known.pop("last_seq", 0)
    return at_once(made.making(now_ns, Head(**known), model=None, logs=(), last_seq=last_seq))


def test_an_empty_desk_has_a_frame() -> None:
    empty = frame(Bench(), START_NS)
    assert empty.full and empty.ticks == () and empty.positions == ()
    assert empty.status.equity == "100000.00" and empty.status.day_pnl == "0.00"
    assert empty.status.latency_p50_us is None and empty.status.ticks == 0
    assert msgspec.json.decode(msgspec.json.encode(empty), type=StateFrame) == empty


def test_a_desk_that_only_watches_says_so() -> None:
    watching = Bench(config=load(overrides=["engine.hands_off=true"], environ={}))
    assert frame(watching, START_NS).status.hands_off and not frame(Bench(), START_NS).status.hands_off


def test_what_is_not_known_yet_is_null() -> None:
    bench = Bench()
    bench.desk.on_events([trade(A, 1, 100.0, 1.0, 0)])
    (row,) = frame(bench, START_NS).ticks
    assert (row.bid, row.ask, row.rsi, row.score, row.last) == (None, None, None, None, 100.0)
    bench.desk.on_events([quote(A, 99.9, 100.1, 0.1, size=float("nan"))])
    (row,) = frame(bench, START_NS + NS).ticks
    assert (row.bid, row.ask, row.bid_size) == (99.9, 100.1, None)


def test_a_quote_that_trades_have_left_behind_is_not_shown_as_one() -> None:
    bench = Bench()
    bench.desk.on_events([quote(A, 99.9, 100.1, 0), trade(A, 1, 100.0, 1.0, 0)])
    for second in (1, 2, 3, 4, 5):
        bench.desk.on_events([trade(A, 1 + second, 102.0, 1.0, second)])
    (row,) = frame(bench, START_NS + 5 * NS).ticks
    assert (row.bid, row.ask, row.last, row.stale) == (None, None, 102.0, False)
    bench.desk.on_events([trade(A, 9, 102.0, 1.0, 11)])
    (row,) = frame(bench, START_NS + 11 * NS).ticks
    assert (row.bid, row.ask, row.stale_reason) == (99.9, 100.1, "quote 11 s old")


def test_what_is_stale_follows_a_limit_that_is_changed_while_it_runs() -> None:
    bench = Bench()
    bench.desk.on_events([trade(A, 1, 100.0, 1.0, 0), quote(A, 99.9, 100.1, 0.1)])
    view, now_ns = DeskView(bench.desk, mode="PAPER", started_ns=START_NS), START_NS + 2 * NS
    assert not frame(bench, now_ns, view).ticks[0].stale
    bench.desk.trading.limits.set("desk", "stale_data_s", 1.0, "me")
    (row,) = (told := frame(bench, now_ns, view)).ticks
    assert (row.stale, told.status.stale_symbols) == (True, 1)


def test_a_symbol_without_news_goes_stale() -> None:
    bench = Bench()
    bench.desk.on_events([quote(A, 99.9, 100.1, 0), trade(A, 1, 100.0, 1.0, 0)])
    limit = bench.config.risk.stale_data_s
    (fresh,) = frame(bench, START_NS + int((limit - 0.1) * NS)).ticks
    later = frame(bench, START_NS + int((limit + 0.1) * NS))
    assert (fresh.stale, later.ticks[0].stale, later.status.stale_symbols) == (False, True, 1)


def test_a_trading_desk_travels_whole() -> None:
    bench = Bench()
    simulated(bench, 90)
    desk = bench.desk
    full = frame(bench, desk.now_ns, last_seq=len(bench.journal))
    assert msgspec.json.decode(msgspec.json.encode(full), type=StateFrame) == full
    status = full.status
    assert list(status.funnel) == [
        *("trades", "quotes", "bars", "features", "signals", "blends", "opportunities", "orders", "fills")
    ]
    assert status.ticks == status.funnel["trades"] + status.funnel["quotes"] > 1000
    assert list(status.drops.values()) == sorted(status.drops.values(), reverse=True)
    assert Decimal(status.equity) == desk.trading.ledger.equity().quantize(Decimal("0.01"))
    assert {row.symbol for row in full.ticks} == {instrument.symbol for instrument in desk.instruments}
    assert all(len(row.spark) == 24 for row in full.ticks)
    held = {row.symbol: row for row in full.positions}
    for position in desk.trading.ledger.touched():
        row = held[position.symbol]
        assert Decimal(row.quantity) == position.quantity
        assert bool(row.stop_price) is bool(position.quantity)
        if position.quantity:
            below, above = sorted((Decimal(row.stop_price), Decimal(row.target_price)))
            assert below < Decimal(row.entry_price) < above
    assert len(full.orders) == len(desk.trading.blotter) > 0
    for order in full.orders:
        assert (order.average_price != "") is (order.filled != "0")
    assert {row.name for row in full.strategies} >= {"rapid_rise", "trend", "model"}
    assert full.opportunities and all(row.id and row.status for row in full.opportunities)


def test_the_tick_rate_is_over_the_desks_clock() -> None:
    bench = Bench()
    view = DeskView(bench.desk, mode="PAPER", started_ns=START_NS)
    frame(bench, START_NS, view)
    bench.desk.on_events([trade(A, n, 100.0, 1.0, n / 100) for n in range(1, 201)])
    assert frame(bench, START_NS + NS // 2, view).status.ticks_per_s == 0.0, "too soon to say"
    assert frame(bench, START_NS + 2 * NS, view).status.ticks_per_s == 100.0


def test_a_loss_is_shown_in_percent_of_the_days_start() -> None:
    bench = Bench()
    ledger = bench.desk.trading.ledger
    zero = Decimal(0)
    ledger.apply(
        Fill("tx-1", "td-1", A, Side.BUY, Decimal(100), Decimal(100), zero, "taker", 100.0, START_NS)
    )
    ledger.mark(A, Decimal(80))
    status = frame(bench, START_NS).status
    assert (status.daily_loss_pct, status.drawdown_pct, status.day_pnl) == (2.0, 2.0, "-2000.00")


def test_the_loss_of_the_day_is_what_its_limit_judges_and_the_limit_the_one_in_force() -> None:
    """The fall from the day's high counts; a limit that was changed live, or whose first step a person went
    on from, is shown as it is now."""
    bench = Bench()
    trading = bench.desk.trading
    at = trading.ledger
    at.apply(
        Fill("tx-1", "td-1", A, Side.BUY, Decimal(100), Decimal(100), Decimal(0), "taker", 1e2, START_NS)
    )
    for price in (150, 130):
        at.mark(A, Decimal(price))
    status = frame(bench, START_NS).status
    assert (status.daily_loss_pct, status.day_pnl) == (1.905, "3000.00")
    assert status.daily_loss_limit_pct == 3.0
    trading.gate.book.set("desk", "daily_loss_reduce_pct", 1.5, "me", START_NS)
    assert frame(bench, START_NS).status.daily_loss_limit_pct == 1.5
    trading._judge_equity(START_NS)
    assert trading.gate.state is RiskState.REDUCING
    trading.set_state(RiskState.ACTIVE, "me", "go on")
    assert frame(bench, START_NS).status.daily_loss_limit_pct == 5.0


def test_a_feed_that_never_spoke_has_no_age() -> None:
    class Quiet:
        venue = "kraken"
        stats = FeedStats()

    row = feed_row(Quiet(), START_NS)  # type: ignore[arg-type]
    assert row.age_ms is None
    Quiet.stats.last_data_ns = START_NS
    Quiet.stats.state = FeedState.UP
    row = feed_row(Quiet(), START_NS + 1_234_567_890)  # type: ignore[arg-type]
    assert (row.age_ms, row.state) == (1234.6, "up")
    assert feed_row(Quiet(), START_NS - NS).age_ms == 0.0  # type: ignore[arg-type]


@given(st.integers(-(10**9), 10**12))
@settings(max_examples=60)
def test_ages_never_overstate_and_change_seldom(ns: int) -> None:
    shown = age_ms(ns)
    assert 0 <= shown <= max(0, ns) / 1e6
    assert max(0, ns) / 1e6 - shown < max(50.0, shown)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=9))
@settings(max_examples=60)
def test_quantities_are_shown_exactly_and_plainly(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value and "E" not in text
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize(
    ("value", "text"), [("1234.565", "1234.56"), ("-0.004", "-0.00"), ("1E+3", "1000.00"), ("0", "0.00")]
)
def test_money(value: str, text: str) -> None:
    assert money(Decimal(value)) == text


def test_numbers_that_are_none() -> None:
    assert [number(value) for value in (1.5, float("nan"), float("inf"), float("-inf"))] == [
        1.5,
        None,
        None,
        None,
    ]


def test_a_clock_too_far_off_is_marked_where_it_is_judged() -> None:
    clocks = ClockOffset()
    clocks.note("quiet", START_NS, START_NS + 2 * NS)

    class Quiet:
        venue, stats = "quiet", FeedStats()

    assert [feed_row(Quiet(), START_NS, clocks, most).clock_off for most in (0, NS, 2 * NS)] == [
        False,
        True,
        False,
    ]
