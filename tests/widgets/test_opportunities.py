"""Opportunities: newest first, or the strongest first, whichever way they go."""

from __future__ import annotations

from tests.console import sample_desk as sample
from widgets.opportunities import OpportunitiesPane


def shown(pane: OpportunitiesPane) -> list[float]:
    return [row.order[2] for row in pane.rows]


def test_newest_first_then_the_strongest_with_one_key() -> None:
    pane = OpportunitiesPane()
    pane.show(sample.opportunities(), sample.NOW_NS)
    assert [row.key for row in pane.rows] == [f"opp-{n:04d}" for n in (8, 7, 6, 5, 4, 3)]
    pane.next_sort()
    assert pane.sort_mode == "score ▼"
    assert shown(pane) == [0.62, 0.48, -0.41, 0.39, -0.36, 0.33], "the sign stays, and does not count"
    pane.next_sort()
    assert shown(pane) == [0.33, -0.36, 0.39, -0.41, 0.48, 0.62]


def test_the_walk_comes_to_every_column_and_back() -> None:
    pane = OpportunitiesPane()
    seen = []
    for _ in range(2 * len(pane.COLUMNS) + 1):
        pane.next_sort()
        seen.append(pane.sort_mode)
    assert seen[-1] == "" and len(set(seen)) == len(seen)
