"""What makes a result weak, one line each, whoever reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from engine.events import NS
from engine.portfolio.curve import DAY_NS
from engine.portfolio.performance import Times
from engine.research.bar_ticks import POINTS
from engine.research.basis import open_always
from engine.research.result import Backtest, Stop

FEW_TRADES = 30
_HALTED = "HALTED"
_CLOSED = "OUT_OF_SESSION"
_FILTERS = (_CLOSED, "ILLIQUID", "WIDE_SPREAD")
"""Of opportunities: what they refuse is no weak blend, but what [opportunities] asks of time and market."""
MOST_OF_PROFIT = 0.5
MANY_TRIALS = 2
LIKELY = 0.95
MISSING = 0.02
"""Part of a symbol's bars that may lack before it is said."""
LONGEST_CLOSED_NS = 14 * DAY_NS
"""No market's holidays are longer: Chinese New Year closes some for ten days or more."""


def warnings(backtest: Backtest, nets: Sequence[float]) -> list[str]:
    """Of the run alone; ``nets``: net P&L of each trade."""
    found = [
        f"strategy {one.name} failed{_at(one.ns)}: {one.error}: what follows is without it"
        for one in backtest.failed
    ]
    if len(nets) < FEW_TRADES:
        trades = f"{len(nets)} trade{'' if len(nets) == 1 else 's'}"
        found.append(f"the result rests on {trades}, fewer than {FEW_TRADES}: luck can explain it")
    found += _of_stops(backtest) + _of_nothing(backtest)
    traded = {trade.symbol for trade in backtest.trades}
    if len(traded) == 1:
        found.append("the result rests on one symbol: nothing says that it holds for another")
    won = [net for net in nets if net > 0]
    if len(won) > 1 and max(won) > MOST_OF_PROFIT * sum(won):
        found.append(f"one trade made {max(won) / sum(won) * 100:.0f} % of all that was won")
    if backtest.held:
        found.append(
            f"{len(backtest.held)} position{'' if len(backtest.held) == 1 else 's'} still open at the end: "
            "the equity counts them at the last price, the trades do not"
        )
    return found + _of_fills(backtest) + _of_exits(backtest) + _of_model(backtest) + _of_data(backtest)


def _at(ns: int) -> str:
    return f" at {datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S}" if ns else ""


def _of_stops(backtest: Backtest) -> list[str]:
    """Of a desk that stopped itself most figures are those of a time without a trade."""
    parts: dict[int, Stop] = {}
    for one in backtest.stops:
        if not one.denied:
            parts.setdefault(one.until_ns, one)
    found = []
    if parts:
        first = next(iter(parts.values()))
        lost_ns = sum(one.until_ns - one.ns for one in parts.values())
        share = _share(lost_ns, backtest.last_ns - backtest.first_ns)
        more = f", and so in {len(parts)} parts" if len(parts) > 1 else ""
        found.append(
            f"the desk was {first.code}{_at(first.ns)} ({first.why}){more}: nobody resumes it in a backtest, "
            f"so nothing was opened in the rest, {share} of the time{_halted(first, backtest.stops)}"
        )
    denials: dict[str, list[Stop]] = {}
    for one in backtest.stops:
        if one.denied:
            denials.setdefault(one.code, []).append(one)
    for own in denials.values():
        count = sum(one.denied for one in own)
        entries = "1 entry was" if count == 1 else f"{count:,} entries were"
        found.append(f"{entries} denied, the first{_at(own[0].ns)}: {own[0].why}")
    return found


def _halted(first: Stop, stops: Sequence[Stop]) -> str:
    """That tighter still, it left by stops alone."""
    if first.code == _HALTED:
        return "; stops alone still left"
    later = (one for one in stops if one.code == _HALTED and one.until_ns == first.until_ns)
    halted = next(later, None)
    return f"; HALTED{_at(halted.ns)}: from then on stops alone still left" if halted else ""


def _of_nothing(backtest: Backtest) -> list[str]:
    """Why nothing was traded, where something might have been."""
    orders = backtest.funnel.get("orders", 0)
    if backtest.funnel.get("fills", 0):
        return []
    if orders:
        return [
            f"none of {orders:,} orders filled: their prices were not met, or the data shows no sizes to "
            "trade (a quote without a size fills nothing)"
        ]
    # What is not good enough falls in every run; what risk or execution stops points to the configuration.
    stopped = {code: n for code, n in backtest.dropped.items() if code.startswith(("risk:", "execution:"))}
    if stopped:
        code, count = max(stopped.items(), key=lambda item: item[1])
        return [f"no opportunity became an order: {count:,} fell for {code}"]
    filtered = {code: n for code in _FILTERS if (n := backtest.dropped.get(f"opportunities:{code}", 0))}
    if not filtered or backtest.funnel.get("opportunities", 0):
        return []
    code, count = max(filtered.items(), key=lambda item: item[1])
    when = ", as judged at the ends of bars" if code == _CLOSED else ""
    return [f"no blend became an opportunity: {count:,} fell for {code}{when}"]


