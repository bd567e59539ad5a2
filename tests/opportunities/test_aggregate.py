from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Drop, FeatureRow, Opportunity, Side
from engine.opportunities.aggregate import HISTORY, opportunity_id
from tests.opportunities.signals import SYMBOL, blend, new_aggregator, new_blender, priced, signal


def taken(outcome: Opportunity | Drop) -> Opportunity:
    assert isinstance(outcome, Opportunity), outcome
    return outcome


def code(outcome: Opportunity | Drop) -> str:
    assert isinstance(outcome, Drop), outcome
    assert outcome.stage == "opportunities" and outcome.symbol == SYMBOL and outcome.detail
    return outcome.code


def test_a_strong_blend_is_an_opportunity_with_all_it_rests_on() -> None:
    aggregator, strong, row = new_aggregator(), blend(0.6, 1.0), priced()
    found = taken(aggregator.offer(strong, row))
    assert (found.side, found.score, found.price, found.merged) == (Side.BUY, strong.score, 100.0, 0)
    assert (found.created_ns, found.expires_ns) == (NS, 11 * NS)
    assert found.blend is strong and found.features is row
    assert found.sources == ("trend",) and found.reason == "trend: why trend"
    assert found.opportunity_id == opportunity_id(SYMBOL, Side.BUY, NS) == "dba77a668795"
    assert aggregator.live() == [found] and aggregator.get(found.opportunity_id) is found
    assert aggregator.recent() == [(found, "live")]
    assert taken(new_aggregator().offer(blend(-0.6), row)).side is Side.SELL


def test_the_reason_is_what_came_last_not_what_is_strongest() -> None:
    blender = new_blender()
    blender.update(signal("trend", 0.9, 0.0))
    blender.update(signal("model", 0.4, 1.0))
    blender.update(signal("golden_cross", -0.2, 1.0))
    both = blender.blend(SYMBOL, NS)
    assert both is not None
    found = taken(new_aggregator().offer(both, priced()))
    assert found.sources == ("trend", "model", "golden_cross") and found.reason == "model: why model"


NAN = float("nan")


@pytest.mark.parametrize(
    ("score", "confidence", "row", "expected"),
    [
        (0.29, 1.0, priced(), "BELOW_MIN_SCORE"),
        (-0.29, 1.0, priced(), "BELOW_MIN_SCORE"),
        (0.9, 0.2, priced(), "LOW_CONFIDENCE"),
        (0.9, 1.0, priced(filled=1.0), "FILLED_BAR"),
        (0.9, 1.0, priced(bid=NAN, last=NAN), "NO_PRICE"),
        (0.9, 1.0, priced(bid=99.0, ask=101.0), "WIDE_SPREAD"),
    ],
)
def test_each_filter_has_its_code(score: float, confidence: float, row: FeatureRow, expected: str) -> None:
    aggregator = new_aggregator()
    assert code(aggregator.offer(blend(score, confidence=confidence), row)) == expected
    assert aggregator.live() == [] and aggregator.recent() == []


@pytest.mark.parametrize(
    ("score", "market", "liquid"),
    [
        (0.9, {"ask_size": 10.1, "bid_size": 1.0}, True),  # a buy takes the ask
        (0.9, {"ask_size": 1.0, "bid_size": 99.0}, False),
        (-0.9, {"ask_size": 1.0, "bid_size": 10.1}, True),
        (-0.9, {"ask_size": 99.0, "bid_size": 1.0}, False),
        (0.9, {"window_volume": 10.0, "window_vwap": 100.0}, True),  # sizes unknown: what was traded
        (0.9, {"window_volume": 9.9, "window_vwap": 100.0, "ask_size": 1.0}, False),
        (0.9, {}, False),
    ],
)
def test_liquidity_is_what_waits_on_the_side_taken_or_what_was_traded(
    score: float, market: dict[str, float], liquid: bool
) -> None:
    outcome = new_aggregator(min_liquidity=1000.0).offer(blend(score), priced(**market))
    assert isinstance(outcome, Opportunity) if liquid else code(outcome) == "ILLIQUID"
    assert isinstance(new_aggregator().offer(blend(score), priced(**market)), Opportunity), "off by default"


def test_outside_the_session_hours_nothing_arises() -> None:
    aggregator = new_aggregator(sessions=("thu 00:00-00:01",))  # time began on a Thursday
    assert isinstance(aggregator.offer(blend(0.9, 59.9), priced()), Opportunity)
    assert code(new_aggregator(sessions=("thu 00:00-00:01",)).offer(blend(0.9, 60.0), priced())) == (
        "OUT_OF_SESSION"
    )


def test_without_a_sane_quote_the_last_trade_prices() -> None:
    for row in (priced(bid=NAN), priced(bid=101.0, ask=100.0)):
        assert taken(new_aggregator().offer(blend(0.9), row)).price == 100.0


def test_a_trade_after_the_filled_bar_lifts_the_filter() -> None:
    assert taken(new_aggregator().offer(blend(0.9), priced(filled=1.0, last=103.0))).side is Side.BUY


def test_a_zero_score_has_no_side() -> None:
    assert code(new_aggregator(min_score=0.0).offer(blend(0.0), priced())) == "BELOW_MIN_SCORE"


