"""Signals, blends and rows for the tests of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.config import BlendWeights, OpportunitiesConfig
from engine.events import NS, Blend, Family, FeatureRow, Signal
from engine.opportunities.aggregate import Aggregator
from engine.opportunities.blend import Blender
from tests.strategies.rows import feature_row

SYMBOL = "simulated:BTC-USD"
QUANT = {
    "speed": Family.SPEED,
    "microstructure": Family.MICROSTRUCTURE,
    "volatility": Family.VOLATILITY,
    "open_interest": Family.OPEN_INTEREST,
    "options": Family.OPTIONS,
    "sentiment": Family.SENTIMENT,
}


def signal(
    source: str, score: float, at_s: float = 0.0, *, confidence: float = 1.0, ttl_s: float = 10.0
) -> Signal:
    """A signal of ``source``; a quant module's name gives its family, any other is a strategy."""
    family = QUANT.get(source, Family.TECHNICAL)
    return Signal(
        SYMBOL, source, family, score, confidence, round(at_s * NS), round(ttl_s * NS), f"why {source}"
    )


def new_blender(
    weights: BlendWeights | None = None, strategy_weights: Mapping[str, float] | None = None
) -> Blender:
    """A blender that knows SYMBOL."""
    blender = Blender(weights or BlendWeights(), {} if strategy_weights is None else strategy_weights)
    blender.add_symbol(SYMBOL)
    return blender


def new_aggregator(**config: Any) -> Aggregator:
    """An aggregator that knows SYMBOL."""
    aggregator = Aggregator(OpportunitiesConfig(**config))
    aggregator.add_symbol(SYMBOL)
    return aggregator


def blend(
    score: float, at_s: float = 0.0, *, confidence: float = 1.0, signal_s: float | None = None
) -> Blend:
    """A blend at ``at_s`` of one strategy alone, with a signal of ``signal_s`` (default: new)."""
    blender = new_blender()
    made_s = at_s if signal_s is None else signal_s
    blender.update(signal("trend", score, made_s, confidence=confidence, ttl_s=1e6))
    result = blender.blend(SYMBOL, round(at_s * NS))
    assert result is not None
    return result


def priced(**known: Any) -> FeatureRow:
    """A row with a quote of 99.99 to 100.01."""
    market = {"bid": 99.99, "ask": 100.01, "last": 100.0, "close": 100.0}
    return feature_row(**(market | known))
