"""``tickdesk sweep DATA… --over KEY=VALUES``, and ``tickdesk sweep show FOLDER``."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import as_json
from console.cli.settings import configuration, state_dir
from console.cli.sweep_bar import SweepBar
from engine.errors import ConfigError, StoreError
from engine.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.config import Config
    from engine.research.plan import Plan
    from engine.research.sweep_runs import Name, Run
    from engine.research.sweep_spec import Objective, Requirement, Search, Spec, WalkForward
    from engine.wiring.sweep_course import Executor

_WARM_BARS = 250
"""Before each part of a walk-forward, unless it is said: as the longest average that is shipped, and more."""
TABLE = "runs"
"""Name of the table in the sweep's folder; ``.parquet`` or ``.csv`` follows."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.data[:1] == ["show"]:
        return _show(arguments)
    return _sweep(arguments)


def _sweep(arguments: argparse.Namespace) -> int:
    from console.cli.research_plan import given_keys, plan_of, research_configuration, tell_of_settings
    from engine.research.run_log import RunLog
    from engine.wiring.sweep_course import sweep
    from engine.wiring.sweep_start import setup, specified

    plan, config = plan_of(arguments), research_configuration(arguments)
    where, given = state_dir(arguments), given_keys(arguments)
    tell_of_settings(where)

    def note(text: str) -> None:
        if sys.stderr.isatty():
            print(f"tickdesk: {text}", file=sys.stderr)

    objective, requires = _wanted(arguments)
    spec = specified(
        config,
        plan,
        where,
        arguments.over,
        search=_search(arguments),
        objective=objective,
        requires=requires,
        walk_forward=_walk_forward(arguments, plan),
        note=note,
        given=given,
    )
    _heat_map(arguments, config, {}, spec)  # what cannot be shown is refused before anything runs
    folder = arguments.out or Path(f"sweep-{spec.sha256[:10]}")
    with ExitStack() as stack:
        log = stack.enter_context(RunLog(folder, spec))
        bar = stack.enter_context(SweepBar(ascii_only=_ascii(config)))
        if log.runs:
            bar.say(f"{folder}: going on after {len(log.runs):,} runs")
        executor: Executor
        if arguments.dask:
            from engine.wiring.sweep_dask import Cluster

            executor = stack.enter_context(
                Cluster(setup(config, spec, where, given), arguments.dask, bar.say)
            )
        else:
            from engine.wiring.sweep_pool import Pool
            from engine.wiring.sweep_start import cores

            jobs = arguments.jobs or cores()
            executor = stack.enter_context(Pool(setup(config, spec, where, given), jobs, bar.say))
        try:
            sweep(spec, log, executor, told=bar.show)
        except KeyboardInterrupt:
            bar.say(f"stopped after {len(log.runs):,} runs; the same command goes on")
            raise
        runs = dict(log.runs)
    written = _write(folder, runs, spec, csv=arguments.csv)
    _print(arguments, config, runs, spec, written)
    return 0 if any(one.status == "done" for one in runs.values()) else 1


def _show(arguments: argparse.Namespace) -> int:
    from engine.research.run_log import read

    if len(arguments.data) != 2:
        raise ConfigError("name the folder of one sweep: `tickdesk sweep show FOLDER`")
    spec, runs = read(Path(arguments.data[1]))
    _print(arguments, configuration(arguments), runs, spec, None)
    return 0


def _print(
    arguments: argparse.Namespace, config: Config, runs: Mapping[Name, Run], spec: Spec, written: Path | None
) -> None:
    from console.cli.sweep_report import lines
    from engine.research.sweep_outcome import outcome
    from engine.wiring.sweep_course import total

    found = outcome(runs, spec, total(spec), arguments.top)
    if arguments.json:
        print(as_json({"spec": spec, "outcome": found, "table": None if written is None else str(written)}))
        return
    text = lines(found, spec)
    text += _heat_map(arguments, config, runs, spec)
    if written is not None:
        text += ["", f"table {clean(written, 200)}"]
    print("\n".join(text))


def _heat_map(
    arguments: argparse.Namespace, config: Config, runs: Mapping[Name, Run], spec: Spec
) -> list[str]:
    from console.cli.heat_map import lines
    from console.colours import Colours, colours_of
    from engine.research.heat_map import heat_map

    keys = [part.strip() for part in arguments.heat_map.split(",")] if arguments.heat_map else []
    field = arguments.metric or spec.objective.field
    _figure(field, "--metric")
    if len(spec.space.axes) < 2 and not keys:
        return []
    tried = [run for run in runs.values() if not run.name.out]
    colours = colours_of(config.console.colours, os.environ) if sys.stdout.isatty() else Colours.NONE
    made = heat_map(tried, spec.space, field, keys, requires=spec.requires)
    smallest = field == spec.objective.field and not spec.objective.largest
    text = lines(made, colours, ascii_only=_ascii(config), largest_is_best=not smallest)
    return ["", *(["IN-SAMPLE"] if spec.walk_forward is not None else []), *text]


def _write(folder: Path, runs: Mapping[Name, Run], spec: Spec, *, csv: bool) -> Path:
    """The table. Parquet where polars is there, else CSV."""
    from importlib.util import find_spec

    from engine.research.sweep_table import as_csv, as_parquet, rows
    from engine.whole_file import whole_bytes

    plain = csv or find_spec("polars") is None
    path = folder / f"{TABLE}.{'csv' if plain else 'parquet'}"
    made = rows(runs, spec)
    try:
        whole_bytes(path, as_csv(made) if plain else as_parquet(made))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; the runs are kept") from None
    return path


def _wanted(arguments: argparse.Namespace) -> tuple[Objective, tuple[Requirement, ...]]:
    from engine.research.sweep_figures import NUMBERS, SMALLER_IS_BETTER
    from engine.research.sweep_spec import Requirement, objective, requirement

    known = dict.fromkeys(NUMBERS)
    requires = [requirement(text, known) for text in arguments.require]
    if arguments.min_trades:
        requires.append(Requirement("trades", True, float(arguments.min_trades)))
    return objective(arguments.objective, SMALLER_IS_BETTER, known), tuple(requires)


def _figure(field: str, option: str) -> None:
    from engine.research.sweep_figures import NUMBERS

    if field not in NUMBERS:
        known = ", ".join(sorted(NUMBERS))
        raise ConfigError(f"{option} {clean(field, 40)}: is no figure; there are {known}")


def _search(arguments: argparse.Namespace) -> Search:
    from engine.research.sweep_spec import Search

    if arguments.search == "grid":
        if arguments.runs is not None:
            raise ConfigError("--runs goes with --search random or optuna: a grid makes all of its runs")
        return Search("grid")
    return Search(arguments.search, arguments.runs or 100, arguments.seed, arguments.batch)


def _walk_forward(arguments: argparse.Namespace, plan: Plan) -> WalkForward | None:
    from engine.research.sweep_spec import WalkForward

    if not arguments.walk_forward:
        return None
    warm = 0 if plan.tapes else _WARM_BARS if arguments.warm_up is None else int(arguments.warm_up)
    gap_ns = round(arguments.gap * 1e9)
    return WalkForward(arguments.walk_forward, arguments.window, arguments.in_sample, gap_ns, warm)


def _ascii(config: Config) -> bool:
    from console.colours import ascii_only

    return ascii_only(config.console.ascii, os.environ)
