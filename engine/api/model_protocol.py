"""Models on the link: what is registered, how it does live, training runs, contributions.

Figures are JSON numbers, null where unknown. Times are ns since the epoch, UTC; 0: never.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rows import Row


class EstimateRow(Row, frozen=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class MetricsRow(Row, frozen=True):
    """Out of sample, by the validation when it was trained."""

    ic: EstimateRow
    rank_ic: EstimateRow
    icir: EstimateRow
    long_short_sharpe: EstimateRow
    """Over one horizon, not annualised."""
    steps: int


class LiveRow(Row, frozen=True):
    """How a model has done on the desk since it first ran here. Without ``steps`` all figures are unknown."""

    since_ns: int
    predictions: int
    """Batches."""
    steps: int
    """Batches whose horizon has passed, so that they could be scored."""
    ic: float | None
    """Mean of the scored steps, newest ``live_ic_steps``."""
    rank_ic: float | None
    hit_rate: float | None
    """Share of the paper weights' positions, longs and shorts, that went their way over the horizon."""
    turnover: float | None
    """Of the paper weights, mean per prediction: 0 nothing changes, 1 all of one side is exchanged."""
    pnl_pct: float | None
    """Sum of the paper weights' returns, of one side's notional, after costs."""
    latency_p50_ms: float | None
    latency_max_ms: float | None
    independent: float = 0.0
    """Labels overlap: about how many steps that do not would say as much as those that the ICs are over."""
    rank_ic_low: float | None = None
    """95 % interval of ``rank_ic``; None: of too few independent steps."""
    rank_ic_high: float | None = None


class ModelEntry(Row, frozen=True):
    """A registered model."""

    version: str
    strategy: str
    kind: str
    """lightgbm or user"""
    status: str
    """inactive, active or deprecated (was active before)"""
    role: str
    """What it does on this desk now: active, shadow or "" (nothing)."""
    promotable: bool
    """False: its manifest cannot prove an honest validation, so it may only run as a shadow."""
    last_good: bool
    """A rollback goes to this one."""
    created_ns: int
    registered_ns: int
    activated_ns: int
    bar_interval_s: float
    horizon_bars: int
    metrics: MetricsRow | None
    live: LiveRow | None
    """None: it never ran here, or so long ago that nothing of it is kept."""
    running_ns: int = 0
    """Since when it is the active one on this desk; 0: it is not."""
    next_ns: int = 0
    """When it predicts next, at the earliest; 0: it does not run."""


class Comparison(Row, frozen=True):
    """The shadow against the active model, on the same batches of the same symbols since both run."""

    active: str
    shadow: str
    batches: int
    rank_correlation: float | None
    """Of their predictions: mean over the batches."""
    weight_overlap: float | None
    """Share of the paper weights that both hold, mean over the batches."""
    turnover_to_switch: float | None
    """Of the newest paper weights: what promoting the shadow would trade, as ``turnover``."""
    active_live: LiveRow
    """Over the common batches only."""
    shadow_live: LiveRow


class DriftRow(Row, frozen=True):
    """How a feature's live values differ from those of training."""

    feature: str
    psi: float
    """Population stability index: below 0.1 alike, above 0.25 another distribution."""
    missing: float
    """Share of live values that are missing."""
    importance: float
    """Share of the model's gain."""
    noise: float = 0.0
    """Index that chance alone seldom exceeds in so few rows: a ``psi`` up to it says nothing."""


class TrainingRow(Row, frozen=True):
    """The training run of this desk: the one at work, or the last one."""

    state: str
    """none, running, done, failed or canceled"""
    share: float = 0.0
    """In [0, 1]."""
    text: str = ""
    """What is being done; the reason when it failed, one line."""
    started_ns: int = 0
    ended_ns: int = 0
    version: str = ""
    """Of the model that came of it."""
    who: str = ""
    next_ns: int = 0
    """When the schedule starts the next one; 0: none is scheduled."""


