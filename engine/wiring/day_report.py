"""The daily report of a state directory, read from its database: the engine may run or not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.config import AccountConfig
from engine.errors import OrderError, StoreError
from engine.events import NS
from engine.execution.paper import NOT_MODELLED
from engine.portfolio.books import Books, Pnl
from engine.portfolio.counted_from import COUNTED, CountedFrom, counted_from
from engine.portfolio.credit import NOBODY, Credit, shares
from engine.portfolio.day import LEDGER_DAY, DayState
from engine.portfolio.exact import ZERO, add, multiply, subtract
from engine.portfolio.performance import drawdowns_pct
from engine.portfolio.report.day import (
    Amounts,
    DayReport,
    Point,
    PositionLine,
    SlippageLine,
    SourceLine,
    TripLine,
)
from engine.portfolio.round_trips import DESK, RoundTrip, TripTotals
from engine.store.read import DATABASE, Reader
from engine.text import clean
from engine.wiring.day_fold import DayFold
from engine.wiring.decimal_text import money, plain

DAY_NS = 86_400 * NS
MINUTE_NS = 60 * NS
MOST_POINTS = 1_440
"""Of the curve."""
_PRICE = Decimal("1e-10")


def begin_of(day: date) -> int:
    """The UTC day's first nanosecond."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS


def day_report(state_dir: Path, day: date, account: AccountConfig, now_ns: int) -> DayReport:
    """What the UTC day came to; up to ``now_ns`` when it is not over.

    ``account``: as configured; what it began with is what the desk counted from last. Raises ``StoreError``
    when there is no database, it cannot be read, its journal contradicts itself, or it was counted in another
    currency.
    """
    path = state_dir / DATABASE
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    reader = Reader(path)
    try:
        reader.require_current()
        return _Gathering(reader, day, _counted(account, reader, path), now_ns).report()
    except OrderError as error:
        raise StoreError(f"the journal in {path} contradicts itself: {error}") from error
    finally:
        reader.close()


def _counted(account: AccountConfig, reader: Reader, path: Path) -> AccountConfig:
    """The account as the desk of this database counted it: the configuration at hand may be another's."""
    try:
        kept = msgspec.convert(reader.settings().get(LEDGER_DAY), DayState)
        cash = float(kept.starting_cash)
    except ValueError:  # none was kept, or it cannot be read; msgspec's errors are ValueErrors
        return account
    if kept.currency not in ("", account.currency):
        raise StoreError(
            f"the desk of {path.parent} counts in {clean(kept.currency, 20)}, not in {account.currency}: "
            "give its --config"
        )
    return msgspec.structs.replace(account, starting_cash=cash) if 0 < cash < math.inf else account


