"""The day: equity as the UTC day began, its highest since, and the highest ever."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from engine.events import NS
from engine.portfolio.exact import ZERO, add, subtract
from engine.text import clean

DAY_NS = 86_400 * NS
LEDGER_DAY = "ledger:day"
"""The setting that keeps a ``DayState``."""


class DayState(msgspec.Struct, frozen=True):
    """How the current UTC day began, and the highest equity of it and ever. Amounts are decimal text."""

    day: int
    """Days since the epoch; -1: no day yet."""
    start_equity: str
    """"" while it is not known."""
    peak_equity: str
    starting_cash: str
    """What the account was counted from: another amount configured since is neither gain nor loss."""
    high_equity: str = ""
    """The highest since the day began; "": what it began with."""
    currency: str = ""
    """Of the amounts; "": the account's."""


class Day:
    """Amounts in the account's currency. The day turns by what it is told, never by reading."""

    def __init__(self, starting_cash: Decimal, currency: str = "") -> None:
        self._account = starting_cash
        self._currency = currency
        self.number = -1
        """Days since the epoch; -1: no day yet."""
        self.start: Decimal | None = starting_cash
        """None: equity was unknown as the day turned, and is since."""
        self.high: Decimal | None = starting_cash
        """The highest equity since the day began; None as long as ``start`` is."""
        self.peak = starting_cash
        self.unvalued: dict[str, tuple[Decimal, Decimal]] = {}
        """What was held as the day began and no mark had valued (quantity, counted at): its next price
        tells what it was worth then."""

    def turn(self, ns: int) -> bool:
        """Whether ``ns`` begins a day after another, which is then to ``begin``.

        A step back turns no day; only a clock that was a whole day ahead is not waited for.
        """
        day, before = ns // DAY_NS, self.number
        if day == before:
            return False
        if day > before:
            self.number = day
            return before >= 0
        if day < before - 1:
            self.number = day
        return False

    def begin(self, equity: Decimal | None, unvalued: dict[str, tuple[Decimal, Decimal]]) -> None:
        """The day starts with ``equity``; None: with the first that is known."""
        self.start = self.high = equity
        self.unvalued = unvalued

    def see(self, equity: Decimal) -> None:
        """Equity is as high by now."""
        if self.high is None or equity > self.high:
            self.high = equity
        if equity > self.peak:
            self.peak = equity

    def correct(self, gain: Decimal) -> None:
        """What was held unvalued as the day began was worth so much more."""
        if self.start is not None:
            self.start = add(self.start, gain)
        if self.high is not None:
            self.high = add(self.high, gain)

    def pnl(self, equity: Decimal | None, now_ns: int) -> Decimal | None:
        """Equity less what it was as the day began; zero in a day that has not been turned to."""
        start = self.start
        if equity is None or start is None:
            return None
        if now_ns // DAY_NS > self.number >= 0:
            return ZERO
        return subtract(equity, start)

    def high_at(self, now_ns: int) -> Decimal | None:
        """The day's highest equity; None while unknown, and in a day that has not been turned to."""
        return None if now_ns // DAY_NS > self.number >= 0 else self.high

    def drawdown_pct(self, equity: Decimal | None) -> float | None:
        """How far equity is below the highest, percent of that (0 at the top)."""
        if equity is None:
            return None
        below = self.peak - equity
        return float(below / self.peak * 100) if below > 0 and self.peak > 0 else 0.0

    def state(self) -> DayState:
        """What fills alone do not tell after a restart."""
        start = "" if self.start is None else str(self.start)
        high = "" if self.high is None else str(self.high)
        return DayState(self.number, start, str(self.peak), str(self._account), high, self._currency)

    def restore(self, state: DayState) -> None:
        """Take up the ``state`` of an earlier run.

        Raises ValueError, and changes nothing, unless the amounts are numbers, and of the account's currency.
        A state older than this day tells of the highest equity only.
        """
        if state.currency not in ("", self._currency):
            raise ValueError(f"it is in {clean(state.currency, 20)}, the account in {self._currency}")
        peak, cash = _amount(state.peak_equity), _amount(state.starting_cash)
        start = _amount(state.start_equity) if state.start_equity else None
        high = _amount(state.high_equity) if state.high_equity else start
        deposit = subtract(self._account, cash)
        peak = add(peak, deposit)
        if state.day < self.number:
            self.peak = max(self.peak, peak)
            return
        # Of the fills alone, the highest equity may be one that never was: they do not tell what else fell.
        self.number, self.peak = state.day, peak
        self.start = None if start is None else add(start, deposit)
        self.high = None if start is None or high is None else add(max(start, high), deposit)
        self.unvalued = {}


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"no amount: {clean(text, 40)}")
    return amount
