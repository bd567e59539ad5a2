"""Performance of the live desk: keeps its track record up to date, and answers what it came to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.api.trading_protocol import EquityCurve, Performance, PerformanceRow
from engine.errors import StoreError
from engine.events import NS, Opportunity
from engine.execution.paper import NOT_MODELLED
from engine.portfolio.counted_from import COUNTED, CountedFrom, counted_from
from engine.portfolio.credit import NOBODY, Shares, shares
from engine.portfolio.curve import DAY_NS, Deepest
from engine.portfolio.track import Figures, Track, TrackState
from engine.store.read import Reader
from engine.store.rows import EquityPoint
from engine.wiring.decimal_text import money
from engine.wiring.desk import Desk

log = logging.getLogger("engine.performance")

STATE = "performance"
"""Name of the setting that keeps what neither the journal nor equity's history tells."""


class LivePerformance:
    """Every method runs on the desk's thread; what it reads of the store is read on another."""

    def __init__(
        self,
        desk: Desk,
        *,
        reader: Callable[[], Reader],
        settings: Callable[[], Mapping[str, Any]],
        keep: Callable[[str, object], None],
        clock: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._every_s = desk.config.performance.every_s
        self._open = reader
        self._reader: Reader | None = None
        self._settings = settings
        self._keep = keep
        self._clock = clock
        self._started_ns = clock()
        self._counted: CountedFrom | None = None
        self._earlier_rows: int | None = None
        """Points of equity up to this row were there when the history was read; None: it was not yet."""
        self._track: Track | None = None
        self._updating = asyncio.Lock()
        self._unread = ""
        """Why the history could not be read; "" when it could."""

    async def run(self) -> None:
        """Update every ``performance.every_s``, until canceled."""
        while True:
            await self.update()
            await asyncio.sleep(self._every_s)

    async def update(self) -> Track | None:
        """Bring the track record up to now; None before there is a time."""
        async with self._updating:
            now_ns = self._now_ns()
            if now_ns <= 0:
                return None
            if self._track is None:
                counted = self._counted = await asyncio.to_thread(self._count_from)
                self._track = await asyncio.to_thread(self._begin, now_ns, counted)
                self._keep(COUNTED, msgspec.to_builtins(counted.known))
            track, get = self._track, self._desk.signals.aggregator.get
            wanted = {name: get(name) for name in track.wanted()}
            track.know({name: _shares(one) for name, one in wanted.items() if one is not None})
            older = [name for name, one in wanted.items() if one is None]
            found, points = await asyncio.to_thread(self._read, older, track.desk.last[0] + 1, now_ns + 1)
            track.know(found)
            for ns, equity in self._today(points):
                track.add_equity(ns, equity)
            track.update(max(now_ns, track.desk.last[0]))
            self._keep(STATE, msgspec.to_builtins(track.state()))
            return track

    async def performance(self) -> Performance:
        """Brought up to now."""
        track = await self.update()
        if track is None:
            return Performance(0, 0, (), ("no market data yet",))
        now_ns, pnl = self._now_ns(), track.pnl()
        rows = tuple(_row(track.figures(key, pnl, now_ns)) for key in track.names())
        return Performance(now_ns, track.desk.since_ns, rows, self._notes(track, now_ns))

    def equity(self, points: int) -> EquityCurve:
        """As of the last update; empty before the first."""
        if self._track is None:
            return EquityCurve((), (), ())
        times, values, below = self._track.desk.drawn(self._track.desk.last[0], points)
        return EquityCurve(tuple(times.tolist()), tuple(values.tolist()), tuple(below.tolist()))

    def _notes(self, track: Track, now_ns: int) -> tuple[str, ...]:
        unread = [f"history left out: {self._unread}"] if self._unread else []
        if track.left_out:
            unread.append(
                f"sources, and ratios of strategies: without the oldest {track.left_out:,} round trips"
            )
        return (
            f"Sharpe and Sortino, annualised over 365 days: {track.basis(now_ns)}",
            "strategies and sources: drawdown and ratios of what closed round trips made of the first cash",
            "sources: closed round trips, divided by contribution to the blend that opened them",
            *unread,
            *self._counted_otherwise(),
            *(f"not modelled: {text}" for text in NOT_MODELLED),
        )

    def _counted_otherwise(self) -> list[str]:
        counted = self._counted
        if counted is None:
            return []
        notes = []
        if counted.since_ns:
            notes.append("the account's currency was another before: what was then is left out")
        if counted.changed:
            notes.append("account.starting_cash was changed: all is counted from what it is now")
        return notes

    def _now_ns(self) -> int:
        return max(self._clock(), self._desk.now_ns)

    # --- on a thread

    def _begin(self, now_ns: int, counted: CountedFrom) -> Track:
        step_ns = round(self._every_s * NS)
        books = self._desk.trading.books
        try:
            first, closes = self._history(now_ns)
        except StoreError as error:
            self._failed(error)
            first, closes = None, []
        kept = self._kept()
        begun = [now_ns, *((first.ns,) if first else ()), *((kept.since_ns,) if kept else ())]
        track = Track(books, max(min(begun), counted.since_ns), step_ns)
        for ns, equity in self._today(closes):
            track.desk.add(ns, equity)
        if kept is not None:
            track.restore(_after(kept, counted.deposit))
        return track

    def _count_from(self) -> CountedFrom:
        ledger = self._desk.trading.ledger
        now = self._started_ns, ledger.starting_cash, ledger.currency
        try:
            return counted_from(self._settings().get(COUNTED), *now, next_ns=self._next_equity_ns)
        except ValueError as error:
            log.warning("setting %s is not taken up: %s", COUNTED, error)
            return CountedFrom((), *now)

    def _next_equity_ns(self, ns: int) -> int | None:
        try:
            found = self._opened().first_equity(ns)
        except StoreError as error:
            self._failed(error)
            return ns
        return None if found is None else found.ns

    def _today(self, points: Sequence[EquityPoint]) -> list[tuple[int, float]]:
        """Counted from the present cash."""
        assert self._counted is not None  # the track begins with it
        counted = ((point.ns, self._counted.today(point.ns, float(point.equity))) for point in points)
        return [(ns, equity) for ns, equity in counted if equity is not None]

    def _kept(self) -> TrackState | None:
        kept = self._settings().get(STATE)
        try:
            return None if kept is None else msgspec.convert(kept, TrackState)
        except msgspec.ValidationError as error:
            log.warning("setting %s is not taken up: %s", STATE, error)
            return None

    def _history(self, now_ns: int) -> tuple[EquityPoint | None, list[EquityPoint]]:
        reader = self._opened()
        return reader.first_equity(), reader.equity_closes(now_ns - DAY_NS)

    def _read(
        self, opportunities: list[str], since_ns: int, until_ns: int
    ) -> tuple[dict[str, Shares], list[EquityPoint]]:
        """Whose these opportunities are, and equity's points in that time. What an earlier run dated later,
        by a clock that was ahead, is left out, and is not of now either when the time comes."""
        try:
            reader = self._opened()
            found = {name: _shares(reader.opportunity(name)) for name in opportunities}
            points = reader.equity_points(since_ns, until_ns, after_row=self._earlier_rows or 0)
            if self._earlier_rows is None:
                self._earlier_rows = reader.newest_equity_row()
        except StoreError as error:
            self._failed(error)
            return {}, []
        self._unread = ""
        return found, points

    def _opened(self) -> Reader:
        if self._reader is None:
            self._reader = self._open()
        return self._reader

    def _failed(self, error: StoreError) -> None:
        if str(error) != self._unread:
            self._unread = str(error)
            log.warning("performance: %s", error)


def _after(kept: TrackState, deposit: float | None) -> TrackState:
    """What an earlier run kept, with what is counted in since; None: it was in another currency."""
    deepest = kept.deepest
    deepest = Deepest(0.0, 0.0) if deposit is None else Deepest(deepest.peak + deposit, deepest.drawdown_pct)
    return msgspec.structs.replace(kept, deepest=deepest)


def _shares(opportunity: Opportunity | None) -> Shares:
    return NOBODY if opportunity is None else shares(opportunity.blend.inputs, opportunity.side)


def _row(figures: Figures) -> PerformanceRow:
    ratios = figures.ratios
    return PerformanceRow(
        figures.name,
        figures.kind,
        money(figures.net),
        ratios.return_pct,
        ratios.sharpe,
        ratios.sortino,
        ratios.max_drawdown_pct,
        figures.hit_rate,
        figures.profit_factor,
        figures.exposure_pct,
        figures.turnover,
        figures.trades,
    )
