"""What is too old, of another account or not believed is not traded by a daily run, whenever it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import LinkError, RefusedError
from engine.research.daily import STEPS
from engine.store.daily import StoredStep, kept_runs
from tests.wiring.daily_desk import HELD, NOON, Desk, Killed, Life, started
from tests.wiring.test_daily_run import CONFIG, _kills_at, anew, kept, sent, state

__all__ = ["anew", "state"]
HOUR = 3600 * 10**9
PREPARED = STEPS["daily"][:5]


def steps_of(where: Path) -> dict[str, StoredStep]:
    return {step.name: step for step in kept(where).steps}


def test_what_was_prepared_long_ago_is_prepared_anew(anew: Callable[[], Path]) -> None:
    """Prices were not there in the morning; in the evening it does not rest on the morning's bars."""
    desk, where = Desk(), anew()
    desk.fail = _kills_at("POST", "/v1/targets/plan", 1)
    with pytest.raises(Killed):
        started(desk, where, CONFIG, Life())
    desk.now_ns += 10 * HOUR
    desk.fail, begun_ns = lambda method, path: None, desk.now_ns
    assert started(desk, where, CONFIG, Life())
    steps = steps_of(where)
    assert [steps[name].attempt for name in PREPARED] == [2] * len(PREPARED)
    assert all(steps[name].started_ns >= begun_ns for name in PREPARED) and desk.placed


def test_an_interruption_of_minutes_keeps_what_was_prepared(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.fail = _kills_at("POST", "/v1/targets/plan", 1)
    with pytest.raises(Killed):
        started(desk, where, CONFIG, Life())
    desk.now_ns += HOUR // 2
    desk.fail = lambda method, path: None
    assert started(desk, where, CONFIG, Life())
    assert steps_of(where)["data"].attempt == 1


def test_what_takes_too_long_each_time_fails(anew: Callable[[], Path]) -> None:
    """Prepared anew once; it does not go round for ever."""
    desk, where = Desk(), anew()

    def takes_long(method: str, path: str) -> None:
        if path == "/v1/data":
            desk.now_ns += 2 * HOUR
            desk.scored_ns = desk.now_ns - 2 * HOUR

    desk.fail = takes_long
    assert not started(desk, where, CONFIG, Life())
    steps = steps_of(where)
    assert steps["gate"].attempt == 2 and steps["targets"].state == "failed" and not desk.placed


def test_old_scores_of_the_desk_are_not_traded(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.scored_ns = NOON - 300 * 10**9
    assert not started(desk, where, CONFIG, Life())
    assert "the desk's newest scores are 301 s old" in steps_of(where)["targets"].text
    assert desk.placed == {}


def test_a_symbol_that_did_not_pass_the_gate_is_left_alone(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.stale = {"sim:B"}
    assert started(desk, where, CONFIG, Life())
    assert {symbol for symbol, *_ in sent(desk)} == {"sim:A", "sim:C"}
    assert desk.held["sim:B"] == HELD["sim:B"]
    assert "by model 0123456789ab" in steps_of(where)["targets"].text


@pytest.mark.parametrize("step", ["data", "targets", "orders"])
def test_an_engine_of_another_account_gets_nothing(anew: Callable[[], Path], step: str) -> None:
    desk, where = Desk(), anew()
    if step != "data":
        path = {"targets": "/v1/data", "orders": "/v1/targets/plan"}[step]

        def changed(method: str, asked: str) -> None:
            if asked == path:
                desk.gateways = ("paper", "alpaca")

        desk.fail = changed
    else:
        desk.gateways = ("paper", "alpaca")
    assert not started(desk, where, CONFIG, Life())
    failed = steps_of(where)[step]
    assert failed.state == "failed" and "trades at alpaca, and this run is of paper" in failed.text
    assert "same configuration" in failed.todo and desk.placed == {}


@pytest.mark.parametrize("dry", [False, True])
def test_books_that_cannot_be_compared_are_not_said_to_agree(anew: Callable[[], Path], dry: bool) -> None:
    desk, where = Desk(), anew()
    desk.unreached = "no answer within 10 s"
    assert started(desk, where, CONFIG, Life(), dry=dry) is dry
    (found,) = kept_runs(where, 10)
    (step,) = [step for step in found.steps if step.name == "reconcile"]
    assert step.state == ("done" if dry else "failed")
    assert step.text.endswith("paper: no answer within 10 s")
    desk.unreached = ""
    assert started(desk, where, CONFIG, Life(), dry=dry)


@pytest.mark.parametrize("error", [RefusedError("not now", "NotReadyError"), LinkError("hung up")])
def test_an_order_that_is_not_taken_is_not_tried_beyond_its_plan(
    anew: Callable[[], Path], error: LinkError
) -> None:
    """An engine that is away for long: what it would be sent then is of a market that was."""
    desk, where = Desk(), anew()
    tries = [0]

    def away(method: str, path: str) -> None:
        if path == "/v1/orders" and method == "POST":
            tries[0] += 1
            desk.now_ns += 100 * 10**9
            raise error

    desk.fail = away
    assert not started(desk, where, CONFIG, Life())
    assert tries[0] == 6 and desk.placed == {}  # of daily.plan_s, ten minutes
    assert "older than daily.plan_s" in steps_of(where)["orders"].text
    assert [order.state for order in kept(where).orders][:2] == ["sending", "planned"]
    desk.fail = lambda method, path: None
    assert not started(desk, where, CONFIG, Life()) and desk.placed == {}


def test_a_clock_that_steps_back_holds_nothing_up_for_long(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    seen = [0]

    def steps_back(method: str, path: str) -> None:
        if path.startswith("/v1/orders?"):
            seen[0] += 1
            if seen[0] == 2:
                desk.now_ns -= 300 * 10**9

    desk.fail = steps_back
    assert started(desk, where, CONFIG, Life())
    assert desk.now_ns < NOON - 200 * 10**9 and len(sent(desk)) == 6


def test_orders_planned_by_a_clock_that_was_ahead_are_not_sent(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.fail = _kills_at("GET", "/v1/limits", 1)
    with pytest.raises(Killed):
        started(desk, where, CONFIG, Life())
    desk.fail, desk.now_ns = lambda method, path: None, NOON - 3 * HOUR
    assert not started(desk, where, CONFIG, Life())
    assert desk.placed == {} and "older than daily.plan_s" in steps_of(where)["orders"].text


def test_an_order_of_a_run_whose_notes_are_lost_is_not_taken_for_its_own(anew: Callable[[], Path]) -> None:
    """The same key and the same order an hour later: the engine tells what became of the first one."""
    desk, where = Desk(), anew()
    held = dict(desk.held)
    assert started(desk, where, CONFIG, Life())
    where, desk.held = anew(), held  # and what it did was undone
    desk.now_ns += HOUR
    assert not started(desk, where, CONFIG, Life())
    orders = steps_of(where)["orders"]
    assert "daily:2026-11-20:1 was used for another order" in orders.text and "--again targets" in orders.todo
