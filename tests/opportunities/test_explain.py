from __future__ import annotations

import msgspec

from engine.config import BlendWeights, OpportunitiesConfig
from engine.events import NS, Opportunity
from engine.opportunities import explain
from tests.opportunities.signals import QUANT, SYMBOL, new_aggregator, new_blender, priced, signal


def opportunity(*sources: str) -> Opportunity:
    blender = new_blender()
    for source in sources:
        item = signal(source, 0.8, 0.0)
        blender.update(item)
    blend = blender.blend(SYMBOL, NS)
    assert blend is not None
    found = new_aggregator().offer(blend, priced(window_change_pct=1.25, rsi=61.5))
    assert isinstance(found, Opportunity)
    return found


def test_the_headline_says_what_and_why() -> None:
    assert explain.headline(opportunity("trend")) == (
        "BUY simulated:BTC-USD at 100: score +0.72, confidence 0.90; trend: why trend"
    )


def test_an_input_that_gave_a_reason_keeps_it() -> None:
    found = opportunity("trend", "speed")
    assert [explain.basis(part, found.features) for part in found.blend.inputs] == ["why trend", "why speed"]


def test_absent_families_and_where_their_weight_went() -> None:
    assert explain.absent_lines(opportunity("trend", *QUANT), BlendWeights()) == []
    assert explain.absent_lines(
        opportunity("trend", "speed", "microstructure", "volatility"), BlendWeights()
    ) == [
        "absent: open interest (10 %), options (10 %), sentiment (5 %)",
        "their 25 % redistributed: technical 40 % -> 53 %, speed 15 % -> 20 %, "
        "microstructure 15 % -> 20 %, volatility 5 % -> 7 %",
    ]


def test_an_old_blend_is_explained_by_the_weights_of_its_time() -> None:
    found = opportunity("trend", "speed", "microstructure", "volatility")
    other = BlendWeights(technical=1.0, sentiment=99.0)
    assert explain.absent_lines(found, other) == explain.absent_lines(found, BlendWeights())
    unknown = msgspec.structs.replace(found, blend=msgspec.structs.replace(found.blend, weights=()))
    assert explain.absent_lines(unknown, other) != explain.absent_lines(found, other)


def test_quant_scores_without_a_reason_are_explained_from_the_row() -> None:
    row = priced(
        bid_size=3.0, ask_size=1.0, window_volume=10.0, window_buy_volume=7.0, atr=2.0, momentum=-3.0
    )
    assert explain.basis_of(QUANT["microstructure"], row) == (
        "bid size 3, ask size 1, bought 70 % of the window's volume, spread 2.00 bp"
    )
    assert explain.basis_of(QUANT["volatility"], row) == "momentum -1.50 ATR"
    assert explain.basis_of(QUANT["speed"], row) == ""
    assert explain.basis_of(QUANT["options"], row) == ""


def test_numbers_newer_than_the_score_are_called_so() -> None:
    market = priced(bid_size=3.0, ask_size=1.0)
    for at_s, expected in ((1.0, "bid size 3"), (0.0, "now bid size 3")):
        blender = new_blender()
        blender.update(signal("trend", 0.8, 1.0))
        blender.update(msgspec.structs.replace(signal("microstructure", 0.2, at_s), reason=""))
        blend = blender.blend(SYMBOL, NS)
        assert blend is not None
        found = new_aggregator().offer(blend, market)
        assert isinstance(found, Opportunity)
        assert explain.basis(found.blend.inputs[1], found.features).startswith(expected)


def test_unknown_is_said_and_never_printed_as_a_number() -> None:
    found = opportunity("trend")
    line = explain.market_line(found.features)
    assert line == (
        "market: bid 99.99, ask 100.01, last 100, window change +1.250 %, window volume unknown, "
        "RSI 61.5, ATR unknown"
    )
    told = (explain.headline(found), line, *explain.absent_lines(found, BlendWeights()))
    assert all("nan" not in text and "\n" not in text for text in told)


def test_each_rule_is_told_with_its_value_and_its_limit() -> None:
    found = opportunity("trend")
    checks = explain.filter_checks(found, OpportunitiesConfig(max_spread_pct=0.25))
    assert all(check.passed for check in checks)
    told = {check.code: (check.value, check.limit) for check in checks}
    assert told["BELOW_MIN_SCORE"] == (f"{found.score:+.4f}", ">= 0.3")
    assert told["WIDE_SPREAD"][1] == "<= 0.25 %" and told["ILLIQUID"][1] == "none asked"
    assert told["OUT_OF_SESSION"] == ("Thu 00:00 UTC", "always open")


def test_a_rule_of_today_that_it_would_fail_is_not_told_as_passed() -> None:
    found = opportunity("trend")
    strict = OpportunitiesConfig(
        min_score=1.0,
        min_confidence=1.0,
        max_spread_pct=1e-9,
        min_liquidity=1e12,
        sessions=("sun 01:00-02:00",),
    )
    failed = {check.code for check in explain.filter_checks(found, strict) if not check.passed}
    assert failed == {"BELOW_MIN_SCORE", "LOW_CONFIDENCE", "WIDE_SPREAD", "ILLIQUID", "OUT_OF_SESSION"}


def test_what_was_live_needed_less_to_be_kept_up() -> None:
    found = msgspec.structs.replace(opportunity("trend"), merged=2, score=0.25, confidence=0.25)
    (score, confidence, *_) = explain.filter_checks(found, OpportunitiesConfig())
    assert score.passed and confidence.passed
    assert score.limit == ">= 0.24 (80% of 0.3: it was live)"
