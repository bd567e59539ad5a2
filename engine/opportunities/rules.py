"""The rules that a blend must pass to become, or to keep up, an opportunity.

``refusal`` decides; it is plain Python for one blend, and compiled for all blends of a bar boundary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
    [
        *(("side", "<i8"), ("expires_ns", "<i8"), ("buy_ns", "<i8"), ("sell_ns", "<i8"), ("code", "<i8")),
        *(("spent", "<i8"), ("merges", "<i8"), ("score", "<f8")),
    ]
)
"""Of a symbol: side (+1, -1; 0 none) and expiry of the live opportunity; the newest technical signal in the
last buy and the last sell (``NEVER``: none); the number of the code at the last bar. ``spent``: nothing comes
of the live opportunity without newer evidence; ``merges``: how often ``sift`` kept it up since it was last
built, and ``score`` of the last time."""

_FILLED, _CLOSE, _LAST = COLUMN["filled"], COLUMN["close"], COLUMN["last"]
_BID, _ASK = COLUMN["bid"], COLUMN["ask"]
_BID_SIZE, _ASK_SIZE = COLUMN["bid_size"], COLUMN["ask_size"]
_VOLUME, _VWAP = COLUMN["window_volume"], COLUMN["window_vwap"]


class Limits:
    """What is asked of a blend, from the configuration. Percent; ``min_liquidity`` in the quote currency."""

    __slots__ = ("array", "max_spread_pct", "min_confidence", "min_liquidity", "min_score", "packed")

    def __init__(self, config: OpportunitiesConfig) -> None:
        self.min_score = config.min_score
        self.min_confidence = config.min_confidence
        self.max_spread_pct = config.max_spread_pct
        self.min_liquidity = config.min_liquidity
        self.packed = (self.min_score, self.min_confidence, self.max_spread_pct, self.min_liquidity)
        self.array = np.array(self.packed)


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


@part
def _insert(wanted: Any, count: int, position: int, code: int, fresh: bool, blended: Any) -> None:
    """Put a row into ``wanted``, which has ``count`` in order: largest |score| x confidence first."""
    worth = abs(blended[position].score) * blended[position].confidence
    place = count
    while place > 0:
        before = blended[wanted[place - 1, 0]]
        if abs(before.score) * before.confidence >= worth:
            break
        wanted[place, :] = wanted[place - 1, :]
        place -= 1
    wanted[place, 0], wanted[place, 1], wanted[place, 2] = position, code, fresh


@kernel
def sift(
    values: Any,
    indices: Any,
    ns: int,
    blended: Any,
    standing: Any,
    limits: Any,
    is_open: bool,
    ttl_ns: int,
    wanted: Any,
    counts: Any,
) -> tuple[int, int]:
    """Judge the blends of a bar boundary: (number of blends, number of rows in ``wanted``).

    Wanted (position, code, whether there is a technical signal of this moment) is who passes every rule, has
    such a signal, or is refused for another reason than at its last bar; best first. A spent opportunity that
    passes without newer evidence is kept up right here, for ``ttl_ns``. ``counts`` (by code) gets the
    refusals of all others.
    """
    asked = (limits[0], limits[1], limits[2], limits[3])
    counts[:] = 0
    blends = found = 0
    for position in range(len(indices)):
        if indices[position] >= len(standing):
            raise IndexError("bar of a symbol that was not added")
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
            asked,
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
        fresh = blend.evidence_ns >= ns
        if code == 0 and keeps and known.spent != 0 and blend.evidence_ns <= acted_ns and not fresh:
            known.expires_ns = ns + ttl_ns
            known.score = blend.score
            known.merges += 1
        elif code == 0 or code != known.code or fresh:
            _insert(wanted, found, position, code, fresh, blended)
            found += 1
        else:
            counts[code] += 1
        known.code = code
    return blends, found


def judge(blend: Blend, row: FeatureRow, limits: Limits, hold: float, is_open: bool) -> int:
    """The number of the first rule that refuses the blend; 0 when none does."""
    bid, ask = row.bid, row.ask
    available = 0.0
    if limits.min_liquidity > 0.0:
        available = liquidity(
            blend.score, bid, ask, row.bid_size, row.ask_size, row.window_volume, row.window_vwap
        )
    return refusal(
        blend.score, blend.confidence, hold, is_open, limits.packed, row.filled, row.close, row.last, bid,
        ask, available,
    )  # fmt: skip


def detail(
    number: int, score: float, confidence: float, row: Callable[[], FeatureRow], limits: Limits, hold: float
) -> str:
    """What stood against what was asked, for any code but DUPLICATE; ``row`` is called where it matters."""
    code = CODES[number]
    if code == "BELOW_MIN_SCORE":
        return f"score {score:+.3f}, least {limits.min_score * hold:.3f}"
    if code == "LOW_CONFIDENCE":
        return f"confidence {confidence:.3f}, least {limits.min_confidence * hold:.3f}"
    if code == "FILLED_BAR":
        return "no trade in the bar"
    if code == "NO_PRICE":
        return "neither a quote nor a trade to price it"
    if code == "WIDE_SPREAD":
        return f"spread {spread_pct(row()):.3f} %, most {limits.max_spread_pct:g} %"
    if code == "ILLIQUID":
        r = row()
        found = liquidity(score, r.bid, r.ask, r.bid_size, r.ask_size, r.window_volume, r.window_vwap)
        return f"{found:,.0f} waiting or traded, least {limits.min_liquidity:,.0f} in the quote currency"
    return "outside the session hours"


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


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none, rows = np.zeros(0, np.int64), np.zeros((0, len(FLOAT_FIELDS)))
        limits = Limits(OpportunitiesConfig()).array
        wanted, counts = np.zeros((0, 3), np.int64), np.zeros(1, np.int64)
        sift(rows, none, 0, np.zeros(0, BLENDED), new_standing(1), limits, True, 0, wanted, counts)

    warm(exercise, "rules", report)
