"""What a rebalance to given scores would do now: for who sends its orders by itself."""

from __future__ import annotations

from decimal import Decimal

from engine.slices import at_once
from engine.wiring.target_plan import UNKNOWN, planning
from tests.wiring.test_targets import BEST_A, A, B, D, Floor

LEAST = "risk.max_order_notional_pct=1"


def test_a_plan_of_given_scores_is_the_desks_own() -> None:
    floor = Floor(LEAST)
    found = at_once(planning(floor.desk, BEST_A))
    rows = {row.symbol: row for row in found.plan.rows}
    assert rows[A].weight == 1.0 and rows[D].weight == -1.0
    assert Decimal(rows[A].target) > 0 > Decimal(rows[D].target)
    assert found.follows and (found.version, found.ns) == ("", 0)
    sizes = {size.symbol: size for size in found.sizes}
    assert sizes.keys() == {A, D}
    # One order is of 0.98 % of equity at most: 980 at 100 each.
    assert Decimal("9.7") < Decimal(sizes[A].most) <= Decimal("9.8")
    assert Decimal(sizes[A].most) < Decimal(rows[A].addition)
    assert not floor.orders()  # nothing is sent

    floor.rebalance(BEST_A)
    after = at_once(planning(floor.desk, BEST_A))
    assert {row.symbol: row.held for row in after.plan.rows}[A] == str(floor.held(A))


def test_what_cannot_be_judged_says_why() -> None:
    floor = Floor()
    floor.quiet = {A}
    floor.run(20)
    found = at_once(planning(floor.desk, {**BEST_A, "sim:NONE": 0.02}))
    rows = {row.symbol: row for row in found.plan.rows}
    assert rows[A].code == "STALE" and rows[A].addition == "0"
    assert (rows["sim:NONE"].code, rows["sim:NONE"].score) == (UNKNOWN, 0.02)
    assert rows[B].code == ""


def test_without_scores_and_without_a_model_nothing_is_planned() -> None:
    found = at_once(planning(Floor("targets.enabled=false").desk, {}))
    assert (found.version, found.scores, found.plan.rows, found.follows) == ("", {}, (), False)


def test_no_tick_waits_for_a_plan_of_many_scores() -> None:
    floor = Floor()
    steps = sum(1 for _ in planning(floor.desk, {f"sim:NONE-{n}": 0.01 for n in range(1_000)}))
    assert steps > 1_000
