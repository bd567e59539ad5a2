"""Models: how the desk runs, watches and retrains them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from engine.config.values import Count, Seconds, Section


class RollbackConfig(Section, frozen=True):
    """When the desk goes back to the last good model by itself. Numbers that are not finite, and predictions
    without any dispersion, always do."""

    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 250.0
    """Longest time for the predictions of one batch, ``strikes`` times in a row; 0: not judged. Of a model
    in a process of its own, which holds up nobody, ``models.answer_ms`` is the limit instead."""
    strikes: Count = 3
    """Batches in a row, also for predictions without dispersion."""
    min_live_ic: Annotated[float, Meta(ge=-1, le=1)] | None = None
    """Floor of the live rank IC's mean over ``live_ic_steps``; not set: not judged."""
    live_ic_steps: Annotated[int, Meta(ge=10, le=100_000)] = 200
    """Scored steps that the floor needs, and that the mean is over."""


class RetrainConfig(Section, frozen=True):
    """Training while the desk trades, in a process of its own. Off unless ``every_s`` or ``at`` is set."""

    every_s: Annotated[float, Meta(ge=60, le=31_536_000)] | None = None
    at: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Time of day, UTC, e.g. ``02:30``."""
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    """With ``at``: only on these; empty: every day."""
    then: Literal["register", "shadow", "activate"] = "shadow"
    """What becomes of the new model; ``activate`` only where its validated rank IC is not below the active
    one's, else it runs as the shadow."""
    bar_s: Annotated[float, Meta(gt=0, le=604_800)] | None = None
    """Length of the bars; like what follows, not set: as ``tickdesk train`` has it."""
    horizon: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Bars ahead."""
    days_of_bars: Annotated[float, Meta(gt=0, le=36_500)] | None = None
    """The newest so many days of stored bars."""
    model: Annotated[str, Meta(max_length=400, pattern="^([~/].*)?$")] = ""
    """The file of a model of your own, whole path; "": LightGBM."""


class ModelsConfig(Section, frozen=True):
    poll_s: Seconds = 300.0
    every_bars: Count = 5
    """The model strategy predicts once in so many of the model's bars."""
    answer_ms: Annotated[float, Meta(ge=1, le=60_000)] = 2_000.0
    """How long a model in a process of its own may take to answer, and no longer than until it is asked
    again. A later answer does not count; ``rollback.strikes`` of them in a row end the model."""
    compare_n: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """Longs, and shorts, of the paper weights by which models are compared; not set: the model strategy's
    ``top_n``."""
    cost_pct: Annotated[float, Meta(ge=0, le=10)] = 0.1
    """Cost of those paper weights per unit of turnover, percent."""
    drift_psi: Annotated[float, Meta(ge=0, le=100)] = 0.25
    """Population stability index from which a feature is shown as drifted."""
    drift_rows: Annotated[int, Meta(ge=100, le=10_000_000)] = 5_000
    """Feature rows that the index is over, newest first."""
    keep: Count = 20
    """Models of a strategy that ``models prune`` leaves, newest first."""
    training_limit_s: Annotated[float, Meta(ge=1, le=604_800)] = 43_200.0
    """A training run that the desk started is ended after so long."""
    rollback: RollbackConfig = RollbackConfig()
    retrain: RetrainConfig = RetrainConfig()
