"""What travels on the link between the engine and its clients: typed rows, frames and commands.

Transport: HTTP and one WebSocket on a Unix-domain socket, JSON bodies encoded by msgspec.

    GET  /v1/health                     Health
    GET  /v1/snapshot                   StateFrame with every row (full=True)
    GET  /v1/explain/{id}               Explanation of an opportunity id or a client order id
    POST /v1/strategies/{name}          StrategyPatch -> Reply
    POST /v1/model/reload               Reply
    POST /v1/risk                       RiskPatch -> Reply
    POST /v1/flatten                    Reply (its text is the receipt)
    POST /v1/stop                       Reply; the engine then ends
    WS   /v1/stream?since=SEQ           first a full StateFrame, then StateFrame (conflated: only changed
                                        rows) and EventFrame (every one, gap-free sequence) messages

Errors are ``{"error": "one line", "code": "..."}`` with a 4xx or 5xx status. Money and quantities are decimal
text; market data are JSON numbers, null where unknown.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.events import Blend, FeatureRow, Fill, JournalEvent, OrderEvent, Verdict

VERSION = 1


class Row(msgspec.Struct, frozen=True, gc=False):
    pass


class FeedRow(Row, frozen=True):
    venue: str
    state: str
    detail: str
    age_ms: float | None
    """Since the last datum; None before the first."""
    reconnects: int
    messages: int
    gaps: int


class TickRow(Row, frozen=True):
    symbol: str
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None
    last: float | None
    change_pct: float | None
    """Over the rolling window."""
    volume: float
    """Over the rolling window."""
    age_ms: float | None
    stale: bool
    rsi: float | None
    score: float | None
    """The newest blended score."""
    spark: tuple[float, ...]
    """Up to 24 closes of the newest bars, oldest first."""


class OpportunityRow(Row, frozen=True):
    id: str
    symbol: str
    side: str
    score: float
    confidence: float
    sources: tuple[str, ...]
    reason: str
    status: str
    """live, ordered, denied:<CODE>, expired."""
    created_ns: int
    expires_ns: int
    merged: int


class PositionRow(Row, frozen=True):
    symbol: str
    quantity: str
    """Signed; "0" means closed: drop the row."""
    entry_price: str
    mark_price: str
    unrealized: str
    realized: str
    stop_price: str
    target_price: str
    opened_ns: int
    stale: bool


class OrderRow(Row, frozen=True):
    id: str
    symbol: str
    side: str
    type: str
    quantity: str
    filled: str
    average_price: str
    """"" before the first fill."""
    state: str
    purpose: str
    reason: str
    """Denial or rejection code, or why it waits."""
    created_ns: int
    updated_ns: int


class StrategyRow(Row, frozen=True):
    name: str
    family: str
    enabled: bool
    weight: float
    signals: int
    """Emitted since start."""
    last_ns: int
    """0: never."""
    error: str


class ModelRow(Row, frozen=True):
    strategy: str
    version: str
    """Short id; "" when none is loaded."""
    status: str
    created_ns: int
    metric: str
    """E.g. ``rank IC 0.041``."""
    error: str
    """Why the last reload kept the old one."""


class LogRow(Row, frozen=True):
    seq: int
    ns: int
    level: str
    source: str
    text: str


class StatusRow(Row, frozen=True):
    mode: str
    """PAPER or REPLAY."""
    risk_state: str
    risk_reason: str
    engine_ns: int
    """The desk's clock (a tape's time in a replay)."""
    started_ns: int
    phase: str
    """starting, warming up, running, stopping."""
    phase_detail: str
    account_currency: str
    equity: str
    day_pnl: str
    drawdown_pct: float
    daily_loss_pct: float
    daily_loss_limit_pct: float
    latency_p50_us: float | None
    """Frame to risk-approved order."""
    latency_p99_us: float | None
    ticks: int
    ticks_per_s: float
    stale_symbols: int
    funnel: dict[str, int]
    """Counts in order of the flow: trades, quotes, bars, features, signals, blends, opportunities, orders,
    fills."""
    drops: dict[str, int]
    """Counts by ``stage:CODE``."""
    tape: str
    """Name, position and speed of the tape, "" when live."""
    pending_writes: int


class StateFrame(msgspec.Struct, frozen=True, tag_field="type", tag="state"):
    """Rows that changed since the client's last frame (all of them when ``full``). Conflated."""

    full: bool
    status: StatusRow
    feeds: tuple[FeedRow, ...] = ()
    ticks: tuple[TickRow, ...] = ()
    opportunities: tuple[OpportunityRow, ...] = ()
    positions: tuple[PositionRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    strategies: tuple[StrategyRow, ...] = ()
    models: tuple[ModelRow, ...] = ()
    logs: tuple[LogRow, ...] = ()
    last_seq: int = 0


Sequenced = JournalEvent


class EventFrame(msgspec.Struct, frozen=True, tag_field="type", tag="event"):
    """One order event, fill, risk change or alert. Never conflated; ``seq`` has no gaps."""

    seq: int
    event: Sequenced


class Resync(msgspec.Struct, frozen=True, tag_field="type", tag="resync"):
    """The engine no longer holds events after the asked ``since``: read the rest from the journal."""

    oldest_seq: int


StreamMessage = StateFrame | EventFrame | Resync


class Health(msgspec.Struct, frozen=True):
    ok: bool
    version: int
    pid: int
    status: StatusRow
    feeds: tuple[FeedRow, ...]


class Reply(msgspec.Struct, frozen=True):
    ok: bool
    text: str
    """One line for the person who asked."""


class ErrorReply(msgspec.Struct, frozen=True):
    error: str
    code: str


class StrategyPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool | None = None
    weight: float | None = None


class RiskPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: Literal["active", "reducing", "halted"]
    reason: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """The whole chain behind an opportunity, an order or a denial."""

    id: str
    symbol: str
    headline: str
    opportunity: OpportunityRow | None
    features: FeatureRow | None
    blend: Blend | None
    verdict: Verdict | None
    order_events: tuple[OrderEvent, ...]
    fills: tuple[Fill, ...]
    model: ModelRow | None
    notes: tuple[str, ...] = ()
    """Absent inputs and where their weight went, and the market at that moment; one line each."""
