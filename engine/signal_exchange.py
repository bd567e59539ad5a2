"""The wire format in which quant servers are asked for signals, and in which the engine itself answers.

POST /signals
{"symbol", "candles": [{"timestamp", "open", "high", "low", "close", "volume"}], "timestamp"}
-> {"signals": {"speed", "microstructure", "oi", "options", "sentiment", "volatility", "combined"},
    "latency_ms", "timestamp"}
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_CANDLES = 5_000

Score = Annotated[float, Meta(ge=-1, le=1)]
Answer = Score | Literal["block"] | None
"""A score; ``"block"``: no entries now; null: no data for it, which is not the same as 0."""


class Candle(msgspec.Struct, frozen=True):
    timestamp: int
    """Start of the bar, milliseconds since the epoch, UTC."""
    open: float
    high: float
    low: float
    close: float
    volume: float


class SignalsRequest(msgspec.Struct, frozen=True):
    symbol: str
    candles: Annotated[tuple[Candle, ...], Meta(max_length=MAX_CANDLES)]
    """Oldest first."""
    timestamp: int
    """When it was asked, milliseconds since the epoch, UTC."""


class GenerateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of candles that are sent, or of the desk's own bars where none are."""

    symbol: Annotated[str, Meta(min_length=1, max_length=100)]
    candles: Annotated[tuple[Candle, ...], Meta(max_length=MAX_CANDLES)] = ()
    """Oldest first."""


class SignalScores(msgspec.Struct, frozen=True):
    speed: Answer = None
    microstructure: Answer = None
    oi: Answer = None
    options: Answer = None
    sentiment: Answer = None
    volatility: Answer = None
    combined: Answer = None


class SignalsReply(msgspec.Struct, frozen=True):
    signals: SignalScores
    latency_ms: float
    timestamp: int
