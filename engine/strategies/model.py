"""Model: buy the symbols that a model ranks highest, sell those it ranks lowest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from engine.events import Signal
from engine.strategies.base import From0, Seconds, Strategy

SCORE_STD = 0.02
"""Standard deviation of the scores across symbols, as the model runner normalises them."""


class Model(Strategy):
    """BUY the ``top_n`` best and SELL the ``top_n`` worst of a cross-section of at least two symbols.

    Only scores at least ``min_z`` standard deviations from the mean speak. With ``z = |score| / 0.02``:
    score = tanh(z / 2), confidence = 1 - 0.5 ** z. All scores zero means the model has no opinion.
    """

    name: ClassVar[str] = "model"
    description: ClassVar[str] = "top and bottom of the model's ranking"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        top_n: Annotated[int, Meta(ge=1, le=100)] = 2
        """So many are bought, and so many sold."""
        min_z: From0 = 0.5
        """Least distance from the mean, in standard deviations."""
        ttl_s: Seconds = 10.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._params = params

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> list[Signal]:
        ranked = sorted(
            ((symbol, score) for symbol, score in scores.items() if math.isfinite(score)),
            key=lambda item: (-item[1], item[0]),
        )
        count = min(self._params.top_n, len(ranked) // 2)
        least = self._params.min_z * SCORE_STD
        signals = []
        for rank in (*range(1, count + 1), *range(len(ranked) - count + 1, len(ranked) + 1)):
            symbol, score = ranked[rank - 1]
            top = rank <= count
            if (top and score > 0.0 and score >= least) or (not top and score < 0.0 and -score >= least):
                z = score / SCORE_STD
                reason = (
                    f"ranked {rank} of {len(ranked)}, {z:+.2f} standard deviations "
                    f"(top {count}, min {self._params.min_z:g})"
                )
                signals.append(self.signal(symbol, ns, math.tanh(z / 2.0), 1.0 - 0.5 ** abs(z), reason))
        return signals
