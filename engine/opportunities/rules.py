"""The rules that a blend must pass to become, or to keep up, an opportunity.

``refusal`` decides; it is plain Python for one blend, and compiled for all blends of a bar boundary.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import OpportunitiesConfig
from engine.events import Blend, FeatureRow
from engine.feature_table import COLUMN, FLOAT_FIELDS
from engine.kernels import kernel, part, warm
from engine.opportunities.blend_kernel import BLENDED, NEVER

HOLD = 0.8
"""A live opportunity is kept up by this share of the thresholds that a new one must reach (hysteresis)."""

CODES = (
    *("", "BELOW_MIN_SCORE", "LOW_CONFIDENCE", "FILLED_BAR", "NO_PRICE", "WIDE_SPREAD", "ILLIQUID"),
    *("OUT_OF_SESSION", "DUPLICATE"),
)
"""Why a blend is refused, by number; 0: it is not."""
DUPLICATE = CODES.index("DUPLICATE")
_NO_BLEND = -1

STANDING = np.dtype(
    [("side", "<i8"), ("expires_ns", "<i8"), ("buy_ns", "<i8"), ("sell_ns", "<i8"), ("code", "<i8")]
)
"""Of a symbol: side (+1, -1; 0 none) and expiry of the live opportunity; the newest technical signal in the
last buy and the last sell (``NEVER``: none); the number of the code at the last bar."""

_FILLED, _CLOSE, _LAST = COLUMN["filled"], COLUMN["close"], COLUMN["last"]
_BID, _ASK = COLUMN["bid"], COLUMN["ask"]
_BID_SIZE, _ASK_SIZE = COLUMN["bid_size"], COLUMN["ask_size"]
_VOLUME, _VWAP = COLUMN["window_volume"], COLUMN["window_vwap"]


class Limits:
    """What is asked of a blend, from the configuration. Percent; ``min_liquidity`` in the quote currency."""

    __slots__ = ("max_spread_pct", "min_confidence", "min_liquidity", "min_score", "packed")

    def __init__(self, config: OpportunitiesConfig) -> None:
        self.min_score = config.min_score
        self.min_confidence = config.min_confidence
        self.max_spread_pct = config.max_spread_pct
        self.min_liquidity = config.min_liquidity
        self.packed = (self.min_score, self.min_confidence, self.max_spread_pct, self.min_liquidity)


def liquidity(
    score: float, bid: float, ask: float, bid_size: float, ask_size: float, volume: float, vwap: float
) -> float:
    """What could be had, in the quote currency: the greater of two notionals, 0 where both are unknown.

    One waits at the touch on the side that an order would take (the ask for a buy), the other was traded in
    the window (volume x VWAP). Either alone understates: some venues tell no sizes, and a market may pause.
    """
    waiting = ask * ask_size if score > 0.0 else bid * bid_size
    traded = volume * vwap
    most = 0.0
    if waiting > most and waiting < math.inf:
        most = waiting
    if traded > most and traded < math.inf:
        most = traded
    return most


def refusal(
    score: float,
    confidence: float,
    hold: float,
    is_open: bool,
    limits: tuple[float, float, float, float],
    filled: float,
    close: float,
    last: float,
    bid: float,
    ask: float,
    available: float,
) -> int:
    """The number of the first rule that refuses a blend, 0 when none does; ``available``: its liquidity."""
    min_score, min_confidence, max_spread_pct, min_liquidity = limits
    if not abs(score) >= min_score * hold or score == 0.0:
        return 1
    if not confidence >= min_confidence * hold:
        return 2
    if filled == 1.0 and last == close:
        # Between bars, a trade after the filled bar moves ``last`` away from its close.
        return 3
    if 0.0 < bid <= ask < math.inf:
        if (ask - bid) / (bid + ask) * 200.0 > max_spread_pct:
            return 5
    elif not 0.0 < last < math.inf:
        return 4
    if min_liquidity > 0.0 and not available >= min_liquidity:
        return 6
    return 0 if is_open else 7


_refusal: Any = part(refusal)
_liquidity: Any = part(liquidity)


@kernel
def sift(
    values: Any,
    indices: Any,
    ns: int,
    blended: Any,
    standing: Any,
    limits: tuple[float, float, float, float],
    is_open: bool,
    wanted: Any,
    counts: Any,
) -> tuple[int, int]:
    """Judge the blends of a bar boundary: (number of blends, number of ``wanted`` positions).

    Wanted is who passes every rule, has a technical signal of this moment, or is refused for another reason
    than at its last bar. ``counts`` (by code) gets the refusals of all others.
    """
    counts[:] = 0
    blends = found = 0
    for position in range(len(indices)):
        blend, known = blended[position], standing[indices[position]]
        if not blend.technical > 0.0:
            known.code = _NO_BLEND
            continue
        blends += 1
        row = values[position]
        side = 1 if blend.score > 0.0 else -1
        keeps = known.side == side and known.expires_ns > ns
        available = _liquidity(
            blend.score, row[_BID], row[_ASK], row[_BID_SIZE], row[_ASK_SIZE], row[_VOLUME], row[_VWAP]
        )
        code = _refusal(
            blend.score,
            blend.confidence,
            HOLD if keeps else 1.0,
            is_open,
            limits,
            row[_FILLED],
            row[_CLOSE],
            row[_LAST],
            row[_BID],
            row[_ASK],
            available,
        )
        acted_ns = known.buy_ns if side > 0 else known.sell_ns
        if code == 0 and not keeps and blend.evidence_ns <= acted_ns:
            code = DUPLICATE
        if code == 0 or code != known.code or blend.evidence_ns >= ns:
            wanted[found] = position
            found += 1
        else:
            counts[code] += 1
        known.code = code
    return blends, found


def judge(
    blend: Blend, row: FeatureRow, limits: Limits, hold: float, is_open: bool
) -> tuple[str, str] | None:
    """(code, detail) of the first rule that refuses the blend; None when none does."""
    score, confidence = blend.score, blend.confidence
    available = liquidity(
        score, row.bid, row.ask, row.bid_size, row.ask_size, row.window_volume, row.window_vwap
    )
    number = refusal(
        score, confidence, hold, is_open, limits.packed, row.filled, row.close, row.last, row.bid, row.ask,
        available,
    )  # fmt: skip
    if number == 0:
        return None
    code = CODES[number]
    if code == "BELOW_MIN_SCORE":
        detail = f"score {score:+.3f}, least {limits.min_score * hold:.3f}"
    elif code == "LOW_CONFIDENCE":
        detail = f"confidence {confidence:.3f}, least {limits.min_confidence * hold:.3f}"
    elif code == "FILLED_BAR":
        detail = "no trade in the bar"
    elif code == "NO_PRICE":
        detail = "neither a quote nor a trade to price it"
    elif code == "WIDE_SPREAD":
        detail = f"spread {spread_pct(row):.3f} %, most {limits.max_spread_pct:g} %"
    elif code == "ILLIQUID":
        detail = f"liquidity {available:,.0f}, least {limits.min_liquidity:,.0f} in the quote currency"
    else:
        detail = "outside opportunities.sessions"
    return code, detail


def price_of(row: FeatureRow) -> float | None:
    """The mid, or the last trade without a sane quote; None when there is neither."""
    if 0.0 < row.bid <= row.ask < math.inf:
        return (row.bid + row.ask) / 2.0
    return row.last if 0.0 < row.last < math.inf else None


def spread_pct(row: FeatureRow) -> float | None:
    """(ask - bid) / mid in percent; None without a sane quote."""
    if 0.0 < row.bid <= row.ask < math.inf:
        return (row.ask - row.bid) / (row.bid + row.ask) * 200.0
    return None


def new_standing(count: int) -> npt.NDArray[Any]:
    """``STANDING`` of ``count`` symbols of which nothing is known."""
    standing = np.zeros(count, STANDING)
    standing["buy_ns"] = standing["sell_ns"] = NEVER
    standing["code"] = _NO_BLEND
    return standing


def compile_kernels() -> None:
    """Make the kernel ready: load it, or compile it at the first start."""

    def exercise() -> None:
        none, rows = np.zeros(0, np.int64), np.zeros((0, len(FLOAT_FIELDS)))
        limits = Limits(OpportunitiesConfig()).packed
        sift(rows, none, 0, np.zeros(0, BLENDED), new_standing(1), limits, True, none, np.zeros(1, np.int64))

    warm(exercise, "sift")
