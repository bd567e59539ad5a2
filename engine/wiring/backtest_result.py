"""What a run came to: a desk that has played all there was, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from engine.config import Config, FeedConfig, PerformanceConfig
from engine.events import NS, Alert, Fill, Funding, OrderEvent, OrderRequest, RiskChange, RiskState
from engine.feeds.simulation.venue import VENUE as SIMULATED
from engine.instruments import venue_of
from engine.models.artefact import Manifest
from engine.portfolio.exact import multiply
from engine.portfolio.round_trips import RoundTrip
from engine.research.bar_clock import standing
from engine.research.curves import Curves, Floats, Flow, Integers, candles, chart, curves
from engine.research.parameters import UNTRIED
from engine.research.result import Backtest, Chart, Deal, Failed, Held, Source, Stop, Trade
from engine.wiring.backtest_data import Prepared
from engine.wiring.backtest_notes import Notes
from engine.wiring.decimal_text import money, plain
from engine.wiring.desk import Desk
from engine.wiring.journal_memory import JournalMemory
from engine.wiring.learnt_from import only_simulated
from engine.wiring.rates import is_inverse

_NOTHING = Decimal(0)
_ALL = Decimal(100)
_AMOUNT = Decimal("1e-8")
"""Of what was converted."""
_LASTING = ("DRAWDOWN", "STRATEGY_DISABLED")
"""Denials that end by an open position's profit, or a person's hand, alone."""


def result(
    config: Config,
    prepared: Prepared,
    desk: Desk,
    journal: JournalMemory,
    notes: Notes,
    *,
    seconds: float,
    model: Manifest | None,
    detail: bool,
    given: Collection[str] = (),
) -> Backtest:
    """``config``: as it was given, before it followed the bars; ``given``: as of ``on_bars``. ``detail``
    False: no deals, no charts."""
    ledger, funnel = desk.trading.ledger, desk.funnel()
    equity = ledger.equity()
    marked = _marked(desk, prepared, notes)
    rates = _rates(desk, marked.marks)
    worth = _worth(desk, rates)
    payments = [one for one in journal.events if isinstance(one, Funding)]
    found = _curves(desk, marked, rates, notes, payments)
    return Backtest(
        plan=prepared.plan,
        config_sha256=config_digest(config, given),
        strategies=notes.strategies,
        failed=_failed(desk, journal, notes),
        model="" if model is None else model.version,
        model_until_ns=trained_until_ns(model, prepared.sources),
        data=prepared.sources,
        rejects=prepared.rejects,
        first_ns=prepared.first_ns,
        last_ns=prepared.last_ns,
        currency=ledger.currency,
        starting_cash=plain(ledger.starting_cash),
        final_equity="" if equity is None else plain(equity),
        step_ns=found.step_ns,
        ns=tuple(found.ns.tolist()),
        equity=tuple(found.equity.tolist()),
        exposure=tuple(found.exposure.tolist()),
        exposure_mean_pct=found.mean_exposure,
        benchmark=tuple(found.benchmark.tolist()),
        deals=tuple(_deal(*one) for one in notes.fills) if detail else (),
        trades=tuple(_trade(trip, notes, worth(trip.currency)) for trip in notes.trips),
        held=_held(desk, worth),
        realized=money(ledger.realized),
        unrealized=money(ledger.unrealized()),
        fees=money(ledger.fees),
        funding=money(ledger.funding),
        traded=money(_traded(desk, notes)),
        median_bar_pct=None if prepared.bars is None else prepared.bars.median_bar_pct,
        # Those of single symbols differ from the desk's.
        stop_loss_pct=0.0 if config.exits.symbols else config.exits.stop_loss_pct,
        take_profit_pct=0.0 if config.exits.symbols else config.exits.take_profit_pct,
        slippage_bps=desk.trading.books.slippage.total(ledger.balances.rate).bps,
        funnel=funnel,
        denied=dict(sorted(desk.trading.denied.items())),
        dropped=dict(sorted(desk.drops.items())),
        stops=_stops(desk, journal, prepared.last_ns),
        charts=_charts(prepared, desk, notes) if detail else (),
        ticks=funnel["trades"] + funnel["quotes"],
        seconds=seconds,
        sha256=journal.sha256(),
    )


def _failed(desk: Desk, journal: JournalMemory, notes: Notes) -> tuple[Failed, ...]:
    """A fault in the warm-up counts as well: the strategy was off in all that is judged."""
    told = {one.source: one.ns for one in journal.events if isinstance(one, Alert) and one.level == "error"}
    states = desk.signals.strategies.states()
    return tuple(
        Failed(one.name, told.get(one.name, 0), one.error)
        for one in states
        if one.error and one.name in notes.strategies
    )


def _stops(desk: Desk, journal: JournalMemory, until_ns: int) -> tuple[Stop, ...]:
    found = [
        Stop(one.state.name, one.ns, until_ns, one.reason)
        for one in journal.events
        if isinstance(one, RiskChange) and one.state is not RiskState.ACTIVE
    ]
    for code in _LASTING:
        count = desk.trading.denied.get(code, 0)
        denials = (one for one in journal.events if isinstance(one, OrderEvent) and _code(one) == code)
        first = next(denials, None) if count else None
        if first is not None:
            found.append(Stop(code, first.ns, until_ns, first.reason, count))
    return tuple(found)


def _code(event: OrderEvent) -> str:
    return "" if event.verdict is None else event.verdict.code


def trained_until_ns(model: Manifest | None, sources: Sequence[Source]) -> int | None:
    """As ``Backtest.model_until_ns``."""
    if model is None:
        return None
    if only_simulated(model.symbols) and not any(venue_of(one.symbol) == SIMULATED for one in sources):
        return None
    return model.trained_until_ns


def config_digest(config: Config, given: Collection[str] = ()) -> str:
    """SHA-256 of what decides, as canonical JSON: without what only shows or connects. ``given``: as of
    ``on_bars``."""
    decides = {name: getattr(config, name) for name in config.__struct_fields__ if name not in UNTRIED}
    # Of what connects: how much of a tape's book is kept, and how far apart the points of its curve are.
    levels = {name: one.book_levels for name, one in config.feeds.items()}
    default = FeedConfig().book_levels
    told = {
        "book_levels": {name: count for name, count in sorted(levels.items()) if count != default},
        "every_s": config.performance.every_s - PerformanceConfig().every_s,
        "given": standing(config, given),
    }
    decides |= {name: value for name, value in told.items() if value}
    return hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()


# --- orders and trades ---


def _deal(fill: Fill, request: OrderRequest | None) -> Deal:
    return Deal(
        ns=fill.ns,
        symbol=fill.symbol,
        side=fill.side.name,
        quantity=plain(fill.quantity),
        price=plain(fill.price),
        fee=plain(fill.fee),
        decision_ns=request.decision_ns if request is not None else fill.ns,
        decision_price=fill.decision_price,
        purpose=request.purpose.value if request is not None else "",
        strategies=request.sources if request is not None else (),
        order_id=fill.client_order_id,
        opportunity_id=request.opportunity_id if request is not None else "",
    )


def _trade(trip: RoundTrip, notes: Notes, worth: Decimal) -> Trade:
    """``worth``: of one unit of the trip's currency, in the account's."""
    entered, net = trip.entry_price * trip.quantity, trip.net

    def amount(of: Decimal) -> str:
        return plain(_converted(of, worth))

    return Trade(
        symbol=trip.symbol,
        side=trip.side.name,
        quantity=plain(trip.quantity),
        entry_price=plain(trip.entry_price),
        exit_price=plain(trip.exit_price),
        opened_ns=trip.opened_ns,
        closed_ns=trip.closed_ns,
        realized=amount(trip.realized),
        fees=amount(trip.fees),
        funding=amount(trip.funding),
        net=amount(net),
        return_pct=float(net / entered * _ALL) if entered else 0.0,
        purpose="" if trip.purpose is None else trip.purpose.value,
        strategies=tuple((source, amount(part)) for source, part in trip.parts),
        sources=notes.whose(trip),
        opportunity_id=trip.opportunity_id,
    )


def _converted(amount: Decimal, worth: Decimal) -> Decimal:
    return amount if worth == 1 else multiply(amount, worth).quantize(_AMOUNT)


def _held(desk: Desk, worth: Callable[[str], Decimal]) -> tuple[Held, ...]:
    ledger = desk.trading.ledger
    return tuple(
        Held(
            one.symbol,
            plain(one.quantity),
            plain(one.average_price),
            plain(ledger.mark_price(one.symbol) or _NOTHING),
            plain(_converted(ledger.unrealized(one.symbol), worth(one.currency))),
        )
        for one in ledger.positions()
    )


def _traded(desk: Desk, notes: Notes) -> Decimal:
    """At the rates of the end; what has none is left out."""
    rate, total = desk.trading.ledger.balances.rate, _NOTHING
    for fill, _ in notes.fills:
        total += fill.price * fill.quantity * (rate(fill.currency) or _NOTHING)
    return total


# --- curves ---


class _Marked(NamedTuple):
    """What symbols were worth by time."""

    ns: Integers
    marks: Floats
    """(times, symbols)"""
    step_ns: int
    firsts: Floats
    """The first price of each symbol."""


def _marked(desk: Desk, prepared: Prepared, notes: Notes) -> _Marked:
    if prepared.bars is not None:
        data = prepared.bars
        ns, marks = data.ends_and_closes
        step_ns = data.interval_s * NS
        firsts = np.array([one.values[0, 0] for one in data.series])
    else:
        ns, marks = _sampled(notes, len(desk.intake.symbols))
        step_ns = notes.step_ns
        firsts = _first_known(marks)
    ticks = np.array([float(one.tick_size) for one in desk.instruments])
    return _Marked(ns, np.rint(marks / ticks) * ticks, step_ns, firsts)


def _rates(desk: Desk, marks: Floats) -> dict[str, Floats]:
    """By currency, what one unit is worth in the account's by time."""
    symbols, account = desk.intake.symbols, desk.config.account
    found = {}
    for currency, symbol in account.rates.items():
        if symbol in symbols and desk.trading.ledger.balances.unit(currency):
            price = marks[:, symbols.index(symbol)]
            found[currency] = 1.0 / price if is_inverse(currency, symbol, account) else price
    return found


