"""Cells of two parameters."""

from __future__ import annotations

import pytest

from engine.errors import ConfigError
from engine.research.heat_map import heat_map
from engine.research.space import Space, grid, space
from engine.research.sweep_runs import Name, Run, Task
from engine.research.sweep_spec import Requirement
from tests.research.made_runs import FAST, KINDS, SLOW, run_of, spec

_OF = spec().space


def _runs(of: Space) -> list[Run]:
    return [run_of(Task(Name(0, False, n), point)) for n, point in enumerate(grid(of))]


def test_a_cell_is_the_run_of_its_two_values() -> None:
    found = heat_map(_runs(_OF), _OF, "trades")
    assert (found.across, found.down, found.most) == (FAST, SLOW, 1)
    assert found.columns == ("2", "3", "4", "5") and found.rows == ("10", "20", "30")
    assert found.cells == ((20.0, 30.0, 40.0, 50.0),) * 3
    turned = heat_map(_runs(_OF), _OF, "trades", ("ema_slow", "ema_fast"))
    assert (turned.across, turned.down) == (SLOW, FAST) and turned.cells[1] == (30.0, 30.0, 30.0)


def test_what_a_run_must_come_to_is_told_beside_its_cell() -> None:
    found = heat_map(_runs(_OF), _OF, "trades", requires=[Requirement("trades", True, 40.0)])
    assert found.cells == ((20.0, 30.0, 40.0, 50.0),) * 3
    assert found.chosen == ((False, False, True, True),) * 3


def test_other_parameters_are_averaged_and_what_failed_is_left_out() -> None:
    of = space([f"{FAST}=2,3", f"{SLOW}=10,20", "exits.stop_loss_pct=1,2"], KINDS)
    runs = _runs(of)
    runs[0] = Run(runs[0].name, runs[0].point, status="failed")
    found = heat_map([*runs[:6]], of, "trades", (FAST, SLOW))
    assert found.most == 2
    assert found.cells == ((20.0, 30.0), (20.0, None))


def test_many_values_share_cells() -> None:
    of = space(["risk.max_open_orders=1..40", "exits.stop_loss_pct=1..3"], KINDS)
    runs = [
        Run(
            Name(0, False, n),
            {"risk.max_open_orders": n + 1, "exits.stop_loss_pct": 1 + n / 20},
            figures={"trades": n},
        )
        for n in range(40)
    ]
    found = heat_map(runs, of, "trades", ("max_open_orders", "stop_loss_pct"), wide=4, high=2)
    assert found.columns == ("1…", "11…", "21…", "31…") and found.rows == ("1…", "2…")
    assert found.cells == ((4.5, 14.5, None, None), (None, None, 24.5, 34.5))


def test_wrong_names_are_told() -> None:
    for keys in (("fast", "slow"), ("ema_fast", "ema_fast"), ("ema_fast",)):
        with pytest.raises(ConfigError, match="--heat-map"):
            heat_map([], _OF, "trades", keys)
    with pytest.raises(ConfigError, match="needs two"):
        heat_map([], space([f"{FAST}=2,3"], KINDS), "trades")
