"""A sweep's runs as one table: the same runs give the same bytes, wherever and in whatever order they ran.

Nothing in it is of the run's making: no times, no machine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ConfigError
from engine.research.parameters import Value
from engine.research.sweep_runs import Luck, Name, Run, luck, score
from engine.research.sweep_spec import Figure, Spec

_FIRST = ("fold", "part", "run", "status")
_LAST = ("score", "deflated_sharpe", "trials", "warnings", "error", "sha256")
_IN, _OUT = "in_sample", "out_of_sample"

_SEEN_ONCE = Luck(1, None)
"""Out-of-sample: it was chosen before it was seen."""

Cell = Value | Figure


def rows(runs: Mapping[Name, Run], spec: Spec) -> list[dict[str, Cell]]:
    """One for each run that has ended, in the order of the search; the same keys in each."""
    ordered = [runs[name] for name in sorted(runs)]
    fields = list(dict.fromkeys(field for run in ordered for field in run.figures))
    by_fold: dict[int, list[Run]] = {}
    for run in ordered:
        if not run.name.out:
            by_fold.setdefault(run.name.fold, []).append(run)
    chances = {fold: luck(found) for fold, found in by_fold.items()}
    return [
        _row(run, spec, fields, _SEEN_ONCE if run.name.out else chances[run.name.fold]) for run in ordered
    ]


def _row(run: Run, spec: Spec, fields: Sequence[str], chance: Luck) -> dict[str, Cell]:
    part = (_OUT if run.name.out else _IN) if run.name.fold else "whole"
    row: dict[str, Cell] = dict(zip(_FIRST, (run.name.fold, part, run.name.n, run.status), strict=True))
    row |= {axis.key: run.point.get(axis.key) for axis in spec.space.axes}
    row |= {field: run.figures.get(field) for field in fields}
    worth = score(run, spec.objective, spec.requires)
    sure = chance.deflated(run.figures)
    last = (worth, sure, chance.trials, "; ".join(run.warnings), run.error, run.sha256)
    return row | dict(zip(_LAST, last, strict=True))


def as_csv(table: Sequence[Mapping[str, Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if table:
        writer.writerow(table[0])
        writer.writerows([_text(value) for value in row.values()] for row in table)
    return text.getvalue().encode()


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def as_parquet(table: Sequence[Mapping[str, Cell]]) -> bytes:
    """Raises ConfigError without the extra."""
    try:
        import polars
    except ImportError:
        raise ConfigError("a Parquet table needs polars: pip install 'tickdesk[parquet]', or --csv") from None
    columns = {key: _column(polars, [row[key] for row in table]) for key in (table[0] if table else ())}
    out = io.BytesIO()
    polars.DataFrame(columns).write_parquet(out, compression="zstd", compression_level=3, statistics=True)
    return out.getvalue()


def _column(polars: Any, values: Sequence[Cell]) -> Any:
    """Of one type: that of its values, text where they are of several."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} and kinds:
        return polars.Series(values, dtype=polars.Boolean)
    if kinds <= {int} and kinds:
        return polars.Series(values, dtype=polars.Int64)
    if kinds <= {int, float} and kinds:
        return polars.Series([None if v is None else float(v) for v in values], dtype=polars.Float64)
    return polars.Series([None if v is None else _text(v) for v in values], dtype=polars.String)