def _worth(desk: Desk, rates: Mapping[str, Floats]) -> Callable[[str], Decimal]:
    """One unit of a currency in the account's at the end, or as last known; what never had a rate is left
    out."""

    def worth(currency: str) -> Decimal:
        rate = desk.trading.ledger.balances.rate(currency)
        if rate is not None:
            return rate
        path = rates.get(currency, np.zeros(0))
        known = path[np.isfinite(path)]
        return Decimal(repr(float(known[-1]))) if len(known) else _NOTHING

    return worth


def _curves(
    desk: Desk, marked: _Marked, rates: Mapping[str, Floats], notes: Notes, payments: Sequence[Funding]
) -> Curves:
    unit = desk.trading.ledger.balances.unit
    currencies = [unit(one.quote_currency) for one in desk.instruments]
    index = {symbol: at for at, symbol in enumerate(desk.intake.symbols)}
    flows = [_flow(fill, index, unit(fill.currency)) for fill, _ in notes.fills]
    flows += [Flow(one.ns, -1, 0.0, float(one.amount), unit(one.currency)) for one in payments]
    start = float(desk.trading.ledger.starting_cash)
    ns, marks, step_ns, firsts = marked
    return curves(ns, marks, flows, start, firsts, currencies, rates, step_ns)


def _flow(fill: Fill, index: dict[str, int], currency: str) -> Flow:
    signed = fill.quantity * fill.side.sign
    cash = float(-signed * fill.price - fill.fee)
    return Flow(fill.ns, index[fill.symbol], float(signed), cash, currency, float(fill.price))


def _sampled(notes: Notes, symbols: int) -> tuple[Integers, Floats]:
    marks = np.full((len(notes.times), symbols), np.nan)
    for row, mids in zip(marks, notes.mids, strict=True):
        row[: len(mids)] = mids
    return np.array(notes.times, np.int64), marks


def _first_known(marks: Floats) -> Floats:
    known = np.isfinite(marks)
    firsts = np.full(marks.shape[1], np.nan)
    for column in np.flatnonzero(known.any(axis=0)).tolist():
        firsts[column] = marks[int(known[:, column].argmax()), column]
    return firsts


def _charts(prepared: Prepared, desk: Desk, notes: Notes) -> tuple[Chart, ...]:
    if prepared.bars is not None:
        data = prepared.bars
        return tuple(
            chart(symbol, series, data.interval_s)
            for symbol, series in zip(data.symbols, data.series, strict=True)
        )
    ns, marks = _sampled(notes, len(desk.intake.symbols))
    found = []
    for column, symbol in enumerate(desk.intake.symbols):
        known = np.isfinite(marks[:, column])
        if known.sum() >= 2:
            found.append(chart(symbol, candles(ns[known], marks[known, column]), notes.step_ns / NS))
    return tuple(found)
