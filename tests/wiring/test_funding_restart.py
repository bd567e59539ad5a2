"""Funding after a kill: what the paper venue kept last may be from before the position."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.config import load
from engine.events import NS, Funding, JournalEvent
from engine.wiring.order_restore import STATE
from tests.execution.alpaca_desk import BTC
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.sent_orders import sent

HOUR = 3600 * NS
PAID_NS = START_NS // (8 * HOUR) * 8 * HOUR
"""When funding was paid last."""
OPENED_NS = PAID_NS + 30 * 24 * HOUR + 7 * HOUR
"""An hour before a time of funding, a month later."""


def journal() -> list[JournalEvent]:
    """Held until after a payment, flat for a month, and held again."""
    return [
        *sent("paper", "2", filled=True, name="td-1", ns=PAID_NS - HOUR),
        Funding("fd-1", BTC, Decimal("-0.02"), "USD", 0.0001, PAID_NS),
        *sent("paper", "-2", filled=True, name="td-2", ns=PAID_NS + HOUR),
        *sent("paper", "2", filled=True, name="td-3", ns=OPENED_NS),
    ]


@pytest.mark.parametrize("kept", [{}, {"ns": PAID_NS + HOUR}, {"ns": 1, "funded": {BTC: PAID_NS}}])
@pytest.mark.parametrize(("off_h", "times"), [(0.5, ()), (1.5, (1,)), (10, (1, 9))])
def test_only_the_times_of_the_open_position_are_paid(
    kept: dict[str, object], off_h: float, times: tuple[int, ...]
) -> None:
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01"], environ={}))
    now_ns = OPENED_NS + round(off_h * HOUR)
    bench.desk.restore(journal(), now_ns, {STATE: kept})
    payments = bench.desk.trading.paper.funding(now_ns, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [OPENED_NS + hours * HOUR for hours in times]


@pytest.mark.parametrize("kept", [{}, {"ns": OPENED_NS + 5 * HOUR, "funded": {BTC: OPENED_NS + 5 * HOUR}}])
def test_what_was_opened_by_a_clock_that_was_ahead_pays_from_now_on(kept: dict[str, object]) -> None:
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01"], environ={}))
    now_ns = OPENED_NS - 20 * HOUR
    bench.desk.restore(journal(), now_ns, {STATE: kept})
    paper = bench.desk.trading.paper
    assert paper.funding(now_ns, lambda symbol: 100.0) == []
    payments = paper.funding(now_ns + 16 * HOUR, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [OPENED_NS - 15 * HOUR, OPENED_NS - 7 * HOUR]


def test_what_a_clock_that_was_ahead_paid_for_is_not_paid_again() -> None:
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01"], environ={}))
    now_ns = OPENED_NS - 20 * HOUR
    ahead = Funding("fd-2", BTC, Decimal("-0.02"), "USD", 0.0001, OPENED_NS + HOUR)
    bench.desk.restore([*journal(), ahead], now_ns, {})
    payments = bench.desk.trading.paper.funding(OPENED_NS + 10 * HOUR, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [OPENED_NS + 9 * HOUR]


@pytest.mark.parametrize("set_ns", [OPENED_NS + 1800 * NS, OPENED_NS + 30 * HOUR])
def test_a_clock_that_was_behind_at_the_start_charges_nothing_of_before_the_position(set_ns: int) -> None:
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01"], environ={}))
    behind_ns = OPENED_NS - 20 * 24 * HOUR
    bench.desk.restore(journal(), behind_ns, {STATE: {"ns": OPENED_NS, "funded": {BTC: OPENED_NS}}})
    paper = bench.desk.trading.paper
    assert paper.funding(behind_ns + HOUR // 2, lambda symbol: 100.0) == []
    assert paper.state()["funded"] == {BTC: OPENED_NS}, "should it end before the clock is set"
    due = range(OPENED_NS + HOUR, set_ns + 1, 8 * HOUR)
    assert [payment.ns for payment in paper.funding(set_ns, lambda symbol: 100.0)] == [*due]


@pytest.mark.parametrize("hours", [0.5, 4])
def test_another_interval_keeps_to_its_own_times_of_the_day(hours: float) -> None:
    # It went on from the other interval's last payment: at 04:00, 12:00 and 20:00.
    paid = Funding("fd-2", BTC, Decimal("-0.02"), "USD", 0.0001, OPENED_NS + 5 * HOUR)
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01"], environ={}))
    now_ns = paid.ns + round(hours * HOUR)
    bench.desk.restore([*journal(), paid], now_ns, {STATE: {"ns": paid.ns, "funded": {BTC: paid.ns}}})
    payments = bench.desk.trading.paper.funding(paid.ns + 17 * HOUR, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [OPENED_NS + 9 * HOUR, OPENED_NS + 17 * HOUR]


def test_a_rate_that_is_set_with_another_interval_charges_nothing_of_the_time_without_one() -> None:
    free = Bench(load(overrides=["paper.funding_rate_pct=0"], environ={}))
    until_ns = OPENED_NS + 6 * HOUR
    free.desk.restore(journal(), OPENED_NS, {})
    assert free.desk.trading.paper.funding(until_ns, lambda symbol: 100.0) == []
    kept = free.desk.trading.paper.state()
    bench = Bench(load(overrides=["paper.funding_rate_pct=0.01", "paper.funding_interval_h=4"], environ={}))
    bench.desk.restore(journal(), until_ns, {STATE: kept})
    payments = bench.desk.trading.paper.funding(OPENED_NS + 9 * HOUR, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [OPENED_NS + 9 * HOUR]
