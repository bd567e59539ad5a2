"""Each check at its limit, what is unknown denied, and exits never denied by entry checks."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AccountConfig, RiskConfig
from engine.events import NS, OrderRequest, Purpose, RiskState, Side
from engine.instruments import Instrument
from engine.risk.case import Case
from engine.risk.checks import ENTRY_CHECKS, EXIT_CHECKS, Outcome, PreTradeCheck
from engine.risk.gate import CHECK_FAILED, RiskGate
from engine.risk.view import RiskView
from tests.risk.conftest import INSTRUMENT, SYMBOL, T0, entry, exit_, gate, view

D = Decimal
MS = 1_000_000
NOT_OF_MARKET = {"BAD_PRICE", "PRICE_COLLAR", "OFF_TICK"}
WHERE_CONFIGURED = {"BUS_BLOCK", "SYMBOL_LOCKED", "COOLDOWN"}
PLAIN = [check.code for check in ENTRY_CHECKS if check.code not in NOT_OF_MARKET | WHERE_CONFIGURED]
"""Of a market entry of a desk as configured by default."""
PLAIN_EXIT = [check.code for check in EXIT_CHECKS if check.code not in NOT_OF_MARKET]


def codes(desk: RiskGate, request: OrderRequest, seen: RiskView) -> list[str]:
    """All codes that fail."""
    return [check.code for check in desk.check(request, seen).checks if not check.passed]


def test_a_healthy_entry_is_approved_with_every_check_listed() -> None:
    verdict = gate().check(entry(), view())
    assert (verdict.approved, verdict.code, verdict.detail) == (True, "", "")
    assert [check.code for check in verdict.checks] == PLAIN
    assert all(check.passed and check.value and check.limit for check in verdict.checks)
    assert (verdict.client_order_id, verdict.symbol, verdict.ns) == ("td-1", SYMBOL, T0)


def test_codes_are_unique_in_each_list() -> None:
    for listed in (ENTRY_CHECKS, EXIT_CHECKS):
        names = [check.code for check in listed]
        assert len(set(names)) == len(names) and CHECK_FAILED not in names


def test_a_verdict_tells_of_its_own_order_whatever_the_one_before_it_came_to() -> None:
    desk, larger = gate(), entry(client_order_id="td-2", quantity=D(20))
    changed = {"equity": D(200_000), "data_age_ns": 5 * MS, "clock_skew_ns": 2 * NS}
    seen = [view(), view(**changed), view(**changed), view(data_age_ns=4 * NS), view()]
    requests = [entry(), larger, entry(), entry(), larger]
    verdicts = [desk.check(request, one) for request, one in zip(requests, seen, strict=True)]
    for request, one, verdict in zip(requests, seen, verdicts, strict=True):
        assert gate().check(request, one) == verdict


def test_the_first_failure_is_named_and_the_rest_still_listed() -> None:
    seen = view(data_age_ns=4 * NS, clock_skew_ns=2 * NS)
    verdict = gate().check(entry(), seen)
    assert (verdict.approved, verdict.code) == (False, "STALE_DATA")
    assert verdict.detail == "4000 ms, limit <= 3000 ms"
    assert codes(gate(), entry(), seen) == ["STALE_DATA", "CLOCK_SKEW"]
    assert len(verdict.checks) == len(PLAIN)


GRIDLESS = Instrument(0, SYMBOL, "", D("0.01"), D("0.001"))


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


@pytest.mark.parametrize(
    "seen",
    [
        {"gross": D("NaN")},
        {"net": D("NaN")},
        {"day_pnl": D("NaN")},
        {"equity": "much"},
    ],
    ids=str,
)
def test_a_check_that_raises_denies(seen: dict[str, Any]) -> None:
    desk = gate()
    assert CHECK_FAILED in codes(desk, entry(), view(**seen))
    assert not desk.check(entry(), view(**seen)).approved


def test_a_broken_check_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> Outcome:
        raise RuntimeError("out of\norder")

    new = PreTradeCheck("NEW", broken, lambda value, limit: ("", ""))
    monkeypatch.setattr("engine.risk.gate.ENTRY_CHECKS", (new, *ENTRY_CHECKS))
    verdict = gate().check(entry(), view())
    assert (verdict.approved, verdict.code) == (False, CHECK_FAILED)
    assert verdict.detail.startswith("NEW: RuntimeError") and "\n" not in verdict.detail
    assert [check.code for check in verdict.checks[1:]] == PLAIN
    assert all(check.passed for check in verdict.checks[1:]), "the others are heard all the same"


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


def test_throttle_counts_at_once_and_refills() -> None:
    desk = gate(max_orders_per_s=10.0, order_burst=3)
    for n in range(3):
        assert "THROTTLE" not in codes(desk, entry(client_order_id=f"td-{n}"), view())
        desk.sent(entry(client_order_id=f"td-{n}", quantity=D(n + 1)), T0)
    assert "THROTTLE" in codes(desk, entry(), view())
    assert "THROTTLE" in codes(desk, entry(), view(now_ns=T0 + 99 * MS))
    assert "THROTTLE" not in codes(desk, entry(), view(now_ns=T0 + 100 * MS))
    assert "THROTTLE" in codes(desk, entry(), view(now_ns=T0 - 3600 * NS)), "a clock that steps back"


def test_ids_are_used_once_for_ever() -> None:
    desk = gate()
    desk.sent(entry(), T0)
    desk.remember(["td-old"])
    much_later = view(now_ns=T0 + 10**6 * NS)
    assert codes(desk, entry(), much_later) == ["DUPLICATE_ID"]
    assert codes(desk, entry(client_order_id="td-old"), much_later) == ["DUPLICATE_ID"]
    assert desk.check(entry(client_order_id="td-2"), much_later).approved


def test_identical_orders_are_denied_for_a_second() -> None:
    desk = gate()
    desk.sent(entry(), T0)
    again = entry(client_order_id="td-2")
    assert codes(desk, again, view(now_ns=T0 + NS)) == ["DUPLICATE_ORDER"]
    assert desk.check(again, view(now_ns=T0 + NS + 1)).approved
    assert desk.check(entry(client_order_id="td-3", quantity=D(11)), view()).approved
    assert desk.check(entry(client_order_id="td-4", side=Side.SELL), view()).approved


def test_a_strategy_that_repeats_itself_is_disabled_until_a_person_enables_it() -> None:
    desk = gate(repeat_limit=3, repeat_window_s=60.0)
    later = view(now_ns=T0 + 500 * NS)
    for n, at in enumerate((0, 61, 100)):  # the first has left the window by the third
        desk.sent(entry(client_order_id=f"td-{n}", sources=("trend",)), T0 + at * NS)
    assert desk.disabled == {}
    desk.sent(entry(client_order_id="td-3", sources=("trend", "model")), T0 + 110 * NS)
    assert desk.disabled == {"trend": "3 buy orders of sim:BTC-USD in 60 s"}
    fresh = entry(client_order_id="td-9", sources=("trend",))
    assert codes(desk, fresh, later) == ["STRATEGY_DISABLED"], "time alone does not enable it"
    assert "trend" in desk.check(fresh, later).detail
    assert desk.check(entry(client_order_id="td-9", sources=("model",)), later).approved
    assert desk.enable("trend") and not desk.enable("trend")
    assert desk.check(fresh, later).approved


def test_repeats_are_counted_by_symbol_and_side_and_not_for_exits() -> None:
    desk = gate(repeat_limit=2)
    trend = ("trend",)
    desk.sent(entry(client_order_id="td-1", sources=trend), T0)
    desk.sent(entry(client_order_id="td-2", sources=trend, side=Side.SELL), T0)
    desk.sent(entry(client_order_id="td-3", sources=trend, symbol="sim:ETH-USD"), T0)
    desk.sent(exit_(client_order_id="td-4", sources=trend), T0)
    assert desk.disabled == {}


def test_a_block_beats_everything_but_exits() -> None:
    seen = view(blocked="sentiment: panic", position=D(10))
    verdict = gate().check(entry(), seen)
    assert (verdict.code, verdict.detail) == ("QUANT_BLOCK", "sentiment: panic, limit none")
    assert gate().check(exit_(), seen).approved


def test_what_the_bus_forbids_has_a_code_of_its_own_once_there_is_a_bus() -> None:
    seen, desk = view(forbidden="no round comes", position=D(10)), gate()
    assert desk.check(entry(), seen).approved and "BUS_BLOCK" not in codes_made(desk)
    desk.rest_on_bus()
    verdict = desk.check(entry(), seen)
    assert (verdict.code, verdict.detail) == ("BUS_BLOCK", "no round comes, limit none")
    assert desk.check(exit_(), seen).approved and desk.check(entry(client_order_id="td-9"), view()).approved
    assert "BUS_BLOCK" in codes_made(desk)


def codes_made(desk: RiskGate) -> list[str]:
    return [check.code for check in desk.check(entry(client_order_id="td-8"), view()).checks]


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


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_words_are_of_what_was_judged(data: st.DataObject) -> None:
    """They may be asked for late: what was sent, halted or disabled meanwhile is not in them."""
    desk, seen = gate(repeat_limit=1), view(**data.draw(any_view))
    request = data.draw(st.sampled_from([entry(sources=("trend",)), exit_()]))
    at_once = desk.check(request, seen)
    judgement = desk.judge(request, seen)
    desk.sent(request, seen.now_ns)
    desk.restore(RiskState.HALTED, "meanwhile")
    late = judgement.verdict()
    assert late == at_once and late.approved is judgement.approved
    assert desk.check(request, seen) != at_once
    listed = PLAIN_EXIT if request.reduce_only else PLAIN
    by_code = [check.code for check in late.checks if check.code != CHECK_FAILED]
    assert by_code == [code for code in listed if code in by_code], "in their order"
    assert len(late.checks) == len(listed)


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_entries_pass_in_active_only(state: RiskState) -> None:
    desk = gate()
    desk.restore(state, "latched")
    verdict = desk.check(entry(), view())
    assert (verdict.approved, verdict.code, verdict.detail) == (
        False,
        "NOT_ACTIVE",
        f"{state.value}, limit active",
    )
    assert desk.check(exit_(), view(position=D(10))).approved


@pytest.mark.parametrize(
    ("request_", "seen", "code"),
    [
        ({"quantity": D("NaN")}, {}, "BAD_NUMBER"),
        ({"quantity": D(0)}, {}, "BAD_NUMBER"),
        ({"quantity": D("10.001")}, {}, "NOT_REDUCING"),  # would flip
        ({"side": Side.BUY}, {}, "NOT_REDUCING"),  # would add
        ({}, {"position": D(0)}, "NOT_REDUCING"),
        ({}, {"position": None}, "NOT_REDUCING"),
        ({}, {"exiting": D("0.001")}, "NOT_REDUCING"),  # with the exit at work it would flip
        ({"purpose": Purpose.ENTRY, "side": Side.BUY}, {}, "NOT_REDUCING"),  # reduce-only means it
    ],
)
def test_exits_must_be_possible_and_reduce(request_: dict[str, Any], seen: dict[str, Any], code: str) -> None:
    verdict = gate().check(exit_(**request_), view(**({"position": D(10)} | seen)))
    assert (verdict.approved, verdict.code) == (False, code)


maybe = st.sampled_from
floats = maybe([0.0, -1.0, 99.0, 1e9, math.nan, math.inf])
decimals = maybe([D(0), D(-(10**7)), D(10**9), D("NaN"), D("Infinity")])
any_view = st.fixed_dictionaries(
    {
        "now_ns": st.integers(0, 2 * T0),
        "instrument": maybe([None, INSTRUMENT, GRIDLESS]),
        "equity": st.none() | decimals,
        "day_pnl": st.none() | decimals,
        "drawdown_pct": st.none() | floats,
        "bid": floats,
        "ask": floats,
        "last": floats,
        "data_age_ns": st.none() | st.integers(-T0, T0),
        "clock_skew_ns": st.none() | st.integers(-T0, T0),
        "symbol_orders": st.integers(0, 1000),
        "open_orders": st.integers(0, 1000),
        "gross": decimals,
        "net": decimals,
        "working": decimals,
        "blocked": maybe(["", "too one-sided"]),
        "budgets": maybe([(), (("trend", D("0.05"), D(0)),), (("trend", D("NaN"), D(10**9)),)]),
    }
)
lots = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-9))


@settings(max_examples=200, deadline=None)
@given(
    any_view,
    st.sampled_from(RiskState),
    st.sampled_from([p for p in Purpose if p is not Purpose.ENTRY]),
    lots,
    lots,
    st.booleans(),
    st.integers(0, 40),
)
def test_an_exit_is_never_denied_by_an_entry_check(
    seen: dict[str, Any],
    state: RiskState,
    purpose: Purpose,
    quantity: Decimal,
    more: Decimal,
    long: bool,
    burst: int,
) -> None:
    desk = gate(allow_short=False, repeat_limit=5)
    desk.restore(state, "latched")
    for n in range(burst):  # throttle, identical orders and repeats are all used up
        used = entry(client_order_id=f"td-{n}", quantity=quantity, sources=("trend",))
        desk.sent(used, seen["now_ns"])
    position = quantity + more if long else -(quantity + more)
    order = exit_(
        client_order_id="td-exit",
        purpose=purpose,
        quantity=quantity,
        side=Side.SELL if long else Side.BUY,
        decision_price=seen["last"],
        sources=("trend",),
    )
    known = view(**(seen | {"position": position, "exiting": more}))
    verdict = desk.check(order, known)
    assert verdict.approved, verdict.detail
    assert not desk.check(entry(client_order_id="td-new"), view(**(seen | {"equity": None}))).approved


@settings(max_examples=100, deadline=None)
@given(any_view, st.sampled_from(RiskState))
def test_every_entry_gets_a_complete_verdict(seen: dict[str, Any], state: RiskState) -> None:
    desk = RiskGate(RiskConfig(), AccountConfig())
    desk.restore(state)
    verdict = desk.check(entry(), view(**seen))
    failed = [check for check in verdict.checks if not check.passed]
    assert verdict.approved is not bool(failed)
    assert verdict.code == (failed[0].code if failed else "")
    assert len(verdict.checks) == len(PLAIN)
    assert verdict == desk.check(entry(), view(**seen)), "a check changes nothing"
