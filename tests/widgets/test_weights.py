"""The bar of the weights: as long as it is wide, each family its part, in letters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Family
from widgets.weights import LETTERS, sum_lines

percents = st.lists(st.floats(0, 100), min_size=len(Family), max_size=len(Family))


def text(weights: dict[Family, float], width: int) -> tuple[str, str]:
    facts, bar = ("".join(cell for cell, _ in line) for line in sum_lines(weights, width))
    return facts, bar


@settings(max_examples=60)
@given(percents, st.integers(10, 120))
def test_the_bar_is_whole(values: list[float], width: int) -> None:
    weights = dict(zip(Family, values, strict=True))
    total = sum(values)
    _, bar = text(weights, width)
    if total <= 0:
        assert bar == ""
        return
    assert len(bar) == width and bar == "".join(sorted(bar, key="TSMIONV".index))
    for family, weight in weights.items():
        assert abs(bar.count(LETTERS[family]) - weight / total * width) <= 1


def test_letters_are_told_apart() -> None:
    assert len(set(LETTERS.values())) == len(Family) == len(LETTERS)


def test_a_sum_of_a_hundred_needs_no_word() -> None:
    weights = dict.fromkeys(Family, 0.0) | {Family.SPEED: 100.0}
    assert text(weights, 10) == ("sum 100 %", "S" * 10)
    assert text(weights | {Family.OPTIONS: 25.0}, 10)[0].startswith("sum 125 %  what counts")
