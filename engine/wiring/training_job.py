"""One training run: bars, panel, validated model, registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from engine.config import Config
from engine.config.load import traded
from engine.errors import LinkError, ModelError
from engine.models import promotion
from engine.models.artefact import Manifest
from engine.models.registry import Entry, Registry
from engine.models.training.fit import Learner, LightGBM, UserLearner
from engine.models.training.metrics import shows_skill
from engine.models.training.panel import ROW_BYTES, Progress, build, fixed_bytes, thinning
from engine.models.training.trainer import train
from engine.models.training.validate import Plan
from engine.wiring import low_priority, training_bars
from engine.wiring.learnt_from import incomparable
from engine.wiring.stored_bars import TrainingBars
from engine.wiring.training_folder import training_folder
from engine.wiring.training_options import TrainingOptions

if TYPE_CHECKING:
    from engine.wiring.training_log import MLflowLog

FEW_SYMBOLS = 10
_GB = 1 << 30
_SHARES = 0.25, 0.4
"""Of the progress: until the bars are there, until their features are."""


Exchange = Callable[[Literal["activate", "shadow"], Entry], str]
"""Gives a registered model a role, and tells what the desk makes of it, one line; raises ModelError or
LinkError."""


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to."""

    manifest: Manifest
    then: Literal["registered", "shadow", "active"]
    path: str
    """Directory of the artefact."""
    notes: tuple[str, ...]
    """What the person should know: what was left out, that no skill was shown, ..."""
    why: str = ""
    """Why it is active, or is not, with the figures, half a sentence; "" where nothing was to be decided."""
    desk: str = ""
    """What the desk makes of it, one line; "" where its roles are as they were."""

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
        skill = "" if self.skill else ", no skill shown"
        why = f" ({self.why})" if self.why else ""
        return f"model {self.version} {what}: {self.manifest.metric}{skill}{why}"


def run_training(
    config: Config,
    state_dir: Path,
    options: TrainingOptions,
    progress: Progress,
    *,
    finishing: Callable[[], None] = lambda: None,
    who: str = "tickdesk train",
    exchange: Exchange | None = None,
) -> Outcome:
    """Train as ``options`` say, put the model into the registry, and make of it what they say.

    ``finishing`` is called before the registry is changed: what comes then takes moments and should not be
    interrupted. ``exchange``: None changes the registry alone. Raises ModelError, ConfigError, StoreError or
    FeedError; nothing is then registered.
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
        exchange = exchange or directly(registry, who)
        became = _register(registry, out, made.manifest, options, who, exchange, traded(config))
        notes = (*bars.notes, *notes, *became.notes, *_judged(made.manifest))
        if log is not None:
            progress(1.0, "logging the run")
            try:
                log.write(made, out)
            except ModelError as error:  # the model is there and good
                notes = (*notes, str(error))
    return msgspec.structs.replace(became, notes=notes)


def _log(options: TrainingOptions) -> MLflowLog | None:
    if not options.mlflow:
        return None
    from engine.wiring.training_log import MLflowLog

    return MLflowLog(options.mlflow)


def directly(registry: Registry, who: str) -> Exchange:
    """In the registry alone."""

    def exchange(what: Literal["activate", "shadow"], entry: Entry) -> str:
        if what == "activate":
            registry.activate(entry.version, who=who, reason="trained")
        else:
            registry.set_shadow(entry.version, entry.strategy, who=who, reason="trained")
        return ""

    return exchange


def _register(
    registry: Registry,
    out: Path,
    manifest: Manifest,
    options: TrainingOptions,
    who: str,
    exchange: Exchange,
    desk: Sequence[str],
) -> Outcome:
    """What a person tells is done; without a word only what ``promotion`` allows."""
    entry = registry.register(out, who=who)
    active = registry.active(entry.strategy)
    outcome = Outcome(manifest, "registered", entry.path, ())
    if active is not None and active.version == entry.version and options.then != "register":
        return msgspec.structs.replace(outcome, then="active", why="these bars and seed gave it before")
    if options.then == "register":
        return outcome
    if options.then is None:
        against = promotion.objection(
            entry,
            active,
            fell=registry.fell(entry.version),
            incomparable=incomparable(entry, active, desk),
        )
        if against:
            anyway = (
                f"; `tickdesk models activate {entry.version}` does it anyway" if entry.promotable else ""
            )
            return msgspec.structs.replace(outcome, why=f"not activated: {against}{anyway}")
    try:
        if options.then == "shadow":
            return msgspec.structs.replace(outcome, then="shadow", desk=exchange("shadow", entry))
        desk = exchange("activate", entry)
    except (ModelError, LinkError) as error:
        return msgspec.structs.replace(outcome, notes=(f"it is registered, and no more: {error}",))
    reasons = [promotion.grounds(entry, active)] if options.then is None else []
    reasons += [text for text in (promotion.replaced(entry, active),) if text]
    return msgspec.structs.replace(outcome, then="active", desk=desk, why="; ".join(reasons))


def _judged(manifest: Manifest) -> list[str]:
    notes = []
    metrics = manifest.metrics
    if metrics is not None and not shows_skill(metrics):
        low, high = metrics.rank_ic.low, metrics.rank_ic.high
        notes.append(
            f"no skill shown: the rank IC's 95 % interval, {low:.3f} to {high:.3f}, "
            + ("contains 0" if high >= 0 else "lies below 0")
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
