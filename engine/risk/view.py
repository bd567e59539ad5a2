"""What risk knows when it judges an order: put together by the wiring for each request."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.instruments import Instrument


class ScopeUse(msgspec.Struct, frozen=True, gc=False):
    """What a strategy or a symbol with limits of its own uses of them, in the account's currency."""

    scope: str
    """``"strategy:<name>"`` or ``"symbol:<symbol>"``."""
    orders: int
    """Open orders."""
    gross: Decimal
    """Its part of the positions and its working entries, longs and shorts added up."""
    net: Decimal
    """Longs less shorts, of the working entries those of the order's side."""


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
    """Sum of position x mark plus the signed notional of working entries of the order's side: those of the
    other side may never fill, and make no room."""
    working: Decimal = Decimal(0)
    """Signed quantity of the symbol that working entries of the order's side may still add."""
    exiting: Decimal = Decimal(0)
    """Unsigned quantity of the symbol that exits close now. Exits that wait for a price do not count: they
    are reduce-only, and shrink with the position."""
    blocked: str = ""
    """Why entries of the symbol are blocked from outside; "" when they are not."""
    budgets: tuple[tuple[str, Decimal, Decimal], ...] = ()
    """(strategy, its share of equity, what it holds or works on) of each budgeted one behind an entry."""
    own_bid: Decimal | None = None
    """Highest price at which a working order of ours can be sold to: infinity for a market order."""
    own_ask: Decimal | None = None
    """Lowest price at which a working order of ours can be bought from: 0 for a market order."""
    rate: Decimal | None = None
    """The account's currency for one unit of the quote currency, where that is not counted one to one."""
    counted_in: str | None = None
    """The symbol's fills are counted in this currency ("": the account's), not in the quote currency; None:
    they are not."""
    account: str = ""
    """Why the account behind the order's gateway is unknown; ``equity`` is None then."""
    model_age_ns: int | None = None
    """Since the model behind the model strategy was made; asked only where a limit is set."""
    scopes: tuple[ScopeUse, ...] = ()
    """Of each strategy behind the entry, and of its symbol, that has limits of its own."""
    opening: Decimal | None = None
    """Of a bracket's child: the signed quantity that its parent has still to fill; None for other orders."""
    opened: Decimal = Decimal(0)
    """Of a bracket's child: its parent's whole quantity, unsigned; more than that a child cannot close."""
    forbidden: str = ""
    """Why all entries are forbidden by the bus that the desk rests on; "" when they are not."""
    data_fault: str = ""
    """Why the symbol's data is not to be traded on, however new; "" when nothing speaks against it."""
    ahead: int = 0
    """Entries of the same list that leave together with this one, before it."""
