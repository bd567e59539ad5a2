"""What risk knows when it judges an order: put together by the wiring for each request."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.instruments import Instrument


class RiskView(msgspec.Struct, gc=False):
    """None (NaN for a price) means unknown, and what is unknown denies an entry."""

    now_ns: int
    instrument: Instrument | None
    equity: Decimal | None
    day_pnl: Decimal | None
    drawdown_pct: float | None
    bid: float
    ask: float
    last: float
    data_age_ns: int | None
    """Since the symbol's newest datum."""
    clock_skew_ns: int | None
    """Our clock less the venue's."""
    position: Decimal | None
    """Signed, filled."""
    symbol_orders: int
    """Open orders of the symbol, counting those that are sent and not yet acknowledged."""
    open_orders: int
    """The same over all symbols."""
    gross: Decimal
    """Sum of |position x mark| plus the notional of working entries: a sent order counts at once."""
    net: Decimal
    """Sum of position x mark plus the signed notional of working entries."""
    working: Decimal = Decimal(0)
    """Signed quantity of the symbol that working entries may still add."""
    exiting: Decimal = Decimal(0)
    """Unsigned quantity of the symbol that working exits may still close."""
    blocked: str = ""
    """Why entries of the symbol are blocked from outside; "" when they are not."""
    budgets: tuple[tuple[str, Decimal, Decimal], ...] = ()
    """(strategy, its share of equity, what it holds or works on) of each budgeted one behind an entry."""
