"""Rows: what a screen shows of the desk, one line each. They travel in frames (see protocol.py).

Money and quantities are decimal text; market data are numbers, None where unknown.
"""

from __future__ import annotations

import msgspec


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
    latency_ms: float | None = None
    """What a datum takes on top of the fastest of late: the median, and the 99th percentile of it."""
    latency_p99_ms: float | None = None
    clock_offset_ms: float | None = None
    """Our clock less the venue's, with the shortest way here; None while that is unknown."""
    backfilled: int = 0
    malformed: int = 0
    duplicates: int = 0
    reordered: int = 0
    books: int = 0
    """Right now."""
    books_broken: int = 0
    """Wrong now."""
    resyncs: int = 0
    handovers: int = 0
    best_effort: bool = False
    """What is missing of it cannot be noticed."""
    market: bool = True
    """Whether it brings prices; else it is context, or something else that is watched."""
    clock_off: bool = False
    """Entries are denied: our clock and the venue's are too far apart."""

    def is_late(self, stale_s: float) -> bool:
        """Whether it should bring data and has brought none for longer than ``stale_s``."""
        return self.market and self.state == "up" and self.age_ms is not None and self.age_ms > stale_s * 1e3


class TickRow(Row, frozen=True):
    """Prices in the quote currency, sizes and volumes in units of the base; None: not known."""

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
    """0 to 100, at the newest bar's close."""
    score: float | None
    """The newest blended score, -1 (sell) to 1 (buy)."""
    spark: tuple[float, ...]
    """Up to 24 closes of the newest bars, oldest first."""
    stale_reason: str = ""
    """Why it is stale; "" when it is not."""
    gapped: bool = False
    """Trades are missing in its window, or in the bars of its average volume."""
    book_fault: str = ""
    """Why its book is wrong; "" when it is right, or there is none."""


class SymbolDataRow(Row, frozen=True):
    """How well one symbol's data is known. Ages are None for a kind that it does not have."""

    symbol: str
    trade_age_ms: float | None
    quote_age_ms: float | None
    book_age_ms: float | None
    candle_age_ms: float | None
    stale_reason: str
    gapped: bool
    gaps: int
    """Gap events since start."""
    book_fault: str
    book_old: bool
    imbalance: float | None
    """Of the published levels of its book, -1 (asks) to 1 (bids); None without a book that is right."""
    trade_old: bool = False


class QuarantineRow(Row, frozen=True):
    """Something that was not believed."""

    ns: int
    symbol: str
    reason: str
    kind: str
    content: str
    unkept: int
    """So many more of the same symbol and reason came before it, and were only counted."""


class DepthRow(Row, frozen=True):
    """The best levels of a symbol's book, (price, size), best first."""

    symbol: str
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    imbalance: float
    """(bid size - ask size) over their sum, -1 to 1; 0 when the book is empty."""
    age_ms: float


class BarsRow(Row, frozen=True):
    """The newest bars of a symbol, oldest first."""

    symbol: str
    interval_s: int
    open_ns: tuple[int, ...]
    """When each begins."""
    bars: tuple[tuple[float, float, float, float, float | None, float | None], ...]
    """Open, high, low, close, volume, vwap; None where not told."""


class OpportunityRow(Row, frozen=True):
    id: str
    symbol: str
    side: str
    score: float
    """-1 (sell) to 1 (buy)."""
    confidence: float
    """0 to 1."""
    sources: tuple[str, ...]
    reason: str
    status: str
    """live, ordered, denied:<CODE>, expired."""
    created_ns: int
    expires_ns: int
    merged: int
    """So many more came while it was live, and count as this one."""


class PositionRow(Row, frozen=True):
    symbol: str
    quantity: str
    """Signed; "0" means closed: drop the row."""
    entry_price: str
    mark_price: str
    unrealized: str
    """In the account's currency, as ``realized`` is; "" while its rate is not known."""
    realized: str
    stop_price: str
    target_price: str
    opened_ns: int
    stale: bool
    trailing_price: str = ""
    """Where a stop that follows the market stands; "" without one."""
    exit_ns: int = 0
    """When it is closed for its age; 0: never."""


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
    price: str = ""
    """Its limit; "" without one."""
    stop_price: str = ""
    """Its trigger, where that is known; a trailing stop's as it stands now."""
    trail: str = ""
    time_in_force: str = "gtc"
    pending: str = "none"
    """What was asked of it and is not answered: none, update, cancel."""
    leaves: str = ""
    """What may still fill; "0" once it is done."""
    gateway: str = "paper"
    parent_id: str = ""
    """Of the order whose fills it protects; "" when it is no child."""
    list_id: str = ""


