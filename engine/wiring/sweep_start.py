"""What a sweep is over, read and checked before any of it runs, and who makes its runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from engine.config import Config
from engine.errors import ConfigError
from engine.research.parameters import kinds_of
from engine.research.plan import Plan
from engine.research.search import size
from engine.research.space import MOST_RUNS, space
from engine.research.sweep_spec import Objective, Requirement, Search, Spec, WalkForward
from engine.research.walk_forward import folds
from engine.strategies.model import Model
from engine.wiring import play_kernel
from engine.wiring.backtest import prepare
from engine.wiring.backtest_result import config_digest
from engine.wiring.bar_import import named_file
from engine.wiring.compile import compile_all
from engine.wiring.replay_models import ReplayModels
from engine.wiring.sweep_backtest import body, data_of
from engine.wiring.sweep_code import own_version, strategies_digest
from engine.wiring.sweep_link import Setup

RUNNER = "engine.wiring.sweep_backtest"


def specified(
    config: Config,
    plan: Plan,
    state_dir: Path,
    over: Sequence[str],
    *,
    search: Search,
    objective: Objective,
    requires: tuple[Requirement, ...],
    walk_forward: WalkForward | None,
    note: Callable[[str], None],
    given: Collection[str] = (),
) -> Spec:
    """The whole of a sweep. ``given``: as of ``on_bars``. Raises TickdeskError for what could not be run."""
    of = space(over, kinds_of(config))
    runs = size(of, search)
    if walk_forward is not None and runs * walk_forward.folds > MOST_RUNS:
        raise ConfigError(
            f"{runs:,} runs in each of {walk_forward.folds} parts: at most {MOST_RUNS:,} are made in all"
        )
    # Here once, not in each process.
    compile_all(note)
    play_kernel.compile_kernels(note)
    prepared = prepare(config, plan, state_dir, note)
    scored = any(key.startswith(f"strategies.{Model.name}.") for key in of.keys)
    spec = Spec(
        version=own_version(),
        plan=plan,
        config_sha256=config_digest(config, given),
        strategies_sha256=strategies_digest(Path(config.strategies_dir)),
        model=_model(config, state_dir, note) if scored or _model_is_on(config) else "",
        data=data_of(prepared),
        first_ns=prepared.first_ns,
        last_ns=prepared.last_ns,
        space=of,
        search=search,
        objective=objective,
        requires=requires,
        walk_forward=walk_forward,
    )
    if walk_forward is not None:
        folds(walk_forward, spec.first_ns, spec.last_ns)
    return spec


def setup(config: Config, spec: Spec, state_dir: Path, given: Collection[str] = ()) -> Setup:
    return Setup(RUNNER, body(config, _absolute(spec.plan), state_dir, spec.data, given, spec.model))


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _absolute(plan: Plan) -> Plan:
    """For processes that are somewhere else."""

    def whole(text: str) -> str:
        name, path = named_file(text)
        return f"{name}={path.absolute()}" if name else str(path.absolute())

    return msgspec.structs.replace(
        plan,
        tapes=tuple(str(Path(one).absolute()) for one in plan.tapes),
        files=tuple(map(whole, plan.files)),
    )


def _model_is_on(config: Config) -> bool:
    return bool(config.strategies.get(Model.name, {}).get("enabled", True))


def _model(config: Config, state_dir: Path, note: Callable[[str], None]) -> str:
    models = ReplayModels(state_dir, config, note)
    try:
        return "" if models.active is None else models.active.version
    finally:
        models.close()
