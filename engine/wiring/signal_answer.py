"""What the engine answers when it is asked for signals, as quant servers are: the live modules on candles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from engine.config import Config
from engine.errors import SignalsError
from engine.events import Blend, Family, Signal
from engine.feature_table import Floats
from engine.features.candles import candle_values, first_unsound
from engine.opportunities.blend import Blender
from engine.quant import registry as quant
from engine.quant import speed
from engine.signal_exchange import Candle, SignalScores, SignalsReply, SignalsRequest
from engine.text import clean

LEAST_CANDLES = 2
_MS = 1_000_000
_LAST_MS = ((1 << 63) - 1) // _MS // 2
"""Far beyond any candle, and its nanoseconds still fit 64 bits."""
_TTL_NS = 1_000 * _MS
_WIRE = {
    Family.SPEED: "speed",
    Family.MICROSTRUCTURE: "microstructure",
    Family.OPEN_INTEREST: "oi",
    Family.OPTIONS: "options",
    Family.SENTIMENT: "sentiment",
    Family.VOLATILITY: "volatility",
}
_BESIDE_CANDLES = (Family.MICROSTRUCTURE, Family.OPEN_INTEREST, Family.OPTIONS, Family.SENTIMENT)
"""What no candle can tell: taken from what is live for the symbol."""

Heard = dict[Family, tuple[float, float]]
"""(score, confidence) by family."""


def answer(
    request: SignalsRequest,
    config: Config,
    live: Blend | None,
    *,
    timer: Callable[[], int],
    now_ns: int,
    blocked: str = "",
) -> SignalsReply:
    """Score ``request``'s candles as live bars are scored.

    ``live``: everything that counts for the symbol on the desk now, None for a symbol it does not have. From
    it comes what no candle tells (microstructure, open interest, options, sentiment), as it counts now,
    decayed by age. A family without data is null; combined is the blend of the others by the configured
    weights, ``"block"`` while the desk itself is ``blocked`` for the symbol, null when there is nothing to
    blend. ``timer``: ns, to measure the answer by.

    Raises SignalsError for fewer than 2 candles, times that do not rise, or a candle that no market made.
    """
    began_ns = timer()
    bars, start_ns, step_ns = _bars(request)
    heard = _of_desk(live) | _of_candles(bars, start_ns, step_ns, config)
    scores = {_WIRE[family]: score for family, (score, _) in heard.items()}
    combined = "block" if blocked else _combined(heard, config, now_ns)
    return SignalsReply(
        SignalScores(**scores, combined=combined),  # type: ignore[arg-type]
        latency_ms=(timer() - began_ns) / 1e6,
        timestamp=now_ns // _MS,
    )


def _bars(request: SignalsRequest) -> tuple[Floats, int, int]:
    """(n, 6) bars without a hole between them, when the newest began, how long each is."""
    candles = request.candles
    if len(candles) < LEAST_CANDLES:
        raise SignalsError(f"{len(candles)} candles: send at least {LEAST_CANDLES}, oldest first")
    for at, candle in enumerate(candles):
        if not 0 <= candle.timestamp <= _LAST_MS:
            raise SignalsError(f"candle {at} has no time: send milliseconds since 1970")
    times = np.array([candle.timestamp for candle in candles], np.int64)
    steps = np.diff(times)
    if not (steps > 0).all():
        at = int(np.argmin(steps > 0)) + 1
        raise SignalsError(f"candle {at} is not after the one before it: send them oldest first, in ms")
    bars = np.array([(c.open, c.high, c.low, c.close, c.volume, math.nan) for c in candles], np.float64)
    wrong = _wrong(bars, candles)
    if wrong:
        raise SignalsError(wrong)
    step = int(steps.min())
    holes = np.flatnonzero(steps != step)
    # As live: what is on the far side of a hole does not count.
    after = int(holes[-1]) + 1 if len(holes) else 0
    return bars[after:], int(times[-1]) * _MS, step * _MS


def _wrong(bars: Floats, candles: tuple[Candle, ...]) -> str:
    """What is wrong with the first candle that is not sound, "" when all are."""
    at = first_unsound(bars)
    if at is not None:
        return f"candle {at} is none: finite prices above 0 and a volume that is not below 0 are needed"
    low, high = bars[:, :4].min(axis=1), bars[:, :4].max(axis=1)
    torn = np.flatnonzero((bars[:, 1] < high) | (bars[:, 2] > low))
    if len(torn):
        candle = candles[int(torn[0])]
        told = f"high {candle.high:g}, low {candle.low:g}, open {candle.open:g}, close {candle.close:g}"
        return f"candle {int(torn[0])} does not hold together: {clean(told, 100)}"
    return ""


def _of_candles(bars: Floats, start_ns: int, step_ns: int, config: Config) -> Heard:
    """The modules that rest on bars, by the kernel that scores the live ones."""
    values = candle_values(bars, config.features)[-1:]
    closes = np.zeros(1, speed.CLOSES)
    ring = closes["ring"].shape[1]
    before = bars[:-1, 3]
    for number in range(max(0, len(before) - ring), len(before)):
        closes["ring"][0, number % ring] = before[number]
    closes["count"], closes["start_ns"] = len(before), start_ns - step_ns
    shape = (len(quant.NAMES), 1)
    scores, confidences = np.empty(shape), np.empty(shape)
    quant.score_bars(
        values, np.zeros(1, np.int64), np.array([start_ns]), step_ns, closes, scores, confidences
    )
    return {
        family: (score, confidence)
        for family, score, confidence in zip(
            quant.FAMILIES, scores[:, 0].tolist(), confidences[:, 0].tolist(), strict=True
        )
        if not math.isnan(score)
    }


def _of_desk(live: Blend | None) -> Heard:
    """What is live for the symbol and rests on no candle."""
    heard: Heard = {}
    inputs = () if live is None else live.inputs
    for family in _BESIDE_CANDLES:
        own = [one for one in inputs if one.family is family]
        weight = sum(one.weight for one in own)
        if weight > 0.0:
            score = sum(one.contribution for one in own) / weight
            confidence = sum(one.weight * one.confidence for one in own) / weight
            heard[family] = max(-1.0, min(1.0, score)), confidence
    return heard


def _combined(heard: Heard, config: Config, now_ns: int) -> float | None:
    blender = Blender(config.opportunities.weights, {})
    blender.add_symbol("")
    for family, (score, confidence) in heard.items():
        blender.update(Signal("", family.value, family, score, confidence, now_ns, _TTL_NS, ""))
    return blender.score("", now_ns)
