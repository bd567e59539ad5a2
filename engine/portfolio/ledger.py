"""The ledger: cash, positions and equity as an exact fold over fills.

Money is counted in the account's currency; quote currencies pegged to it count one to one. Nothing is
rounded but the cost of a closed part of a position, which is put on a fixed grid, so that these hold exactly:

    cash   = start + sum of signed notional - sum of fees
    equity = cash + sum of position x mark = start + realized + unrealized - fees
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext

import msgspec

from engine.errors import OrderError
from engine.events import NS, Fill, Side
from engine.text import clean

_ZERO = Decimal(0)
_EXACT = Context(prec=60)
"""Wide enough for every sum and product here: none is rounded. Its methods cost a tenth of entering it."""
_add, _subtract, _multiply = _EXACT.add, _EXACT.subtract, _EXACT.multiply
_COST_STEP = Decimal("1e-18")
_DAY_NS = 86_400 * NS


class Position(msgspec.Struct, frozen=True, gc=False):
    """What is held of one symbol, and what it earned so far."""

    symbol: str
    quantity: Decimal = _ZERO
    """Signed: above zero is long."""
    cost: Decimal = _ZERO
    """Signed notional of the open quantity at its entry prices."""
    realized: Decimal = _ZERO
    """Over all of the symbol's closed quantity, before fees."""
    fees: Decimal = _ZERO
    """Over all of the symbol's fills."""
    opened_ns: int = 0
    """When the open quantity was last opened or flipped; 0 when flat."""
    updated_ns: int = 0
    opportunity_id: str = ""
    """Of the entry that opened it."""

    @property
    def average_price(self) -> Decimal:
        """Average entry price of the open quantity; zero when flat."""
        return self.cost / self.quantity if self.quantity else _ZERO


class DayState(msgspec.Struct, frozen=True):
    """How the current UTC day began, and the highest equity ever. Amounts are decimal text."""

    day: int
    """Days since the epoch; -1: no day yet."""
    start_equity: str
    peak_equity: str
    starting_cash: str
    """What the account was counted from: another amount configured since is neither gain nor loss."""


