"""The latched trading state and the daily loss."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from engine.events import NS, Purpose, RiskState
from engine.risk.state import originates
from tests.risk.conftest import T0, entry, gate, view

D = Decimal
ACTIVE, REDUCING, HALTED = RiskState.ACTIVE, RiskState.REDUCING, RiskState.HALTED
EQUITY = D(100_000)
DAY = 86_400 * NS


@pytest.mark.parametrize(("now", "to", "who"), list(product(RiskState, RiskState, ["risk", "console"])))
def test_risk_tightens_and_only_a_person_loosens(now: RiskState, to: RiskState, who: str) -> None:
    desk, order = gate(), [ACTIVE, REDUCING, HALTED]
    desk.restore(now, "before")
    change = desk.request_state(to, who, "because", T0)
    if to is now or (who == "risk" and order.index(to) < order.index(now)):
        assert change is None and (desk.state, desk.reason) == (now, "before")
    else:
        assert change is not None and (desk.state, desk.reason) == (to, "because")
        assert (change.state, change.previous, change.reason) == (to, now, "because")
        assert (change.who, change.ns) == (who, T0)


SESSION_OVER = "paper-run 2026-11-20: the session is over"


@pytest.mark.parametrize("who", ["risk", "console"])
def test_what_a_session_holds_and_others_hold_too_is_no_sessions_any_more(who: str) -> None:
    """The next session takes back what a session took, and nothing else."""
    desk = gate()
    desk.restore(REDUCING, SESSION_OVER)
    assert desk.request_state(REDUCING, "daily run", "paper-run 2026-11-21: it is being prepared", T0) is None
    assert desk.reason == SESSION_OVER
    change = desk.request_state(REDUCING, who, "enough", T0)
    assert change is not None and (change.previous, change.state, desk.reason) == (
        REDUCING,
        REDUCING,
        "enough",
    )
    assert desk.request_state(REDUCING, who, "enough, again", T0) is None and desk.reason == "enough"


def test_a_days_loss_after_a_session_holds_beyond_the_next() -> None:
    desk = gate()
    desk.restore(REDUCING, SESSION_OVER)
    assert desk.on_equity(D(-3000), EQUITY, T0) is not None
    assert desk.state is REDUCING and desk.reason.startswith("daily loss 3.00 %")


def test_a_state_that_allows_all_is_claimed_by_nobody() -> None:
    desk = gate()
    desk.restore(ACTIVE, "paper-run 2026-11-20: the session begins")
    assert desk.request_state(ACTIVE, "console", "on", T0) is None


@pytest.mark.parametrize(
    ("pnl", "state"),
    [
        ("0", ACTIVE),
        ("5000", ACTIVE),
        ("-2999.99", ACTIVE),
        ("-3000", REDUCING),
        ("-4999.99", REDUCING),
        ("-5000", HALTED),
        ("-90000", HALTED),
        ("NaN", HALTED),
    ],
)
def test_daily_loss_sets_the_state(pnl: str, state: RiskState) -> None:
    desk = gate()
    change = desk.on_equity(D(pnl), EQUITY, T0)
    assert desk.state is state
    assert (change is None) is (state is ACTIVE)
    if change is not None:
        assert (change.who, change.previous) == ("risk", ACTIVE) and "loss" in change.reason
    assert desk.on_equity(D(pnl), EQUITY, T0 + 1) is None, "a limit trips once"


@pytest.mark.parametrize("start", ["0", "-5", "NaN"])
def test_a_loss_that_cannot_be_judged_halts(start: str) -> None:
    desk = gate()
    assert desk.on_equity(D(0), D(start), T0) is not None
    assert desk.state is HALTED


def test_losses_step_by_step() -> None:
    desk = gate()
    first = desk.on_equity(D(-3500), EQUITY, T0)
    assert first is not None and first.reason == "daily loss 3.50 % has reached 3 %"
    assert desk.on_equity(D(-100), EQUITY, T0 + 1) is None and desk.state is REDUCING, "latched"
    second = desk.on_equity(D(-5500), EQUITY, T0 + 2)
    assert second is not None and (second.previous, second.state) == (REDUCING, HALTED)


def test_a_person_may_go_on_after_the_first_limit_but_not_past_the_second() -> None:
    desk = gate()
    lost = view(day_pnl=D(-3500), equity=D(96_500))
    assert "DAILY_LOSS" in [c.code for c in desk.check(entry(), lost).checks if not c.passed]
    desk.on_equity(D(-3500), EQUITY, T0)
    assert desk.request_state(ACTIVE, "console", "I know", T0 + 1) is not None
    assert desk.on_equity(D(-3600), EQUITY, T0 + 2) is None and desk.state is ACTIVE
    assert desk.check(entry(), lost).approved
    assert desk.on_equity(D(-5000), EQUITY, T0 + 3) is not None and desk.state is HALTED
    desk.request_state(ACTIVE, "console", "I still know", T0 + 4)
    assert desk.on_equity(D(-5100), EQUITY, T0 + 5) is None
    verdict = desk.check(entry(), view(day_pnl=D(-5100), equity=D(94_900)))
    assert (verdict.approved, verdict.code) == (False, "DAILY_LOSS")


@pytest.mark.parametrize(
    ("pnl", "high", "state", "reason"),
    [
        ("1000", "104000", ACTIVE, ""),
        ("880.01", "104000", ACTIVE, ""),
        ("880", "104000", REDUCING, "drawdown of the day 3.00 % has reached 3 %"),
        ("-1200", "104000", HALTED, "drawdown of the day 5.00 % has reached 5 %"),
        ("-5000", "104000", HALTED, "daily loss 5.00 % has reached 5 %"),
        ("-2000", "100000", ACTIVE, ""),
    ],
)
def test_the_fall_from_the_days_highest_sets_the_state(
    pnl: str, high: str, state: RiskState, reason: str
) -> None:
    desk = gate()
    desk.on_equity(D(pnl), EQUITY, T0, D(high))
    assert (desk.state, desk.reason) == (state, reason)


@pytest.mark.parametrize("high", ["NaN", "Infinity", "99999"])
def test_a_fall_that_cannot_be_judged_halts(high: str) -> None:
    desk = gate()
    assert desk.on_equity(D(0), EQUITY, T0, D(high)) is not None
    assert desk.state is HALTED and "highest equity is unknown" in desk.reason


def test_limits_trip_anew_on_a_new_day_and_the_state_stays_latched() -> None:
    desk = gate()
    desk.on_equity(D(-3500), EQUITY, T0)
    assert desk.on_equity(D(0), EQUITY, T0 + DAY) is None and desk.state is REDUCING
    desk.request_state(ACTIVE, "console", "", T0 + DAY + 1)
    assert desk.on_equity(D(-3500), EQUITY, T0 + DAY + 2) is not None and desk.state is REDUCING


def test_a_clock_that_steps_back_over_midnight_trips_nothing_anew() -> None:
    desk, midnight = gate(), T0 // DAY * DAY
    desk.on_equity(D(-3500), EQUITY, midnight)
    desk.request_state(ACTIVE, "console", "I know", midnight + 1)
    assert desk.on_equity(D(-3500), EQUITY, midnight - 1) is None and desk.state is ACTIVE


def test_a_halt_by_a_person_is_not_loosened_by_a_smaller_loss() -> None:
    desk = gate()
    desk.request_state(HALTED, "console", "enough", T0)
    assert desk.on_equity(D(-3500), EQUITY, T0 + 1) is None and desk.state is HALTED


def test_what_the_desk_starts_by_itself() -> None:
    started = {state: {p for p in Purpose if originates(state, p)} for state in RiskState}
    assert started[ACTIVE] == set(Purpose)
    assert started[REDUCING] == set(Purpose) - {Purpose.ENTRY}
    assert started[HALTED] == {Purpose.STOP_LOSS, Purpose.TRAILING_STOP, Purpose.FLATTEN}
