"""What a backtest came to: plain data, from which every report, table and comparison is made.

Money is decimal text in the account's currency; times are ns since the epoch, UTC.
"""

from __future__ import annotations

import msgspec

from engine.research.plan import Plan

MOST_LINES = 100
"""Of a symbol's lines that were not believed for one reason, those that are listed: ``history import
--rejects`` writes all."""


class Rejects(msgspec.Struct, frozen=True):
    """What was not believed of a symbol's data."""

    symbol: str
    reason: str
    count: int
    first: str = ""
    """The first of them, one line: where it stands, and what it says."""
    lines: tuple[str, ...] = ()
    """Each of those that are lines of a file, but no more than ``MOST_LINES``."""


class Source(msgspec.Struct, frozen=True):
    """One symbol's data."""

    symbol: str
    told: str
    """Where it came from, one line: a file's name, the store and who told it, a tape."""
    rows: int
    """Bars or ticks that were believed."""
    first_ns: int
    last_ns: int
    interval_s: int
    """0: ticks."""
    sha256: str
    """Of the rows as they were fed; "" for tapes, whose files tell."""
    adjusted: bool = False
    steps: int = 0
    """Bars that its time has; 0: not known, as of ticks."""
    early_ns: int = 0
    """By so much, at most, its bars stand before their beginning: see ``bar_ticks.on_grid``."""
    leap_ns: int = 0
    """The bar from which on prices are ``leap_ratio`` of those before, as after a split; 0: there is none."""
    leap_ratio: float = 1.0


class Deal(msgspec.Struct, frozen=True):
    """One fill."""

    ns: int
    symbol: str
    side: str
    """BUY or SELL."""
    quantity: str
    price: str
    fee: str
    """In the currency of the symbol."""
    decision_ns: int
    decision_price: float
    """The mid when it was decided; NaN where unknown."""
    purpose: str
    """Of the order, as ``events.Purpose`` names them: entry, signal, stop_loss, ...; "": none."""
    strategies: tuple[str, ...]
    order_id: str
    opportunity_id: str


class Trade(msgspec.Struct, frozen=True):
    """A round trip, from flat to flat or turned."""

    symbol: str
    side: str
    """BUY: long."""
    quantity: str
    entry_price: str
    exit_price: str
    """Averages."""
    opened_ns: int
    closed_ns: int
    realized: str
    """Before fees and funding."""
    fees: str
    funding: str
    net: str
    return_pct: float
    """Net, of the entry's notional."""
    purpose: str
    """Of the order that ended it."""
    strategies: tuple[tuple[str, str], ...]
    """Net P&L of each that had a share."""
    sources: tuple[tuple[str, float], ...]
    """Share of each signal source in the entry's decision; they add up to 1. Empty: no blend's."""
    opportunity_id: str = ""


class Held(msgspec.Struct, frozen=True):
    """A position that was open at the end."""

    symbol: str
    quantity: str
    """Signed."""
    entry_price: str
    mark: str
    unrealized: str


class Failed(msgspec.Struct, frozen=True):
    """A strategy that raised, and was off from then on."""

    name: str
    ns: int
    """When; 0 where nobody noted it."""
    error: str
    """One line."""


class Stop(msgspec.Struct, frozen=True):
    """Risk let entries through no more: it reduced or halted the desk, or denied what was to be opened for
    what passes by itself seldom."""

    code: str
    """REDUCING, HALTED, or that of the denials."""
    ns: int
    """When, or of the first denial."""
    until_ns: int
    """The end of the run: nobody resumes its desk."""
    why: str
    denied: int = 0
    """Orders; 0 of a state."""


class Chart(msgspec.Struct, frozen=True):
    """Prices of a symbol, thinned to what a picture can show: open, high, low, close by time."""

    symbol: str
    step_s: float
    ns: tuple[int, ...]
    """When each begins."""
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    plan: Plan
    config_sha256: str
    """Of what decides: the whole configuration as canonical JSON, without what only shows or connects."""
    strategies: tuple[str, ...]
    """That were on."""
    failed: tuple[Failed, ...] = ()
    """Of these, what the run went on without."""
    model: str = ""
    """Version of the model that scored; "": none."""
    model_until_ns: int | None = None
    """When the last bar begins that it was trained on; 0: nobody knows. None: none scored, or it was trained
    on a simulation, which knows nothing of this data."""
    data: tuple[Source, ...]
    rejects: tuple[Rejects, ...] = ()
    first_ns: int
    last_ns: int
    currency: str
    starting_cash: str
    final_equity: str
    step_ns: int
    """Distance of the curve's points: a bar, or ``performance`` of the configuration on ticks."""
    ns: tuple[int, ...]
    """Of the curve's points, ``step_ns`` apart where there is data; a weekend has none."""
    equity: tuple[float, ...]
    exposure: tuple[float, ...]
    """Gross, percent of equity, at the same times."""
    exposure_mean_pct: float | None = None
    """Gross, percent of equity, of all the time, also within bars; None: not known."""
    benchmark: tuple[float, ...]
    """Equity of buying all symbols at the first price, evenly, and holding them; without costs."""
    deals: tuple[Deal, ...]
    trades: tuple[Trade, ...]
    held: tuple[Held, ...]
    realized: str
    unrealized: str
    fees: str
    funding: str
    traded: str
    """Notional of all fills."""
    median_bar_pct: float | None = None
    """Median of (high - low) / open of all bars; None on ticks."""
    stop_loss_pct: float = 0.0
    take_profit_pct: float = 0.0
    """The desk's distances from the entry; 0: none, or not known."""
    slippage_bps: float | None
    """Mean against the mid at the decision, weighted by notional; above zero is worse."""
    funnel: dict[str, int]
    """Counts by stage."""
    denied: dict[str, int]
    dropped: dict[str, int]
    stops: tuple[Stop, ...] = ()
    charts: tuple[Chart, ...] = ()
    ticks: int
    seconds: float
    """Of the run alone, without reading the data."""
    sha256: str
    """Of all orders and fills, as ``tickdesk replay`` tells it."""
