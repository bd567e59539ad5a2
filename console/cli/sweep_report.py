"""What a sweep came to, as lines for a person: at most 80 columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.cli.output import table
from engine.events import NS
from engine.research.space import exact, shown, told
from engine.research.sweep_spec import number
from engine.text import clean

if TYPE_CHECKING:
    from engine.research.summary import Summary
    from engine.research.sweep_outcome import FoldOutcome, Outcome
    from engine.research.sweep_runs import Ranked
    from engine.research.sweep_spec import Spec

_WIDTH = 80
_DAYS_NS = 5 * 86_400 * NS
_VALUES = 22
"""Columns for the values of the parameters."""
_BESIDE = ("return_pct", "sharpe", "max_drawdown_pct", "trades")
_PLAIN = re.compile(r"-?[\d,]+(\.\d+)?")
_HEADS = {
    "return_pct": "RETURN %",
    "sharpe": "SHARPE",
    "max_drawdown_pct": "DRAWDOWN %",
    "trades": "TRADES",
}


def lines(of: Outcome, spec: Spec) -> list[str]:
    text = [*_head(of, spec), ""]
    if spec.walk_forward is None:
        text += _best(of.best, spec)
    else:
        text += _judged(of.out_of_sample)
        text += ["", *_folds(of.folds, spec)]
    warnings = list(of.warnings)
    if of.best:
        warnings += of.best[0].warnings
    if of.out_of_sample is not None:
        warnings += of.out_of_sample.warnings
    return text + [""] * bool(warnings) + [line for one in dict.fromkeys(warnings) for line in _wrapped(one)]


def _head(of: Outcome, spec: Spec) -> list[str]:
    search = spec.search
    how = search.kind if search.kind == "grid" else f"{search.kind}, seed {search.seed}"
    want = f"{'largest' if spec.objective.largest else 'smallest'} {spec.objective.field}"
    if spec.requires:
        want += f", of runs with {' and '.join(map(str, spec.requires))}"
    runs = f"{of.done:,} of {of.total:,} done"
    runs += "".join(
        f", {count:,} {name}" for count, name in ((of.refused, "refused"), (of.failed, "failed")) if count
    )
    long_ns = spec.last_ns - spec.first_ns
    symbols = ", ".join(clean(symbol, 30) for symbol, _ in spec.data[:4])
    if len(spec.data) > 4:
        symbols += f" and {len(spec.data) - 4} more"
    rows = [
        ("search", f"{how}, over {', '.join(spec.space.keys)}"),
        ("data", f"{symbols}; {_day(spec.first_ns, long_ns)} to {_day(spec.last_ns, long_ns)}"),
        ("objective", want),
        ("runs", runs),
    ]
    return [line for name, value in rows for line in _wrapped(value, f"{name:<14}", " " * 14)]


def _best(best: Sequence[Ranked], spec: Spec) -> list[str]:
    if not best:
        return ["no run can be chosen"]
    field = spec.objective.field
    beside = [name for name in _BESIDE if name != field]
    heads = [_HEADS[name] for name in beside]
    keys = _columns(spec.space.keys)
    points = [one.run.point for one in best]
    columns = [
        [str(place) for place in range(1, len(best) + 1)],
        [str(one.run.name.n) for one in best],
        *(
            [_at_the_point([shown(point[key]) for point in points]) for key in spec.space.keys]
            if keys != ["VALUES"]
            else [[_shortened(told(point)) for point in points]]
        ),
        _figures([one.score for one in best]),
        ["-" if one.deflated is None else f"{one.deflated * 100:.0f} %" for one in best],
        *(_figures([one.run.figures.get(name) for one in best]) for name in beside),
    ]
    rows: list[Sequence[str]] = [
        ["", "RUN", *keys, _HEADS.get(field, clean(field, 20).upper()), "DEFLATED", *heads],
        *zip(*columns, strict=True),
    ]
    note = (
        "DEFLATED: probability that the Sharpe ratio is above the luck of so many trials, by the "
        "spread of their own Sharpe ratios (backtest --trials assumes one). These runs were "
        "chosen by what they came to on these very data: expect less (--walk-forward N judges on others)."
    )
    again = " ".join(f"--set {key}={exact(value)}" for key, value in best[0].run.point.items())
    aligned = ">>" + (">" * len(keys) if keys != ["VALUES"] else "<") + ">" * (2 + len(beside))
    return [*table(rows, aligned), *_wrapped(note, "", ""), "", *_wrapped(again, "the first alone: ", "  ")]


def _columns(keys: Sequence[str]) -> list[str]:
    """A column for each parameter where there are few."""
    names = [clean(key.rpartition(".")[2], 14) for key in keys]
    return names if sum(map(len, names)) <= _VALUES else ["VALUES"]


def _judged(of: Summary | None) -> list[str]:
    if of is None:
        return ["OUT-OF-SAMPLE  nothing was judged yet"]
    interval = ""
    if of.sharpe_low is not None and of.sharpe_high is not None:
        interval = f"  ({of.level * 100:.0f} %: {of.sharpe_low:.2f} to {of.sharpe_high:.2f})"
    sure, long_ns = of.probabilistic_sharpe, of.last_ns - of.first_ns
    rows = [
        ("from, to", f"{_day(of.first_ns, long_ns)} to {_day(of.last_ns, long_ns)}"),
        ("return", f"{of.return_pct:.2f} %"),
        ("Sharpe", f"{_figure(of.sharpe)}{interval}"),
        ("above 0", "-" if sure is None else f"with a probability of {sure * 100:.0f} %"),
        ("max drawdown", f"{of.max_drawdown_pct:.2f} %"),
        ("trades", str(of.trades)),
        ("costs", f"{of.costs:,.2f} {of.currency}"),
        ("buy and hold", "-" if of.benchmark_return_pct is None else f"{of.benchmark_return_pct:.2f} %"),
    ]
    head = "OUT-OF-SAMPLE  what was judged, part after part, each from the starting cash"
    return [head, *(f"  {name:<14}{value}" for name, value in rows)]


def _folds(found: Iterable[FoldOutcome], spec: Spec) -> list[str]:
    field = _HEADS.get(spec.objective.field, clean(spec.objective.field, 20).upper())
    rows = [["", "JUDGED FROM", "UNTIL", "CHOSEN", field, "IN-SAMPLE", "RETURN %", "TRADES"]]
    found = list(found)
    columns = (
        _figures([one.out_of_sample for one in found]),
        _figures([one.in_sample for one in found]),
        *(_figures([one.figures.get(name) for one in found]) for name in ("return_pct", "trades")),
    )
    for one, (worth, before, gained, trades) in zip(found, zip(*columns, strict=True), strict=True):
        fold = one.fold
        long_ns = fold.judged_until_ns - fold.judged_since_ns
        since, until = _day(fold.judged_since_ns, long_ns), _day(fold.judged_until_ns, long_ns)
        chosen = "…" if one.point is None else _shortened(told(one.point))
        if one.error:
            chosen = "none" if one.point is None else "failed"
        rows.append([str(one.fold.number), since, until, chosen, worth, f"({before})", gained, trades])
    note = f"IN-SAMPLE is the best {spec.objective.field} of the runs it was chosen from: no result."
    return [*table(rows, "><<<>>>>"), *_wrapped(note, "", "")]


def _figure(value: object) -> str:
    return _figures([value])[0]


def _figures(values: Sequence[object]) -> list[str]:
    """Of one column: all with as many decimals as the largest of them needs."""
    if all(value is None or isinstance(value, int) for value in values):
        return ["-" if value is None else f"{value:,}" for value in values]
    known = [number(value) for value in values]
    largest = max((abs(value) for value in known if value is not None), default=0.0)
    decimals = 0 if largest >= 10_000 else 2
    if 0 < largest < 0.1:
        decimals = min(2 - math.floor(math.log10(largest)), 12)
    return ["-" if value is None else f"{value:,.{decimals}f}" for value in known]


def _at_the_point(texts: Sequence[str]) -> list[str]:
    """Right-aligned, their decimal points stand below each other; what is not all numbers stays as it is."""
    if not all(_PLAIN.fullmatch(text) for text in texts):
        return list(texts)
    after = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    return [text + " " * (max(after) - length) for text, length in zip(texts, after, strict=True)]


def _shortened(text: str) -> str:
    return text if len(text) <= _VALUES else text[: _VALUES - 1] + "…"


def _day(ns: int, whole_ns: int = _DAYS_NS) -> str:
    """UTC; with the time where the whole that it is of takes few days."""
    shape = "%Y-%m-%d" if whole_ns >= _DAYS_NS else "%Y-%m-%d %H:%M"
    return f"{datetime.fromtimestamp(ns // NS, UTC):{shape}}"


def _wrapped(text: str, first: str = "! ", after: str = "  ") -> list[str]:
    import textwrap

    return textwrap.wrap(
        *(text, _WIDTH), initial_indent=first, subsequent_indent=after, break_on_hyphens=False
    )
