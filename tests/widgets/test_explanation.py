"""Explain: the whole chain as lines, from the decision back to its grounds and on to what became of it."""

from __future__ import annotations

import msgspec

from engine.api.protocol import Explanation
from engine.events import NS
from tests.console import sample_explanation
from widgets.explanation import explanation_lines
from widgets.figures import clock_ms, date


def lines(story: Explanation) -> list[str]:
    return ["".join(text for text, _ in line) for line in explanation_lines(story)]


def test_sections_stand_in_the_order_of_the_chain() -> None:
    shown = lines(sample_explanation.explanation())
    assert shown[0] == sample_explanation.explanation().headline
    heads = [line.split("  ")[0] for line in shown if line.split("  ")[0] in
             ("Opportunity", "Why", "Risk", "Order", "Model", "Features")]  # fmt: skip
    assert heads == ["Opportunity", "Why", "Risk", "Order", "Model", "Features"]


def test_contributions_by_size_and_their_sum() -> None:
    shown = lines(sample_explanation.explanation())
    why = shown.index(next(line for line in shown if line.startswith("Why")))
    names = [line.split()[0] for line in shown[why + 1 : why + 6]]
    assert names == ["golden_cross", "speed", "model", "trend", "microstructure"]
    assert "+0.210" in shown[why + 1] and "+0.480" in shown[why + 6]
    assert any("absent: open interest, options, sentiment" in line for line in shown)


def test_a_denial_names_its_check() -> None:
    verdict = sample_explanation.explanation().verdict
    assert verdict is not None
    denied = msgspec.structs.replace(
        verdict,
        approved=False,
        code="STALE_DATA",
        detail="4.2 s old",
        checks=(msgspec.structs.replace(verdict.checks[1], passed=False),),
    )
    shown = lines(msgspec.structs.replace(sample_explanation.explanation(), verdict=denied))
    assert any(line.startswith("✗ denied STALE_DATA 4.2 s old") for line in shown)
    assert any(line.startswith("  ✗ STALE_DATA") and "limit 3 s" in line for line in shown)


def test_the_day_is_named_and_so_is_another() -> None:
    """A story that is read a day later does not seem to be of today."""
    story = sample_explanation.explanation()
    first, *_, last = story.order_events
    overnight = msgspec.structs.replace(last, ns=last.ns + 86_400 * NS)
    shown = lines(msgspec.structs.replace(story, order_events=(*story.order_events, overnight)))
    day, next_day = date(first.ns), date(overnight.ns)
    assert any(line.startswith("Order") and day in line for line in shown)
    assert any(line.startswith("Opportunity") and day in line for line in shown)
    told = [line for line in shown if next_day[5:] in line]
    assert len(told) == 1 and clock_ms(overnight.ns) in told[0]


def test_what_stood_in_the_way_is_named() -> None:
    assert not any("In the way" in line for line in lines(sample_explanation.explanation()))
    held = msgspec.structs.replace(
        sample_explanation.explanation(),
        held="IN_POSITION: holds 0.02 that way already",
        held_ns=sample_explanation.explanation().order_events[0].ns,
        held_times=18,
    )
    shown = lines(held)
    at = next(n for n, line in enumerate(shown) if line.startswith("In the way of an order"))
    assert shown[at + 1].startswith("✗ IN_POSITION holds 0.02 that way already")
    assert shown[at + 1].endswith(", 18 times so far")


def test_a_fill_tells_its_time_since_the_decision_and_its_slippage() -> None:
    (fill,) = [line for line in lines(sample_explanation.explanation()) if "fill 0.0312 @ 64120.10" in line]
    assert "+21.1ms" in fill and "slippage +0.3 bp" in fill and "fee 2.0005" in fill


def test_inputs_carry_confidence_age_and_family() -> None:
    (cross,) = [line for line in lines(sample_explanation.explanation()) if line.startswith("golden_cross")]
    assert "conf 80%" in cross and " 1s " in cross and "technical  SMA 50" in cross
    (speed,) = [line for line in lines(sample_explanation.explanation()) if line.startswith("speed")]
    assert "speed  " not in speed[5:], "its family is its name"


def test_weights_filters_steps_and_slippage_of_the_whole_chain() -> None:
    shown = lines(sample_explanation.explanation())
    assert (
        "weights as configured then: technical 40 %, speed 15 %, microstructure 15 %, options 10 %" in shown
    )
    assert any(line.startswith("  ✓ SPREAD") and line.endswith("limit at most 0.5 %") for line in shown)
    assert any(line.startswith("  ✓ STRATEGY_BUDGET") and "trend 4.1 %" in line for line in shown)
    assert any(line.startswith("  ✓ QUANT_BLOCK") for line in shown)
    (steps,) = [line for line in shown if line.startswith("step by step")]
    assert steps == (
        "step by step  seen → +40µs initialized → +120µs submitted → +20.1ms accepted → +800µs fill 1"
    )
    assert any(line.startswith("slippage of the order  +0.3 bp") for line in shown)


def test_nothing_of_a_check_is_cut() -> None:
    verdict = sample_explanation.explanation().verdict
    assert verdict is not None
    long = msgspec.structs.replace(verdict.checks[0], code="C" * 40, value="V" * 60, limit="L" * 80)
    story = msgspec.structs.replace(
        sample_explanation.explanation(), verdict=msgspec.structs.replace(verdict, checks=(long,))
    )
    (line,) = [line for line in lines(story) if "CCC" in line]
    assert "C" * 40 in line and "V" * 60 in line and "L" * 80 in line


def test_what_is_not_known_is_left_out() -> None:
    bare = Explanation("x", "s:A", "nothing else", None, None, None, None, (), (), None)
    assert lines(bare) == ["nothing else"]
    unknown = [line for line in lines(sample_explanation.explanation()) if line.startswith("range")]
    assert unknown and "nan" not in unknown[0]


def test_a_gap_that_the_features_span_is_told() -> None:
    story = sample_explanation.explanation()
    assert story.features is not None
    assert not any("gap" in line for line in lines(story))
    row = msgspec.structs.replace(story.features, window_gapped=1.0, volume_gapped=1.0)
    shown = lines(msgspec.structs.replace(story, features=row))
    assert "! gap: trades are missing in the window and the average volume" in shown