class StrategyRow(Row, frozen=True):
    name: str
    family: str
    enabled: bool
    weight: float
    """Within the technical family, above 0 to 100."""
    signals: int
    """Emitted since start."""
    last_ns: int
    """0: never."""
    error: str
    budget_pct: float = 0.0
    """Most that its positions may be worth, percent of equity; 0: no limit of its own."""
    origin: str = ""
    """"" for a built-in one, else the file or entry point that it comes from."""
    realized: str = ""
    """Of the fills it was behind, before fees; "" when it never traded."""
    unrealized: str = ""
    fees: str = ""


class AutomationRow(Row, frozen=True):
    name: str
    active: bool
    trigger: str
    """One line, e.g. ``signal rapid_rise on all symbols`` or ``every 60 s``."""
    steps: str
    """One line, e.g. ``notify, call webhook``."""
    matched: int
    started: int
    succeeded: int
    failed: int
    running: int
    last_ns: int
    """When it last started; 0: never."""
    error: str
    """Why the last run failed; "" when it did not."""
    place: str = ""
    """Who does what the last run does outside of the desk: ``in process``, ``waiting`` (for a worker), or a
    worker's name; "": nothing yet."""


class JobRow(Row, frozen=True):
    """A run of an automation."""

    run_id: str
    automation: str
    signal: str
    """Source of the signal that started it; "": its time had come."""
    symbol: str
    state: str
    """waiting (for a worker), running, succeeded, failed, or interrupted."""
    place: str
    """``in process``, or the name of the worker that did the last of what is done outside of the desk."""
    attempt: int
    """Of that; above 1 where a worker died."""
    step: str
    """Of a run at work, such as ``2/3 call webhook``."""
    started_ns: int
    ended_ns: int = 0
    """0 while it is at work."""
    error: str = ""


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
    live_rank_ic: float | None = None
    """Mean over the newest scored steps; None: none is scored yet."""
    live_steps: int = 0
    """Scored so far."""
    shadow: str = ""
    """Version that runs beside it; "" when none does."""
    rollback: str = ""
    """What the desk rolled back by itself last, and why; "" when it has not."""
    drifted: int = 0
    """Features whose live values are of another distribution than in training."""
    live_independent: float = 0.0
    """About how many of ``live_steps`` that do not overlap would say as much."""
    trouble: str = ""
    """What is wrong with the model at work, or with the shadow; "" when nothing is."""


class LogRow(Row, frozen=True):
    seq: int
    ns: int
    """When it was said, by the desk's clock: on a tape that is the tape's."""
    level: str
    source: str
    text: str


class PlaybackRow(Row, frozen=True):
    """Where a tape is, and how it is played."""

    state: str
    """playing, paused, seeking or ended."""
    speed: float
    """Times real time; 0: as fast as it goes."""
    at_ns: int
    """The time reached."""
    first_ns: int
    """Of its first event; 0: it is not read yet."""
    last_ns: int
    """Of its last event; 0: not known, or not yet."""
    goal_ns: int = 0
    """Where a seek goes; 0 when there is none."""
    rewinds: int = 0
    """How often the desk began anew from the tape's start."""
    cut: bool = False
    """It has ended before its end: cut off by a crash, or damaged there."""


class StatusRow(Row, frozen=True):
    mode: str
    """PAPER or REPLAY."""
    risk_state: str
    risk_reason: str
    engine_ns: int
    """The desk's clock (a tape's time in a replay)."""
    started_ns: int
    phase: str
    """starting, standing by (for an execution worker that executes), warming up, running, stopping."""
    phase_detail: str
    account_currency: str
    equity: str
    day_pnl: str
    drawdown_pct: float
    """Below the account's high; this and ``daily_loss_pct`` are 0 while equity is unknown."""
    daily_loss_pct: float
    """Since the UTC day began, or below its highest equity, whichever is more."""
    daily_loss_limit_pct: float
    """The one in force, from which entries are denied."""
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
    drifts: int = 0
    """Where the gateways and the desk disagree; see ``GET /v1/reconciliation``."""
    gateway: str = ""
    """How the brokers are reached, one line; "" with the paper venue alone."""
    bus: str = ""
    """How the desk's workers are, in a few words; "" where it is one process."""
    bus_ok: bool = True
    locked: tuple[str, ...] = ()
    """Symbols that are not entered for a while, because their stops were hit too often."""
    loading: str = ""
    """How far history is loaded, one line; "" when nothing is."""
    playback: PlaybackRow | None = None
    """Of a tape's desk; None when live."""
    recording: str = ""
    """``on`` while tapes are written, ``failed`` when their end was not wanted; "" without."""
    consoles: int = 0
    """Attached now."""
    controller: str = ""
    """Label of the console that controls; "": none does. See control_protocol.py."""
    controller_id: str = ""
    hands_off: bool = False
    """The engine only watches: nothing is begun by itself, stops included."""
