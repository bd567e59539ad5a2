"""The whole engine over tapes, in a process of its own: ticks per second."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from tests.bench.decode import CAPTURE
from tests.bench.machine import ROOT, captured, child_environment, console, defaults
from tests.bench.registry import Figure, Goal, Skipped, at_least, bench
from tests.bench.synthetic_tape import PER_SYMBOL_S, SPARSE, SPARSE_TICKS, TICKS, tape

_REPEATS = 3
_TIMEOUT_S = 600
_CAPTURE_GOAL, _DENSE_GOAL, _SPARSE_GOAL = at_least(500_000), at_least(2_500_000), at_least(1_000_000)


@bench("replay")
def replay(scratch: Path) -> list[Figure]:
    """``tickdesk replay`` on a real capture and on the synthetic tapes, ticks per second."""
    figures = _captured(scratch)
    for ticks, per_symbol_s, goal in (
        (TICKS, PER_SYMBOL_S, _DENSE_GOAL),
        (SPARSE_TICKS, SPARSE, _SPARSE_GOAL),
    ):
        metric = f"synthetic, 10 symbols, {per_symbol_s} ticks/s each, {ticks / 1e6:g} M"
        figures.append(_measure(metric, tape(scratch, ticks, per_symbol_s), scratch, goal))
    return figures


def _captured(scratch: Path) -> list[Figure]:
    """With the books that the capture holds, as live has them, and without."""
    no_books = scratch / "no-books.toml"
    no_books.write_text("[feeds.binance]\nbook_levels = 0\n")
    figures = []
    for metric, config, goal in (
        ("binance capture, its ticks", ["--config", str(no_books)], _CAPTURE_GOAL),
        ("binance capture, books kept", defaults(scratch), None),
    ):
        try:
            figures.append(_measure(metric, captured(CAPTURE), scratch, goal, config))
        except Skipped as reason:
            figures.append(Figure(metric, None, "ticks/s", goal, f"skipped: {reason}"))
    return figures


def _measure(metric: str, path: Path, scratch: Path, goal: Goal | None, config: Sequence[str] = ()) -> Figure:
    reports = [_replay(path, scratch, config or defaults(scratch)) for _ in range(_REPEATS)]
    if len({report["sha256"] for report in reports}) != 1:
        raise RuntimeError(f"{metric}: runs of the same tape differ in their orders and fills")
    speeds = [float(report["ticks_per_s"]) for report in reports]
    first = reports[0]
    note = (
        f"median of {_REPEATS}, best {max(speeds):,.0f}; {first['trades'] + first['quotes']:,} ticks, "
        f"{first['orders']:,} orders, {first['fills']:,} fills"
    )
    return Figure(metric, median(speeds), "ticks/s", goal, note)


def _replay(path: Path, scratch: Path, config: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=scratch, prefix="state-") as state:
        arguments = ("replay", str(path), "--json", "--state-dir", state, *config)
        done = subprocess.run(
            console(*arguments),
            cwd=ROOT,
            env=child_environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    if done.returncode != 0:
        raise RuntimeError(
            f"replay of {path.name} ended with {done.returncode}: {done.stderr.strip()[-300:]}"
        )
    report: dict[str, Any] = msgspec.json.decode(done.stdout)
    return report
