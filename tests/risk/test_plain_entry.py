"""The one look at an entry, against the checks that define it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AccountConfig, ExitsConfig, RiskConfig
from engine.events import NS, OrderRequest, OrderType, Purpose, RiskState, Side
from engine.instruments import Instrument
from engine.risk.gate import RiskGate
from engine.risk.view import RiskView
from tests.risk.conftest import INSTRUMENT, SYMBOL, T0, entry, exit_, gate, view

_D = Decimal


def _amounts(low: str, high: str) -> st.SearchStrategy[Decimal]:
    odd = st.sampled_from([_D("NaN"), _D("Infinity"), _D("-Infinity"), _D(0)])
    usual = st.decimals(low, high, allow_nan=False, allow_infinity=False, places=3)
    return st.one_of(usual, usual, usual, odd)


_requests = st.fixed_dictionaries(
    {},
    optional={
        "client_order_id": st.sampled_from(["td-1", "td-used", ""]),
        "side": st.sampled_from([Side.BUY, Side.SELL]),
        "type": st.sampled_from([OrderType.MARKET, OrderType.LIMIT]),
        "quantity": _amounts("-1", "1000"),
        "purpose": st.sampled_from([Purpose.ENTRY, Purpose.TIME_EXIT]),
        "reduce_only": st.booleans(),
        "decision_price": st.sampled_from([100.0, 100.4, 99.0, 0.0, float("nan")]),
        "sources": st.sampled_from([(), ("trend",), ("model", "trend")]),
    },
)
_prices = st.sampled_from([99.5, 99.99, 100.0, 100.01, 101.0, 0.0, float("nan"), float("inf")])
_views = st.fixed_dictionaries(
    {},
    optional={
        "equity": st.none() | _amounts("-10", "200000"),
        "day_pnl": st.none() | _amounts("-20000", "20000"),
        "drawdown_pct": st.sampled_from([None, 0.0, 5.0, 50.0, float("nan")]),
        "bid": _prices,
        "ask": _prices,
        "data_age_ns": st.sampled_from([None, 0, NS, 100 * NS, -100 * NS]),
        "clock_skew_ns": st.sampled_from([None, 0, NS, 100 * NS, -100 * NS]),
        "position": st.none() | _amounts("-500", "500"),
        "symbol_orders": st.integers(-1, 6),
        "open_orders": st.integers(-1, 60),
        "gross": _amounts("0", "200000"),
        "net": _amounts("-200000", "200000"),
        "working": _amounts("-500", "500"),
        "blocked": st.sampled_from(["", "news"]),
        "budgets": st.sampled_from([(), (("trend", _D("0.001"), _D(0)),)]),
        "own_bid": st.none() | st.just(_D(100)),
        "own_ask": st.none() | st.just(_D(100)),
        "rate": st.none() | st.just(_D("1.1")),
        "model_age_ns": st.sampled_from([None, 0, 10**15]),
        "data_fault": st.sampled_from(["", "quote 20 s old"]),
        "ahead": st.integers(0, 30),
        "instrument": st.sampled_from(
            [
                INSTRUMENT,
                None,
                Instrument(0, SYMBOL, "JPY", _D("0.01"), _D("0.001")),
                Instrument(0, SYMBOL, "USD", _D("0.01"), _D("0.5"), _D(10), max_quantity=_D(5)),
            ]
        ),
    },
)
_limits = st.fixed_dictionaries(
    {},
    optional={
        "allow_short": st.booleans(),
        "max_order_quantity": st.sampled_from([0.0, 9.0, 10.0, 1000.0]),
        "max_order_notional_pct": st.sampled_from([0.9, 1.001, 20.0]),
        "max_position_pct": st.sampled_from([0.9, 1.001, 20.0]),
        "max_gross_pct": st.sampled_from([0.9, 100.0]),
        "max_net_pct": st.sampled_from([0.9, 100.0]),
        "max_model_age_s": st.sampled_from([0.0, 60.0]),
        "market_protection_pct": st.sampled_from([0.001, 0.3, 5.0]),
        "daily_loss_reduce_pct": st.sampled_from([1.0, 2.0]),
    },
)


@settings(max_examples=600)
@given(request=_requests, known=_views, limits=_limits, before=st.integers(0, 4))
def test_what_it_passes_every_check_passes(
    request: dict[str, Any], known: dict[str, Any], limits: dict[str, Any], before: int
) -> None:
    judge = _gate(limits, before)
    order, market = entry(**request), view(**known)
    if judge.passes(order, market):
        verdict = judge.check(order, market)
        assert verdict.approved, verdict


@settings(max_examples=300)
@given(
    quantity=st.decimals("0.1", "300", places=3),
    pnl=st.decimals("-3000", "3000", places=2),
    gross=st.decimals("0", "100000", places=2),
    buys=st.booleans(),
    limits=_limits,
)
def test_of_plain_entries_it_passes_just_those_that_the_checks_pass(
    quantity: Decimal, pnl: Decimal, gross: Decimal, buys: bool, limits: dict[str, Any]
) -> None:
    judge = _gate(limits, 0)
    order = entry(quantity=quantity, side=Side.BUY if buys else Side.SELL, sources=("trend",))
    market = view(day_pnl=pnl, gross=gross, net=gross)
    if judge.check(order, market).approved and abs(gross + quantity * 101) < 20_000:
        # Beyond that an order that makes the net smaller may be approved above its limit.
        assert judge.passes(order, market)


def _gate(limits: dict[str, Any], before: int) -> RiskGate:
    """After as much as makes one check or another fail."""
    judge = RiskGate(
        RiskConfig(**limits), AccountConfig(), ExitsConfig(cooldown_bars=5, stop_lock_count=1), 1.0
    )
    judge.remember(["td-used"])
    if before == 1:
        judge.sent(entry(client_order_id="td-0"), T0)
    elif before == 2:
        judge.on_exit(SYMBOL, T0 - NS)
    elif before == 3:
        judge.on_fill(exit_(), T0 - NS)
    elif before == 4:
        judge.disable("trend", "repeats itself")
    return judge


def test_a_plain_entry_passes() -> None:
    assert gate().passes(entry(), view())
    assert (
        gate().passes(entry(side=Side.SELL), view()) == gate().check(entry(side=Side.SELL), view()).approved
    )


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_in_no_other_state_than_active(state: RiskState) -> None:
    judge = gate()
    judge.request_state(state, "someone", "", T0)
    assert not judge.passes(entry(), view())


def test_limits_that_are_a_strategys_own_are_the_checks_to_judge() -> None:
    own = gate(strategies={"trend": {"max_open_orders": 1}})
    assert not own.passes(entry(), view())


def test_a_limit_changed_live_holds_at_once() -> None:
    judge = gate()
    order, market = entry(quantity=Decimal(10)), view()
    assert judge.passes(order, market)
    assert judge.book.set("desk", "max_order_notional_pct", 0.5, "someone", T0) is not None
    assert not judge.passes(order, market)


def test_nothing_changes_by_looking() -> None:
    judge = gate(max_orders_per_s=1.0, order_burst=1)
    order, market = entry(), view()
    assert [judge.passes(order, market) for _ in range(5)] == [True] * 5
    judge.sent(order, T0)
    again: OrderRequest = entry(client_order_id="td-2", quantity=Decimal(11))
    assert not judge.passes(again, market)
    later: RiskView = view(now_ns=T0 + 2 * NS)
    assert judge.passes(again, later)
