"""What is given on the command line, and the points that come of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Config
from engine.errors import ConfigError
from engine.research.parameters import parameter, with_values
from engine.research.space import Axis, Space, axis, drawn, grid, space, told
from tests.research.made_runs import FAST, KINDS, SLOW


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("features.ema_fast=5..20:5", (5, 10, 15, 20)),
        ("features.ema_fast=5..18:5", (5, 10, 15)),
        ("exits.stop_loss_pct=0.1..0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("exits.stop_loss_pct=1,2,4", (1.0, 2.0, 4.0)),
        ("exits.stop_loss_pct=log:0.01..1:3", (0.01, 0.1, 1.0)),
        ("features.ema_fast=log:2..200:3", (2, 20, 200)),
        ("risk.allow_short=true,false", (True, False)),
        ("paper.market_remainder=rest,cancel", ("rest", "cancel")),
        ("opportunities.weights.speed=0..20:10", (0.0, 10.0, 20.0)),
        ("strategies.trend.weight=0.5,1", (0.5, 1.0)),
        ("strategies.golden_cross.ttl_s=5,10", (5.0, 10.0)),
        ("risk.symbols.AAPL.max_position_pct=1,2", (1.0, 2.0)),
    ],
)
def test_lists_and_steps_are_values_in_the_type_of_their_key(text: str, values: tuple[object, ...]) -> None:
    found = axis(text, KINDS)
    assert found.listed == values
    assert [type(value) for value in found.listed] == [type(value) for value in values]


def test_a_range_of_whole_numbers_has_each_of_them() -> None:
    assert axis("features.ema_fast=3..6", KINDS).listed == (3, 4, 5, 6)
    assert axis("exits.stop_loss_pct=1..2", KINDS) == Axis("exits.stop_loss_pct", (), 1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("features.ema_fast", "write it as"),
        ("features.ema_fats=1,2", "did you mean ema_fast"),
        ("featuers.ema_fast=1,2", "did you mean features"),
        ("strategies.trnd.weight=1,2", "did you mean trend"),
        ("strategies.trend.wieght=1,2", "trend has no wieght"),
        ("strategies.trend.symbols=a,b", "cannot be swept"),
        ("features.ema_fast.x=1,2", "is a value"),
        ("features=1,2", "cannot be swept"),
        ("console.theme=a,b", "changes a backtest"),
        ("features.ema_fast=1.5,2", "expected a whole number"),
        ("features.ema_fast=2..x", "expected a whole number"),
        ("features.ema_fast=2..9:0", "a step above 0"),
        ("features.ema_fast=9..2", "above the first"),
        ("features.ema_fast=2..2000000000", "expected"),
        ("exits.stop_loss_pct=0..1:0.1", "expected"),
        ("exits.stop_loss_pct=log:0.5..1:1", "how many values"),
        ("opportunities.min_score=log:0..1", "above 0"),
        ("exits.stop_loss_pct=log:1,2", "write a range"),
        ("exits.stop_loss_pct=1,1.0", "that differ"),
        ("exits.stop_loss_pct=nan", "expected"),
        ("exits.stop_loss_pct=0.001..100:0.001", "more than"),
        ("risk.allow_short=true,maybe", "expected true or false"),
        ("risk.allow_short=0..1", "has no range"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        axis(text, KINDS)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_has_every_combination_the_last_turning_fastest() -> None:
    points = grid(space([f"{FAST}=2,3", f"{SLOW}=10,20"], KINDS))
    assert [tuple(point.values()) for point in points] == [(2, 10), (2, 20), (3, 10), (3, 20)]
    with pytest.raises(ConfigError, match=r"needs a step, as in 1\.\.2:0\.25"):
        grid(space(["exits.stop_loss_pct=1..2"], KINDS))
    with pytest.raises(ConfigError, match="runs, at most"):
        grid(space(["risk.max_open_orders=1..900", "risk.order_burst=1..900"], KINDS))
    with pytest.raises(ConfigError, match="given twice"):
        space([f"{FAST}=2,3", f"{FAST}=4"], KINDS)
    with pytest.raises(ConfigError, match="nothing to sweep"):
        space([], KINDS)


def test_drawn_points_differ_are_in_range_and_begin_alike() -> None:
    of = space(
        [
            f"{FAST}=2..9",
            "exits.stop_loss_pct=log:0.01..10",
            "exits.take_profit_pct=1..3",
            f"{SLOW}=log:20..90",
        ],
        KINDS,
    )
    points = drawn(of, 200, seed=3)
    assert points[:50] == drawn(of, 50, seed=3) != drawn(of, 50, seed=4)
    assert len({tuple(point.values()) for point in points}) == 200
    assert {point[FAST] for point in points} == set(range(2, 10))
    stops = sorted(float(point["exits.stop_loss_pct"]) for point in points)
    assert stops[0] >= 0.01 and stops[-1] <= 10 and 0.1 < stops[100] < 1.0
    assert all(type(point[SLOW]) is int and 20 <= point[SLOW] <= 90 for point in points)
    assert len(drawn(space([f"{FAST}=2..5"], KINDS), 100, seed=1)) == 4


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**63 - 1), st.booleans())
def test_a_draw_is_never_out_of_its_range(low: int, more: int, seed: int, log: bool) -> None:
    ends = float(low), float(low + more)
    of = Space((Axis("a", (), *ends, integer=True, log=log), Axis("b", (), *ends, log=log)))
    for point in drawn(of, 5, seed):
        assert all(ends[0] <= float(value) <= ends[1] for value in point.values())


def test_values_make_a_configuration_or_say_why_they_do_not_go_together() -> None:
    config = with_values(Config(), {FAST: 4, SLOW: 40, "strategies.trend.weight": 2.0})
    assert (config.features.ema_fast, config.features.ema_slow) == (4, 40)
    assert config.strategies["trend"] == {"weight": 2.0}
    with pytest.raises(ConfigError, match="ema_fast must be below"):
        with_values(Config(), {FAST: 40, SLOW: 10})
    assert with_values(Config(), {}) == Config()


def test_a_kind_is_told_from_the_type() -> None:
    kinds = {key: parameter(key, KINDS).kind for key in (FAST, "exits.stop_loss_pct", "risk.allow_short")}
    assert list(kinds.values()) == ["integer", "number", "flag"]
    assert parameter("exits.symbols.AAPL.stop_loss_pct", KINDS).kind == "number"
    assert told({FAST: 5, "exits.stop_loss_pct": 0.123456, "risk.allow_short": True}) == (
        "ema_fast=5 stop_loss_pct=0.1235 allow_short=true"
    )