class Ledger:
    """Folds fills. Marks value what is open; a position without a mark is valued where it was opened."""

    def __init__(self, starting_cash: Decimal, currency: str) -> None:
        self.currency = currency
        self._start = starting_cash
        self._cash = starting_cash
        self._positions: dict[str, Position] = {}
        self._marks: dict[str, Decimal] = {}
        # Kept up to date by fills and marks, so that reading costs nothing where an order waits for it.
        self._value = _ZERO  # sum of quantity x mark
        self._gross = _ZERO  # sum of |quantity| x mark
        self._equity = _EXACT.add(starting_cash, _ZERO)
        self._drawdown: float | None = 0.0  # None: to be computed
        self._realized = _ZERO
        self._fees = _ZERO
        self._fills: dict[str, Fill] = {}
        self._peak = starting_cash
        self._day = -1
        self._day_start = starting_cash
        self._at_fill: set[str] = set()
        """Symbols that no mark has valued since they were opened."""
        self._unvalued: dict[str, Decimal] = {}
        """Such quantities held as the day turned: what they were worth then is told by their next price."""
        self._told = self.day_state()

    # --- folding

    def apply(self, fill: Fill, opportunity_id: str = "") -> Position:
        """Book a fill and return the position after it; a fill whose trade id is booked changes nothing.

        Raises OrderError, and changes nothing, on impossible numbers or a trade id booked with other content.
        """
        booked = self._fills.get(fill.trade_id)
        if booked is not None:
            if _money(booked) != _money(fill):
                raise OrderError(f"fill {fill.trade_id} is booked already, with other numbers")
            return self._positions[fill.symbol]
        numbers = (fill.quantity, fill.price, fill.fee)
        if not all(n.is_finite() for n in numbers) or fill.quantity <= 0 or fill.price <= 0:
            raise OrderError(f"fill {fill.trade_id} of {fill.symbol} has impossible numbers: not booked")
        self._turn(fill.ns)
        with localcontext(_EXACT):
            self._value_start(fill.symbol, fill.price)
            before = self._positions.get(fill.symbol) or Position(fill.symbol)
            after = _after(before, fill, opportunity_id)
            self._positions[fill.symbol] = after
            self._fills[fill.trade_id] = fill
            self._cash -= fill.side.sign * fill.price * fill.quantity + fill.fee
            self._fees += fill.fee
            self._realized += after.realized - before.realized
            if not before.quantity:
                # A flat symbol is not marked: what it was valued at may be long past.
                self._marks[fill.symbol] = fill.price
                self._at_fill.add(fill.symbol)
            mark = self._marks[fill.symbol]
            self._value += (after.quantity - before.quantity) * mark
            self._gross += (abs(after.quantity) - abs(before.quantity)) * mark
        self._revalue()
        return after

    def mark(self, symbol: str, price: Decimal) -> None:
        """Value ``symbol`` at ``price`` from here on. Raises ValueError unless finite and above zero."""
        self.mark_all(((symbol, price),))

    def mark_all(self, prices: Sequence[tuple[str, Decimal]]) -> None:
        """``mark`` many symbols as of one moment: equity, and so its highest, is of all of them together.

        Raises ValueError, and marks nothing, unless every price is finite and above zero.
        """
        for symbol, price in prices:
            if not (price.is_finite() and price > 0):
                raise ValueError(f"{symbol}: a mark must be finite and above zero, not {price}")
        if self._unvalued:
            with localcontext(_EXACT):
                for symbol, price in prices:
                    self._value_start(symbol, price)
        marks, positions, at_fill = self._marks, self._positions, self._at_fill
        value, gross = self._value, self._gross
        for symbol, price in prices:
            old = marks.get(symbol)
            marks[symbol] = price
            at_fill.discard(symbol)
            position = positions.get(symbol)
            if position is not None and old is not None and old != price:
                quantity = position.quantity
                if quantity:
                    gain = _multiply(quantity, _subtract(price, old))
                    value = _add(value, gain)
                    gross = _add(gross, gain) if quantity > 0 else _subtract(gross, gain)
        if value is not self._value:
            self._value, self._gross = value, gross
            self._revalue()

    def _revalue(self) -> None:
        """Cash or a value changed."""
        self._equity = _EXACT.add(self._cash, self._value)
        self._drawdown = None
        if self._equity > self._peak:
            self._peak = self._equity

    # --- the day

    def roll(self, now_ns: int) -> bool:
        """Turn the UTC day when ``now_ns`` is in a later one: for the desk's clock, before its marks.

        True when the day or the highest equity changed since the last call: ``day_state`` is worth keeping.
        """
        self._turn(now_ns)
        told, self._told = self._told, self.day_state()
        return told != self._told

    def day_state(self) -> DayState:
        """What fills alone do not tell after a restart: how the day began, how high equity was."""
        return DayState(self._day, str(self._day_start), str(self._peak), str(self._start))

    def restore_day(self, state: DayState) -> None:
        """Take up ``day_state()`` of an earlier run: after its fills, before the first mark and roll.

        Raises ValueError, and changes nothing, unless the amounts are numbers. A state older than the fills'
        last day tells of the highest equity only.
        """
        start, peak, cash = (
            _amount(text) for text in (state.start_equity, state.peak_equity, state.starting_cash)
        )
        self._drawdown = None
        with localcontext(_EXACT):
            start, peak = start + self._start - cash, peak + self._start - cash
        if state.day < self._day:
            self._peak = max(self._peak, peak)
            return
        # Of the fills alone, the highest equity may be one that never was: they do not tell what else fell.
        self._day, self._day_start, self._peak = state.day, start, peak
        self._unvalued.clear()

    def _turn(self, ns: int) -> None:
        """A step back turns no day; only a clock that was a whole day ahead is not waited for."""
        day = ns // _DAY_NS
        if day > self._day:
            if self._day >= 0:
                self._day_start = self.equity()
                self._unvalued = {p.symbol: p.quantity for p in self.positions() if p.symbol in self._at_fill}
            self._day = day
        elif day < self._day - 1:
            self._day = day

    def _value_start(self, symbol: str, price: Decimal) -> None:
        """The first price of what was open, unmarked, as the day turned: so it was worth. Exact context."""
        quantity = self._unvalued.pop(symbol, None)
        if quantity is not None:
            self._day_start += quantity * (price - self._marks[symbol])

    # --- reading

    @property
    def starting_cash(self) -> Decimal:
        return self._start

    @property
    def cash(self) -> Decimal:
        return self._cash

    @property
    def fees(self) -> Decimal:
        """Paid so far."""
        return self._fees

    @property
    def realized(self) -> Decimal:
        """Realized P&L of all symbols, before fees."""
        return self._realized

    def positions(self) -> list[Position]:
        """Open positions, in the order in which their symbols were first traded."""
        return [position for position in self._positions.values() if position.quantity]

    def touched(self) -> list[Position]:
        """Positions of every symbol ever traded, flat ones included, in the order of their first trade."""
        return list(self._positions.values())

    def position(self, symbol: str) -> Position:
        """The position in ``symbol``; a flat one when it was never traded."""
        return self._positions.get(symbol) or Position(symbol)

    def quantity(self, symbol: str) -> Decimal:
        """Signed quantity held; zero when flat."""
        position = self._positions.get(symbol)
        return _ZERO if position is None else position.quantity

    def mark_price(self, symbol: str) -> Decimal | None:
        """What the symbol is valued at; None before its first fill or mark."""
        return self._marks.get(symbol)

    def equity(self) -> Decimal:
        """Cash plus the value of all open positions."""
        return self._equity

    def unrealized(self, symbol: str | None = None) -> Decimal:
        """Of one symbol, or of all."""
        with localcontext(_EXACT):
            if symbol is None:
                return self._value - sum((p.cost for p in self._positions.values()), _ZERO)
            position = self.position(symbol)
            return position.quantity * self._marks[symbol] - position.cost if position.quantity else _ZERO

    @property
    def day_start_equity(self) -> Decimal:
        """Equity at the start of the current UTC day.

        The day turns by ``roll`` or a fill, never by reading. After a restart it is rebuilt from the fills,
        unless ``restore_day`` knows better; what no mark had valued by then counts at its next price.
        """
        return self._day_start

    def standing(self, now_ns: int) -> tuple[Decimal, Decimal, float, Decimal, Decimal]:
        """(``equity``, ``day_pnl``, ``drawdown_pct``, gross, net), for who needs them all at once.

        Gross: the positions' absolute values added up; net: longs less shorts.
        """
        drawdown = self._drawdown
        return (
            self._equity,
            self.day_pnl(now_ns),
            self.drawdown_pct() if drawdown is None else drawdown,
            self._gross,
            self._value,
        )

    def day_pnl(self, now_ns: int) -> Decimal:
        """Equity now less equity at the start of the UTC day; zero in a day that has not been rolled to."""
        if now_ns // _DAY_NS > self._day >= 0:
            return _ZERO
        return _EXACT.subtract(self._equity, self._day_start)

    def drawdown_pct(self) -> float:
        """How far equity is below the highest equity at any mark or start, percent of that (0 at the top)."""
        if self._drawdown is None:
            below = self._peak - self._equity
            self._drawdown = float(below / self._peak * 100) if below > 0 and self._peak > 0 else 0.0
        return self._drawdown

    def check(self) -> list[str]:
        """Sum all fills anew and name every identity that does not hold; [] is healthy. O(fills)."""
        wrong: list[str] = []
        with localcontext(_EXACT):
            cash, quantities = self._start, dict.fromkeys(self._positions, _ZERO)
            for fill in self._fills.values():
                signed = fill.side.sign * fill.quantity
                cash -= signed * fill.price + fill.fee
                quantities[fill.symbol] += signed
            if cash != self._cash:
                wrong.append(f"cash is {self._cash}, its fills make {cash}")
            for symbol, quantity in quantities.items():
                held = self._positions[symbol].quantity
                if held != quantity:
                    wrong.append(f"{symbol}: position is {held}, its fills make {quantity}")
            value = sum((q * self._marks[symbol] for symbol, q in quantities.items()), _ZERO)
            if value != self._value:
                wrong.append(f"open positions are worth {value}, the ledger says {self._value}")
            gross = sum((abs(q) * self._marks[symbol] for symbol, q in quantities.items()), _ZERO)
            if gross != self._gross:
                wrong.append(f"positions add up to {gross}, the ledger says {self._gross}")
            if self._equity != self._cash + self._value:
                wrong.append(f"equity is kept as {self._equity}, not {self._cash + self._value}")
            earned = self._start + self._realized + self.unrealized() - self._fees
            if earned != self._cash + self._value:
                wrong.append(f"equity is {self._cash + self._value}, its P&L makes {earned}")
        return wrong


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"no amount: {clean(text, 40)}")
    return amount


