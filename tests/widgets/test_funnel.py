"""The funnel: both ends of the flow stay, the most frequent drop comes first."""

from __future__ import annotations

from tests.console import sample_desk as sample
from widgets.funnel import FunnelStrip, drops_line, funnel_line
from widgets.lines import Line

STAGES = sample.status().funnel


def text(line: Line) -> str:
    return "".join(text for text, _ in line)


def test_features_and_blends_fall_first() -> None:
    assert text(funnel_line(STAGES, 200)).startswith(
        " trades 284.0k → quotes 1.0M → bars 28.8k → features 31.2k"
    )
    assert "features" not in text(funnel_line(STAGES, 120)) and "bars" in text(funnel_line(STAGES, 120))
    shortest = text(funnel_line(STAGES, 20))
    assert shortest == " trades 284.0k → signals 31.3k → opportunities 148 → orders 61 → fills 57"


def test_drops_by_count_without_their_stages_where_it_is_narrow() -> None:
    drops = {"risk:STALE_DATA": 3, "opportunities:SCORE": 12_000, "risk:NONE": 0, "risk:A": 3}
    assert text(drops_line(drops, 80)) == " dropped opportunities:SCORE 12.0k · risk:A 3 · risk:STALE_DATA 3"
    assert text(drops_line(drops, 50)) == " dropped SCORE 12.0k · A 3 · STALE_DATA 3"
    assert text(drops_line({"x": 0}, 80)) == " nothing dropped"


def test_one_line_is_that_of_the_drops_and_a_lost_link_fades_all() -> None:
    strip = FunnelStrip()
    strip.show(STAGES, {"a:B": 1}, faded=True)
    assert [text(line) for line in strip.layout_lines(200, 1)] == [" dropped a:B 1"]
    assert {style for line in strip.layout_lines(200, 2) for _, style in line} == {"stale"}
