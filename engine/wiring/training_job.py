"""One training run: bars, panel, validated model, registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from engine.config import Config
from engine.errors import ModelError
from engine.models.artefact import Artefact, Manifest
from engine.models.registry import Registry
from engine.models.training.fit import Learner, LightGBM, UserLearner
from engine.models.training.metrics import shows_skill
from engine.models.training.panel import ROW_BYTES, Progress, build, fixed_bytes, thinning
from engine.models.training.trainer import train
from engine.models.training.validate import Plan
from engine.wiring import low_priority, training_bars
from engine.wiring.stored_bars import TrainingBars
from engine.wiring.training_folder import training_folder
from engine.wiring.training_options import TrainingOptions

if TYPE_CHECKING:
    from engine.wiring.training_log import MLflowLog

FEW_SYMBOLS = 10
_GB = 1 << 30
_SHARES = 0.25, 0.4
"""Of the progress: until the bars are there, until their features are."""


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to."""

    manifest: Manifest
    then: Literal["registered", "shadow", "active"]
    path: str
    """Directory of the artefact."""
    notes: tuple[str, ...]
    """What the person should know: what was left out, that no skill was shown, ..."""

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def skill(self) -> bool:
        return self.manifest.metrics is not None and shows_skill(self.manifest.metrics)

    @property
    def text(self) -> str:
        """One line."""
        what = {
            "registered": "is registered",
            "shadow": "is registered and the shadow",
            "active": "is registered and active",
        }[self.then]
        return f"model {self.version} {what}: {self.manifest.metric}" + (
            "" if self.skill else ", no skill shown"
        )


def run_training(
    config: Config,
    state_dir: Path,
    options: TrainingOptions,
    progress: Progress,
    *,
    finishing: Callable[[], None] = lambda: None,
    who: str = "tickdesk train",
) -> Outcome:
    """Train as ``options`` say, put the model into the registry, and make of it what they say.

    ``finishing`` is called before the registry is changed: what comes then takes moments and should not be
    interrupted. Raises ModelError, ConfigError, StoreError or FeedError; nothing is then registered.
    """
    progress = _rising(progress)
    learner: Learner = (
        LightGBM(options.seed) if options.model is None else UserLearner(options.model, options.seed)
    )
    log = _log(options)
    registry = Registry(state_dir)
    bars = training_bars.load(config, state_dir, options, _part(progress, 0.0, _SHARES[0]))
    every, notes = _every(bars, options)
    panel = build(
        bars.series,
        interval_s=bars.interval_s,
        horizon=options.horizon,
        every=every,
        progress=_part(progress, *_SHARES),
    )
    plan = Plan(
        seed=options.seed,
        folds=options.folds,
        purge=options.purge,
        embargo=options.embargo,
        window=options.window,
    )
    with training_folder() as out:
        made = train(
            panel,
            plan,
            learner,
            created_ns=time.time_ns(),
            out=out,
            progress=_part(progress, _SHARES[1], 1.0),
            source=bars.source,
        )
        finishing()
        then, path = _register(registry, out, made, options, who)
        notes = (*bars.notes, *notes, *_judged(made.manifest, then, options))
        if log is not None:
            progress(1.0, "logging the run")
            try:
                log.write(made, out)
            except ModelError as error:  # the model is there and good
                notes = (*notes, str(error))
    return Outcome(made.manifest, then, path, notes)


def _log(options: TrainingOptions) -> MLflowLog | None:
    if not options.mlflow:
        return None
    from engine.wiring.training_log import MLflowLog

    return MLflowLog(options.mlflow)


def _register(
    registry: Registry, out: Path, made: Artefact, options: TrainingOptions, who: str
) -> tuple[Literal["registered", "shadow", "active"], str]:
    entry = registry.register(out, who=who)
    metrics = made.manifest.metrics
    skill = metrics is not None and shows_skill(metrics)
    if options.then == "activate" or (options.then is None and skill):
        registry.activate(entry.version, who=who)
        return "active", entry.path
    if options.then == "shadow":
        registry.set_shadow(entry.version, entry.strategy, who=who)
        return "shadow", entry.path
    return "registered", entry.path


def _judged(manifest: Manifest, then: str, options: TrainingOptions) -> list[str]:
    notes = []
    metrics = manifest.metrics
    if metrics is not None and not shows_skill(metrics):
        low, high = metrics.rank_ic.low, metrics.rank_ic.high
        notes.append(
            f"no skill shown: the rank IC's 95 % interval, {low:.3f} to {high:.3f}, "
            + ("contains 0" if high >= 0 else "lies below 0")
        )
        if options.then is None:
            notes.append(
                f"so it is not activated: `tickdesk models activate {manifest.version}` does it anyway"
            )
    if len(manifest.symbols) < FEW_SYMBOLS:
        notes.append(
            f"{len(manifest.symbols)} symbols are few: the best and the worst fifth are "
            f"{max(1, len(manifest.symbols) // 5)} each"
        )
    return notes


def _every(bars: TrainingBars, options: TrainingOptions) -> tuple[int, tuple[str, ...]]:
    """Of how many time steps one is used, and why. Raises ModelError for what would not fit."""
    count = sum(len(series.open_ns) for series in bars.series.values())
    memory = options.memory_gb * _GB
    free = low_priority.free_bytes()
    limit = int(memory if free is None else min(memory, 0.8 * free))
    least = thinning(count, limit)
    told = f"{count:,} bars; {limit / _GB:.1f} GB may be used"
    if not least:
        raise ModelError(f"{told}, which is less than the bars themselves need: give more --memory, or fewer")
    if options.every is not None:
        if options.every < least:
            need = (fixed_bytes(count) + count * ROW_BYTES / options.every) / _GB
            raise ModelError(
                f"{told}, every {options.every} steps would take {need:.1f} GB: give --every {least} "
                "or more, a shorter time, or more --memory"
            )
        return options.every, ()
    if least == 1:
        return 1, ()
    why = "more --memory takes more"
    if limit < memory:
        why = f"so little is free just now; with more it is another model, unless --every {least} is given"
    return least, (f"{told}: trained on one of every {least} time steps; {why}",)


def _rising(progress: Progress) -> Progress:
    """The same; rounding takes no step back."""
    reached = 0.0

    def tell(share: float, text: str) -> None:
        nonlocal reached
        reached = max(reached, min(1.0, share))
        progress(reached, text)

    return tell


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda share, text: progress(start + (end - start) * share, text)