def _money(fill: Fill) -> tuple[str, str, Side, Decimal, Decimal, Decimal]:
    """What makes a fill the same fill. Floats are left out: NaN differs from itself."""
    return fill.client_order_id, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee


def _after(before: Position, fill: Fill, opportunity_id: str) -> Position:
    """``before`` with ``fill`` booked. Runs in the exact context."""
    signed = fill.side.sign * fill.quantity
    quantity = before.quantity + signed
    realized, opened_ns, opportunity = before.realized, before.opened_ns, before.opportunity_id
    if before.quantity * signed >= 0:
        cost = before.cost + signed * fill.price
        opens = not before.quantity
    elif abs(signed) < abs(before.quantity):
        released = (before.cost * -signed / before.quantity).quantize(_COST_STEP, ROUND_HALF_EVEN)
        realized += -signed * fill.price - released
        cost = before.cost - released
        opens = False
    else:  # closed, or flipped: what is left over was opened by this fill
        realized += before.quantity * fill.price - before.cost
        cost = quantity * fill.price
        opens = True
    if opens:
        opened_ns, opportunity = (fill.ns, opportunity_id) if quantity else (0, "")
    return Position(
        symbol=before.symbol,
        quantity=quantity,
        cost=cost,
        realized=realized,
        fees=before.fees + fill.fee,
        opened_ns=opened_ns,
        updated_ns=fill.ns,
        opportunity_id=opportunity,
    )
