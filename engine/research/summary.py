"""The headline figures of a backtest, and how far to believe them. One row of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from engine.events import NS
from engine.portfolio.curve import DAY_NS
from engine.portfolio.performance import Series, Times, drawdowns_pct, returns, sharpe, sortino
from engine.portfolio.round_trips import TripTotals
from engine.research import bootstrap, deflated, guards
from engine.research.basis import Basis, basis
from engine.research.result import Backtest
from engine.symbols import known_quote

YEAR_DAYS = 365.25
LEAST_YEARLY_DAYS = 30.0
"""A shorter time says nothing of a year."""
LEVEL = 0.95


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Money is in ``currency``, NaN where its rate is not known; ``_pct`` is percent; None cannot be told."""

    first_ns: int
    last_ns: int
    days: float
    symbols: int
    currency: str
    starting_cash: float
    final_equity: float
    basis: str
    """Which returns Sharpe, Sortino, volatility and the intervals rest on, and how they are annualised."""
    periods_per_year: float
    returns: int

    return_pct: float
    cagr_pct: float | None
    """Compound growth a year; None for less than ``LEAST_YEARLY_DAYS``."""
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    """``cagr_pct`` over ``max_drawdown_pct``."""
    volatility_pct: float | None
    """Of a year."""
    max_drawdown_pct: float
    max_drawdown_days: float
    """From the high before the deepest fall until that high was seen again, or the end."""
    exposure_pct: float | None
    """Mean gross exposure, of equity: by time, where the run tells it; else of the curve's points."""
    turnover: float | None
    """Traded notional a day (at least one is counted), in multiples of the mean equity."""

    trades: int
    hit_rate: float | None
    """Share of the trades that won, 0 to 1."""
    profit_factor: float | None
    expectancy: float | None
    """Mean net P&L of a trade."""
    expectancy_pct: float | None
    """Mean net return of a trade, of its entry's notional."""
    best_trade: float | None
    worst_trade: float | None
    holding_s: float | None
    """Mean of the trades."""
    fills: int
    realized: float
    unrealized: float
    fees: float
    funding: float
    costs: float
    """Fees, less funding that was received."""
    traded: float
    slippage_bps: float | None

    benchmark_return_pct: float | None
    """Buy all symbols evenly at the first price and hold them, without costs."""
    benchmark_sharpe: float | None
    benchmark_max_drawdown_pct: float | None
    excess_return_pct: float | None
    """``return_pct`` less the benchmark's."""

    level: float = LEVEL
    """Of the two-sided intervals."""
    samples: int = 0
    """Of the bootstrap."""
    block: float | None = None
    """Mean length of its blocks, returns."""
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    mean_pct: float | None = None
    """Mean return, of a year, not compounded."""
    mean_low_pct: float | None = None
    mean_high_pct: float | None = None
    cagr_low_pct: float | None = None
    cagr_high_pct: float | None = None
    max_drawdown_low_pct: float | None = None
    max_drawdown_high_pct: float | None = None

    skew: float | None = None
    kurtosis: float | None = None
    """3 for a normal distribution."""
    trials: int = 1
    """Backtests that were run to find this one, itself among them."""
    trials_known: int = 0
    """Of them, whose Sharpe ratios tell how far luck spreads; 0: the spread is assumed."""
    probabilistic_sharpe: float | None = None
    """Probability that the true Sharpe ratio is above 0. None, as skew and all that follow from it, where
    fewer than ``bootstrap.LEAST`` returns are not nothing."""
    deflated_sharpe: float | None = None
    """Probability that it is above the best that luck alone brings in so many trials."""
    luck_sharpe: float | None = None
    """That best, annualised."""
    warnings: tuple[str, ...] = ()


