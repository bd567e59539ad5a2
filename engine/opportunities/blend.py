"""The blend: all live signals of a symbol as one score in [-1, 1], each input with its weight and age.

Definitions, for signals i of family F at time t:

    fresh_i    = 1 - age_i / ttl_i: 1 when new, 0 when dead; dead signals are left out
    share_i    = w_i c_i fresh_i / (sum of the same over F); w strategy weight (else 1), c confidence
    W_F        = configured weight of F / (sum over the families present)
    weight_i   = W_F share_i; the weights of a blend sum to 1
    score      = sum of weight_i score_i fresh_i: the contributions; their sum is in [-1, 1]
    agreement  = sum of the weight_i whose score_i has the sign of the blend's score
    confidence = (sum of weight_i c_i fresh_i) x (1 + agreement) / 2

A family without a live signal of some confidence is absent, and its weight goes to the present ones in
proportion to theirs. Within a family no signal can count for more than its share, however many others there
are.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.config import BlendWeights
from engine.events import Blend, BlendInput, Family, Signal

FAMILIES = tuple(Family)
_INDEX = {family: index for index, family in enumerate(FAMILIES)}
_TECHNICAL = _INDEX[Family.TECHNICAL]
LEAST = 1e-9
"""A signal of no more confidence x freshness x strategy weight than this does not count."""
_ZEROS = (0.0,) * len(FAMILIES)
_NOTHING: dict[str, tuple[Signal, int]] = {}


class Blender:
    """Keeps the newest signal per symbol and source, and blends them on demand."""

    def __init__(self, weights: BlendWeights, strategy_weights: Mapping[str, float]) -> None:
        """``strategy_weights`` by source is live: it is read at each blend; sources not in it weigh 1."""
        by_name = msgspec.structs.asdict(weights)
        self._weights = tuple(float(by_name[family.value]) for family in FAMILIES)
        self._strategy_weights = strategy_weights
        self._signals: dict[str, dict[str, tuple[Signal, int]]] = {}
        """By symbol and source: the newest signal and its family's index."""

    def update(self, signal: Signal) -> None:
        """Take a signal; an older one of the same symbol and source is forgotten."""
        held = self._signals.get(signal.symbol)
        if held is None:
            held = self._signals[signal.symbol] = {}
        held[signal.source] = (signal, _INDEX[signal.family])

    def drop_source(self, source: str) -> None:
        """Forget the signals of a source that was switched off."""
        for held in self._signals.values():
            held.pop(source, None)

    def score(self, symbol: str, ns: int) -> float | None:
        """The blend's score of whatever is live at ``ns``; None when nothing is."""
        held = self._signals.get(symbol)
        if not held:
            return None
        strategy_weights = self._strategy_weights
        mass = list(_ZEROS)
        pull = list(_ZEROS)
        for source, (signal, family) in held.items():
            fresh = 1.0 - (ns - signal.ns) / signal.ttl_ns
            if fresh > 0.0:
                if fresh > 1.0:
                    fresh = 1.0
                amount = signal.confidence * fresh
                if family == _TECHNICAL:
                    amount *= strategy_weights.get(source, 1.0)
                if amount > LEAST:
                    mass[family] += amount
                    pull[family] += amount * signal.score * fresh
        total = score = 0.0
        for weight, amount, sum_ in zip(self._weights, mass, pull, strict=True):
            if amount > 0.0:
                total += weight
                score += weight * (sum_ / amount)
        if total <= 0.0:
            return None
        score /= total
        return 1.0 if score > 1.0 else -1.0 if score < -1.0 else score

    def blend(self, symbol: str, ns: int) -> Blend | None:
        """The blend at ``ns`` with all its inputs, strongest contribution first.

        None when no technical signal is live: quant scores alone are no reason to trade.
        """
        live, mass = self._live(symbol, ns)
        total = 0.0
        for weight, amount in zip(self._weights, mass, strict=True):
            if amount > 0.0:
                total += weight
        if not mass[_TECHNICAL] > 0.0 or total <= 0.0:
            return None
        inputs = []
        score = belief = 0.0
        for signal, family, fresh, amount in live:
            weight = self._weights[family] / total * (amount / mass[family])
            own, confidence, age_ns = signal.score, signal.confidence, ns - signal.ns
            contribution = weight * own * fresh
            score += contribution
            belief += weight * confidence * fresh
            inputs.append(
                BlendInput(
                    signal.source,
                    signal.family,
                    own,
                    confidence,
                    age_ns if age_ns > 0 else 0,
                    weight,
                    contribution,
                    signal.reason,
                )
            )
        agreement = 0.0
        for entry in inputs:
            if entry.score * score > 0.0:
                agreement += entry.weight
        inputs.sort(key=_strength)
        agreement = min(agreement, 1.0)
        confidence = min(belief * (1.0 + agreement) / 2.0, 1.0)
        score = 1.0 if score > 1.0 else -1.0 if score < -1.0 else score
        absent = tuple([f for f, amount in zip(FAMILIES, mass, strict=True) if amount <= 0.0])
        return Blend(symbol, ns, score, confidence, agreement, tuple(inputs), absent)

    def _live(self, symbol: str, ns: int) -> tuple[list[tuple[Signal, int, float, float]], list[float]]:
        """What counts at ``ns``: (signal, family, freshness, unnormalised weight) each; its sum by family.

        Forgets dead signals.
        """
        live: list[tuple[Signal, int, float, float]] = []
        mass = list(_ZEROS)
        dead: list[str] = []
        held = self._signals.get(symbol, _NOTHING)
        for source, (signal, family) in held.items():
            fresh = 1.0 - (ns - signal.ns) / signal.ttl_ns
            if fresh <= 0.0:
                dead.append(source)
                continue
            if fresh > 1.0:
                fresh = 1.0
            amount = signal.confidence * fresh
            if family == _TECHNICAL:
                amount *= self._strategy_weights.get(source, 1.0)
            if amount > LEAST:
                live.append((signal, family, fresh, amount))
                mass[family] += amount
        for source in dead:
            del held[source]
        return live, mass


def _strength(entry: BlendInput) -> float:
    return -abs(entry.contribution)
