from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import BlendWeights
from engine.events import NS, Family
from tests.opportunities.signals import QUANT, SYMBOL, new_blender, signal

UNIT = st.one_of(st.floats(0.0, 1.0), st.sampled_from((0.0, 1e-300, 1e-9, 1e-6)))
SIGNALS = st.lists(
    st.builds(
        signal,
        st.sampled_from(("trend", "model", "golden_cross", *QUANT)),
        st.floats(-1.0, 1.0),
        st.floats(0.0, 9.0),
        confidence=UNIT,
        ttl_s=st.floats(0.5, 20.0),
    ),
    max_size=12,
)
WEIGHTS = st.builds(
    BlendWeights,
    technical=st.floats(0.0, 100.0),
    speed=st.floats(0.0, 100.0),
    microstructure=st.floats(0.0, 100.0),
)


@settings(max_examples=200, deadline=None)
@given(SIGNALS, WEIGHTS, st.floats(0.01, 100.0), st.floats(0.0, 25.0))
def test_a_blend_is_bounded_and_adds_up(
    signals: list, weights: BlendWeights, trend: float, at_s: float
) -> None:
    blender, again = new_blender(weights, {"trend": trend}), new_blender(weights, {"trend": trend})
    for item in signals:
        blender.update(item)
    for item in signals:
        again.update(item)
    ns = round(at_s * NS)
    blend, score = blender.blend(SYMBOL, ns), blender.score(SYMBOL, ns)
    assert again.blend(SYMBOL, ns) == blend
    assert score is None or -1.0 <= score <= 1.0
    if blend is None:
        return
    assert score is not None and math.isclose(blend.score, score, abs_tol=1e-9)
    assert -1.0 <= blend.score <= 1.0
    assert 0.0 <= blend.confidence <= 1.0 and 0.0 <= blend.agreement <= 1.0
    assert math.isclose(sum(i.weight for i in blend.inputs), 1.0, abs_tol=1e-9)
    assert math.isclose(sum(i.contribution for i in blend.inputs), blend.score, abs_tol=1e-9)
    assert all(0.0 <= i.weight <= 1.0 + 1e-12 and i.age_ns >= 0 for i in blend.inputs)
    assert {i.family for i in blend.inputs}.isdisjoint(blend.absent)
    assert {i.family for i in blend.inputs} | set(blend.absent) == set(Family)


def test_absent_families_give_their_weight_to_the_present() -> None:
    blender = new_blender()
    blender.update(signal("trend", 1.0))
    blender.update(signal("speed", -1.0))
    blend = blender.blend(SYMBOL, 0)
    assert blend is not None
    assert {i.source: round(i.weight, 9) for i in blend.inputs} == {
        "trend": round(40 / 55, 9),
        "speed": round(15 / 55, 9),
    }
    assert math.isclose(blend.score, 25 / 55)
    assert math.isclose(blend.agreement, 40 / 55)
    assert blend.absent == (
        Family.MICROSTRUCTURE,
        Family.OPEN_INTEREST,
        Family.OPTIONS,
        Family.SENTIMENT,
        Family.VOLATILITY,
    )


def test_all_families_present_keep_the_configured_weights() -> None:
    blender = new_blender()
    for source in ("trend", *QUANT):
        blender.update(signal(source, 0.5))
    blend = blender.blend(SYMBOL, 0)
    assert blend is not None and blend.absent == ()
    weights = {i.source: round(i.weight * 100) for i in blend.inputs}
    assert weights == {
        "trend": 40,
        "speed": 15,
        "microstructure": 15,
        "open_interest": 10,
        "options": 10,
        "sentiment": 5,
        "volatility": 5,
    }
    assert math.isclose(blend.score, 0.5) and blend.agreement == pytest.approx(1.0)


def test_a_signal_fades_and_dies() -> None:
    blender = new_blender()
    blender.update(signal("trend", 0.8, 0.0, ttl_s=10.0))
    half = blender.blend(SYMBOL, 5 * NS)
    assert half is not None
    assert math.isclose(half.score, 0.4) and math.isclose(half.confidence, 0.5)
    assert half.inputs[0].age_ns == 5 * NS and half.inputs[0].score == 0.8
    assert blender.blend(SYMBOL, 10 * NS) is None
    assert blender.score(SYMBOL, 10 * NS) is None


def test_strategies_share_by_weight_confidence_and_age_and_weights_are_live() -> None:
    weights = {"trend": 3.0}
    blender = new_blender(strategy_weights=weights)
    blender.update(signal("trend", 1.0))
    blender.update(signal("model", -1.0))
    assert blender.score(SYMBOL, 0) == pytest.approx(0.5)
    weights["trend"] = 1.0
    assert blender.score(SYMBOL, 0) == pytest.approx(0.0)
    blender.update(signal("model", -1.0, confidence=0.5))
    assert blender.score(SYMBOL, 0) == pytest.approx(1 / 3)


def test_quant_alone_scores_but_is_no_reason_to_trade() -> None:
    blender = new_blender()
    blender.update(signal("speed", 0.6))
    assert blender.score(SYMBOL, 0) == pytest.approx(0.6)
    assert blender.blend(SYMBOL, 0) is None
    assert blender.score("a:OTHER", 0) is None and blender.blend("a:OTHER", 0) is None


def test_the_newest_signal_counts_and_a_dropped_source_does_not() -> None:
    blender = new_blender()
    blender.update(signal("trend", -1.0))
    blender.update(signal("trend", 1.0, 1.0))
    blender.update(signal("speed", 1.0, 1.0))
    assert blender.score(SYMBOL, NS) == 1.0
    blender.drop_source("trend")
    assert blender.blend(SYMBOL, NS) is None
    assert blender.score(SYMBOL, NS) == 1.0


def test_disagreement_costs_confidence() -> None:
    confidences = []
    for speed in (1.0, -0.1):
        blender = new_blender()
        blender.update(signal("trend", 1.0))
        blender.update(signal("speed", speed))
        blend = blender.blend(SYMBOL, 0)
        assert blend is not None
        confidences.append(blend.confidence)
    assert confidences == [pytest.approx(1.0), pytest.approx((1 + 40 / 55) / 2)]


def test_a_family_of_no_weight_does_not_count() -> None:
    blender = new_blender(BlendWeights(technical=0.0))
    blender.update(signal("trend", 1.0))
    assert blender.score(SYMBOL, 0) is None and blender.blend(SYMBOL, 0) is None
    blender.update(signal("speed", -0.5))
    blend = blender.blend(SYMBOL, 0)
    assert blend is not None and blend.score == -0.5


def test_to_look_at_a_blend_of_another_time_changes_none_that_follows() -> None:
    """A screen asks by the wall clock, which runs ahead of the clock that decides."""
    blender = new_blender()
    blender.update(signal("trend", 1.0, 0.0, ttl_s=10.0))
    before = blender.blend(SYMBOL, 9 * NS)
    assert before is not None
    assert blender.blend(SYMBOL, 11 * NS, quant_alone=True) is None
    assert blender.blend(SYMBOL, 9 * NS) == before
