"""Verdicts: each with every check in its order, and no exit ever denied by a check of entries."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AccountConfig, RiskConfig
from engine.events import NS, Purpose, RiskState, Side
from engine.risk.case import Case
from engine.risk.checks import ENTRY_CHECKS, EXIT_CHECKS, Outcome, PreTradeCheck
from engine.risk.gate import CHECK_FAILED, RiskGate
from tests.risk.conftest import GRIDLESS, INSTRUMENT, SYMBOL, T0, codes, entry, exit_, gate, view

D = Decimal
MS = 1_000_000
NOT_OF_MARKET = {"BAD_PRICE", "PRICE_COLLAR", "OFF_TICK"}
WHERE_CONFIGURED = {"BUS_BLOCK", "SYMBOL_LOCKED", "COOLDOWN"}
PLAIN = [check.code for check in ENTRY_CHECKS if check.code not in NOT_OF_MARKET | WHERE_CONFIGURED]
"""Of a market entry of a desk as configured by default."""
PLAIN_EXIT = [check.code for check in EXIT_CHECKS if check.code not in NOT_OF_MARKET]


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