def test_the_same_side_merges_and_refreshes() -> None:
    aggregator = new_aggregator()
    first = taken(aggregator.offer(blend(0.5, 0.0), priced()))
    merged = taken(aggregator.offer(blend(0.4, 3.0), priced(bid=100.49, ask=100.51)))
    assert merged.opportunity_id == first.opportunity_id
    assert (merged.merged, merged.created_ns, merged.expires_ns) == (1, 0, 13 * NS)
    assert merged.score == 0.4 and merged.price == pytest.approx(100.5)
    assert aggregator.live() == [merged] and aggregator.get(first.opportunity_id) is merged


def test_hysteresis_keeps_a_live_one_at_less_than_it_takes_to_begin() -> None:
    aggregator = new_aggregator(min_score=0.3)
    assert code(aggregator.offer(blend(0.25, 0.0), priced())) == "BELOW_MIN_SCORE"
    taken(aggregator.offer(blend(0.31, 1.0), priced()))
    assert taken(aggregator.offer(blend(0.25, 2.0), priced())).merged == 1
    assert code(aggregator.offer(blend(0.23, 3.0), priced())) == "BELOW_MIN_SCORE"
    assert code(aggregator.offer(blend(-0.25, 4.0), priced())) == "BELOW_MIN_SCORE"
    assert len(aggregator.live()) == 1


def test_the_other_side_reverses() -> None:
    aggregator = new_aggregator()
    buy = taken(aggregator.offer(blend(0.5, 0.0), priced()))
    sell = taken(aggregator.offer(blend(-0.5, 1.0), priced()))
    assert aggregator.live() == [sell]
    assert aggregator.recent() == [(sell, "live"), (buy, "reversed")]


def test_the_same_evidence_is_acted_on_once() -> None:
    aggregator = new_aggregator(dedupe_s=5.0)
    first = taken(aggregator.offer(blend(0.5, 0.0), priced()))
    aggregator.close(first.opportunity_id, "ordered")
    assert aggregator.live() == [] and aggregator.status(first.opportunity_id) == "ordered"
    assert code(aggregator.offer(blend(0.9, 9.0, signal_s=0.0), priced())) == "DUPLICATE"
    assert code(aggregator.offer(blend(0.5, 4.0), priced())) == "DUPLICATE"
    assert code(aggregator.offer(blend(0.4, 4.9), priced())) == "DUPLICATE"
    stronger = taken(aggregator.offer(blend(0.6, 4.9), priced()))
    assert stronger.opportunity_id != first.opportunity_id
    aggregator.close(stronger.opportunity_id, "denied:STALE_DATA")
    assert taken(aggregator.offer(blend(0.4, 10.0), priced())).merged == 0, (
        "new evidence after the dedupe time"
    )
    assert [status for _, status in aggregator.recent()] == ["live", "denied:STALE_DATA", "ordered"]


def test_what_is_not_acted_on_expires() -> None:
    aggregator = new_aggregator(ttl_s=10.0)
    found = taken(aggregator.offer(blend(0.5, 0.0), priced()))
    assert aggregator.expire(10 * NS - 1) == []
    (drop,) = aggregator.expire(10 * NS)
    assert code(drop) == "EXPIRED" and found.opportunity_id in drop.detail
    assert aggregator.expire(11 * NS) == [] and aggregator.live() == []
    assert aggregator.recent() == [(found, "expired")]


def test_an_expiry_found_by_an_offer_is_still_reported() -> None:
    aggregator = new_aggregator(ttl_s=10.0)
    old = taken(aggregator.offer(blend(0.5, 0.0), priced()))
    new = taken(aggregator.offer(blend(0.5, 20.0), priced()))
    assert new.opportunity_id != old.opportunity_id
    assert [d.code for d in aggregator.expire(20 * NS)] == ["EXPIRED"]
    assert aggregator.status("never seen") == "" and aggregator.get("never seen") is None


def test_history_is_bounded_and_newest_first() -> None:
    aggregator = new_aggregator(dedupe_s=0.5)
    made = []
    for i in range(HISTORY + 5):
        made.append(taken(aggregator.offer(blend(0.5, float(i)), priced())))
        aggregator.close(made[-1].opportunity_id, "ordered")
    assert aggregator.get(made[0].opportunity_id) is None
    assert len(aggregator.recent()) == HISTORY
    assert [o for o, _ in aggregator.recent(2)] == [made[-1], made[-2]]
    aggregator.close(made[0].opportunity_id, "ordered")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1), st.integers(0, 4), st.booleans()), max_size=30))
def test_one_live_opportunity_per_symbol_and_every_outcome_accounted(
    steps: list[tuple[float, float, int, bool]],
) -> None:
    first, second = new_aggregator(), new_aggregator()
    at, created, expired, ids = 0, 0, 0, set()
    for score, confidence, wait, close in steps:
        at += wait
        if confidence < 1e-6:
            continue
        offered = blend(score, float(at), confidence=confidence)
        outcome = first.offer(offered, priced())
        assert repr(second.offer(offered, priced())) == repr(outcome)
        if isinstance(outcome, Opportunity):
            assert abs(outcome.score) >= 0.3 * 0.8 and outcome.side.sign * outcome.score > 0
            assert (outcome.merged > 0) == (outcome.opportunity_id in ids)
            created += outcome.merged == 0
            ids.add(outcome.opportunity_id)
            if close:
                first.close(outcome.opportunity_id, "ordered")
                second.close(outcome.opportunity_id, "ordered")
        expired += len(first.expire(at * NS))
        second.expire(at * NS)
        assert len(first.live()) <= 1
    assert len(first.recent()) == created == len(ids)
    assert [s for _, s in first.recent()].count("expired") == expired
    assert all(math.isfinite(o.price) for o, _ in first.recent())
