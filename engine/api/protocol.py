"""What travels on the link between the engine and its clients: typed rows, frames and commands.

Transport: HTTP and one WebSocket on a Unix-domain socket, JSON bodies encoded by msgspec.

Which address takes what, and answers what, is declared in table.py; ``tickdesk openapi`` prints it. The
stream is first a full StateFrame, then StateFrame (conflated: only changed rows) and EventFrame (every one,
gap-free sequence) messages, and MarketFrame of the symbol that the client watches; topics.py says how to have
less.

Several consoles, of which one controls: see control_protocol.py. Orders, limits, the account and
reconciliation: see trading_protocol.py. Models and training: see
model_protocol.py. One symbol's market, and latencies: see market_protocol.py. A tape's playback: see
playback_protocol.py.

Errors are ``{"error": "one line", "code": "..."}`` with a 4xx or 5xx status. Money and quantities are decimal
text; market data are JSON numbers, null where unknown.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.api.health_protocol import BusHealth, JobsHealth, Probe, WriterHealth
from engine.api.market_protocol import MarketFrame
from engine.api.rows import (
    AutomationRow,
    BarsRow,
    DepthRow,
    FeedRow,
    JobRow,
    LogRow,
    ModelRow,
    OpportunityRow,
    OrderRow,
    PlaybackRow,
    PositionRow,
    QuarantineRow,
    StatusRow,
    StrategyRow,
    SymbolDataRow,
    TickRow,
)
from engine.events import (
    Blend,
    BlendInput,
    Check,
    FeatureRow,
    Fill,
    JournalEvent,
    OrderChange,
    OrderEvent,
    Verdict,
)

__all__ = [
    "ROW_KEYS",
    "VERSION",
    "AutomationPatch",
    "AutomationRow",
    "BarsRow",
    "DepthRow",
    "ErrorReply",
    "EventFrame",
    "Explanation",
    "FeedRow",
    "Health",
    "JobRow",
    "LogRow",
    "ModelRow",
    "OpportunityRow",
    "OrderRow",
    "ParamRow",
    "ParamValue",
    "PlaybackRow",
    "PositionRow",
    "QuarantineRow",
    "Reply",
    "Resync",
    "RiskPatch",
    "Sequenced",
    "SignalStatistics",
    "StateFrame",
    "StatusRow",
    "Step",
    "StrategyDetail",
    "StrategyPatch",
    "StrategyRow",
    "StreamMessage",
    "SymbolDataRow",
    "SymbolSignals",
    "TickRow",
    "WeightsPatch",
]

VERSION = 1


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
    automations: tuple[AutomationRow, ...] = ()
    gone: dict[str, tuple[str, ...]] = {}
    """Of each kind, rows that are no more since the client's last frame: taken away, or too old."""
    version: int = VERSION
    """A client of another one does not go on."""


ROW_KEYS = (
    ("feeds", "venue"),
    ("ticks", "symbol"),
    ("opportunities", "id"),
    ("positions", "symbol"),
    ("orders", "id"),
    ("strategies", "name"),
    ("models", "strategy"),
    ("automations", "name"),
)
"""Kinds of rows that a frame tells the changes of, and what tells one of a kind from another."""

Sequenced = JournalEvent


class EventFrame(msgspec.Struct, frozen=True, tag_field="type", tag="event"):
    """One order event, fill, risk change or alert. Never conflated; ``seq`` has no gaps."""

    seq: int
    event: Sequenced


class Resync(msgspec.Struct, frozen=True, tag_field="type", tag="resync"):
    """The engine no longer holds events after the asked ``since``: read the rest from the journal."""

    oldest_seq: int


StreamMessage = StateFrame | EventFrame | Resync | MarketFrame


class Health(msgspec.Struct, frozen=True):
    ok: bool
    version: int
    pid: int
    status: StatusRow
    feeds: tuple[FeedRow, ...]
    stale_data_s: float = 3.0
    """A feed that is up and has brought nothing for longer is late."""
    model: ModelRow | None = None
    """Of the model strategy."""
    live: bool = True
    """It answers."""
    ready: Probe = Probe(True, "")
    trading: Probe = Probe(True, "")
    """Whether entries would be sent."""
    writer: WriterHealth | None = None
    bus: BusHealth | None = None
    """None: the desk is one process, without a bus."""
    jobs: JobsHealth | None = None
    """None: jobs of automations are done in the engine's process."""


class Reply(msgspec.Struct, frozen=True):
    ok: bool
    text: str
    """One line for the person who asked."""


