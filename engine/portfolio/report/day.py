"""What a daily report says. Money, prices and quantities are decimal text, in the account's currency unless a
field says otherwise; "" is unknown."""

from __future__ import annotations

import msgspec


class Amounts(msgspec.Struct, frozen=True):
    """What the desk or a strategy earned in the day."""

    name: str
    """"" is the whole desk."""
    realized: str
    """Before fees and funding."""
    unrealized: str
    """How it changed."""
    fees: str
    funding: str
    net: str


class SourceLine(msgspec.Struct, frozen=True):
    """A signal source's part of the round trips that ended in the day."""

    name: str
    net: str
    trips: int
    hit_rate: float | None
    profit_factor: float | None


class TripLine(msgspec.Struct, frozen=True):
    """A round trip that ended in the day; amounts in ``currency``."""

    closed_ns: int
    opened_ns: int
    symbol: str
    side: str
    quantity: str
    entry: str
    exit: str
    net: str
    currency: str
    purpose: str
    """Of the order that ended it."""
    strategies: tuple[str, ...]
    opportunity_id: str


class PositionLine(msgspec.Struct, frozen=True):
    """Open at the end; price and P&L in ``currency``."""

    symbol: str
    quantity: str
    entry: str
    mark: str
    unrealized: str
    currency: str
    strategies: tuple[str, ...]


class SlippageLine(msgspec.Struct, frozen=True):
    purpose: str
    """"" is of all fills."""
    bps: float | None
    """Mean against the mid at the decision, weighted by notional; above zero is worse."""
    fills: int


class Happening(msgspec.Struct, frozen=True):
    ns: int
    text: str


class Point(msgspec.Struct, frozen=True):
    ns: int
    equity: float
    drawdown_pct: float


class DayReport(msgspec.Struct, frozen=True):
    day: str
    """``YYYY-MM-DD``, UTC."""
    made_ns: int
    whole: bool
    """The day is over."""
    currency: str
    equity_start: str
    equity_end: str
    return_pct: float | None
    max_drawdown_pct: float | None
    """From the highest equity of the day so far, that at its begin among them."""
    exposure_mean_pct: float | None
    """Gross exposure, percent of equity."""
    exposure_max_pct: float | None
    fills: int
    traded: str
    """Notional of all fills."""
    trips: int
    hit_rate: float | None
    profit_factor: float | None
    desk: Amounts
    strategies: tuple[Amounts, ...]
    sources: tuple[SourceLine, ...]
    trades: tuple[TripLine, ...]
    """The newest, oldest of them first."""
    slippage: tuple[SlippageLine, ...]
    states: tuple[Happening, ...]
    """Changes of the trading state."""
    limits: tuple[Happening, ...]
    """Changes of limits."""
    denied: dict[str, int]
    """Orders that risk denied, by reason code."""
    rejected: int
    """Orders that a venue rejected."""
    positions: tuple[PositionLine, ...]
    curve: tuple[Point, ...]
    notes: tuple[str, ...]
    not_modelled: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is known to have happened: the desk did not run."""
        happened = self.fills or self.rejected or self.denied or self.states or self.limits
        return not (happened or self.curve)
