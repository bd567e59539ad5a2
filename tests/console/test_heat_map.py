"""The heat map as it is drawn, and the line of progress."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.cli.heat_map import lines, number
from console.cli.sweep_bar import SweepBar, line, span
from console.colours import Colours
from engine.research.heat_map import HeatMap
from engine.wiring.sweep_course import Progress

_MAP = HeatMap(
    "features.ema_fast",
    "features.ema_slow",
    "sharpe",
    tuple(f"{n * 1000}…" for n in range(10)),
    ("10", "200000000000"),
    (tuple(n / 3 for n in range(10)), (None, -1.5, *(float(n) for n in range(8)))),
    3,
    ((True,) * 10,) * 2,
)


@pytest.mark.parametrize("colours", Colours)
@pytest.mark.parametrize("plain", [False, True])
def test_it_fits_80_columns_and_its_numbers_are_always_there(colours: Colours, plain: bool) -> None:
    text = lines(_MAP, colours, ascii_only=plain)
    bare = [re.sub(r"\x1b\[[\d;]*m", "", row) for row in text]
    assert all(len(row) <= 80 for row in bare)
    assert bare[1] == "a cell is the mean of up to 3 runs"
    assert "-1.5" in bare[4] and bare[4].rstrip().endswith("     7*")
    assert bare[-1].strip() == "-1.5 to 7, the best marked *"
    assert ("\x1b" in "".join(text)) is (colours is not Colours.NONE)
    if plain:
        assert all(row.isascii() for row in text)
    elif colours is Colours.NONE:
        assert "█" in bare[4] and "▓" in bare[4]


def test_the_smallest_can_be_the_best_and_nothing_can_be_there() -> None:
    assert " -1.5* " in "".join(lines(_MAP, Colours.NONE, ascii_only=True, largest_is_best=False))
    empty = HeatMap("a.x", "a.y", "sharpe", ("1",), ("1",), ((None,),), 0, ((False,),))
    assert lines(empty, Colours.NONE, ascii_only=False)[1] == "no run has this figure"


def test_the_mark_is_for_what_can_be_chosen() -> None:
    def drawn(*chosen: bool) -> list[str]:
        return lines(
            HeatMap("a.x", "a.y", "sharpe", ("5", "10", "20"), ("50",), ((0.2, 0.4, 0.5),), 1, (chosen,)),
            Colours.NONE,
            ascii_only=True,
        )

    some = drawn(True, True, False)
    assert "0.4*" in some[2] and "0.5*" not in some[2]
    assert some[-1].endswith("0.2 to 0.5, the best that can be chosen marked *")
    none = drawn(False, False, False)
    assert "*" not in "".join(none) and none[-1].endswith("0.2 to 0.5, none can be chosen")


def test_a_mark_stands_behind_its_own_number_and_before_a_blank() -> None:
    cells = ((0.224, 0.461, 0.52),)
    of = HeatMap("a.x", "a.y", "sharpe", ("5", "10", "20"), ("50",), cells, 1, ((True,) * 3,))
    bare = lines(of, Colours.NONE, ascii_only=True)
    assert bare[2] == f"{'50':>8} 0.224  0.461#  0.52*"
    assert bare[1] == f"{'':9}     5     10     20"


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e300, 1e300))
def test_a_number_is_short_and_near(value: float) -> None:
    text = number(value)
    assert len(text) <= 6
    assert math.isclose(float(text), value, rel_tol=0.51, abs_tol=1e-4)


def test_the_line_tells_how_far_and_how_long() -> None:
    progress = Progress(500, done=120, taken_up=20, failed=2)
    assert line(progress, 100, 25.0) == "120/500  24 %  4/s  1 min 35 s left  2 failed"
    assert line(Progress(1500), 0, 3.0) == "0/1,500  0 %"
    assert [span(s) for s in (0.4, 59.6, 3600, 90_000)] == ["0 s", "1 min 0 s", "1 h 0 min", "1 d 1 h"]


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with SweepBar(ascii_only=False) as bar:
        bar.show(Progress(10, done=5))
        bar.say("a process died")
    assert capsys.readouterr().err == "tickdesk: a process died\n"