class ErrorReply(msgspec.Struct, frozen=True):
    error: str
    code: str


ParamValue = bool | int | float | str


class ParamRow(msgspec.Struct, frozen=True):
    """One parameter of a strategy, as an editor needs it."""

    name: str
    kind: Literal["number", "integer", "flag", "text"]
    value: ParamValue
    default: ParamValue
    range: str
    """The values it takes, as text: ``> 0``, ``2 to 200``; "" when anything of its kind."""
    about: str
    """One line; "" when nothing is said."""


class StrategyDetail(msgspec.Struct, frozen=True):
    """Everything about one strategy that can be seen and changed at run time."""

    name: str
    description: str
    enabled: bool
    weight: float
    """Within the technical family, above 0 to 100."""
    symbols: tuple[str, ...]
    """Empty: all."""
    budget_pct: float
    """Most that its positions may be worth, percent of equity; 0: no limit of its own."""
    used_pct: float
    """What they are worth now, percent of equity."""
    params: tuple[ParamRow, ...]
    origin: str
    signals: int
    last_ns: int
    error: str


class StrategyPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is None stays as it is. ``params`` may name some of the parameters."""

    enabled: bool | None = None
    weight: float | None = None
    symbols: tuple[str, ...] | None = None
    budget_pct: float | None = None
    params: dict[str, ParamValue] | None = None


class WeightsPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Percent by family, 0 to 100; what is None stays."""

    technical: float | None = None
    speed: float | None = None
    microstructure: float | None = None
    open_interest: float | None = None
    options: float | None = None
    sentiment: float | None = None
    volatility: float | None = None


class SymbolSignals(msgspec.Struct, frozen=True):
    """Every live input of a symbol's blend right now, whether or not it is strong enough for anything."""

    symbol: str
    ns: int
    score: float | None
    """-1 (sell) to 1 (buy); None when nothing is live."""
    confidence: float
    """0 to 1."""
    agreement: float
    """The part of the weights whose scores have the sign of the blend's, 0 to 1."""
    inputs: tuple[BlendInput, ...]
    absent: tuple[str, ...]
    """Families without a live input."""
    blocked: str
    """Why entries are blocked by a signal; "" when they are not."""
    features: FeatureRow | None
    notes: tuple[str, ...]


class AutomationPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    active: bool


class SignalStatistics(msgspec.Struct, frozen=True):
    """What the dispatcher did with one type of signal."""

    signal: str
    """The source."""
    seen: int
    matched: int
    started: int
    succeeded: int
    failed: int
    skipped: int
    """Matched, but running already."""
    latency_p50_us: float | None
    """From the signal to its jobs started."""
    latency_p99_us: float | None


class RiskPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    state: Literal["active", "reducing", "halted"]
    reason: str = ""
    expected: Literal["active", "reducing", "halted"] | None = None
    """The state that this is to change: where the desk is in another one by then, nothing is changed. What is
    to halt it in any case leaves it out."""


class Step(msgspec.Struct, frozen=True):
    """One moment in the life of an order."""

    name: str
    """seen (the opportunity), decision, initialized, submitted, accepted, fill 1, filled, …"""
    ns: int
    after_ns: int
    """Since the step before; 0 for the first."""


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
    status: str = ""
    """Of the opportunity: live, ordered, denied:<CODE>, dropped:<CODE>, reversal (it had a position closed),
    reversed (another of the other side took its place), expired; "" when it is no longer known."""
    held: str = ""
    """What stood in the way of an order of it last, with its code; "" where nothing did."""
    held_ns: int = 0
    held_times: int = 0
    """How often anything did: a live one is tried again whenever it is merged."""
    weights: dict[str, float] = {}
    """Percent by family as configured when it was blended, before redistribution."""
    filters: tuple[Check, ...] = ()
    """What the opportunity had to pass, each with its value and its limit."""
    latencies: tuple[Step, ...] = ()
    """From the opportunity to the last fill, in order."""
    slippages_bps: tuple[float | None, ...] = ()
    """Of each fill against the decision's mid, basis points: above 0 is worse. None without a mid."""
    slippage_bps: float | None = None
    """Of the order, weighted by quantity."""
    order_changes: tuple[OrderChange, ...] = ()
    """Amendments and cancels of the order, asked for and answered, in order of time."""
    model_version: str = ""
    """Of the model that spoke in it, whichever is active now; "" when none did."""
    model_ns: int = 0
    """Of the bar close at which it did: ``/v1/model/contributions/{symbol}?ns=`` takes that apart while it is
    kept; 0 when that is no longer known."""