def summarise(
    backtest: Backtest,
    *,
    trials: int = 1,
    trial_sharpes: Sequence[float | None] = (),
    seed: int = 0,
    samples: int = 1000,
) -> Summary:
    """``trials``: how many runs it is the best of. ``trial_sharpes``: what they had, annualised as here.

    Where fewer than two of these are known, the trials' spread is taken to be that of the estimate alone.
    With ``samples`` 0 there are no intervals, which take most of the time.
    """
    cash = float(backtest.starting_cash)
    ns, equity = _curve(backtest, backtest.equity, cash)
    held = basis(ns, equity, backtest.step_ns, shares=_shares(backtest))
    per_step = returns(held.values)
    days = max(0.0, (backtest.last_ns - backtest.first_ns) / DAY_NS)
    final = amount(backtest.final_equity)
    if math.isnan(final):
        final = float(equity[-1])
    falls = drawdowns_pct(np.append(equity, final))
    fall = float(falls.max())
    cagr = _yearly(final / cash, days) if cash > 0 else None
    nets = [float(trade.net) for trade in backtest.trades]
    trips = len(nets)
    totals = TripTotals()
    for trade in backtest.trades:
        totals.count(Decimal(trade.net), trade.closed_ns - trade.opened_ns)
    fees, funding, traded = (amount(text) for text in (backtest.fees, backtest.funding, backtest.traded))
    mean_equity = float(equity.mean())
    benchmark = _benchmark(backtest, cash)
    moments = deflated.moments(per_step) if np.count_nonzero(per_step) >= bootstrap.LEAST else None
    known = [one for one in trial_sharpes if one is not None and math.isfinite(one)]
    spread = _trial_variance(moments, held, known)
    probability = None if moments is None else deflated.deflated(moments, trials, spread)
    intervals = bootstrap.intervals(per_step, samples=samples, seed=seed, level=LEVEL) if samples else None
    told = _Annual(held.per_year, intervals, days)
    return Summary(
        first_ns=backtest.first_ns,
        last_ns=backtest.last_ns,
        days=days,
        symbols=len(backtest.data),
        currency=backtest.currency,
        starting_cash=cash,
        final_equity=final,
        basis=held.told,
        periods_per_year=held.per_year,
        returns=len(per_step),
        return_pct=(final / cash - 1.0) * 100.0 if cash > 0 else 0.0,
        cagr_pct=cagr,
        sharpe=sharpe(per_step, held.step_ns),
        sortino=sortino(per_step, held.step_ns),
        calmar=cagr / fall if cagr is not None and fall > 0 else None,
        volatility_pct=_volatility(per_step, held.per_year),
        max_drawdown_pct=fall,
        max_drawdown_days=_under_water_ns(np.append(ns, max(backtest.last_ns, int(ns[-1]))), falls) / DAY_NS,
        exposure_pct=_exposure(backtest),
        turnover=traded / mean_equity / max(1.0, days) if mean_equity > 0 else None,
        trades=trips,
        hit_rate=totals.hit_rate,
        profit_factor=totals.profit_factor,
        expectancy=float(np.mean(nets)) if trips else None,
        expectancy_pct=float(np.mean([trade.return_pct for trade in backtest.trades])) if trips else None,
        best_trade=max(nets, default=None),
        worst_trade=min(nets, default=None),
        holding_s=totals.holding_ns / trips / NS if trips else None,
        fills=len(backtest.deals) or backtest.funnel.get("fills", 0),
        realized=amount(backtest.realized),
        unrealized=amount(backtest.unrealized),
        fees=fees,
        funding=funding,
        costs=fees - funding,
        traded=traded,
        slippage_bps=backtest.slippage_bps,
        benchmark_return_pct=benchmark[0],
        benchmark_sharpe=benchmark[1],
        benchmark_max_drawdown_pct=benchmark[2],
        excess_return_pct=None if benchmark[0] is None else (final / cash - 1.0) * 100.0 - benchmark[0],
        samples=samples if intervals is not None else 0,
        block=None if intervals is None else intervals.block,
        sharpe_low=told.sharpe(0),
        sharpe_high=told.sharpe(1),
        mean_pct=float(per_step.mean()) * held.per_year * 100.0 if len(per_step) else None,
        mean_low_pct=told.mean_pct(0),
        mean_high_pct=told.mean_pct(1),
        cagr_low_pct=told.cagr_pct(0),
        cagr_high_pct=told.cagr_pct(1),
        max_drawdown_low_pct=None if intervals is None else intervals.drawdown_pct.low,
        max_drawdown_high_pct=None if intervals is None else intervals.drawdown_pct.high,
        skew=None if moments is None else moments.skew,
        kurtosis=None if moments is None else moments.kurtosis,
        trials=trials,
        trials_known=len(known) if len(known) > 1 else 0,
        probabilistic_sharpe=None if moments is None else deflated.probabilistic(moments),
        deflated_sharpe=probability,
        luck_sharpe=deflated.best_of_luck(trials, spread) * math.sqrt(held.per_year) if spread else None,
        warnings=(*guards.warnings(backtest, nets), *guards.of_trials(trials, probability)),
    )


