"""Sentiment: against the crowd, with the news, older ones less."""

from __future__ import annotations

import pytest

from engine.events import NS, Sentiment
from engine.quant.opinion import Opinion
from engine.quant.sentiment import MAX_HEADLINES, SentimentModule

NOW = 1_700_000_000 * NS
HOUR = 3600 * NS


def index(value: float, age_ns: int = 0, underlying: str = "") -> Sentiment:
    return Sentiment("fear-greed", underlying, value, "Fear", NOW - age_ns, NOW)


def headline(value: float, text: str, age_ns: int = 0, underlying: str = "BTC") -> Sentiment:
    return Sentiment("news", underlying, value, text, NOW - age_ns, NOW)


def opinion_of(*events: Sentiment, underlying: str = "BTC", at: int = NOW) -> Opinion | None:
    module = SentimentModule()
    for event in events:
        module.on_event(event)
    return module.opinion(underlying, at)


def test_extremes_of_the_index_are_read_against_the_crowd() -> None:
    fear, mild, greed = opinion_of(index(-0.9)), opinion_of(index(-0.3)), opinion_of(index(0.9))
    assert fear is not None and mild is not None and greed is not None
    assert fear.score == pytest.approx(0.729)
    assert greed.score == pytest.approx(-0.729)
    assert mild.score == pytest.approx(0.027), "the middle is quiet"
    assert mild.confidence < fear.confidence
    assert fear.reason == "fear and greed 5 of 100 (Fear), read against the crowd"


def test_the_index_fades_within_two_days() -> None:
    new, old = opinion_of(index(-0.9)), opinion_of(index(-0.9, 24 * HOUR))
    assert new is not None and old is not None
    assert old.confidence == pytest.approx(new.confidence / 2)
    assert opinion_of(index(-0.9, 48 * HOUR)) is None


@pytest.mark.parametrize("underlying", ["EUR", "XAU"])
def test_the_mood_of_coins_is_none_of_currencies_and_metals(underlying: str) -> None:
    assert opinion_of(index(-0.9), underlying=underlying) is None
    own = opinion_of(index(-0.9), index(0.5, underlying=underlying), underlying=underlying)
    assert own is not None and own.score == pytest.approx(-0.125)


def test_news_are_followed_and_decay() -> None:
    good, bad = headline(0.8, "good"), headline(-0.8, "bad", 4 * HOUR)
    both = opinion_of(good, bad)
    assert both is not None
    assert both.score == pytest.approx((0.8 - 0.25 * 0.8) / 1.25)
    assert both.reason == "news +0.48 of 2 headlines"
    assert opinion_of(headline(0.8, "stale", 13 * HOUR)) is None
    assert opinion_of(good, at=NOW + 13 * HOUR) is None


def test_a_headline_counts_once_and_one_without_an_opinion_not_at_all() -> None:
    once = opinion_of(headline(0.5, "Rally"))
    assert once is not None
    assert opinion_of(headline(0.5, "Rally"), headline(0.5, "RALLY")) == once
    assert opinion_of(headline(0.0, "Meeting on Monday"), headline(0.5, "Rally")) == once
    assert opinion_of(headline(0.0, "Meeting on Monday")) is None


def test_news_of_another_asset_do_not_count_and_those_of_the_market_count_half() -> None:
    assert opinion_of(headline(0.5, "x", underlying="ETH")) is None
    own, market = opinion_of(headline(0.5, "x")), opinion_of(headline(0.5, "x", underlying=""))
    assert own is not None and market is not None
    assert market.confidence == pytest.approx(0.6 * 0.5 / 5.5)
    assert own.confidence == pytest.approx(0.6 * 1 / 6)


def test_index_and_news_are_weighed_by_their_confidence() -> None:
    both = opinion_of(index(-1.0), headline(-0.5, "x"))
    assert both is not None
    assert both.score == pytest.approx((0.2 * 1.0 + 0.1 * -0.5) / 0.3)
    assert both.confidence == pytest.approx(0.3)


@pytest.mark.parametrize("value", [1.5, -2.0, float("nan"), float("inf")])
def test_a_value_out_of_range_is_not_taken(value: float) -> None:
    assert opinion_of(index(value)) is None
    assert opinion_of(headline(value, "x")) is None


def test_what_is_kept_is_bounded() -> None:
    module = SentimentModule()
    for number in range(MAX_HEADLINES + 50):
        module.on_event(headline(0.5, f"headline {number}", age_ns=HOUR - number))
    assert len(module._news) == MAX_HEADLINES
