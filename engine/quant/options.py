"""Options: what do those who trade options pay for, a rise or a fall?

    flow    = (calls bought - calls sold + puts sold - puts bought) / all of it, by takers
    volume  = tanh((ln 0.7 - ln(puts / calls)) / 0.5) of the 24 h volume
    open    = the same of the open interest

A put/call ratio of 0.7 is taken as neutral: calls outnumber puts in calm markets. Flow decays with a
half-life of 15 minutes. score = weighted mean of the parts that have data, weights 0.5, 0.3 and 0.2 times
each part's own confidence: n / (n + 20) for n (decayed) trades of the flow, 0.5 for the ratios, which move
slowly. confidence = the sum of those weights. Absent without any part, and when nothing was heard for 30
minutes.
"""

from __future__ import annotations

import math

from engine.events import NS, ContextEvent, Family, OptionsFlow
from engine.quant.opinion import Opinion

FLOW_WEIGHT, VOLUME_WEIGHT, OPEN_WEIGHT = 0.5, 0.3, 0.2
HALF_LIFE_S = 900.0
HALF_TRADES = 20.0
"""So many trades give the flow half its confidence."""
RATIO_CONFIDENCE = 0.5
NEUTRAL = 0.7
"""The put/call ratio that says nothing."""
WIDTH = 0.5
"""ln(ratio / neutral) of this size scores tanh(1) = 0.76."""
STALE_NS = 1800 * NS


class OptionsModule:
    name = "options"
    family = Family.OPTIONS
    ttl_ns = 600 * NS

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}

    def on_event(self, event: ContextEvent) -> bool:
        if not isinstance(event, OptionsFlow):
            return False
        return self._books.setdefault(event.underlying, _Book()).add(event)

    def opinion(self, underlying: str, now_ns: int) -> Opinion | None:
        book = self._books.get(underlying)
        return None if book is None else book.opinion(now_ns)


class _Book:
    """What is known of the options of one underlying."""

    def __init__(self) -> None:
        self._seen_ns = 0
        self._signed = 0.0
        self._size = 0.0
        self._trades = 0.0
        self._volume = (math.nan, math.nan)
        self._open = (math.nan, math.nan)
        """(puts, calls)."""

    def add(self, event: OptionsFlow) -> bool:
        """False for an event that is not newer than the last, or makes no sense."""
        taken = (event.calls_bought, event.calls_sold, event.puts_bought, event.puts_sold)
        if event.recv_ns <= self._seen_ns or not all(0.0 <= amount < math.inf for amount in taken):
            return False
        keep = self._keep(event.recv_ns)
        calls_bought, calls_sold, puts_bought, puts_sold = taken
        self._signed = self._signed * keep + calls_bought - calls_sold + puts_sold - puts_bought
        self._size = self._size * keep + sum(taken)
        self._trades = self._trades * keep + max(event.trades, 0)
        self._volume = event.put_volume, event.call_volume
        self._open = event.put_open_interest, event.call_open_interest
        self._seen_ns = event.recv_ns
        return True

    def _keep(self, now_ns: int) -> float:
        """What the flow's decay leaves of it by ``now_ns``."""
        if not self._seen_ns:
            return 0.0
        return math.exp2(-max(now_ns - self._seen_ns, 0) / (HALF_LIFE_S * NS))

    def opinion(self, now_ns: int) -> Opinion | None:
        if now_ns - self._seen_ns > STALE_NS:
            return None
        total = confidence = 0.0
        told = []
        trades = self._trades * self._keep(now_ns)
        if self._size > 0.0 and trades > 0.0:
            flow = max(-1.0, min(1.0, self._signed / self._size))
            weight = FLOW_WEIGHT * trades / (trades + HALF_TRADES)
            total += weight * flow
            confidence += weight
            told.append(f"taker flow {flow:+.2f} of {trades:.0f} trades")
        for name, (puts, calls), share in (
            ("volume", self._volume, VOLUME_WEIGHT),
            ("open interest", self._open, OPEN_WEIGHT),
        ):
            part = _ratio_score(puts, calls)
            if part is not None:
                weight = share * RATIO_CONFIDENCE
                total += weight * part
                confidence += weight
                told.append(f"put/call {name} {puts / calls:.2f}" if calls > 0.0 else f"puts only in {name}")
        if not confidence > 0.0:
            return None
        return Opinion(total / confidence, min(confidence, 1.0), ", ".join(told))


def _ratio_score(puts: float, calls: float) -> float | None:
    """-1 (puts only) to +1 (calls only); None without either, or where the venue did not tell."""
    if not (0.0 <= puts < math.inf and 0.0 <= calls < math.inf and puts + calls > 0.0):
        return None
    if not puts or not calls:
        return 1.0 if calls else -1.0
    return math.tanh((math.log(NEUTRAL) - math.log(puts) + math.log(calls)) / WIDTH)
