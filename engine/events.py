"""The typed events that flow between the stages, with their units.

Every arrow of the desk is one of these. Times are integers, nanoseconds since the Unix epoch, UTC:
``event_ns`` is the venue's clock, ``recv_ns`` and every other ``*_ns`` is ours. Market numbers are
float64; from an order on, prices, quantities and money are ``Decimal``.

A symbol is ``"<venue>:<NATIVE>"`` (``"binance:BTCUSDT"``, ``"kraken:BTC/USD"``) everywhere in the engine.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

NS = 1_000_000_000
"""Nanoseconds in a second."""


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag=True):
    """Base of all events: immutable, cheap for the garbage collector, tagged by class name on the wire."""


# --- market data ---------------------------------------------------------------------------------


class Trade(Event, frozen=True, gc=False):
    """One print."""

    symbol: str
    trade_id: int
    """The venue's id, rising by one per symbol on the venues we speak; -1 where it gives none."""
    price: float
    size: float
    aggressor: int
    """The taker's side: +1 bought, -1 sold, 0 unknown."""
    event_ns: int
    recv_ns: int
    backfilled: bool = False
    """Fetched by REST after a cut: recorded and counted, never traded on."""


class Quote(Event, frozen=True, gc=False):
    """Best bid and offer. A size that the venue does not tell is NaN."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    event_ns: int
    recv_ns: int


class Gap(Event, frozen=True, gc=False):
    """Trades ``first_id..last_id`` (inclusive; -1 unknown) of a symbol were missed and not backfilled."""

    symbol: str
    first_id: int
    last_id: int
    reason: str
    recv_ns: int


class FeedState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    STALE = "stale"
    """The socket is open, data is not flowing."""
    POLLING = "polling"
    """The socket is away; REST stands in."""
    DOWN = "down"


class FeedStatus(Event, frozen=True, gc=False):
    """A feed changed state."""

    venue: str
    state: FeedState
    detail: str
    recv_ns: int
    reconnects: int = 0


class Malformed(Event, frozen=True, gc=False):
    """A frame that could not be decoded. ``excerpt`` is cleaned and at most 120 characters."""

    venue: str
    excerpt: str
    error: str
    recv_ns: int


# --- features and signals --------------------------------------------------------------------------


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
    """The part of it whose taker bought."""
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

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

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


# --- market context ----------------------------------------------------------------------------------


class OpenInterest(Event, frozen=True, gc=False):
    """How many contracts of a future are open, and at what price."""

    venue: str
    underlying: str
    """The base asset, e.g. ``"BTC"``."""
    open_interest: float
    """Units of the underlying."""
    price: float
    """The future's mark price at that time, in its quote currency."""
    event_ns: int
    recv_ns: int
    backfilled: bool = False
    """History, fetched at start: learned from, no reason for a signal."""


class OptionsFlow(Event, frozen=True, gc=False):
    """The options of one underlying: what is open, what a day traded, and who took what since the last event.

    All amounts are units of the underlying; a figure that the venue does not tell is NaN.
    """

    venue: str
    underlying: str
    call_volume: float
    """Traded in the last 24 hours."""
    put_volume: float
    call_open_interest: float
    put_open_interest: float
    calls_bought: float
    """By takers, in the trades that are new since the last event."""
    calls_sold: float
    puts_bought: float
    puts_sold: float
    trades: int
    """How many trades are new since the last event."""
    event_ns: int
    recv_ns: int


class Sentiment(Event, frozen=True, gc=False):
    """One reading of a mood: an index, or one headline."""

    source: str
    """``"fear-greed"`` or ``"news"``."""
    underlying: str
    """The base asset it speaks of; "" when it is of the whole market."""
    value: float
    """-1 (fear, bad news) to +1 (greed, good news), as the source tells it."""
    text: str
    """The index' own words, or the headline: cleaned, at most 120 characters."""
    event_ns: int
    """When it was published."""
    recv_ns: int


# --- orders ----------------------------------------------------------------------------------------


class OrderType(StrEnum):
    MARKET = "market"


class Purpose(StrEnum):
    """Why an order exists. Everything but ENTRY reduces a position."""

    ENTRY = "entry"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    REVERSAL = "reversal"
    FLATTEN = "flatten"


class OrderRequest(Event, frozen=True, gc=False):
    """What the desk wants done. Quantity is on the instrument's lot grid."""

    client_order_id: str
    """Deterministic: the same inputs give the same id."""
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    purpose: Purpose
    reduce_only: bool
    decision_ns: int
    decision_price: float
    """Mid at the decision: slippage is measured against it."""
    opportunity_id: str = ""
    reason: str = ""
    sources: tuple[str, ...] = ()
    """The strategies behind an entry: those that spoke for its side. The whole order counts for each."""


class Check(Event, frozen=True, gc=False):
    """One pre-trade check as it was made."""

    code: str
    """Reason code when it fails, e.g. ``STALE_DATA``."""
    passed: bool
    value: str
    limit: str


class Verdict(Event, frozen=True, gc=False):
    """Risk's answer to an order request. ``code`` is "" when approved, else the first failed check's."""

    client_order_id: str
    symbol: str
    approved: bool
    code: str
    detail: str
    checks: tuple[Check, ...]
    ns: int


class OrderState(StrEnum):
    INITIALIZED = "initialized"
    DENIED = "denied"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {OrderState.DENIED, OrderState.REJECTED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
)


class OrderEvent(Event, frozen=True, gc=False):
    """A transition of an order. Fills travel as ``Fill``; the order's state follows from them."""

    client_order_id: str
    symbol: str
    state: OrderState
    reason: str
    ns: int
    request: OrderRequest | None = None
    """Given on the first event of an order (INITIALIZED), so that the journal alone can rebuild it."""
    verdict: Verdict | None = None
    """Given on SUBMITTED and DENIED: no order without a recorded verdict."""


class Fill(Event, frozen=True, gc=False):
    """An execution. Signed notional is ``-side.sign * price * quantity``; fee is positive when paid."""

    trade_id: str
    """Deterministic hash of order id and fill number: a replay after a restart dedupes on it."""
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: str
    """``"taker"`` or ``"maker"``."""
    decision_price: float
    ns: int


# --- desk ------------------------------------------------------------------------------------------


class RiskState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"
    """Exits only."""
    HALTED = "halted"
    """Nothing but cancels and exits a person asks for."""


class RiskChange(Event, frozen=True, gc=False):
    """The desk's trading state changed; latched across restarts."""

    state: RiskState
    previous: RiskState
    reason: str
    who: str
    """``"risk"`` or the person or client that asked."""
    ns: int


class Alert(Event, frozen=True, gc=False):
    """Something the person at the desk must see. ``level``: info, warning, error."""

    level: str
    source: str
    text: str
    ns: int


MarketEvent = Trade | Quote | Gap | FeedStatus | Malformed
ContextEvent = OpenInterest | OptionsFlow | Sentiment
JournalEvent = OrderEvent | Fill | RiskChange | Alert