class ModelsDetail(Row, frozen=True):
    models: tuple[ModelEntry, ...]
    """Newest registration first."""
    error: str
    """Why the last reload kept the old model; "" when it did not."""
    rollback: str
    """What the desk rolled back by itself last, and why, one line; "" when it has not."""
    comparison: Comparison | None
    drift: tuple[DriftRow, ...]
    """Of the active model, most drifted first; empty without its training's distribution or enough rows."""
    drift_rows: int
    """Live rows that ``drift`` is over."""
    training: TrainingRow
    drift_missing: str = ""
    """Why ``drift`` is empty, half a sentence; "" when it is not."""
    drift_psi: float = 0.25
    """From which index on a feature counts as drifted (``models.drift_psi``)."""
    trouble: str = ""
    """What is wrong with the model at work, or with the shadow; "" when nothing is."""


class FoldRow(Row, frozen=True):
    train_from_ns: int
    train_until_ns: int
    test_from_ns: int
    test_until_ns: int
    rounds: int
    metrics: MetricsRow


class ImportanceRow(Row, frozen=True):
    feature: str
    share: float


class ModelDetail(Row, frozen=True):
    """A registered model, whole."""

    entry: ModelEntry
    path: str
    sha256: str
    """Of the model itself, or of the list of its files."""
    validation: str
    purge_gap_bars: int
    embargo_bars: int
    symbols: tuple[str, ...]
    trained_from_ns: int
    trained_until_ns: int
    training_bars: int
    training_rows: int
    source: str
    seed: int
    parameters: dict[str, int | float | str | bool]
    folds: tuple[FoldRow, ...]
    importance: tuple[ImportanceRow, ...]
    history: tuple[str, ...]
    """What became of it: activated, rolled back, by whom and why; newest first, a line each."""
    objection: str = ""
    """Why it is not promotable, half a sentence; "" when it is."""


class ContributionRow(Row, frozen=True):
    feature: str
    value: float | None
    """The feature's value in that row; None: missing."""
    contribution: float
    """Its SHAP value, in units of the raw prediction."""


class Contributions(Row, frozen=True):
    """One prediction taken apart: ``base`` plus all contributions is ``prediction``, unless ``note`` tells of
    an objective that makes something else of them."""

    symbol: str
    version: str
    ns: int
    """Of the bar close it rests on."""
    prediction: float
    """Raw."""
    score: float
    """As normalised across the symbols of its batch."""
    rank: int
    """From 1, the highest prediction."""
    of: int
    """Symbols in the batch."""
    base: float
    rows: tuple[ContributionRow, ...]
    """Largest magnitude first."""
    note: str = ""
    """One line."""


class TrainingOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to train on; what is left out is as the configuration and the command line have it by default."""

    symbols: Annotated[tuple[Annotated[str, Meta(max_length=80)], ...], Meta(max_length=10_000)] = ()
    """As the desk spells them; empty: those the desk trades."""
    bar_s: Annotated[float, Meta(gt=0, le=604_800)] | None = None
    """Seconds of a bar."""
    horizon: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Bars that a label looks ahead."""
    days: Annotated[float, Meta(gt=0, le=36_500)] | None = None
    """The newest so many days of stored bars."""
    seconds: Annotated[int, Meta(ge=1, le=604_800)] | None = None
    """Of the simulated venue."""
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    folds: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Of the walk-forward validation."""
    window: Annotated[str, Meta(pattern="^(expanding|rolling)$")] | None = None
    purge: Annotated[int, Meta(ge=0, le=200_000)] | None = None
    """Bars between training and test; never less than the horizon + 1."""
    embargo: Annotated[int, Meta(ge=0, le=200_000)] | None = None
    """Further bars."""
    model: Annotated[str, Meta(max_length=400)] = ""
    """A file with a user's model, a relative path from where the engine was started; "": LightGBM."""
    then: Annotated[str, Meta(pattern="^(register|shadow|activate)$")] = "register"
