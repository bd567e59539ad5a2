"""``tickdesk train``: bars, folds, figures with their intervals, and what becomes of the model."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from console.cli.client import quoted
from console.cli.models_switch import by_the_engine, none_runs
from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError, ModelError
from engine.text import clean
from engine.wiring.training_options import options_of

if TYPE_CHECKING:
    from engine.config import Config
    from engine.models.artefact import Estimate, Fold, Metrics
    from engine.models.registry import Entry
    from engine.wiring.training_job import Exchange, Outcome

_HEAD = ("FOLD", "TEST FROM", "UNTIL", "STEPS", "IC", "RANK IC", "ICIR", "LONG-SHORT SHARPE")
_ALIGNED = "<<<>>>>>"
_WHO = "tickdesk train"
_TOP = 10
_CONTROL = ("golden_rows", "golden_predictions", "reference", "files")
"""Of the manifest: not for people."""


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring import low_priority
    from engine.wiring.interruption import Interruption
    from engine.wiring.training import supervised
    from engine.wiring.training_job import run_training

    options = options_of(arguments)
    config, where = configuration(arguments), state_dir(arguments)
    exchange = _exchange(config, where)
    if arguments.progress == "json":
        if arguments.json:
            raise ConfigError("--json and --progress json both speak on standard output: give one")
        return supervised(config, where, options, who=_WHO, exchange=exchange)
    low_priority.step_back()
    with Interruption() as interruption, _Bar() if sys.stderr.isatty() else _Lines() as shown:
        outcome = run_training(
            config, where, options, shown.show, finishing=interruption.hold, who=_WHO, exchange=exchange
        )
    print(_json(outcome) if arguments.json else "\n".join(_told(outcome)))
    return 0


def _exchange(config: Config, where: Path) -> Exchange:
    """By the engine that runs, which loads and tries it first; else in the registry."""

    from engine.models.registry import Registry
    from engine.wiring.training_job import directly

    def exchange(what: Literal["activate", "shadow"], entry: Entry) -> str:
        told = by_the_engine(where, "POST", f"/v1/models/{quoted(entry.version)}/{what}")
        if told is not None:
            if not told.ok:
                raise ModelError(told.text)
            return f"the desk that runs: {told.text}"
        directly(Registry(where), _WHO)(what, entry)
        return none_runs(config, entry)

    return exchange


def _json(outcome: Outcome) -> str:
    manifest = msgspec.to_builtins(outcome.manifest)
    shown = {key: value for key, value in manifest.items() if key not in _CONTROL}
    return as_json(
        {
            "version": outcome.version,
            "then": outcome.then,
            "skill": outcome.skill,
            "why": outcome.why,
            "desk": outcome.desk,
            "path": outcome.path,
            "notes": outcome.notes,
            "manifest": shown,
        }
    )


def _told(outcome: Outcome) -> list[str]:
    manifest = outcome.manifest
    rows = [_HEAD, *(_fold(number, fold) for number, fold in enumerate(manifest.folds, 1))]
    if manifest.metrics is not None:
        rows.append(("all", "", "", *_figures(manifest.metrics)))
    lines = [
        f"{clean(manifest.source)}: {manifest.training_bars:,} time steps, {manifest.training_rows:,} rows, "
        f"labels {manifest.horizon_bars} bars ahead, gap {manifest.purge_gap_bars} + {manifest.embargo_bars}",
        "",
        *table(rows, _ALIGNED),
        "",
        "in brackets: 95 % intervals; labels overlap, so they rest on blocks of steps",
        "returns: from close to close, before costs; the Sharpe ratio is of one horizon, not of a year",
    ]
    if manifest.importance:
        top = ", ".join(f"{one.feature} {one.share:.0%}" for one in manifest.importance[:_TOP])
        lines.append(f"gain of features: {top}")
    lines += [f"note: {clean(note, 300)}" for note in outcome.notes]
    hint = "" if outcome.then != "registered" or outcome.why else (
        f"; activate it by `tickdesk models activate {outcome.version}`"
    )  # fmt: skip
    return [*lines, f"{outcome.text}{hint}", *([clean(outcome.desk, 300)] if outcome.desk else [])]


def _fold(number: int, fold: Fold) -> tuple[str, ...]:
    return str(number), _time(fold.test_from_ns), _time(fold.test_until_ns), *_figures(fold.metrics)


def _figures(metrics: Metrics) -> tuple[str, ...]:
    shown = (metrics.ic, metrics.rank_ic, metrics.icir, metrics.long_short_sharpe)
    return f"{metrics.steps:,}", *map(_estimate, shown)


def _estimate(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M}"


class _Lines:
    """Plain lines of progress, for a file or a pipe."""

    def __init__(self) -> None:
        from engine.wiring.training import Lines

        self.show = Lines(self._line, 0.1).progress

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left open."""

    def _line(self, share: float, text: str) -> None:
        print(f"tickdesk: {share:4.0%} {clean(text)}", file=sys.stderr, flush=True)


class _Bar:
    """A progress bar where somebody looks."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self._task = self._progress.add_task("looking for bars", total=1.0)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, share: float, text: str) -> None:
        self._progress.update(self._task, description=f"{clean(text, 40):<28}", completed=share)