class _Gathering:
    """One report in the making."""

    def __init__(self, reader: Reader, day: date, account: AccountConfig, now_ns: int) -> None:
        self._reader = reader
        self._day = day
        self._begin_ns = begin_of(day)
        self._now_ns = now_ns
        self._until_ns = min(self._begin_ns + DAY_NS, max(now_ns, self._begin_ns))
        self._fold = DayFold(
            Books(Decimal(repr(account.starting_cash)), account.currency, account.pegged),
            self._begin_ns,
            self._until_ns,
        )
        self._books = self._fold.books

    def report(self) -> DayReport:
        fold, books = self._fold, self._books
        fold.before(self._reader)
        self._value(self._begin_ns)
        start, before = books.ledger.equity(), {one.name: one for one in books.pnl()}
        trips_before = books.round_trips.count()
        fold.within()
        self._value(self._until_ns)
        end, after = books.ledger.equity(), books.pnl()
        amounts = [_change(one, before.get(one.name)) for one in after]
        count = books.round_trips.count() - trips_before
        trips = books.round_trips.recent(count)[::-1] if count else []
        totals = self._totals(trips)
        curve = self._curve(start)
        mean, most = self._exposure()
        return DayReport(
            day=self._day.isoformat(),
            made_ns=self._now_ns,
            whole=self._until_ns == self._begin_ns + DAY_NS,
            currency=books.ledger.currency,
            equity_start=money(start),
            equity_end=money(end),
            return_pct=float(end / start - 1) * 100 if end is not None and start else None,
            max_drawdown_pct=_deepest_pct(curve, start, end),
            exposure_mean_pct=mean,
            exposure_max_pct=most,
            fills=fold.fills,
            traded=money(self._worth(fold.traded.items())),
            trips=count,
            hit_rate=None if totals is None else totals.hit_rate,
            profit_factor=None if totals is None else totals.profit_factor,
            desk=amounts[0],
            strategies=tuple(amounts[1:]),
            sources=self._sources(trips),
            trades=tuple(self._trip(trip) for trip in trips),
            slippage=self._slippage(),
            states=tuple(fold.states),
            limits=tuple(fold.limits),
            denied=dict(sorted(fold.denied.items())),
            rejected=fold.rejected,
            positions=self._positions(),
            curve=tuple(_thinned(curve)),
            notes=self._notes(),
            not_modelled=NOT_MODELLED,
        )

    def _value(self, ns: int) -> None:
        """Mark the books with what was known at ``ns``."""
        ledger = self._books.ledger
        for currency, text in self._reader.rates_before(ns).items():
            if ledger.balances.unit(currency):
                ledger.set_rate(currency, Decimal(text) if text else None)
        marks = []
        for position in ledger.positions():
            point = self._reader.position_before(position.symbol, ns)
            if point is not None and point.mark:
                marks.append((position.symbol, Decimal(point.mark)))
        ledger.mark_all(marks)

    def _rate(self, currency: str) -> Decimal | None:
        return self._books.ledger.balances.rate(currency)

    def _worth(self, amounts: Iterable[tuple[str, Decimal]]) -> Decimal | None:
        total = ZERO
        for currency, amount in amounts:
            rate = self._rate(currency)
            if rate is None:
                return None
            total = add(total, multiply(amount, rate))
        return total

    def _totals(self, trips: Iterable[RoundTrip]) -> TripTotals | None:
        totals = TripTotals()
        for trip in trips:
            rate = self._rate(trip.currency)
            if rate is None:
                return None
            totals.count(multiply(trip.net, rate), trip.holding_ns)
        return totals

    def _sources(self, trips: Iterable[RoundTrip]) -> tuple[SourceLine, ...]:
        credit = Credit()
        for trip in trips:
            if not trip.opportunity_id:
                credit.apply_held(trip)
                continue
            found = self._reader.opportunity(trip.opportunity_id)
            credit.apply(trip, NOBODY if found is None else shares(found.blend.inputs, found.side))
        lines = []
        for name in credit.sources():
            credited = credit.totals(name, self._rate)
            if credited is None:
                lines.append(SourceLine(clean(name, 60), "", 0, None, None))
                continue
            totals = credited.totals
            net = money(subtract(totals.profit, totals.loss))
            lines.append(
                SourceLine(clean(name, 60), net, totals.trips, totals.hit_rate, totals.profit_factor)
            )
        return tuple(lines)

    def _trip(self, trip: RoundTrip) -> TripLine:
        return TripLine(
            trip.closed_ns,
            trip.opened_ns,
            clean(trip.symbol, 64),
            trip.side.value,
            plain(trip.quantity),
            plain(trip.entry_price.quantize(_PRICE)),
            plain(trip.exit_price.quantize(_PRICE)),
            money(trip.net),
            clean(trip.currency or self._books.ledger.currency, 12),
            "" if trip.purpose is None else trip.purpose.value,
            tuple(clean(name, 60) for name in trip.sources),
            trip.opportunity_id,
        )

    def _positions(self) -> tuple[PositionLine, ...]:
        ledger, lines = self._books.ledger, []
        for position in ledger.positions():
            mark = ledger.mark_price(position.symbol)
            lines.append(
                PositionLine(
                    clean(position.symbol, 64),
                    plain(position.quantity),
                    plain(position.average_price.quantize(_PRICE)),
                    "" if mark is None else plain(mark),
                    money(ledger.unrealized(position.symbol)),
                    clean(position.currency or ledger.currency, 12),
                    tuple(clean(name, 60) for name in self._books.attribution.shares(position.symbol)),
                )
            )
        return tuple(lines)

    def _slippage(self) -> tuple[SlippageLine, ...]:
        slippage = self._fold.slippage
        whole = slippage.total(self._rate)
        if not whole.fills + whole.left_out:
            return ()
        return (
            SlippageLine("", whole.bps, whole.fills),
            *(
                SlippageLine("no order of the desk" if purpose is None else purpose.value, one.bps, one.fills)
                for purpose, one in slippage.purposes(self._rate).items()
            ),
        )

    def _curve(self, start: Decimal | None) -> list[Point]:
        """Counted from the cash with which the account is counted now, as all of the report. ``start``: the
        day's equity before the first point, from which it may have fallen already."""
        ledger = self._books.ledger
        kept = self._reader.settings().get(COUNTED)
        try:
            counted = counted_from(kept, self._now_ns, ledger.starting_cash, ledger.currency)
        except ValueError:
            counted = CountedFrom((), self._now_ns, ledger.starting_cash, ledger.currency)
        points = self._reader.equity_points(self._begin_ns, self._until_ns)
        told = [(point.ns, counted.today(point.ns, float(point.equity))) for point in points]
        known = [(ns, equity) for ns, equity in told if equity is not None]
        first = [] if start is None else [float(start)]
        below = drawdowns_pct(np.array(first + [equity for _, equity in known])).tolist()[len(first) :]
        return [Point(ns, equity, down) for (ns, equity), down in zip(known, below, strict=True)]

    def _exposure(self) -> tuple[float | None, float | None]:
        """(mean, most) gross exposure over the minutes of the day in which equity is known, percent of it."""
        minutes = np.arange(self._begin_ns, self._until_ns, MINUTE_NS) + MINUTE_NS
        points = self._reader.equity_points(self._begin_ns, self._until_ns)
        if not points or not len(minutes):
            return None, None
        times = np.array([point.ns for point in points])
        index = np.searchsorted(times, minutes, side="left") - 1
        known = (index >= 0) & (minutes - times[index] <= 2 * MINUTE_NS)
        equity = np.array([float(point.equity) for point in points])[index]
        known &= equity > 0
        if not known.any():
            return None, None
        gross = np.zeros(len(minutes))
        for position in self._books.ledger.touched():
            rate = self._rate(position.currency)
            if rate is None:
                return None, None
            gross += self._gross(position.symbol, minutes) * float(rate)
        pct = gross[known] / equity[known] * 100.0
        return float(pct.mean()), float(pct.max())

    def _gross(self, symbol: str, minutes: NDArray[np.int64]) -> NDArray[np.float64]:
        """What was held of one symbol at these times, absolute."""
        first = self._reader.position_before(symbol, self._begin_ns)
        points = self._reader.position_points(symbol, self._begin_ns, self._until_ns)
        held = [point for point in (first, *points) if point is not None]
        if not held:
            return np.zeros(len(minutes))
        values = np.array([0.0, *(abs(float(one.quantity) * float(one.mark or 0)) for one in held)])
        times = np.array([one.ns for one in held])
        return np.asarray(values[np.searchsorted(times, minutes, side="left")], np.float64)

    def _notes(self) -> tuple[str, ...]:
        notes = [
            "amounts are in the account's currency unless a column names another, at rates and marks of the "
            "day's end that are at most a minute old",
            "sources: round trips that ended, divided by contribution to the blend that opened them",
        ]
        if self._fold.left_out:
            notes.append(
                f"{self._fold.left_out} fills belong to no order of the journal: they count as manual"
            )
        return tuple(notes)


def _change(after: Pnl, before: Pnl | None) -> Amounts:
    def less(now: Decimal | None, then: Decimal | None) -> str:
        return "" if now is None or then is None else money(subtract(now, then))

    was = before or Pnl(after.name, ZERO, ZERO, ZERO, ZERO, 0, None)
    return Amounts(
        "" if after.name == DESK else clean(after.name, 60),
        less(after.realized, was.realized),
        less(after.unrealized, was.unrealized),
        less(after.fees, was.fees),
        less(after.funding, was.funding),
        less(after.net, was.net),
    )


def _thinned(points: list[Point]) -> list[Point]:
    """At most ``MOST_POINTS``; the last one stays."""
    step = -(-len(points) // MOST_POINTS) or 1
    return points[::-1][::step][::-1]


def _deepest_pct(points: list[Point], start: Decimal | None, end: Decimal | None) -> float | None:
    """The largest fall of the day, also after the last point; None where no point is known."""
    if not points:
        return None
    high = max(point.equity for point in points)
    if start is not None:
        high = max(high, float(start))
    last = 0.0 if end is None or high <= 0 else (high - float(end)) / high * 100
    return max(last, *(point.drawdown_pct for point in points))
