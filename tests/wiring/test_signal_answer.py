"""The engine's own answer for signals: as live bars are scored, absent as null, bad candles told."""

from __future__ import annotations

import itertools
import math
import random

import msgspec
import numpy as np
import pytest

from engine.config import Config
from engine.errors import SignalsError
from engine.events import NS, Blend, Family, FeatureRow, Signal
from engine.feature_table import FLOAT_FIELDS
from engine.features.candles import candle_values
from engine.opportunities.blend import Blender
from engine.quant import external
from engine.signal_exchange import Candle, SignalsReply, SignalsRequest
from engine.wiring.signal_answer import answer
from tests.quant.one_row import RowByRow

START_MS = 1_700_000_000_000
NOW = 1_700_000_900 * NS
CONFIG = Config()


def candles(count: int, seed: int = 3, step_ms: int = 1000) -> tuple[Candle, ...]:
    rng, price, found = random.Random(seed), 100.0, []
    for number in range(count):
        open_ = price
        price *= math.exp(rng.gauss(0.0002, 0.002))
        found.append(
            Candle(
                START_MS + number * step_ms, open_, max(open_, price) * 1.001, min(open_, price) * 0.999,
                price, rng.uniform(1, 5),
            )
        )  # fmt: skip
    return tuple(found)


def asked(some: tuple[Candle, ...], live: Blend | None = None, blocked: str = "") -> SignalsReply:
    ticks = itertools.count(0, 1_500_000)
    request = SignalsRequest("binance:BTCUSDT", some, START_MS)
    return answer(request, CONFIG, live, timer=lambda: next(ticks), now_ns=NOW, blocked=blocked)


def live_blend(*signals: Signal) -> Blend:
    blender = Blender(CONFIG.opportunities.weights, {})
    blender.add_symbol("s")
    for signal in signals:
        blender.update(signal)
    blend = blender.blend("s", NOW, quant_alone=True)
    assert blend is not None
    return blend


@pytest.mark.parametrize("count", [5, 6, 63, 64, 65, 130, 300])
def test_scores_equal_those_of_the_live_modules(count: int) -> None:
    """Bar by bar through the modules as live, or all at once: the same numbers."""
    some = candles(count)
    bars = np.array([(c.open, c.high, c.low, c.close, c.volume, math.nan) for c in some])
    live, signals = RowByRow(), []
    for number, values in enumerate(candle_values(bars, CONFIG.features).tolist()):
        start_ns = (START_MS + number * 1000) * 1_000_000
        row = FeatureRow("s", start_ns + NS, start_ns, number + 1, *values)
        assert len(values) == len(FLOAT_FIELDS)
        signals = live.on_bar(row)
    expected = {signal.family: signal.score for signal in signals}
    scores = asked(some).signals
    assert scores.speed == expected.get(Family.SPEED)
    assert scores.volatility == expected.get(Family.VOLATILITY)


def test_what_has_no_data_is_null_and_nothing_is_combined_from_nothing() -> None:
    reply = asked(candles(2))
    assert msgspec.to_builtins(reply.signals) == dict.fromkeys(
        ("speed", "microstructure", "oi", "options", "sentiment", "volatility", "combined")
    )
    assert (reply.latency_ms, reply.timestamp) == (1.5, NOW // 1_000_000)


def test_what_no_candle_tells_comes_from_the_desk_decayed_by_age() -> None:
    blend = live_blend(
        Signal("s", "open_interest", Family.OPEN_INTEREST, 0.8, 0.5, NOW - 30 * NS, 60 * NS, ""),
        Signal("s", "options", Family.OPTIONS, -0.5, 0.5, NOW, 60 * NS, ""),
        Signal("s", "speed", Family.SPEED, 1.0, 1.0, NOW, 60 * NS, ""),
    )
    scores = asked(candles(2), blend).signals
    assert scores.oi == pytest.approx(0.4)
    assert scores.options == pytest.approx(-0.5)
    assert scores.sentiment is None
    assert scores.speed is None, "candles were sent: they speak for themselves"
    weights = CONFIG.opportunities.weights
    both = weights.open_interest + weights.options
    assert scores.combined == pytest.approx((weights.open_interest * 0.4 + weights.options * -0.5) / both)


def test_combined_is_the_blend_by_the_configured_weights() -> None:
    scores, weights = asked(candles(300)).signals, CONFIG.opportunities.weights
    assert isinstance(scores.speed, float) and isinstance(scores.volatility, float)
    expected = (weights.speed * scores.speed + weights.volatility * scores.volatility) / (
        weights.speed + weights.volatility
    )
    assert scores.combined == pytest.approx(expected)


def test_a_desk_that_blocks_the_symbol_says_so() -> None:
    assert asked(candles(300), blocked="alpha says block").signals.combined == "block"


def test_what_is_on_the_far_side_of_a_hole_does_not_count() -> None:
    some = candles(200)
    late = tuple(msgspec.structs.replace(c, timestamp=c.timestamp + 60_000) for c in some[100:])
    assert asked(some[:100] + late).signals == asked(late).signals


def good() -> list[Candle]:
    return list(candles(4))


def with_(position: int, **changes: float) -> list[Candle]:
    some = good()
    some[position] = msgspec.structs.replace(some[position], **changes)
    return some


@pytest.mark.parametrize(
    ("some", "why"),
    [
        ([], "0 candles: send at least 2"),
        (good()[:1], "1 candles: send at least 2"),
        (good()[::-1], "candle 1 is not after the one before it"),
        ([*good(), good()[-1]], "candle 4 is not after"),
        (with_(2, close=math.nan), "candle 2 is none"),
        (with_(1, high=math.inf), "candle 1 is none"),
        (with_(0, low=0.0), "candle 0 is none"),
        (with_(3, volume=-1.0), "candle 3 is none"),
        (with_(2, high=1.0, low=2.0), "candle 2 does not hold together"),
        (with_(2, high=50.0), "candle 2 does not hold together"),
        (with_(2, low=1e6), "candle 2 does not hold together"),
    ],
)
def test_bad_candles_are_told_in_one_line(some: list[Candle], why: str) -> None:
    with pytest.raises(SignalsError, match=why) as caught:
        asked(tuple(some))
    assert "\n" not in str(caught.value)


def test_a_time_beyond_any_calendar_is_told() -> None:
    first, second = candles(2)
    far = msgspec.structs.replace(second, timestamp=1 << 80)
    with pytest.raises(SignalsError, match="time"):
        asked((first, far))


def test_one_engine_can_be_the_quant_server_of_another() -> None:
    """What is asked and what is answered fit each other, over the wire and back."""
    bars = np.array([(c.open, c.high, c.low, c.close, c.volume, math.nan) for c in candles(200)])
    opens = np.array([candle.timestamp for candle in candles(200)]) * 1_000_000
    wire = external.request("binance:BTCUSDT", bars, opens, NOW)
    request = msgspec.json.decode(wire, type=SignalsRequest)
    ticks = itertools.count(0, 1_000_000)
    reply = answer(request, CONFIG, None, timer=lambda: next(ticks), now_ns=NOW)
    judged = external.judge(
        msgspec.json.encode(reply), request.symbol, "other", NOW, ttl_ns=NS, confidence=0.5
    )
    assert {signal.family for signal in judged.signals} == {Family.SPEED, Family.VOLATILITY}
    assert judged.signals[0].score == reply.signals.speed
    assert request.candles == candles(200)
