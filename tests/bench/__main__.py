"""``python -m tests.bench [NAME…] [--json FILE]``: run benchmarks, print a table, write JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench import machine
from tests.bench.registry import Benchmark, Figure, Skipped, benchmarks, quantity

_HEADER = ("benchmark", "metric", "value", "unit", "goal", "")
_RIGHT = (2,)
STOLEN = "stolen meanwhile"


def main(argv: Sequence[str] | None = None) -> int:
    known = benchmarks()
    arguments = _parser().parse_args(argv)
    if arguments.list:
        print("\n".join(f"{name:<12} {_summary(function)}" for name, function in known.items()))
        return 0
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = {name: known[name] for name in arguments.names or known}
    # Before the first: the load that others cause, not the benchmarks' own.
    on = machine.describe()
    with tempfile.TemporaryDirectory(prefix="tickdesk-bench-") as scratch:
        results = {name: _run(name, function, Path(scratch)) for name, function in chosen.items()}
    print(table(results))
    if arguments.json is not None:
        arguments.json.write_bytes(report(results, on))
    return 1 if any(figure.note.startswith("failed") for found in results.values() for figure in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures, machine and versions there")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and stop")
    return parser


def _run(name: str, function: Benchmark, scratch: Path) -> list[Figure]:
    """The figures; one without a value when the benchmark cannot run or fails: the others still do."""
    print(f"{name}: {_summary(function)} …", file=sys.stderr, flush=True)
    began, before = time.perf_counter(), machine.stolen()
    try:
        figures = function(scratch)
    except Skipped as reason:
        figures = [Figure(name, None, "", note=f"skipped: {reason}")]
    except Exception as error:
        figures = [Figure(name, None, "", note=f"failed: {type(error).__name__}: {error}")]
    print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    measured = any(figure.value is not None for figure in figures)
    return [*figures, *(_stolen(before, machine.stolen()) if measured else [])]


def _stolen(before: tuple[int, int] | None, after: tuple[int, int] | None) -> list[Figure]:
    """A figure of a shared host means little without it."""
    if before is None or after is None or after[1] <= before[1]:
        return []
    share = (after[0] - before[0]) / (after[1] - before[1])
    return [Figure(STOLEN, share * 100, "%", note="of the processors' time, by others on the same host")]


def _summary(function: Benchmark) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def table(results: dict[str, list[Figure]]) -> str:
    """The figures for a person; a missed goal is marked, notes follow their figure."""
    rows = [_HEADER]
    for name, figures in results.items():
        for figure in figures:
            value = "-" if figure.value is None else quantity(figure.value)
            verdict = "MISSED" if figure.met is False else ""
            goal = "" if figure.goal is None else str(figure.goal)
            rows.append((name, figure.metric, value, figure.unit, goal, f"{verdict} {figure.note}".strip()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER) - 1)]
    return "\n".join(
        "  ".join(
            [
                cell.rjust(w) if i in _RIGHT else cell.ljust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=False))
            ]
            + [row[-1]]
        ).rstrip()
        for row in rows
    )


def report(results: dict[str, list[Figure]], on: dict[str, object]) -> bytes:
    """The figures as JSON, with what they were measured on and when."""
    figures = [
        {"benchmark": name, **msgspec.to_builtins(figure), "met": figure.met}
        for name, found in results.items()
        for figure in found
    ]
    document = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": on, "figures": figures}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