def amount(text: str) -> float:
    """Of decimal text; NaN where it is not known."""
    return float(text) if text else math.nan


class _Annual:
    """Ends of the intervals, of a year; 0 is the low one."""

    def __init__(self, per_year: float, intervals: bootstrap.Intervals | None, days: float) -> None:
        self._per_year = per_year
        self._intervals = intervals
        self._days = days

    def sharpe(self, end: int) -> float | None:
        of = None if self._intervals is None else self._intervals.sharpe
        return None if of is None else (of.low, of.high)[end] * math.sqrt(self._per_year)

    def mean_pct(self, end: int) -> float | None:
        of = None if self._intervals is None else self._intervals.mean
        return None if of is None else (of.low, of.high)[end] * self._per_year * 100.0

    def cagr_pct(self, end: int) -> float | None:
        of = None if self._intervals is None else self._intervals.growth
        if of is None or self._days < LEAST_YEARLY_DAYS:
            return None
        return _percent_of_log((of.low, of.high)[end] * self._per_year)


def _curve(backtest: Backtest, values: Sequence[float], cash: float) -> tuple[Times, Series]:
    """With the start of it, where the run's first point is not that already; without what is not known."""
    ns, curve = np.array(backtest.ns, np.int64), np.array(values, np.float64)
    known = np.isfinite(curve)
    ns, curve = ns[known], curve[known]
    if not len(ns):
        return np.array([backtest.first_ns], np.int64), np.array([cash])
    if curve[0] != cash:
        return np.append(ns[0] - 1, ns), np.append(cash, curve)
    return ns, curve


def _benchmark(backtest: Backtest, cash: float) -> tuple[float | None, float | None, float | None]:
    """(return, Sharpe, largest fall) of buying and holding."""
    if len(backtest.benchmark) < 2 or len(backtest.benchmark) != len(backtest.ns) or not cash > 0:
        return None, None, None
    if not np.isfinite(backtest.benchmark).any():
        return None, None, None  # in a currency without a rate nobody knows
    ns, curve = _curve(backtest, backtest.benchmark, cash)
    held = basis(ns, curve, backtest.step_ns, shares=_shares(backtest))
    fall = float(drawdowns_pct(curve).max())
    return (float(curve[-1]) / cash - 1.0) * 100.0, sharpe(returns(held.values), held.step_ns), fall


def _exposure(backtest: Backtest) -> float | None:
    if backtest.exposure_mean_pct is not None:
        return backtest.exposure_mean_pct
    return float(np.mean(backtest.exposure)) if backtest.exposure else None


def _shares(backtest: Backtest) -> bool:
    return not any(known_quote(one.symbol.partition(":")[2]) for one in backtest.data)


def _yearly(grown: float, days: float) -> float | None:
    """Growth a year, percent, of what grew to ``grown`` times itself."""
    if days < LEAST_YEARLY_DAYS:
        return None
    return _percent_of_log(math.log(grown) * YEAR_DAYS / days) if grown > 0 else -100.0


def _percent_of_log(log: float) -> float:
    return math.expm1(min(log, 700.0)) * 100.0


def _volatility(per_step: Series, per_year: float) -> float | None:
    return float(per_step.std(ddof=1)) * math.sqrt(per_year) * 100.0 if len(per_step) > 1 else None


def _under_water_ns(ns: Times, falls: Series) -> int:
    """How long the deepest fall lasted: from the high before it to the next one."""
    deepest = int(falls.argmax())
    if falls[deepest] <= 0.0:
        return 0
    dry = np.flatnonzero(falls <= 0.0)
    after = dry[dry > deepest]
    return int(ns[after[0] if len(after) else -1] - ns[dry[dry < deepest][-1]])


def _trial_variance(moments: deflated.Moments | None, held: Basis, known: Sequence[float]) -> float:
    """Of the trials' Sharpe ratios, of one step; of the estimate of no skill where too few are known."""
    if len(known) > 1:
        return float(np.var(known, ddof=1)) / held.per_year
    return 0.0 if moments is None else 1.0 / (moments.count - 1)
