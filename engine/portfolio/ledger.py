"""The ledger: cash, positions and equity as an exact fold over fills and funding.

Totals are in the account's currency; a symbol's own amounts are in its quote currency. Nothing is rounded but
the cost of a closed part of a position, which is put on a fixed grid, so that these hold exactly in every
currency, and at the present rates in all of them together:

    cash   = start + sum of signed notional - sum of fees + sum of funding
    equity = cash + sum of position x mark = start + realized + unrealized - fees + funding

None is an amount that cannot be told because the rate of a currency it is in is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, getcontext, setcontext
from typing import overload

from engine.errors import OrderError
from engine.events import Fill, Funding
from engine.portfolio.balances import Balances
from engine.portfolio.booked import Booked
from engine.portfolio.day import DAY_NS, Day, DayState
from engine.portfolio.exact import EXACT, ZERO, add, exactly, multiply, subtract
from engine.portfolio.ledger_check import check
from engine.portfolio.position import Position, after


class Ledger:
    """Folds fills and funding. Marks value what is open; a position without a mark is valued where it was
    opened, or where an earlier run did. As long as no other currency was booked, what an order waits for is
    kept up to date as fills and marks come; else the open positions are counted anew at each."""

    def __init__(self, starting_cash: Decimal, currency: str, pegged: Iterable[str] = ()) -> None:
        """``pegged``: quote currencies that count as the account's own ``currency``, one to one."""
        self.currency = currency
        self._start = starting_cash
        self._balances = Balances(starting_cash, currency, pegged)
        self._positions: dict[str, Position] = {}
        self._open: list[Position] | None = None
        """``positions()``; None: to be looked for."""
        marks = self._marks = dict[str, Decimal]()
        self.mark_price: Callable[[str], Decimal | None] = marks.get
        """What a symbol is valued at, in its currency; None before its first fill or mark."""
        self._booked = Booked(self._balances)
        self._foreign = False
        """A currency other than the account's was booked."""
        # Kept up to date by fills and marks, so that reading costs nothing where an order waits for it.
        self._value = ZERO  # sum of quantity x mark
        self._gross = ZERO  # sum of |quantity| x mark
        self._equity: Decimal | None = add(starting_cash, ZERO)
        self._drawdown: float | None = 0.0  # None: to be computed
        self._day = Day(starting_cash, currency)
        self._at_fill: set[str] = set()
        """Symbols that no mark has valued since they were opened."""

    # --- folding

    @exactly
    def apply(self, fill: Fill, opportunity_id: str = "") -> Position:
        """Book a fill and return the position after it; a fill whose trade id is booked changes nothing.

        Raises OrderError, and changes nothing, on impossible numbers, a trade id booked with other content,
        or a symbol that was traded in another currency.
        """
        return self._positions[fill.symbol] if self.booked(fill) else self.book(fill, opportunity_id)

    def book(self, fill: Fill, opportunity_id: str, *, closes: bool = False) -> Position:
        """``apply`` for a fill that is not ``booked``. Runs in the exact context.

        A symbol keeps the currency it was first counted in. ``closes``: the fill is of an exit, which is
        counted in that whatever it says; so is all of a symbol whose first fill, or itself, says none.
        """
        symbol, quantity, price, fee, said = fill.symbol, fill.quantity, fill.price, fill.fee, fill.currency
        finite = quantity.is_finite() and price.is_finite() and fee.is_finite()
        if not finite or quantity <= ZERO or price <= ZERO:
            raise OrderError(f"fill {fill.trade_id} of {symbol} has impossible numbers: not booked")
        unit = self._balances.unit(fill.currency)
        before = self._positions.get(symbol) or Position(symbol, currency=unit)
        if before.currency != unit:
            unit = before.currency
            fill = self._booked.in_one(fill, before, closes=closes)
        self.roll(fill.ns)
        if self._day.unvalued:
            self._value_start(symbol, price)
        position = self._positions[symbol] = after(before, fill, opportunity_id)
        self._open = None
        self._booked.add(fill, said)
        held, left = before.quantity, position.quantity
        self._balances.add(fill.currency, (held - left) * price - fee)
        if not held:
            # A flat symbol is not marked: what it was valued at may be long past.
            self._marks[symbol] = price
            self._at_fill.add(symbol)
        mark = self._marks[symbol]
        self._value += (left - held) * mark
        self._gross += (abs(left) - abs(held)) * mark
        self._foreign = self._foreign or bool(unit)
        self._revalue()
        return position

    def booked(self, fill: Fill) -> bool:
        """Whether its trade id is booked. Raises OrderError when it is with other numbers."""
        return self._booked.has(fill)

    def refusal(self, event: Fill | Funding, *, closes: bool = False) -> str:
        """Why the ledger as it is would not take it up; "" when it would, or has it already."""
        try:
            if isinstance(event, Funding):
                self._booked.has_funding(event)
            elif not self.booked(event):
                before = self._positions.get(event.symbol)
                if before is not None and before.currency != self._balances.unit(event.currency):
                    self._booked.in_one(event, before, closes=closes)
        except OrderError as error:
            return str(error)
        return ""

    def fund(self, funding: Funding) -> bool:
        """Book a funding payment; False when its id is booked already.

        Raises OrderError, and changes nothing, on an impossible amount or an id booked with other content.
        """
        if self._booked.has_funding(funding):
            return False
        self.roll(funding.ns)
        self._booked.add_funding(funding)
        self._balances.add(funding.currency, funding.amount, funding=True)
        self._foreign = self._foreign or bool(self._balances.unit(funding.currency))
        self._revalue()
        return True

    def set_rate(self, currency: str, rate: Decimal | None) -> None:
        """What one unit of ``currency`` is worth in the account's from here on; None: not known any more.

        To be told before each ``mark_all`` of a moment, from the symbol that prices the currency; None when
        that is stale. Raises ValueError as ``Balances.set_rate`` does.
        """
        if self._balances.set_rate(currency, rate) and self._foreign:
            self._revalue()

    def mark(self, symbol: str, price: Decimal) -> None:
        """Value ``symbol`` at ``price`` from here on. Raises ValueError unless finite and above zero."""
        self.mark_all(((symbol, price),))

    def mark_all(self, prices: Sequence[tuple[str, Decimal]]) -> None:
        """``mark`` many symbols as of one moment: equity, and so its highest, is of all of them together.

        Raises ValueError, and marks nothing, unless every price is finite and above zero.
        """
        _check_prices(prices)
        if self._day.unvalued:
            self._value_starts(prices)
        if self._at_fill:
            self._at_fill.difference_update([symbol for symbol, _ in prices])
        self._take(prices)

    def restore_marks(self, prices: Sequence[tuple[str, Decimal]]) -> None:
        """Value what is held, and no mark has valued since a restart, as an earlier run did last. It stays
        ``unvalued`` until a mark does. To be told after ``restore_day``.

        Raises ValueError, and changes nothing, unless every price is finite and above zero.
        """
        _check_prices(prices)
        unvalued = set(self.unvalued())
        known = [told for told in prices if told[0] in unvalued]
        if self._day.unvalued:
            self._value_starts(known)
        self._take(known)

    def _take(self, prices: Sequence[tuple[str, Decimal]]) -> None:
        if self._foreign:
            self._marks.update(prices)
            self._revalue()
        elif self._move(prices):
            self._revalue()

    def _move(self, prices: Sequence[tuple[str, Decimal]]) -> bool:
        """Take marks over, and what they change of the values; False when that is nothing."""
        marks, positions = self._marks, self._positions
        value, gross = self._value, self._gross
        outer = getcontext()
        setcontext(EXACT)
        try:
            for symbol, price in prices:
                old = marks.get(symbol)
                marks[symbol] = price
                if old is None or old == price or symbol not in positions:
                    continue
                quantity = positions[symbol].quantity
                if quantity > ZERO:
                    gain = quantity * (price - old)
                    value += gain
                    gross += gain
                elif quantity:
                    gain = quantity * (price - old)
                    value += gain
                    gross -= gain
        finally:
            setcontext(outer)
        if value is self._value:
            return False
        self._value, self._gross = value, gross
        return True

    def _revalue(self) -> None:
        """Cash, a value or a rate changed."""
        if self._foreign:
            self._count()
            if self._equity is not None and self._day.start is None:
                self._begin_day()
        else:
            self._equity = add(self._balances.home, self._value)
        self._drawdown = None
        equity, day = self._equity, self._day
        if equity is not None and (day.high is None or equity > day.high or equity > day.peak):
            day.see(equity)

    def _count(self) -> None:
        """Count the open positions at their marks and the present rates."""
        value = gross = ZERO
        known = True
        rate_of, marks = self._balances.rate, self._marks
        for position in self._positions.values():
            if position.quantity:
                rate = rate_of(position.currency)
                if rate is None:
                    known = False
                    continue
                worth = multiply(multiply(position.quantity, marks[position.symbol]), rate)
                value = add(value, worth)
                gross = add(gross, worth.copy_abs())
        cash = self._balances.total()
        self._value, self._gross = value, gross
        self._equity = add(cash, value) if known and cash is not None else None

    # --- the day

    def roll(self, now_ns: int) -> None:
        """Turn the UTC day when ``now_ns`` is in a later one: for the desk's clock, before its marks."""
        day = self._day
        if now_ns // DAY_NS != day.number and day.turn(now_ns):
            self._begin_day()

    def day_state(self) -> DayState:
        """What fills alone do not tell after a restart: how the day began, how high equity was."""
        return self._day.state()

    def day_high(self, now_ns: int) -> Decimal | None:
        """The highest equity of the UTC day; None while unknown, and in a day that was not rolled to."""
        return self._day.high_at(now_ns)

    def restore_day(self, state: DayState) -> None:
        """Take up ``day_state()`` of an earlier run: after its fills, before the first mark and roll.

        Raises ValueError, and changes nothing, unless the amounts are numbers, and of the account's currency.
        A state older than the fills' last day tells of the highest equity only.
        """
        self._day.restore(state)
        self._drawdown = None
        if self._day.start is None and self._equity is not None:
            self._begin_day()

    def _begin_day(self) -> None:
        unvalued: dict[str, tuple[Decimal, Decimal]] = {}
        if self._at_fill:
            for position in map(self.position, self.unvalued()):
                unvalued[position.symbol] = position.quantity, self._marks[position.symbol]
        self._day.begin(self._equity, unvalued)

    @exactly
    def _value_starts(self, prices: Sequence[tuple[str, Decimal]]) -> None:
        for symbol, price in prices:
            self._value_start(symbol, price)

    def _value_start(self, symbol: str, price: Decimal) -> None:
        """The first price of what was open, unmarked, as the day turned: so it was worth. Exact context."""
        held = self._day.unvalued.get(symbol)
        if held is None:
            return
        rate = self._balances.rate(self._positions[symbol].currency)
        if rate is not None:
            del self._day.unvalued[symbol]
            quantity, valued_at = held
            self._day.correct(quantity * (price - valued_at) * rate)

    # --- reading

    @property
    def starting_cash(self) -> Decimal:
        return self._start

    @property
    def balances(self) -> Balances:
        """Cash by currency and rates, for reading: they are changed through the ledger."""
        return self._balances

    @property
    def cash(self) -> Decimal | None:
        """Of all currencies."""
        return self._balances.total()

    @property
    def fees(self) -> Decimal | None:
        """Paid so far, of all symbols."""
        return self._total((p.currency, p.fees) for p in self._positions.values())

    @property
    def realized(self) -> Decimal | None:
        """Realized P&L of all symbols, before fees and funding."""
        return self._total((p.currency, p.realized) for p in self._positions.values())

    @property
    def funding(self) -> Decimal | None:
        """Received less paid so far, of all currencies."""
        return self._total((row.currency, row.funding) for row in self._balances.rows())

    def positions(self) -> list[Position]:
        """Open positions, in the order in which their symbols were first traded."""
        if self._open is None:
            self._open = [position for position in self._positions.values() if position.quantity]
        return self._open.copy()

    def touched(self) -> list[Position]:
        """Positions of every symbol ever traded, flat ones included, in the order of their first trade."""
        return list(self._positions.values())

    def traded(self, symbol: str) -> bool:
        """Whether a fill of the symbol was ever booked."""
        return symbol in self._positions

    def position(self, symbol: str) -> Position:
        """The position in ``symbol``; a flat one when it was never traded."""
        return self._positions.get(symbol) or Position(symbol)

    def quantity(self, symbol: str) -> Decimal:
        """Signed quantity held; zero when flat."""
        position = self._positions.get(symbol)
        return ZERO if position is None else position.quantity

    def unit_value(self, symbol: str) -> Decimal | None:
        """What one of a symbol that was traded is worth, in the account's currency."""
        position = self._positions.get(symbol)
        rate = None if position is None else self._balances.rate(position.currency)
        return None if rate is None else multiply(self._marks[symbol], rate)

    def equity(self) -> Decimal | None:
        """Cash plus the value of all open positions."""
        return self._equity

    @overload
    def unrealized(self) -> Decimal | None: ...

    @overload
    def unrealized(self, symbol: str) -> Decimal: ...

    def unrealized(self, symbol: str | None = None) -> Decimal | None:
        """Of all, or of one symbol in its own currency."""
        if symbol is None:
            return self._total((p.currency, self._unrealized(p)) for p in self.positions())
        return self._unrealized(self.position(symbol))

    def _unrealized(self, position: Position) -> Decimal:
        if not position.quantity:
            return ZERO
        return subtract(multiply(position.quantity, self._marks[position.symbol]), position.cost)

    def unvalued(self) -> list[str]:
        """Held symbols that no mark has valued since they were opened, a restart included."""
        return [p.symbol for p in self.positions() if p.symbol in self._at_fill] if self._at_fill else []

    @property
    def awaits_marks(self) -> bool:
        """Whether the next mark also tells what something was worth before it: as it is held, or as the day
        began."""
        return bool(self._day.unvalued or (self._at_fill and self.unvalued()))

    @property
    def peak_equity(self) -> Decimal:
        """The highest equity at any mark or start."""
        return self._day.peak

    @property
    def day_high_equity(self) -> Decimal | None:
        """The highest of the day that was turned to last; None while unknown."""
        return self._day.high

    @property
    def day_number(self) -> int:
        """The UTC day that was turned to last, since the epoch; -1: none yet."""
        return self._day.number

    @property
    def day_start_equity(self) -> Decimal | None:
        """Equity at the start of the current UTC day.

        The day turns by ``roll`` or a fill, never by reading. After a restart it is rebuilt from the fills,
        unless ``restore_day`` knows better; what no mark had valued by then counts at its next price, and
        what no rate had at the first.
        """
        return self._day.start

    def standing(self, now_ns: int) -> tuple[Decimal | None, Decimal | None, float | None, Decimal, Decimal]:
        """(``equity``, ``day_pnl``, ``drawdown_pct``, gross, net), for who needs them all at once.

        Gross: the positions' absolute values added up; net: longs less shorts. While equity is unknown they
        leave out what has no rate.
        """
        drawdown = self._drawdown
        equity = self._equity
        return (
            equity,
            self._day.pnl(equity, now_ns),
            self.drawdown_pct() if drawdown is None else drawdown,
            self._gross,
            self._value,
        )

    def day_pnl(self, now_ns: int) -> Decimal | None:
        """Equity now less equity at the start of the UTC day; zero in a day that has not been rolled to."""
        return self._day.pnl(self._equity, now_ns)

    def drawdown_pct(self) -> float | None:
        """How far equity is below the highest equity at any mark or start, percent of that (0 at the top)."""
        if self._drawdown is None:
            self._drawdown = self._day.drawdown_pct(self._equity)
        return self._drawdown

    def check(self) -> list[str]:
        """Sum everything anew and name every identity that does not hold; [] is healthy. O(fills)."""
        return check(
            self._start,
            self._balances,
            self._booked.fills,
            self._booked.fundings,
            self._positions,
            self._marks,
            (self._value, self._gross, self._equity),
        )

    def _total(self, amounts: Iterable[tuple[str, Decimal]]) -> Decimal | None:
        """Amounts of several currencies in the account's; None when one that is not zero has no rate."""
        total = ZERO
        for currency, amount in amounts:
            if amount:
                rate = self._balances.rate(currency)
                if rate is None:
                    return None
                total = add(total, multiply(amount, rate))
        return total


def _check_prices(prices: Sequence[tuple[str, Decimal]]) -> None:
    for symbol, price in prices:
        if not (price.is_finite() and price > ZERO):
            raise ValueError(f"{symbol}: a mark must be finite and above zero, not {price}")
