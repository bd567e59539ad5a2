"""Walk-forward optimisation: parameters are chosen on what came before, and judged on what came after alone.

The time of the data is cut into equal parts. What is chosen on is the parts before one, all of them
(expanding) or the last few (rolling), without the gap before its end; the part itself is what is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from engine.errors import ConfigError
from engine.research.result import Backtest, Source
from engine.research.sweep_spec import WalkForward


class Fold(msgspec.Struct, frozen=True):
    """Times in ns; each up to, and without."""

    number: int
    """From 1."""
    since_ns: int
    """Of what is chosen on."""
    until_ns: int
    judged_since_ns: int
    judged_until_ns: int


def folds(of: WalkForward, first_ns: int, last_ns: int) -> list[Fold]:
    """``first_ns``, ``last_ns``: of the data. Raises ConfigError where nothing is left to choose on."""
    parts = of.in_sample + of.folds
    end = last_ns + 1
    borders = [first_ns + (end - first_ns) * part // parts for part in range(parts + 1)]
    found = []
    for number, (since, until) in enumerate(pairwise(borders[of.in_sample :]), start=1):
        begin = borders[0] if of.window == "expanding" else borders[number - 1]
        if until <= since or since - of.gap_ns <= begin:
            raise ConfigError(
                f"--walk-forward {of.folds}: the data are too short for so many parts, and the gap"
            )
        found.append(Fold(number, begin, since - of.gap_ns, since, until))
    return found


def joined(results: Sequence[Backtest]) -> Backtest:
    """The judged parts one after the other. Each began with the starting cash: profits and losses add up.

    Raises ValueError for none.
    """
    if not results:
        raise ValueError("nothing to join")
    first, last = results[0], results[-1]
    cash = float(first.starting_cash)
    equity: list[float] = []
    benchmark: list[float] = []
    gained = market = 0.0
    for one in results:
        equity += [gained + value for value in one.equity]
        benchmark += [market + value for value in one.benchmark]
        gained += float(_gain(one)) if one.final_equity else (one.equity[-1] - cash if one.equity else 0.0)
        market += one.benchmark[-1] - cash if one.benchmark else 0.0
    return msgspec.structs.replace(
        last,
        plan=msgspec.structs.replace(
            first.plan, since_ns=first.plan.since_ns or first.first_ns, until_ns=last.plan.until_ns
        ),
        failed=tuple({one.name: one for part in reversed(results) for one in part.failed}.values()),
        data=_data(results),
        # Those of a file are each part's.
        rejects=tuple(dict.fromkeys(one for part in results for one in part.rejects)),
        first_ns=first.first_ns,
        last_ns=last.last_ns,
        starting_cash=first.starting_cash,
        final_equity=_sum([first.starting_cash, *(_gain(one) for one in results)]),
        ns=tuple(ns for one in results for ns in one.ns),
        equity=tuple(equity),
        exposure=tuple(value for one in results for value in one.exposure),
        exposure_mean_pct=_exposure(results),
        benchmark=tuple(benchmark),
        deals=tuple(deal for one in results for deal in one.deals),
        trades=tuple(trade for one in results for trade in one.trades),
        held=tuple(held for one in results for held in one.held),
        realized=_sum(one.realized for one in results),
        unrealized=_sum(one.unrealized for one in results),
        fees=_sum(one.fees for one in results),
        funding=_sum(one.funding for one in results),
        traded=_sum(one.traded for one in results),
        slippage_bps=_slippage(results),
        funnel=_counts(one.funnel for one in results),
        denied=_counts(one.denied for one in results),
        dropped=_counts(one.dropped for one in results),
        stops=tuple(stop for one in results for stop in one.stops),
        charts=(),
        ticks=sum(one.ticks for one in results),
        seconds=sum(one.seconds for one in results),
        sha256="",
    )


def _data(results: Sequence[Backtest]) -> tuple[Source, ...]:
    """Of each symbol what was judged of it, with what is to be doubted of any part; its digests are the
    parts'."""
    parts: dict[str, list[Source]] = {}
    for one in results:
        for source in one.data:
            parts.setdefault(source.symbol, []).append(source)
    found = []
    for own in parts.values():
        leaped = next((source for source in own if source.leap_ns), own[0])
        found.append(
            msgspec.structs.replace(
                own[0],
                rows=sum(source.rows for source in own),
                last_ns=own[-1].last_ns,
                sha256="" if len(own) > 1 else own[0].sha256,
                steps=sum(source.steps for source in own),
                early_ns=max(source.early_ns for source in own),
                leap_ns=leaped.leap_ns,
                leap_ratio=leaped.leap_ratio,
            )
        )
    return tuple(found)


def _exposure(results: Sequence[Backtest]) -> float | None:
    """By time, as each part's own is."""
    known = [(one.exposure_mean_pct, one.last_ns - one.first_ns) for one in results]
    whole = sum(span for _, span in known)
    if not whole or any(mean is None for mean, _ in known):
        return None
    return sum((mean or 0.0) * span for mean, span in known) / whole


def _gain(one: Backtest) -> str:
    """ "" where it is not known, for want of a rate."""
    return str(Decimal(one.final_equity) - Decimal(one.starting_cash)) if one.final_equity else ""


def _sum(texts: Iterable[str]) -> str:
    """ "" where a part is not known."""
    known = list(texts)
    return str(sum(map(Decimal, known), Decimal(0))) if all(known) else ""


def _slippage(results: Sequence[Backtest]) -> float | None:
    """By notional, as each part's own is."""
    known = [
        (one.slippage_bps, float(one.traded))
        for one in results
        if one.slippage_bps is not None and one.traded and float(one.traded) > 0
    ]
    whole = sum(traded for _, traded in known)
    return sum(bps * traded for bps, traded in known) / whole if whole else None


def _counts(counted: Iterable[dict[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counted:
        found.update(one)
    return dict(sorted(found.items()))
