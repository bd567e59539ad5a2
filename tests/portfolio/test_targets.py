"""Portfolio targets: weights, quantities, and what is bounded or dropped on the way."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import TargetsConfig
from engine.instruments import Instrument
from engine.portfolio.targets import Asset, Change, Plan, plan, weights

D = Decimal
EQUITY = D(10_000)


def asset(
    held: str = "0",
    price: str | None = "10",
    *,
    lot: str = "0.1",
    rate: str | None = "1",
    fresh: bool = True,
    minimum: str = "0",
) -> Asset:
    grid = Instrument(0, "sim:A-USD", "USD", D("0.01"), D(lot), D(minimum))
    return Asset(grid, D(held), None if price is None else D(price), None if rate is None else D(rate), fresh)


def config(**changes: float) -> TargetsConfig:
    settings = {"longs": 1, "shorts": 1, "gross_pct": 50.0, "min_trade_pct": 0.0, "max_turnover_pct": 1000.0}
    return TargetsConfig(enabled=True, **{**settings, **changes})  # type: ignore[arg-type]


def only(found: Plan, symbol: str) -> Change:
    (row,) = [row for row in found.changes if row.symbol == symbol]
    return row


SCORES = {"a": 0.03, "b": 0.0, "c": -0.03}


class TestWeights:
    def test_equal_weights_of_the_best_and_the_worst(self) -> None:
        scores = {"a": 0.1, "b": 3.0, "c": -5.0, "d": 2.0, "e": -0.2}
        assert weights(scores, 2, 1) == {"b": Fraction(1, 2), "d": Fraction(1, 2), "c": Fraction(-1)}
        assert weights(scores, 3, 0) == dict.fromkeys(["b", "d", "a"], Fraction(1, 3))
        assert weights(scores, 0, 1) == {"c": Fraction(-1)}

    def test_only_ranks_count(self) -> None:
        assert weights({"a": -3.0, "b": -2.0, "c": -1.0}, 1, 0) == {"c": Fraction(1)}
        assert weights({"b": 1.0, "a": 1.0, "c": 0.0}, 1, 0) == {"a": Fraction(1)}

    @pytest.mark.parametrize("scores", [{}, {"a": 1.0}, {"a": 0.0, "b": 0.0}, {"a": 1.0, "b": math.nan}])
    def test_no_opinion(self, scores: dict[str, float]) -> None:
        assert weights(scores, 2, 2) == {}

    def test_the_sides_never_overlap(self) -> None:
        assert weights(SCORES, 3, 3) == {"a": Fraction(1), "c": Fraction(-1)}
        assert weights(SCORES, 9, 0) == dict.fromkeys("abc", Fraction(1, 3))


class TestPlan:
    def test_quantities_of_both_sides(self) -> None:
        found = plan(SCORES, {"a": asset(), "b": asset("3"), "c": asset(price="7")}, EQUITY, config())
        # 25 % of equity a side: 2500 / 10, and 2500 / 7 in whole tenths.
        assert [(row.symbol, row.held, row.target, row.delta) for row in found.changes] == [
            ("b", D(3), D(0), D(-3)),
            ("a", D(0), D(250), D(250)),
            ("c", D(0), D("-357.1"), D("-357.1")),
        ]
        assert found.turnover == 30 + 2500 + D("357.1") * 7
        assert only(found, "b").reduction == -3 and not only(found, "b").addition

    def test_one_side_gets_all(self) -> None:
        found = plan(SCORES, {"a": asset(), "c": asset()}, EQUITY, config(shorts=0))
        assert only(found, "a").target == 500 and only(found, "c").target == 0

    def test_a_flip_is_a_reduction_and_an_addition(self) -> None:
        row = only(plan(SCORES, {"a": asset("-40"), "c": asset()}, EQUITY, config()), "a")
        assert (row.reduction, row.addition, row.delta) == (40, 250, 290)

    def test_what_is_off_the_grid_is_left_whole_and_reduced_in_lots(self) -> None:
        found = plan(SCORES, {"a": asset("251.234"), "b": asset("-0.05")}, EQUITY, config())
        assert only(found, "a").reduction == D("-1.2")
        assert only(found, "b").reduction == D("0.05")

    def test_a_rate_turns_prices_into_the_accounts_currency(self) -> None:
        assert only(plan(SCORES, {"a": asset(rate="2.5")}, EQUITY, config()), "a").target == 100

    @pytest.mark.parametrize(
        ("code", "scores", "one", "equity"),
        [
            ("NO_PRICE", SCORES, asset("5", None), EQUITY),
            ("NO_PRICE", SCORES, asset("5", "NaN"), EQUITY),
            ("NO_RATE", SCORES, asset("5", rate=None), EQUITY),
            ("STALE", SCORES, asset("5", fresh=False), EQUITY),
            ("NO_EQUITY", SCORES, asset("5"), D(0)),
            ("NO_EQUITY", SCORES, asset("5"), D("NaN")),
            ("NO_OPINION", dict.fromkeys("abc", 0.0), asset("5"), EQUITY),
            ("NO_SCORE", {"b": 1.0, "c": 0.0}, asset("5"), EQUITY),
        ],
    )
    def test_what_cannot_be_judged_is_kept(
        self, code: str, scores: dict[str, float], one: Asset, equity: Decimal
    ) -> None:
        row = only(plan(scores, {"a": one}, equity, config()), "a")
        assert (row.code, row.delta, row.target) == (code, 0, 5)

    def test_small_changes_are_dropped(self) -> None:
        assets = {"a": asset("249"), "c": asset("-245")}
        found = plan(SCORES, assets, EQUITY, config(min_trade_pct=0.3))
        assert only(found, "a").code == "BELOW_MIN_TRADE" and only(found, "c").delta == -5
        assert [row.symbol for row in found.trades] == ["c"]

    def test_turnover_scales_all_alike(self) -> None:
        assets = {"a": asset(), "b": asset("100"), "c": asset("50")}
        found = plan(SCORES, assets, EQUITY, config(max_turnover_pct=32.5))
        # Wanted is 250, -100 and -300, worth 6500: half of it is left.
        assert [(row.symbol, row.reduction, row.addition) for row in found.changes] == [
            ("b", -50, 0),
            ("c", -50, -100),
            ("a", 0, 125),
        ]
        assert {row.code for row in found.changes} == {"TURNOVER"} and found.turnover == 3250

    def test_turnover_may_leave_nothing(self) -> None:
        found = plan(SCORES, {"a": asset(lot="100"), "c": asset()}, EQUITY, config(max_turnover_pct=10))
        row = only(found, "a")
        assert (row.delta, row.code) == (0, "TURNOVER")

    def test_an_addition_below_the_venues_minimum_is_dropped_and_a_reduction_is_not(self) -> None:
        row = only(plan(SCORES, {"a": asset("-3", minimum="3000")}, EQUITY, config()), "a")
        assert (row.reduction, row.addition, row.code) == (3, 0, "TOO_SMALL")


symbols = st.sampled_from("abcdefgh")
lots = st.sampled_from(["0.001", "0.1", "1", "7"])


@st.composite
def assets(draw: st.DrawFn) -> Asset:
    lot = draw(lots)
    held = draw(st.integers(-2000, 2000)) * D(lot) + draw(st.sampled_from([D(0), D(0), D("0.0003")]))
    price = draw(st.decimals("0.01", "5000", places=2))
    return asset(str(held), str(price), lot=lot, rate=draw(st.sampled_from(["1", "1", "0.37"])))


cases = st.tuples(
    st.dictionaries(symbols, st.floats(-0.1, 0.1), max_size=8),
    st.dictionaries(symbols, assets(), max_size=8),
    st.decimals("100", "1000000", places=2),
)
configs = st.builds(
    config,
    longs=st.integers(0, 5),
    shorts=st.integers(0, 5),
    gross_pct=st.floats(0.1, 300),
    min_trade_pct=st.sampled_from([0.0, 0.0, 0.5, 5.0]),
    max_turnover_pct=st.floats(0.1, 1000),
)
Case = tuple[dict[str, float], dict[str, Asset], Decimal]


def worth(one: Asset) -> Decimal:
    assert one.price is not None and one.rate is not None
    return one.price * one.rate


def traded(found: Plan, known: dict[str, Asset]) -> dict[str, Asset]:
    """What is known once all of the plan has filled."""
    after = {row.symbol: row.held + row.delta for row in found.changes}
    return {symbol: one._replace(held=after[symbol]) for symbol, one in known.items()}


@given(st.dictionaries(symbols, st.floats(-0.1, 0.1), max_size=8), st.integers(0, 5), st.integers(0, 5))
def test_longs_sum_to_one_and_shorts_to_minus_one(scores: dict[str, float], longs: int, shorts: int) -> None:
    found = weights(scores, longs, shorts).values()
    assert sum(w for w in found if w > 0) in (0, 1) and sum(w for w in found if w < 0) in (0, -1)
    assert sum(w > 0 for w in found) <= longs and sum(w < 0 for w in found) <= shorts


@settings(max_examples=300)
@given(cases, configs)
def test_gross_and_turnover_stay_below_their_limits(case: Case, wanted: TargetsConfig) -> None:
    scores, known, equity = case
    found = plan(scores, known, equity, wanted)
    assert {row.symbol for row in found.changes} == known.keys()
    meant = [row for row in found.changes if row.code not in ("NO_OPINION", "NO_SCORE")]
    gross = sum((abs(row.target) * worth(known[row.symbol]) for row in meant), D(0))
    assert gross <= equity * D(repr(wanted.gross_pct)) / 100
    turnover = sum((abs(row.delta) * worth(known[row.symbol]) for row in found.changes), D(0))
    assert turnover == found.turnover <= equity * D(repr(wanted.max_turnover_pct)) / 100
    least = equity * D(repr(wanted.min_trade_pct)) / 100
    for row in found.changes:
        one = known[row.symbol]
        away = abs(row.held + row.delta - row.target)
        assert away <= abs(row.held - row.target), "never further away"
        assert row.reduction * row.held <= 0 and abs(row.reduction) <= abs(row.held)
        assert row.addition % one.instrument.lot_size == 0
        assert not row.addition or row.addition * (row.held + row.reduction) >= 0
        if row.code == "":
            assert away < one.instrument.lot_size
        elif row.code == "BELOW_MIN_TRADE":
            assert not row.delta and away * worth(one) < least
    order = [bool(row.reduction) for row in found.changes]
    assert order == sorted(order, reverse=True), "reductions first"


@settings(max_examples=300)
@given(cases, configs)
def test_once_the_plan_has_filled_there_is_nothing_to_do(case: Case, wanted: TargetsConfig) -> None:
    scores, known, equity = case
    found = plan(scores, known, equity, wanted)
    again = plan(scores, traded(found, known), equity, wanted)
    if not any(row.code == "TURNOVER" for row in found.changes):
        assert not again.trades and not again.turnover
    assert plan(scores, known, equity, wanted) == found, "the same inputs, the same plan"


@settings(max_examples=100)
@given(cases, configs)
def test_bounded_rebalances_arrive(case: Case, wanted: TargetsConfig) -> None:
    """What turnover leaves for later is done later: nothing goes back and forth."""
    scores, known, equity = case
    passed = D(0)
    for _ in range(20):
        found = plan(scores, known, equity, wanted)
        distance = sum((abs(row.held - row.target) * worth(known[row.symbol]) for row in found.changes), D(0))
        assert not passed or distance <= passed
        passed, known = distance, traded(found, known)
