"""Budgets: judged by a service that counts every request that reaches it, by its own clock."""

from __future__ import annotations

import itertools
from bisect import bisect_left

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS
from engine.feeds.sources.budget import (
    DAY_NS,
    HOUR_NS,
    MIDNIGHT_NS,
    MINUTE_NS,
    SLACK_NS,
    Budget,
    BudgetState,
    Limits,
)

START_NS = 1_767_225_600 * NS + 11 * HOUR_NS
"""11:00 UTC."""


class Service:
    """Counts what arrives; the strictest reading of its limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.at_ns: list[int] = []

    def ask(self, now_ns: int) -> None:
        self.at_ns.append(now_ns)
        limits = self.limits
        if limits.per_minute:
            assert self._since(now_ns - 60 * NS) <= limits.per_minute
        if limits.per_day:
            midnight_ns = now_ns - now_ns % DAY_NS
            first_ns = midnight_ns if limits.day == "utc" else now_ns - DAY_NS + 1
            assert self._since(first_ns) <= limits.per_day
        if limits.gap_ns and len(self.at_ns) > 1:
            assert now_ns - self.at_ns[-2] >= limits.gap_ns

    def _since(self, ns: int) -> int:
        return len(self.at_ns) - bisect_left(self.at_ns, ns)


LIMITS = st.builds(
    Limits,
    per_minute=st.sampled_from([0, 1, 5, 8, 30]),
    per_day=st.sampled_from([0, 1, 5, 25, 60]),
    gap_ns=st.sampled_from([0, 1_200_000_000]),
    day=st.sampled_from(["utc", "rolling"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 60)),
        st.tuples(st.just("pass"), st.sampled_from([1, NS, 20 * NS, 59 * NS, HOUR_NS, 7 * HOUR_NS, DAY_NS])),
        st.tuples(st.just("pass"), st.integers(0, 3 * HOUR_NS)),
        st.tuples(st.just("crash"), st.integers(0, 90 * NS)),
        st.tuples(st.just("stop"), st.integers(0, 90 * NS)),
        st.tuples(st.just("dies before it is kept"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(limits=LIMITS, steps=STEPS, live=st.booleans())
def test_no_budget_is_ever_exceeded(limits: Limits, steps: list[tuple[str, int]], live: bool) -> None:
    service, now_ns, disk = Service(limits), START_NS, msgspec.json.encode(BudgetState())
    budget = Budget(limits, BudgetState(), now_ns)
    for what, amount in steps:
        if what == "ask":
            for number in range(amount):
                if budget.take(now_ns, live=live or number % 3 == 0):
                    if budget.unkept:
                        state = budget.promise()
                        disk = msgspec.json.encode(state)
                        budget.kept(state)
                    service.ask(now_ns)
            continue
        if what == "dies before it is kept":
            budget.take(now_ns)  # counted, and never sent
        elif what == "stop":
            disk = msgspec.json.encode(budget.settled())
        if what != "pass":
            now_ns += amount
            budget = Budget(limits, msgspec.json.decode(disk, type=BudgetState), now_ns)
            continue
        now_ns += amount


@settings(max_examples=200, deadline=None)
@given(limits=LIMITS, waits=st.lists(st.integers(0, 2 * HOUR_NS), max_size=30))
def test_what_is_said_of_the_wait_is_true(limits: Limits, waits: list[int]) -> None:
    budget, now_ns = Budget(limits, None, START_NS), START_NS
    for extra_ns in waits:
        now_ns += extra_ns
        wait_ns = budget.wait_ns(now_ns)
        if wait_ns > 1:
            assert not budget.take(now_ns + wait_ns - 1) or limits.per_day
        now_ns += wait_ns
        assert budget.take(now_ns)


def test_a_day_at_utc_midnight_begins_anew() -> None:
    limits = Limits(per_day=3, day="utc")
    budget = Budget(limits, None, START_NS)
    assert [budget.take(START_NS) for _ in range(4)] == [True, True, True, False]
    assert budget.wait_ns(START_NS) == 13 * HOUR_NS + MIDNIGHT_NS
    assert budget.left_today(START_NS) == 0
    assert budget.left_today(START_NS + 13 * HOUR_NS + MIDNIGHT_NS) == 3


def test_without_a_known_midnight_no_24_hours_hold_more() -> None:
    budget = Budget(Limits(per_day=2), None, START_NS)
    assert budget.take(START_NS)
    assert budget.take(START_NS + 10 * HOUR_NS)
    assert not budget.take(START_NS + 23 * HOUR_NS)
    wait_ns = budget.wait_ns(START_NS + 23 * HOUR_NS)
    assert wait_ns == 2 * HOUR_NS  # hours are counted whole
    assert budget.take(START_NS + 25 * HOUR_NS)


def test_a_crash_costs_what_was_promised_and_a_stop_nothing() -> None:
    limits = Limits(per_minute=40, per_day=1000, day="utc")
    budget = Budget(limits, None, START_NS)
    assert budget.take(START_NS)
    assert budget.unkept
    promised = budget.promise()
    budget.kept(promised)
    assert promised.ahead == 10
    for _ in range(10):
        assert budget.take(START_NS)
        assert not budget.unkept
    assert budget.take(START_NS)
    assert budget.unkept
    crashed = Budget(limits, promised, START_NS + NS)
    assert crashed.left_today(START_NS + NS) == 1000 - 1 - 10
    assert crashed.left_now(START_NS + NS) == 40 - 1 - 10
    stopped = Budget(limits, budget.settled(), START_NS + NS)
    assert stopped.left_today(START_NS + NS) == 1000 - 12


def test_what_was_spent_is_forgotten_by_no_clock() -> None:
    """Set back by days, nothing can be told of the day: it counts as spent."""
    limits = Limits(per_day=5, day="utc")
    budget = Budget(limits, None, START_NS + 3 * DAY_NS)
    budget.take(START_NS + 3 * DAY_NS)
    back = Budget(limits, budget.settled(), START_NS)
    assert not back.take(START_NS)
    assert back.take(START_NS + DAY_NS)
    # In one run it does not go back at all.
    assert sum(back.take(START_NS) for _ in range(9)) == 4
    assert back.wait_ns(START_NS) == DAY_NS - (START_NS % DAY_NS) + MIDNIGHT_NS


def test_history_leaves_half_of_the_day() -> None:
    budget = Budget(Limits(per_day=10, day="utc"), None, START_NS)
    assert sum(budget.take(START_NS, live=False) for _ in range(10)) == 5
    assert sum(budget.take(START_NS) for _ in range(10)) == 5


def test_history_leaves_half_of_the_minute_to_prices_while_any_are_asked_for() -> None:
    budget = Budget(Limits(per_minute=10), None, START_NS)
    assert sum(budget.take(START_NS, live=False) for _ in range(20)) == 10
    later_ns = START_NS + MINUTE_NS
    assert budget.take(later_ns)
    assert sum(budget.take(later_ns, live=False) for _ in range(20)) == 5
    assert budget.wait_ns(later_ns, live=False) == MINUTE_NS
    assert sum(budget.take(later_ns) for _ in range(20)) == 4


@pytest.mark.parametrize("day", ["utc", "rolling"])
def test_a_day_is_spread_over_the_day(day: str) -> None:
    """25 a day: a fifth at once, the others evenly."""
    limits = Limits(per_day=25, day=day)  # type: ignore[arg-type]
    start_ns = START_NS - 11 * HOUR_NS
    budget = Budget(limits, None, start_ns)
    spent: list[int] = []
    for second in range(0, 24 * 3600, 10):
        now_ns = start_ns + second * NS
        if budget.pace_ns(now_ns) == 0 and budget.take(now_ns):
            spent.append(second)
    assert len([second for second in spent if second < 60]) == 5
    assert len([second for second in spent if second < 12 * 3600]) <= 17
    assert spent[-1] > 22 * 3600
    assert len(spent) >= 24


def test_a_minute_is_spread_over_the_minute() -> None:
    budget = Budget(Limits(per_minute=30), None, START_NS)
    spent = []
    for second in range(600):
        now_ns = START_NS + second * NS
        if budget.pace_ns(now_ns) == 0 and budget.take(now_ns):
            spent.append(second)
    gaps = [later - earlier for earlier, later in itertools.pairwise(spent)]
    assert max(gaps[10:]) <= 3
    assert 250 <= len(spent) <= 300


def test_who_asks_in_turns_gets_what_was_due_between_them() -> None:
    """600 a minute, asked for a hundred at once, every second."""
    budget = Budget(Limits(per_minute=600), None, START_NS)
    turns = [
        sum(
            budget.pace_ns(START_NS + second * NS) == 0 and budget.take(START_NS + second * NS)
            for _ in range(100)
        )
        for second in range(120)
    ]
    assert turns[0] >= 75
    assert all(6 <= turn <= 12 for turn in turns[20:])


def test_the_pace_says_when_the_next_is_due() -> None:
    budget = Budget(Limits(per_day=30, day="rolling"), None, START_NS)
    for _ in range(30 // 5):
        assert budget.pace_ns(START_NS) == 0
        assert budget.take(START_NS)
    wait_ns = budget.pace_ns(START_NS)
    assert wait_ns == HOUR_NS - SLACK_NS
    assert budget.pace_ns(START_NS + wait_ns) == 0


def test_a_service_without_limits_is_not_kept() -> None:
    budget = Budget(Limits(), None, START_NS)
    assert all(budget.take(START_NS) for _ in range(1000))
    assert not budget.unkept
    assert budget.left_now(START_NS) == budget.left_today(START_NS) == -1


def test_requests_that_travel_unequally_long_stay_inside_a_minute() -> None:
    budget = Budget(Limits(per_minute=1), None, START_NS)
    assert budget.take(START_NS)
    assert budget.wait_ns(START_NS + 60 * NS) == MINUTE_NS - 60 * NS > 0


@settings(max_examples=300, deadline=None)
@given(
    ahead_ns=st.integers(-55 * NS, 55 * NS),
    steps_ns=st.lists(st.integers(0, 40 * NS), min_size=1, max_size=30),
    spent=st.integers(0, 12),
)
def test_a_service_whose_midnight_is_not_quite_ours_is_not_asked_too_often(
    ahead_ns: int, steps_ns: list[int], spent: int
) -> None:
    limits = Limits(per_day=12, day="utc")
    service, now_ns = Service(limits), START_NS // DAY_NS * DAY_NS + 23 * HOUR_NS
    budget = Budget(limits, None, now_ns)
    for _ in range(spent):
        assert budget.take(now_ns)
        service.ask(now_ns + ahead_ns)
    now_ns += 57 * 60 * NS
    for step_ns in steps_ns:
        now_ns += step_ns
        while budget.take(now_ns):
            service.ask(now_ns + ahead_ns)
