from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.model import Model

RANKED = {"a": 0.03, "b": 0.015, "c": -0.001, "d": -0.014, "e": -0.03}


def scored(scores: dict[str, float], **params: object) -> dict[str, float]:
    model = Model(Model.Params(**params))  # type: ignore[arg-type]
    return {s.symbol: s.score for s in model.on_scores(5, scores)}


def test_the_best_are_bought_and_the_worst_sold() -> None:
    scores = scored(RANKED)
    assert list(scores) == ["a", "b", "d", "e"]
    assert scores["a"] == -scores["e"] == pytest.approx(0.635, abs=1e-3)
    assert scores["b"] > 0 > scores["d"]


def test_the_reason_tells_the_rank() -> None:
    (first, last) = Model(Model.Params(top_n=1)).on_scores(5, RANKED)
    assert first.reason == "ranked 1 of 5, +1.50 standard deviations (top 1, min 0.5)"
    assert (last.symbol, last.ns) == ("e", 5)


@pytest.mark.parametrize(
    "scores", [{}, {"a": 0.03}, {"a": 0.0, "b": 0.0, "c": 0.0}, {"a": float("nan"), "b": 0.03}]
)
def test_no_cross_section_no_opinion(scores: dict[str, float]) -> None:
    assert scored(scores) == {}


def test_a_score_near_the_mean_does_not_speak() -> None:
    assert scored({"a": 0.009, "b": 0.0, "c": -0.009}) == {}
    assert set(scored({"a": 0.009, "b": 0.0, "c": -0.009}, min_z=0.4)) == {"a", "c"}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(-0.1, 0.1)), st.integers(1, 4))
def test_never_both_sides_and_never_more_than_asked(scores: dict[str, float], top_n: int) -> None:
    found = scored(scores, top_n=top_n)
    assert len(found) <= 2 * top_n
    assert all(found[s] * scores[s] > 0 for s in found)
    assert scored(dict(reversed(scores.items())), top_n=top_n) == found, (
        "the order of the input is no information"
    )
