"""What an external quant server is asked, and how its answers are judged."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from engine.events import NS, Family
from engine.quant.external import MAX_REPLY, judge, request
from engine.signal_exchange import SignalsRequest

NOW = 1_700_000_000 * NS


NOW_MS = NOW // 1_000_000


def judged(signals: dict[str, object], at_ms: int = NOW_MS):  # type: ignore[no-untyped-def]
    body = json.dumps({"signals": signals, "latency_ms": 12.5, "timestamp": at_ms}).encode()
    return judge(body, "binance:BTCUSDT", "alpha", NOW, ttl_ns=30 * NS, confidence=0.7)


def test_candles_are_sent_oldest_first_with_their_times() -> None:
    bars = np.array([[1, 3, 0.5, 2, 10, 1.5], [2, 4, 1.5, 3, 20, 2.5]])
    opens = np.array([NOW - 500 * NS, NOW])  # nothing traded in between
    body = msgspec.json.decode(request("x:A", bars, opens, NOW + 6 * NS), type=SignalsRequest)
    assert body.symbol == "x:A"
    assert body.timestamp == 1_700_000_006_000
    assert [candle.timestamp for candle in body.candles] == [1_699_999_500_000, 1_700_000_000_000]
    newest = body.candles[1]
    assert (newest.open, newest.high, newest.low, newest.close, newest.volume) == (2, 4, 1.5, 3, 20)


def test_scores_become_signals_by_family() -> None:
    found = judged({"speed": 0.4, "oi": -1, "options": None, "sentiment": 0, "combined": 0.25})
    assert found.block == ""
    assert [(s.source, s.family, s.score) for s in found.signals] == [
        ("external:alpha:speed", Family.SPEED, 0.4),
        ("external:alpha:oi", Family.OPEN_INTEREST, -1.0),
        ("external:alpha:sentiment", Family.SENTIMENT, 0.0),
    ]
    first = found.signals[0]
    assert (first.symbol, first.confidence, first.ns, first.ttl_ns) == ("binance:BTCUSDT", 0.7, NOW, 30 * NS)
    assert first.reason == "alpha: speed +0.40, combined +0.25, in 12.5 ms"


def test_a_reason_stays_short_whatever_latency_is_told() -> None:
    body = b'{"signals":{"speed":0.5},"latency_ms":1e308,"timestamp":%d}' % NOW_MS
    (signal,) = judge(body, "x:A", "alpha", NOW, ttl_ns=NS, confidence=1.0).signals
    assert signal.reason == "alpha: speed +0.50, in 1e+308 ms"


def test_what_a_server_kept_is_as_old_as_it_says_and_is_refused_once_its_time_is_over() -> None:
    (signal,) = judged({"speed": 0.4}, NOW_MS - 29_000).signals
    assert (signal.ns, signal.ttl_ns) == (NOW - 29 * NS, 30 * NS)
    (ahead,) = judged({"speed": 0.4}, NOW_MS + 5_000).signals
    assert ahead.ns == NOW
    for at_ms, age in ((NOW_MS - 30_000, "30.0 s"), (NOW_MS // 1000, "1,698,300,000.0 s")):
        with pytest.raises(ValueError, match=f"is {age} old, ttl_s is 30: milliseconds"):
            judged({"speed": 0.4}, at_ms)
    late = judged({"speed": 0.4, "oi": "block"}, NOW_MS - 31_000)
    assert late.signals == ()
    assert late.block.startswith("alpha says block (oi); its timestamp ") and "31.0 s old" in late.block


def test_block_in_any_place_blocks_and_the_other_scores_count() -> None:
    found = judged({"speed": 0.4, "volatility": "block", "combined": "block"})
    assert found.block == "alpha says block (volatility, combined)"
    assert [signal.family for signal in found.signals] == [Family.SPEED]
    assert judged({}) == ((), "")


@pytest.mark.parametrize(
    "signals", [{"speed": 1.01}, {"combined": -3}, {"oi": "sell"}, {"speed": [1]}, {"speed": True}]
)
def test_an_answer_with_one_wrong_score_is_refused_as_a_whole(signals: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="refused: "):
        judged({"volatility": 0.5} | signals)


@pytest.mark.parametrize(
    ("signals", "told"),
    [
        ({"speed": 1.5}, "signals.speed: expected a number <= 1.0, got 1.5"),
        ({"speed": "BLOCK"}, "signals.speed: invalid enum value 'BLOCK': allowed are block"),
        ({"speed": True}, "signals.speed: expected a number or text, got True"),
    ],
)
def test_what_is_wrong_of_an_answer_is_said_with_what_was_given(
    signals: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError) as caught:
        judged(signals)
    assert str(caught.value).startswith(f"refused: {told}"), caught.value


def test_an_answer_that_is_refused_blocks_all_the_same() -> None:
    found = judged({"speed": 1.5, "oi": "block"})
    assert found == ((), "alpha says block (oi); the rest of its answer is refused")
    body = b'{"signals":{"combined":"block"},"latency_ms":"fast","timestamp":1}'
    late = judge(body, "x:A", "alpha", NOW, ttl_ns=NS, confidence=1.0)
    assert late.block == "alpha says block (combined); the rest of its answer is refused"


NESTED = b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"signals":{"speed":NaN}}', b"<html>", b'{"signals":1}', NESTED], ids=range(6)
)
def test_rubbish_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        judge(body, "x:A", "alpha", NOW, ttl_ns=NS, confidence=1.0)
    assert "\n" not in str(caught.value)


def test_a_timestamp_of_any_size_is_refused_in_one_line_and_its_block_counts() -> None:
    with pytest.raises(ValueError, match=r"^its timestamp -10{21}… is 1,700,000,000.0 s old"):
        judged({"speed": 0.4}, -(10**400))
    assert judged({"speed": "block"}, -(10**400)).block.startswith("alpha says block (speed); its timestamp")


def test_an_endless_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        judge(b" " * (MAX_REPLY + 1), "x:A", "alpha", NOW, ttl_ns=NS, confidence=1.0)
