"""Features, signals, blends and opportunities."""

from __future__ import annotations

from enum import StrEnum

from engine.events.base import Event


class FeatureRow(Event, frozen=True, gc=False):
    """What is known of one symbol when a bar closes (``bar_start_ns``) or a threshold is crossed.

    What is not warmed up yet is NaN. Window fields cover the last ``window`` (5 s by default) of trades
    up to ``ns``; indicator fields are of closed bars only.
    """

    symbol: str
    ns: int
    bar_start_ns: int
    bars: int
    """Closed bars so far."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: float
    filled: float
    """1.0 when the bar had no trade and repeats the last close."""
    bid: float
    """The quote's four fields are NaN too while it is outdated: older than the limit, with a trade since."""
    ask: float
    bid_size: float
    ask_size: float
    last: float
    window_change_pct: float
    """Last trade against the oldest trade inside the window, percent."""
    window_volume: float
    window_buy_volume: float
    """The part of it whose taker bought; NaN while a trade inside does not tell its taker's side."""
    window_count: float
    window_vwap: float
    window_high: float
    window_low: float
    rsi: float
    ema_fast: float
    ema_slow: float
    bb_upper: float
    bb_middle: float
    bb_lower: float
    atr: float
    macd: float
    macd_signal: float
    macd_hist: float
    volume_ma: float
    momentum: float
    """close - close[n bars ago], price units (TA-Lib MOM)."""
    vwap: float
    """Volume-weighted average price since the symbol's first bar."""
    sma_fast: float
    sma_slow: float
    sma_fast_prev: float
    sma_slow_prev: float
    return_std: float
    """Standard deviation of 1-bar log returns over the last 20 bars."""
    return_std_long: float
    """The same over the last 120 bars."""
    window_gapped: float = 0.0
    """1.0 while trades are missing in the window: they were missed, or came too late to be counted."""
    volume_gapped: float = 0.0
    """1.0 while they are missing in the last closed bar, or in those of ``volume_ma``."""


class Family(StrEnum):
    """The inputs of the blend."""

    TECHNICAL = "technical"
    SPEED = "speed"
    MICROSTRUCTURE = "microstructure"
    OPEN_INTEREST = "open_interest"
    OPTIONS = "options"
    SENTIMENT = "sentiment"
    VOLATILITY = "volatility"


class Signal(Event, frozen=True, gc=False):
    """An opinion about one symbol by one source (a strategy or a quant module)."""

    symbol: str
    source: str
    family: Family
    score: float
    """-1 (sell) to +1 (buy)."""
    confidence: float
    """0 to 1."""
    ns: int
    ttl_ns: int
    """How long it counts; its weight decays linearly to zero over this."""
    reason: str
    """One line of plain text: the numbers it rests on."""


class BlendInput(Event, frozen=True, gc=False):
    """One source inside a blend."""

    source: str
    family: Family
    score: float
    confidence: float
    age_ns: int
    weight: float
    """Effective weight in [0, 1], after redistribution; the weights of a blend's inputs sum to 1."""
    contribution: float
    """weight x decayed score: the contributions add up to the blend's score."""
    reason: str


class Blend(Event, frozen=True, gc=False):
    """All live inputs for a symbol as one score in [-1, 1]."""

    symbol: str
    ns: int
    score: float
    confidence: float
    agreement: float
    """Share of the weight that points the way of the score, 0 to 1."""
    inputs: tuple[BlendInput, ...]
    absent: tuple[Family, ...]
    """Families with no live input; their weight was redistributed."""
    weights: tuple[float, ...] = ()
    """Configured percent by family at that time, in the order of ``Family``; () when it was not kept."""


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    sign: int

    def __init__(self, text: str) -> None:
        self.sign = 1 if text == "buy" else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Opportunity(Event, frozen=True, gc=False):
    """A blend strong enough to act on."""

    opportunity_id: str
    symbol: str
    side: Side
    score: float
    confidence: float
    price: float
    """Mid (or last, without a quote) when it was seen."""
    sources: tuple[str, ...]
    reason: str
    created_ns: int
    expires_ns: int
    merged: int
    """How many later blends were merged into it."""
    blend: Blend
    features: FeatureRow


class Drop(Event, frozen=True, gc=False):
    """Something that a stage did not let through, and why."""

    stage: str
    symbol: str
    code: str
    detail: str
    ns: int
