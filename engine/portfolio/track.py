"""The track record: what the desk, its strategies and its signal sources came to, in bounded memory.

It is told the desk's equity over time, and looks at the books at each ``update``. Ratios of strategies and
sources are of the curve that their closed round trips make of the starting cash.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from engine.portfolio.books import Books, Pnl
from engine.portfolio.credit import NOBODY, Credit, Shares, exposed, held
from engine.portfolio.curve import DAY_NS, LEAST_DAYS, Curve, Deepest
from engine.portfolio.exact import ZERO, add, multiply
from engine.portfolio.performance import Ratios
from engine.portfolio.round_trips import DESK, RoundTrip, TripTotals

Kind = Literal["desk", "strategy", "source"]
_Key = tuple[Kind, str]


class Figures(msgspec.Struct, frozen=True):
    """Of the desk (name ""), a strategy or a signal source. None: not enough to tell."""

    kind: Kind
    name: str
    net: Decimal | None
    """Of a source: of closed round trips alone."""
    ratios: Ratios
    hit_rate: float | None
    """Share of the round trips that won, 0 to 1."""
    profit_factor: float | None
    exposure_pct: float | None
    """Mean gross exposure, percent of equity."""
    turnover: float | None
    """Traded notional a day (at least one is counted), in multiples of the mean equity."""
    trades: int
    """Round trips."""


class TrackState(msgspec.Struct, frozen=True):
    """What neither equity's history nor the round trips tell after a restart."""

    since_ns: int
    deepest: Deepest
    looks: int
    """How often exposure was looked at."""
    exposure: dict[str, float]
    """Sums of percent of equity, by ``kind:name``."""


