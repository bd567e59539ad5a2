"""The plain entry says what the checks say one by one, to the last digit, or leaves it to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AccountConfig, ExitsConfig, RiskConfig
from engine.events import NS, OrderRequest, RiskState, Side
from engine.instruments import Instrument
from engine.risk.gate import RiskGate
from engine.risk.plain_entry import PlainEntry
from engine.risk.view import RiskView
from tests.risk.conftest import INSTRUMENT, SYMBOL, T0, entry, exit_, gate, view

D = Decimal


def plain_of(desk: RiskGate) -> PlainEntry:
    plain = desk._plain
    assert plain is not None
    return plain


def assert_same(desk: RiskGate, request: OrderRequest, seen: RiskView) -> bool:
    """Judge with and without the shorter way; whether it was taken."""
    found = plain_of(desk).outcomes(request, seen)
    told = desk.check(request, seen)
    with mock.patch.object(desk, "_plain", None):
        assert told == desk.check(request, seen)
    assert found is None or told.approved
    return found is not None


def decimals(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=3, allow_nan=False)


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "side": st.sampled_from(list(Side)),
        "quantity": st.one_of(decimals(-1, 90), st.sampled_from([D("NaN"), D("Infinity"), D(0), D("1E+1")])),
        "decision_price": st.floats(98, 102),
        "client_order_id": st.sampled_from(["", "td-1", "td-used"]),
        "sources": st.sampled_from([(), ("trend",), ("model",), ("off",)]),
        "symbol": st.sampled_from([SYMBOL, "sim:ETH-USD"]),
    },
)
VIEWS = st.fixed_dictionaries(
    {},
    optional={
        "equity": st.one_of(st.none(), decimals(-10, 200_000), st.sampled_from([D("NaN"), D("-0")])),
        "day_pnl": st.one_of(st.none(), decimals(-6000, 6000)),
        "drawdown_pct": st.one_of(st.none(), st.floats(0, 12)),
        "bid": st.one_of(st.just(float("nan")), st.floats(98, 101)),
        "ask": st.one_of(st.just(float("inf")), st.floats(99, 102)),
        "data_age_ns": st.one_of(st.none(), st.integers(-4 * NS, 4 * NS)),
        "clock_skew_ns": st.one_of(st.none(), st.integers(-2 * NS, 2 * NS)),
        "position": st.one_of(st.none(), st.sampled_from([D(0), D("0.000"), D(5), D(-5), D("NaN")])),
        "working": st.sampled_from([D(0), D(3)]),
        "symbol_orders": st.integers(-1, 11),
        "open_orders": st.integers(-1, 101),
        "gross": decimals(0, 120_000),
        "net": decimals(-70_000, 70_000),
        "blocked": st.sampled_from(["", "a word"]),
        "data_fault": st.sampled_from(["", "quote 11 s old"]),
        "budgets": st.sampled_from([(), (("trend", D("0.1"), D(0)),)]),
        "own_ask": st.one_of(st.none(), st.just(D(99))),
        "own_bid": st.one_of(st.none(), st.just(D(101))),
        "rate": st.one_of(st.none(), st.just(D(1))),
        "instrument": st.sampled_from(
            [
                None,
                INSTRUMENT,
                Instrument(0, SYMBOL, "EUR", D("0.01"), D("0.001")),
                Instrument(0, SYMBOL, "USD", D("0.01"), D("0.007"), max_quantity=D(8)),
            ]
        ),
        "ahead": st.integers(0, 3),
    },
)


@settings(max_examples=400, deadline=None)
@given(REQUESTS, VIEWS, st.booleans(), st.booleans(), st.booleans())
def test_no_order_is_judged_otherwise(
    request: dict[str, Any], seen: dict[str, Any], used: bool, shorts: bool, sized: bool
) -> None:
    desk = gate(
        allow_short=shorts, max_order_quantity=9.0 if sized else 0.0, max_orders_per_s=5.0, order_burst=3
    )
    if used:
        desk.remember(("td-used",))
        desk.sent(entry(client_order_id="td-before"), T0 - NS // 2)
        desk.disable("off", "repeats itself")
    assert_same(desk, entry(**request), view(**seen))


def test_a_healthy_entry_is_plain() -> None:
    assert assert_same(gate(), entry(), view())
    assert assert_same(gate(), entry(side=Side.SELL), view())


@pytest.mark.parametrize("quantity", ["49.994", "49.995", "49.996"])
def test_it_ends_exactly_where_the_limit_does(quantity: str) -> None:
    """5 % of 100,000 at 100.01 are 49.995 of it."""
    found = assert_same(gate(), entry(quantity=D(quantity)), view())
    assert found is (D(quantity) <= D("49.995"))


def test_an_order_that_was_sent_before_is_not_plain() -> None:
    desk = gate()
    desk.sent(entry(), T0)
    assert not assert_same(desk, entry(), view())
    assert not assert_same(desk, entry(client_order_id="td-2"), view(now_ns=T0 + NS))
    assert assert_same(desk, entry(client_order_id="td-2"), view(now_ns=T0 + NS + 1))
    assert assert_same(desk, entry(client_order_id="td-2", quantity=D(11)), view())


def test_what_is_asked_at_times_is_asked_here_too() -> None:
    exits = ExitsConfig(cooldown_bars=5, stop_lock_count=1, stop_lock_bars=9, stop_lock_window_bars=9)
    desk = RiskGate(RiskConfig(), AccountConfig(), exits)
    desk.rest_on_bus()
    desk.on_fill(exit_(), T0)
    desk.on_exit(SYMBOL, T0)
    for later_s, plain in ((0, False), (4, False), (6, False), (9, True)):
        assert assert_same(desk, entry(), view(now_ns=T0 + later_s * NS)) is plain
    assert assert_same(desk, entry(symbol="sim:ETH-USD"), view())
    assert not assert_same(desk, entry(symbol="sim:ETH-USD"), view(forbidden="a gap"))


def test_a_state_that_is_not_active_is_never_plain() -> None:
    for state in (RiskState.REDUCING, RiskState.HALTED):
        desk = gate()
        desk.request_state(state, "me", "so", T0)
        assert not assert_same(desk, entry(), view())


def test_after_the_first_loss_limit_the_second_counts() -> None:
    desk = gate()
    desk.on_equity(D(-3500), D(100_000), T0)
    desk.request_state(RiskState.ACTIVE, "me", "go on", T0)
    assert not assert_same(desk, entry(), view(day_pnl=D(-3500), equity=D(96_500)))


def test_limits_that_change_count_at_once() -> None:
    desk, seen = gate(), view()
    assert assert_same(desk, entry(), seen)
    desk.book.set("desk", "max_order_notional_pct", 0.5, "me", T0)
    assert not assert_same(desk, entry(), seen)
    desk.book.set("symbol:" + SYMBOL, "max_position_pct", 1.0, "me", T0)
    assert not assert_same(desk, entry(), seen)


def test_a_check_that_it_does_not_know_of_ends_it() -> None:
    desk = gate()
    known = desk._market_entry.checks
    facts = (desk._limits, desk._latch, desk._pace, desk.locks, desk.cooldown)
    assert PlainEntry(known, *facts).usable
    assert not PlainEntry(known[:-1], *facts).usable
    assert not PlainEntry((*known, known[0]._replace(code="ANOTHER")), *facts).usable
    assert not PlainEntry(tuple(reversed(known)), *facts).usable


def test_a_check_in_another_ones_place_is_not_taken_for_it() -> None:
    desk = gate()
    at = next(n for n, check in enumerate(desk._market_entry.checks) if check.code == "DRAWDOWN")
    other = desk._market_entry.checks[at]._replace(judge=lambda case: (False, None, None))
    made = (*desk._market_entry.checks[:at], other, *desk._market_entry.checks[at + 1 :])
    assert not PlainEntry(made, desk._limits, desk._latch, desk._pace, desk.locks, desk.cooldown).usable


def test_only_entries_at_market_are_judged_so() -> None:
    with mock.patch.object(PlainEntry, "outcomes", side_effect=AssertionError) as asked:
        gate().check(exit_(), view(position=D(10)))
        gate().check(entry(reduce_only=True), view())
        asked.assert_not_called()
        gate().check(entry(), view())
        asked.assert_called_once()
