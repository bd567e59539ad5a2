"""The order of a daily run's steps, its days, and its plan of orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.research.daily import (
    MOST_ORDERS,
    OVER,
    STEPS,
    Calendar,
    Wish,
    begin_of,
    day_of,
    divided,
    next_step,
    planned,
    repeated,
    too_old,
)

MINUTE = 60_000_000_000
STATES = ("waiting", "running", "done", "skipped", "failed")


@given(st.sampled_from(sorted(STEPS)), st.lists(st.sampled_from(STATES), min_size=11, max_size=11))
def test_the_next_step_is_the_first_that_is_not_over(kind, states) -> None:  # type: ignore[no-untyped-def]
    known = dict(zip(STEPS[kind], states, strict=False))
    step = next_step(kind, known)
    before = STEPS[kind] if step is None else STEPS[kind][: STEPS[kind].index(step)]
    assert all(known[name] in OVER for name in before)
    assert step is None or known[step] not in OVER


def test_again_repeats_from_a_step_on() -> None:
    assert repeated("daily", "orders") == ("orders", "reconcile", "report", "notify")
    with pytest.raises(ConfigError, match="the steps are data, gate"):
        repeated("daily", "trade")


def test_days_without_a_session() -> None:
    calendar = Calendar(("mon-fri 13:30-20:00",), ("2026-12-25",))
    assert calendar.session("2026-11-20") == (
        begin_of("2026-11-20") + 810 * MINUTE,
        begin_of("2026-11-20") + 1200 * MINUTE,
    )
    assert calendar.why_closed("2026-11-21") == "Saturdays have no session"
    assert calendar.why_closed("2026-12-25") == "it is one of daily.holidays"
    assert not calendar.is_open(begin_of("2026-12-25") + 900 * MINUTE)
    assert calendar.why_closed("2026-11-20") == ""
    never = Calendar((), ("2026-12-25",))
    assert never.round_the_clock and never.is_open(begin_of("2026-12-25"))
    assert never.why_closed("2026-12-25") == ""


def test_when_the_market_was_open_last() -> None:
    calendar = Calendar(("mon-fri 13:30-20:00",), ("2026-11-20",))
    open_ns = begin_of("2026-11-19") + 900 * MINUTE
    assert calendar.open_until(open_ns + 7) == open_ns + 7
    closed = begin_of("2026-11-19") + 1200 * MINUTE
    assert calendar.open_until(closed + 5 * MINUTE) == closed
    assert calendar.open_until(begin_of("2026-11-22") + 600 * MINUTE) == closed
    assert day_of(closed) == "2026-11-19"
    over_midnight = Calendar(("sun 22:00-06:00",))
    assert over_midnight.session("2026-11-23") == (
        begin_of("2026-11-23"),
        begin_of("2026-11-23") + 360 * MINUTE,
    )


lots = st.sampled_from([Decimal("1"), Decimal("0.001"), Decimal("0.5")])


@given(st.integers(1, 100_000), st.integers(1, 5_000), lots, st.booleans())
def test_parts_sum_to_the_whole_and_none_is_too_large(
    count: int, most: int, lot: Decimal, buys: bool
) -> None:
    quantity = (count * lot).copy_sign(1 if buys else -1)
    parts = divided(quantity, most * lot, lot)
    if -(-count // most) <= MOST_ORDERS:
        assert sum(parts) == quantity and len(parts) == -(-count // most)
    assert all(abs(part) <= most * lot and part * quantity > 0 and not part % lot for part in parts)
    assert max(map(abs, parts)) - min(map(abs, parts)) <= lot


def wish(symbol: str, reduction: str = "0", addition: str = "0", most: str = "10") -> Wish:
    return Wish(symbol, Decimal(reduction), Decimal(addition), Decimal(most), Decimal(1))


def test_a_plan_reduces_first_and_numbers_go_on() -> None:
    wishes = [wish("a", "-3"), wish("b", "0", "25"), wish("c", "4", "-12"), wish("d", "0", "5", "0")]
    orders, left = planned("2026-11-20", wishes, 8)
    assert [(order.phase, order.symbol, order.side, order.quantity) for order in orders] == [
        ("reduce", "a", "sell", "3"),
        ("reduce", "c", "buy", "4"),
        ("add", "b", "buy", "9"),
        ("add", "c", "sell", "6"),
        ("add", "b", "buy", "8"),
        ("add", "c", "sell", "6"),
        ("add", "b", "buy", "8"),
    ]
    assert [order.key for order in orders[:2]] == ["daily:2026-11-20:8", "daily:2026-11-20:9"]
    assert [one.symbol for one in left] == ["d"]


def test_a_plan_of_too_many_orders_says_so() -> None:
    orders, left = planned("2026-11-20", [wish("a", "0", "5000", "1"), wish("b", "-1")], 1)
    assert len(orders) == MOST_ORDERS and left[0].symbol == ""
    orders, left = planned("2026-11-20", [wish("a", "0", "5000", "1")], 1)
    assert len(orders) == MOST_ORDERS and "takes more" in left[0].reason


def test_an_old_plan() -> None:
    assert not too_old(0, 600 * 10**9, 600.0)
    assert too_old(0, 600 * 10**9 + 1, 600.0)
