"""Each check of an entry exactly at its limit, and denied where something is wrong or unknown."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.config import AccountConfig, RiskConfig
from engine.events import NS, Side
from engine.instruments import Instrument
from engine.risk.gate import RiskGate
from tests.risk.conftest import GRIDLESS, INSTRUMENT, SYMBOL, codes, entry, exit_, gate, view

D = Decimal


def largest(quantity: float | str) -> Instrument:
    """An instrument whose venue told the largest order."""
    return msgspec.structs.replace(INSTRUMENT, max_quantity=D(quantity))


AT_THE_LIMIT: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # code, request and view that just pass, view that just fails
    ("STALE_DATA", {}, {"data_age_ns": 3 * NS}, {"data_age_ns": 3 * NS + 1}),
    ("CLOCK_SKEW", {}, {"clock_skew_ns": NS}, {"clock_skew_ns": NS + 1}),
    ("CLOCK_SKEW", {}, {"clock_skew_ns": -NS}, {"clock_skew_ns": -NS - 1}),
    ("DAILY_LOSS", {}, {"day_pnl": D("-3092.78")}, {"day_pnl": D("-3092.79")}),
    ("DRAWDOWN", {}, {"drawdown_pct": 9.99}, {"drawdown_pct": 10.0}),
    ("MARKET_PROTECTION", {}, {"bid": 99.0, "ask": 99.02}, {"bid": 99.0, "ask": 99.019}),  # 1.0000, 1.0001 %
    ("MARKET_PROTECTION", {}, {"bid": 101.0, "ask": 101.02}, {"bid": 101.01, "ask": 101.03}),
    (
        "MARKET_PROTECTION",
        {},
        {"bid": 99.02, "ask": 101.0},
        {"bid": 98.98, "ask": 101.02},
    ),  # touch off the mid
    ("MARKET_PROTECTION", {"side": Side.SELL}, {"bid": 99.02, "ask": 101.0}, {"bid": 98.98, "ask": 101.02}),
    ("ORDER_QUANTITY", {}, {"instrument": largest(10)}, {"instrument": largest("9.999")}),
    ("ORDER_NOTIONAL", {}, {"ask": 500.0, "bid": 500.0}, {"ask": 500.01, "bid": 500.0}),
    ("POSITION_LIMIT", {}, {"position": D("189.98")}, {"position": D("189.99")}),
    ("POSITION_LIMIT", {}, {"working": D("189.98")}, {"working": D("189.99")}),
    ("GROSS_LIMIT", {}, {"gross": D("98999.9")}, {"gross": D("98999.91")}),
    ("NET_LIMIT", {}, {"net": D("58999.9")}, {"net": D("58999.91")}),
    ("NET_LIMIT", {"side": Side.SELL}, {"net": D("-59000.1")}, {"net": D("-59000.11")}),
    ("OPEN_ORDERS_SYMBOL", {}, {"symbol_orders": 9}, {"symbol_orders": 10}),
    ("OPEN_ORDERS", {}, {"open_orders": 99}, {"open_orders": 100}),
    # A market order reaches 1 % beyond the touch, 100.01 or 99.99.
    ("SELF_TRADE", {}, {"own_ask": D("101.0102")}, {"own_ask": D("101.0101")}),
    ("SELF_TRADE", {"side": Side.SELL}, {"own_bid": D("98.99")}, {"own_bid": D("98.9901")}),
    ("SELF_TRADE", {}, {"own_bid": D("Infinity")}, {"own_ask": D(0)}),  # a market order of ours
    ("SELF_TRADE", {"side": Side.SELL}, {"own_ask": D(0)}, {"own_bid": D("Infinity")}),
]


@pytest.mark.parametrize(("code", "request_", "passes", "fails"), AT_THE_LIMIT)
def test_limits_are_exact(
    code: str, request_: dict[str, Any], passes: dict[str, Any], fails: dict[str, Any]
) -> None:
    assert code not in codes(gate(), entry(**request_), view(**passes))
    assert code in codes(gate(), entry(**request_), view(**fails))


@pytest.mark.parametrize(
    ("side", "seen"),
    [
        (Side.BUY, {"bid": math.nan, "ask": 200.0}),
        (Side.BUY, {"bid": 0.0, "ask": 200.0}),
        (Side.SELL, {"bid": 50.0, "ask": math.nan}),
        (Side.SELL, {"bid": 50.0, "ask": 0.0}),
    ],
)
def test_one_side_of_a_quote_is_no_quote_that_an_order_is_kept_from(side: Side, seen: dict[str, Any]) -> None:
    """The last price stands for the market: half a quote says nothing of what is near it."""
    verdict = gate().check(entry(side=side), view(last=100.0, **seen))
    (found,) = [check for check in verdict.checks if check.code == "MARKET_PROTECTION"]
    assert (found.passed, found.value) == (True, "0.0000 %")


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"own_ask": D("100.5")}, "own order at 100.5"),
        ({"own_ask": D(0)}, "own market order"),
        ({"own_ask": D("102")}, "none"),
        ({}, "none"),
    ],
)
def test_what_an_order_would_meet_of_ours_is_told(seen: dict[str, Any], told: str) -> None:
    verdict = gate().check(entry(), view(**seen))
    (found,) = [check for check in verdict.checks if check.code == "SELF_TRADE"]
    assert (found.passed, found.value, found.limit) == (told == "none", told, "none")


def test_a_market_sale_of_ours_is_told_as_such() -> None:
    verdict = gate().check(entry(side=Side.SELL), view(own_bid=D("Infinity")))
    assert (verdict.code, verdict.detail) == ("SELF_TRADE", "own market order, limit none")


@pytest.mark.parametrize(
    ("code", "request_", "seen"),
    [
        ("BAD_NUMBER", {"quantity": D(0)}, {}),
        ("BAD_NUMBER", {"quantity": D(-1)}, {}),
        ("BAD_NUMBER", {"quantity": D("NaN")}, {}),
        ("BAD_NUMBER", {"quantity": D("Infinity")}, {}),
        ("OFF_GRID", {"quantity": D("10.0005")}, {}),
        ("OFF_GRID", {}, {"instrument": None}),
        ("MIN_NOTIONAL", {"quantity": D("0.099")}, {}),
        ("MIN_NOTIONAL", {}, {"instrument": None}),
        ("MIN_NOTIONAL", {}, {"bid": math.nan, "ask": math.nan, "last": math.nan}),
        ("CURRENCY_UNKNOWN", {}, {"instrument": GRIDLESS}),
        ("CURRENCY_UNKNOWN", {}, {"instrument": Instrument(0, SYMBOL, "EUR", D(1), D(1))}),
        ("CURRENCY_UNKNOWN", {}, {"instrument": None}),
        ("EQUITY_UNKNOWN", {}, {"equity": None}),
        ("EQUITY_UNKNOWN", {}, {"equity": D(0)}),
        ("EQUITY_UNKNOWN", {}, {"equity": D("NaN")}),
        ("DAILY_LOSS", {}, {"day_pnl": None}),
        ("DAILY_LOSS", {}, {"equity": None}),
        ("DRAWDOWN", {}, {"drawdown_pct": None}),
        ("DRAWDOWN", {}, {"drawdown_pct": math.nan}),
        ("STALE_DATA", {}, {"data_age_ns": None}),
        ("CLOCK_SKEW", {}, {"clock_skew_ns": None}),
        ("MARKET_PROTECTION", {}, {"bid": math.nan, "ask": math.nan, "last": math.nan}),
        ("MARKET_PROTECTION", {}, {"bid": 0.0, "ask": -1.0, "last": math.inf}),
        ("MARKET_PROTECTION", {"decision_price": math.nan}, {}),
        ("MARKET_PROTECTION", {"decision_price": math.inf}, {}),
        ("MARKET_PROTECTION", {"decision_price": 0.0}, {}),
        ("SELF_TRADE", {}, {"bid": math.nan, "ask": math.nan, "last": math.nan, "own_ask": D(101)}),
        ("ORDER_NOTIONAL", {}, {"equity": None}),
        ("ORDER_NOTIONAL", {}, {"bid": math.nan, "ask": math.nan, "last": math.nan}),
        ("POSITION_LIMIT", {}, {"position": None}),
        ("POSITION_LIMIT", {}, {"working": D("NaN")}),
        ("POSITION_LIMIT", {}, {"equity": None}),
        ("GROSS_LIMIT", {}, {"equity": None}),
        ("NET_LIMIT", {}, {"equity": None}),
        ("OPEN_ORDERS", {}, {"open_orders": -1}),
        ("OPEN_ORDERS_SYMBOL", {}, {"symbol_orders": -1}),
        ("DUPLICATE_ID", {"client_order_id": ""}, {}),
    ],
)
def test_what_is_wrong_or_unknown_is_denied(
    code: str, request_: dict[str, Any], seen: dict[str, Any]
) -> None:
    desk, request, known = gate(), entry(**request_), view(**seen)
    assert code in codes(desk, request, known)
    assert not desk.check(request, known).approved


def test_short_selling_can_be_forbidden() -> None:
    sell = entry(side=Side.SELL)
    assert "SHORT_NOT_ALLOWED" not in codes(gate(), sell, view())
    desk = gate(allow_short=False)
    assert "SHORT_NOT_ALLOWED" in codes(desk, sell, view())
    assert "SHORT_NOT_ALLOWED" in codes(desk, sell, view(position=D("9.999")))
    assert "SHORT_NOT_ALLOWED" in codes(desk, sell, view(position=None))
    assert "SHORT_NOT_ALLOWED" not in codes(desk, sell, view(position=D(10)))
    assert "SHORT_NOT_ALLOWED" not in codes(desk, entry(), view(position=D(-50)))


def test_an_entry_that_makes_exposure_smaller_is_not_too_large() -> None:
    seen = view(position=D(-700), gross=D(150_000), net=D(-70_000))
    failed = codes(gate(), entry(), seen)
    assert not {"POSITION_LIMIT", "GROSS_LIMIT", "NET_LIMIT"} & set(failed)
    assert {"POSITION_LIMIT", "GROSS_LIMIT", "NET_LIMIT"} <= set(codes(gate(), entry(side=Side.SELL), seen))


def test_the_account_s_own_currency_needs_no_peg() -> None:
    euros = msgspec.structs.replace(INSTRUMENT, quote_currency="EUR")
    desk = RiskGate(RiskConfig(), AccountConfig(currency="EUR", pegged=()))
    assert codes(desk, entry(), view(instrument=euros)) == []
    assert codes(desk, entry(), view()) == ["CURRENCY_UNKNOWN"]


def test_what_turns_a_position_adds_to_it() -> None:
    """Even to a smaller one: the other side of it is a new position, not a part of an exit."""
    seen = view(position=D(100), gross=D(150_000), net=D(10_000))
    closing, turning = entry(side=Side.SELL, quantity=D(50)), entry(side=Side.SELL, quantity=D(120))
    desk = gate(max_order_notional_pct=20)
    assert "GROSS_LIMIT" not in codes(desk, closing, seen)
    assert "GROSS_LIMIT" in codes(desk, turning, seen)


def test_last_price_stands_in_for_a_missing_quote() -> None:
    assert gate().check(entry(), view(bid=math.nan, ask=math.nan)).approved
    assert "MARKET_PROTECTION" in codes(gate(), entry(), view(bid=math.nan, ask=math.nan, last=101.1))


def test_a_budget_is_exact_and_the_tightest_is_told() -> None:
    room = ("roomy", D("0.5"), D(0))
    # The order is worth 1000.1, equity 100,000.
    assert gate().check(entry(), view(budgets=(("trend", D("0.03"), D("1999.9")), room))).approved
    verdict = gate().check(entry(), view(budgets=(room, ("trend", D("0.03"), D("1999.91")))))
    assert (verdict.code, verdict.detail) == ("STRATEGY_BUDGET", "trend: 3000.01, limit 3000.00")
    several = (("trend", D("0.01"), D(500)), ("model", D("0.02"), D(1900)))
    assert gate().check(entry(), view(budgets=several)).detail == "model: 2900.10, limit 2000.00"
    for unknown in ({"equity": None}, {"bid": math.nan, "ask": math.nan, "last": math.nan}):
        assert "STRATEGY_BUDGET" in codes(gate(), entry(), view(budgets=(room,), **unknown))
    assert gate().check(exit_(), view(budgets=several, position=D(10))).approved