def _of_fills(backtest: Backtest) -> list[str]:
    """What takes bars to fill is another strategy than the one that was thought of."""
    orders, fills = backtest.funnel.get("orders", 0), backtest.funnel.get("fills", 0)
    if backtest.median_bar_pct is None or fills <= POINTS * orders:
        return []
    return [
        f"an order took {fills / orders:,.0f} fills on average, {POINTS} a bar at most: it is large beside a "
        f"bar's volume, of which {backtest.plan.participation_pct:g} % can be traded "
        "(--participation-pct), or the volumes are no quantities (of currencies they often count ticks)"
    ]


def _of_exits(backtest: Backtest) -> list[str]:
    """What happens within a bar is guessed: exits that near rest on the guess."""
    bar = backtest.median_bar_pct
    if bar is None:
        return []
    exits = (("stop", backtest.stop_loss_pct), ("target", backtest.take_profit_pct))
    near = [f"the {name} of {pct:g} %" for name, pct in exits if 0 < pct < bar]
    if not near:
        return []
    lie = "lies" if len(near) == 1 else "lie"
    return [
        f"{' and '.join(near)} {lie} inside the median bar ({bar:.2g} %): "
        "most trades end in the bar they begin"
    ]


def _of_model(backtest: Backtest) -> list[str]:
    if backtest.model_until_ns is None:
        return []
    if not backtest.model_until_ns:
        return [f"nobody knows which data model {backtest.model} was trained on: it may have seen these"]
    if backtest.model_until_ns < backtest.first_ns:
        return []
    day = datetime.fromtimestamp(backtest.model_until_ns // NS, UTC).date()
    return [
        f"model {backtest.model} was trained on data up to {day}, and the run begins before: it knows what "
        "came of that, so its figures are in-sample (--since a later time)"
    ]


def of_trials(trials: int, deflated: float | None) -> list[str]:
    """``deflated``: probability of the Sharpe ratio being above the luck of so many trials."""
    if trials < MANY_TRIALS:
        return []
    if deflated is None:
        return [f"the best of {trials:,} trials, and too little data to say how much of it is luck"]
    if deflated < LIKELY:
        return [
            f"the best of {trials:,} trials: a probability of {deflated * 100:.0f} % that there is more to "
            f"it than luck, below {LIKELY * 100:.0f} %"
        ]
    return []


def _of_data(backtest: Backtest) -> list[str]:
    found = []
    refused = sum(one.count for one in backtest.rejects)
    rows = sum(source.rows for source in backtest.data)
    if refused:
        told = "1 row of the data was" if refused == 1 else f"{refused:,} rows of the data were"
        found.append(f"{told} not believed ({_share(refused, refused + rows)})")
    early_ns = max((source.early_ns for source in backtest.data), default=0)
    if early_ns >= DAY_NS:
        found.append(
            f"bars begin up to {early_ns / DAY_NS:.3g} days after those of the desk, which counts from "
            "Thursday, 1 January 1970: all times told here are as much too early"
        )
    found += [
        f"{one.symbol}: from {datetime.fromtimestamp(one.leap_ns // NS, UTC).date()} on prices are "
        f"{one.leap_ratio:.3g} times those before, as after a split that the data is not adjusted for "
        "(history import --actions)"
        for one in backtest.data
        if one.leap_ns
    ]
    for symbol, missing, expected in gaps(backtest):
        found.append(f"{symbol}: {missing:,} bars are missing ({_share(missing, expected)} of its time)")
    return found


def gaps(backtest: Backtest) -> list[tuple[str, int, int]]:
    """(symbol, bars that are missing, bars that its time has) where more than ``MISSING`` of them lack."""
    return [
        (source.symbol, source.steps - source.rows, source.steps)
        for source in backtest.data
        if source.steps - source.rows > max(1, MISSING * source.steps)
    ]


def steps(begins: Sequence[Times], step_ns: int, *, always: bool = False) -> list[int]:
    """How many bars the time of each symbol has, from its first to its last, by when all symbols' bars begin.

    Counted are the steps in which any symbol has a bar: what no symbol has, a night or a weekend, is no gap,
    unless it is longer than a market closes; of that, as many as such a time has on average elsewhere. Where
    the market never closes (``always``: that is known, else as far as the data tells), all steps.
    """
    every = np.unique(np.concatenate(begins))
    whole = always or open_always(every + step_ns, step_ns)
    lost = _lost(every, step_ns)
    found = []
    for own in begins:
        first, last = int(own[0]), int(own[-1])
        at = np.searchsorted(every, (first, last)).tolist()
        told = at[1] - at[0] + 1 + int(lost[at[0] : at[1]].sum())
        found.append((last - first) // step_ns + 1 if whole else told)
    return found


def _lost(every: Times, step_ns: int) -> Times:
    """How many steps lack between each and the next."""
    apart = np.diff(every)
    long = apart > max(LONGEST_CLOSED_NS, 3 * step_ns)
    if not long.any() or long.all():
        return np.zeros(len(apart), np.int64)
    usual = apart[~long].mean()
    return np.where(long, np.rint(apart / usual) - 1, 0).astype(np.int64)


def _share(part: int, whole: int) -> str:
    return f"{part / whole * 100:.1f} %" if whole else "-"