class Track:
    """Every amount in the account's currency at the present rates."""

    def __init__(self, books: Books, since_ns: int, step_ns: int) -> None:
        """``step_ns``: how far apart points of the last day are."""
        self._books = books
        self._step_ns = step_ns
        self._start = float(books.ledger.starting_cash)
        self.desk = Curve(since_ns, self._start)
        self._earned: dict[_Key, Curve] = {}
        self._credit = Credit()
        self._known: dict[str, Shares] = {}
        """Whose opportunities are: those of open positions, and of round trips to be credited."""
        self._seen = 0
        """Round trips that were looked at."""
        self.left_out = 0
        """Round trips that were not, since they are not in memory any more: the oldest."""
        self._pending: list[RoundTrip] = []
        """Ended, not credited yet; oldest first."""
        self._looks = 0
        self._exposure: dict[_Key, float] = {}

    # --- in

    def add_equity(self, ns: int, equity: float) -> None:
        """A point of the desk's equity; one that is less than a step after the last is left out."""
        if ns - self.desk.last[0] >= self._step_ns or ns // DAY_NS != self.desk.last[0] // DAY_NS:
            self.desk.add(ns, equity)

    def wanted(self) -> set[str]:
        """Opportunities that ``know`` is to be told of before the next ``update``."""
        trips = self._books.round_trips
        count = trips.count()
        ended = trips.recent(count - self._seen)
        self.left_out += count - self._seen - len(ended)
        self._seen = count
        self._pending += reversed(ended)
        named = {trip.opportunity_id for trip in self._pending}
        named |= {position.opportunity_id for position in self._books.ledger.positions()}
        return named - self._known.keys() - {""}

    def know(self, opportunities: Mapping[str, Shares]) -> None:
        """Whose these opportunities are (``credit.shares``)."""
        self._known.update(opportunities)

    def update(self, now_ns: int) -> None:
        """Credit what ended, look at what is open. What ``know`` was not told of is nobody's."""
        self.wanted()
        pending, self._pending = self._pending, []
        for trip in pending:
            self._take(trip)
        ledger = self._books.ledger
        begun = {position.opportunity_id for position in ledger.positions()}
        self._known = {name: whose for name, whose in self._known.items() if name in begun}
        equity = ledger.equity()
        if equity is not None:
            self.add_equity(now_ns, float(equity))
            if equity > 0:
                self._look(float(equity))

    def _take(self, trip: RoundTrip) -> None:
        worth = self._books.ledger.balances.rate(trip.currency)
        parts: list[tuple[_Key, Decimal]] = [(("strategy", name), net) for name, net in trip.parts]
        blend = trip.opportunity_id
        credited = self._credit.apply(trip, self._whose(blend)) if blend else self._credit.apply_held(trip)
        parts += [(("source", name), net) for name, net in credited]
        if worth is None:
            return  # it cannot be told what it made of the account
        for key, net in parts:
            curve = self._earned.get(key)
            if curve is None:
                curve = self._earned[key] = Curve(self.desk.since_ns, self._start)
            curve.add(trip.closed_ns, curve.last[1] + float(multiply(net, worth)))

    def _whose(self, opportunity: str) -> Shares:
        return self._known.get(opportunity, NOBODY)

    def _look(self, equity: float) -> None:
        books, open_ = self._books, []
        for position in books.ledger.positions():
            unit = books.ledger.unit_value(position.symbol)
            if unit is None:
                return
            blend = position.opportunity_id
            whose = self._whose(blend) if blend else held(books.attribution.shares(position.symbol))
            open_.append((whose, abs(multiply(position.quantity, unit))))
        seen: dict[_Key, float] = {("source", name): value for name, value in exposed(open_).items()}
        for exposure in books.exposures():
            if exposure.kind in ("total", "strategy") and exposure.gross is not None:
                key: _Key = ("desk" if exposure.kind == "total" else "strategy", exposure.name)
                seen[key] = float(exposure.gross)
        self._looks += 1
        for key, value in seen.items():
            self._exposure[key] = self._exposure.get(key, 0.0) + value / equity * 100.0

    # --- across restarts

    def state(self) -> TrackState:
        sums = {f"{kind}:{name}": total for (kind, name), total in self._exposure.items()}
        return TrackState(self.desk.since_ns, self.desk.deepest, self._looks, sums)

    def restore(self, state: TrackState) -> None:
        """Take up ``state()`` of an earlier run, whose ``since_ns`` this one was made with."""
        self.desk.deepen(state.deepest)
        self._looks += state.looks
        for text, total in state.exposure.items():
            kind, _, name = text.partition(":")
            if kind in ("desk", "strategy", "source"):
                key: _Key = (kind, name)  # type: ignore[assignment]
                self._exposure[key] = self._exposure.get(key, 0.0) + total

    # --- out

    def names(self) -> list[_Key]:
        """The desk, strategies, sources: in the order in which they first earned."""
        return [
            ("desk", DESK),
            *(("strategy", name) for name in self._books.attribution.sources()),
            *(("source", name) for name in self._credit.sources()),
        ]

    def pnl(self) -> dict[str, Pnl]:
        """The books', by name: for ``figures`` of many."""
        return {one.name: one for one in self._books.pnl()}

    def figures(self, key: _Key, pnl: Mapping[str, Pnl], now_ns: int) -> Figures:
        """Of one of ``names``; ``pnl`` as ``pnl()`` gives it."""
        kind, name = key
        rate = self._books.ledger.balances.rate
        net: Decimal | None
        totals: TripTotals | None
        if kind == "source":
            credited = self._credit.totals(name, rate)
            totals = None if credited is None else credited.totals
            net = None if totals is None else add(totals.profit, -totals.loss)
            traded = None if credited is None else credited.traded
        else:
            net, totals, traded = (
                pnl[name].net,
                self._books.round_trips.totals(name, rate),
                self._traded(name),
            )
        return Figures(
            kind,
            name,
            net,
            self._ratios(key, net, now_ns),
            None if totals is None else totals.hit_rate,
            None if totals is None else totals.profit_factor,
            self._exposure.get(key, 0.0) / self._looks if self._looks else None,
            self._turnover(traded, now_ns),
            0 if totals is None else totals.trips,
        )

    def basis(self, now_ns: int) -> str:
        """What Sharpe and Sortino rest on."""
        if self.desk.daily(now_ns):
            return "daily returns"
        apart = f"{self._step_ns / 1e9:g} s apart"
        return f"points of the last day, {apart}; daily returns from {LEAST_DAYS} whole days on"

    def _ratios(self, key: _Key, net: Decimal | None, now_ns: int) -> Ratios:
        curve = self.desk if key[0] == "desk" else self._earned.get(key)
        earned = None if net is None else float(net) / self._start * 100.0
        if curve is None:
            return Ratios(earned, None, None, None)
        return msgspec.structs.replace(curve.ratios(now_ns, self._step_ns), return_pct=earned)

    def _traded(self, name: str) -> Decimal | None:
        rate, total = self._books.ledger.balances.rate, ZERO
        for (source, currency), earned in self._books.attribution.accounts().items():
            if name in (DESK, source):
                worth = rate(currency)
                if worth is None:
                    return None
                total = add(total, multiply(earned.traded, worth))
        return total

    def _turnover(self, traded: Decimal | None, now_ns: int) -> float | None:
        mean = self.desk.mean()
        if traded is None or not mean > 0:
            return None
        return float(traded) / mean / max(1.0, (now_ns - self.desk.since_ns) / DAY_NS)
