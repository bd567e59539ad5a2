"""What a strategy is: feature rows in, signals out. No clock, no files, no sockets.

Indicators that are not warmed up are NaN. Every comparison with NaN is false, so conditions are written as
what must hold (``rsi <= limit``), never as what must not (``not rsi > limit``): then NaN gives no signal.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from engine.events import NS, Family, FeatureRow, Signal

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Above0 = Annotated[float, Meta(gt=0)]
From0 = Annotated[float, Meta(ge=0)]


class Strategy(ABC):
    """Base of all strategies. One instance sees all symbols; what it remembers, it keeps per symbol.

    The set that runs strategies never calls ``on_bar`` for a filled bar (one without a trade), and makes a
    new instance when a strategy is switched on, so that nothing remembered from before the pause counts.
    """

    name: ClassVar[str]
    """Also the ``source`` of its signals."""
    description: ClassVar[str]
    """One line for the screen."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        """Typed, ranged parameters; each strategy defines its own."""

        ttl_s: Seconds = 10.0
        """How long a signal counts; its weight decays linearly over this."""

    def __init__(self, params: Params) -> None:
        self._ttl_ns = round(params.ttl_s * NS)

    def on_bar(self, row: FeatureRow) -> Signal | None:
        """A bar with at least one trade closed."""
        return None

    def on_rise(self, row: FeatureRow) -> Signal | None:
        """The rolling window crossed the watched change between two bar closes."""
        return None

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> list[Signal]:
        """A model scored all symbols at ``ns``: mean 0, std 0.02 across them; all zero means no opinion."""
        return []

    def signal(self, symbol: str, ns: int, score: float, confidence: float, reason: str) -> Signal:
        """A signal of this strategy. ``score`` in [-1, 1], ``confidence`` in [0, 1], ``reason`` one line."""
        return Signal(symbol, self.name, Family.TECHNICAL, score, confidence, ns, self._ttl_ns, reason)
