"""Models made up for tests: an active one, its shadow, older ones, a user's, one not validated."""

from __future__ import annotations

import msgspec

from engine.api.model_protocol import (
    Comparison,
    ContributionRow,
    Contributions,
    DriftRow,
    EstimateRow,
    FoldRow,
    ImportanceRow,
    LiveRow,
    MetricsRow,
    ModelDetail,
    ModelEntry,
    ModelsDetail,
    TrainingRow,
)
from engine.events import NS
from tests.console.sample_desk import NOW_NS, PRICES

ACTIVE, SHADOW, GOOD, LEAKY, USERS = (
    "a1b2c3d4e5f6",
    "5f0c9d1e2a3b",
    "77aa88bb99cc",
    "0badc0ffee00",
    "c0de00c0de00",
)
DAY = 86_400 * NS


def estimate(value: float, around: float) -> EstimateRow:
    return EstimateRow(value, value - around, value + around)


def metrics(rank_ic: float, steps: int = 960) -> MetricsRow:
    return MetricsRow(
        estimate(rank_ic - 0.004, 0.021),
        estimate(rank_ic, 0.019),
        estimate(rank_ic * 9, 0.11),
        estimate(rank_ic * 2, 0.08),
        steps,
    )


def live(rank_ic: float = 0.032, **changes: object) -> LiveRow:
    row = LiveRow(
        since_ns=NOW_NS - 3 * 3600 * NS,
        predictions=214,
        steps=196,
        ic=0.028,
        rank_ic=rank_ic,
        hit_rate=0.534,
        turnover=0.21,
        pnl_pct=0.84,
        latency_p50_ms=0.42,
        latency_max_ms=3.1,
        independent=39.4,
        rank_ic_low=rank_ic - 0.018,
        rank_ic_high=rank_ic + 0.018,
    )
    return msgspec.structs.replace(row, **changes)


def young(rank_ic: float, **changes: object) -> LiveRow:
    """Of few steps."""
    around = {"rank_ic_low": rank_ic - 0.06, "rank_ic_high": rank_ic + 0.06}
    return live(rank_ic, predictions=36, steps=31, independent=6.6, **{**around, **changes})


def entry(version: str = ACTIVE, **changes: object) -> ModelEntry:
    row = ModelEntry(
        version=version,
        strategy="model",
        kind="lightgbm",
        status="active",
        role="active",
        promotable=True,
        last_good=False,
        created_ns=NOW_NS - 3 * 3600 * NS,
        registered_ns=NOW_NS - 3 * 3600 * NS,
        activated_ns=NOW_NS - 3 * 3600 * NS,
        bar_interval_s=60.0,
        horizon_bars=5,
        metrics=metrics(0.041),
        live=live(),
    )
    return msgspec.structs.replace(row, **changes)


def entries() -> tuple[ModelEntry, ...]:
    return (
        entry(
            SHADOW,
            status="inactive",
            role="shadow",
            created_ns=NOW_NS - 40 * 60 * NS,
            activated_ns=0,
            metrics=metrics(0.052),
            live=young(0.047, hit_rate=0.561, pnl_pct=0.31),
        ),
        entry(),
        entry(
            USERS,
            status="inactive",
            role="",
            kind="user",
            bar_interval_s=300.0,
            horizon_bars=12,
            created_ns=NOW_NS - DAY,
            activated_ns=0,
            metrics=metrics(0.018, 240),
            live=None,
        ),
        entry(
            LEAKY,
            status="inactive",
            role="",
            promotable=False,
            created_ns=NOW_NS - 2 * DAY,
            activated_ns=0,
            metrics=None,
            live=None,
        ),
        entry(
            GOOD,
            status="deprecated",
            role="",
            last_good=True,
            created_ns=NOW_NS - 5 * DAY,
            activated_ns=NOW_NS - 5 * DAY,
            metrics=metrics(0.036),
            live=live(0.021, steps=1_204),
        ),
    )


def comparison() -> Comparison:
    return Comparison(
        active=ACTIVE,
        shadow=SHADOW,
        batches=36,
        rank_correlation=0.83,
        weight_overlap=0.72,
        turnover_to_switch=0.28,
        active_live=young(0.039, pnl_pct=-0.12, hit_rate=0.516, ic=0.03),
        shadow_live=young(0.047, pnl_pct=0.31, hit_rate=0.561, turnover=0.26),
    )


def drift() -> tuple[DriftRow, ...]:
    return (
        DriftRow("VSTD20", 0.412, 0.0, 0.031),
        DriftRow("WVMA5", 0.268, 0.012, 0.022),
        DriftRow("ROC60", 0.131, 0.0, 0.054),
        DriftRow("KMID", 0.012, 0.0, 0.018),
        DriftRow("RSV10", 0.004, 0.0, 0.009),
    )


def training(state: str = "none", **changes: object) -> TrainingRow:
    return msgspec.structs.replace(TrainingRow(state), **changes)


def running(share: float = 0.42) -> TrainingRow:
    return training(
        "running",
        share=share,
        text="fold 3 of 5: 180 rounds",
        started_ns=NOW_NS - 84 * NS,
        who="console",
        next_ns=NOW_NS + 390 * 60 * NS,
    )


def done() -> TrainingRow:
    return training(
        "done",
        share=1.0,
        text="rank IC 0.052 [0.033, 0.071]",
        started_ns=NOW_NS - 45 * 60 * NS,
        ended_ns=NOW_NS - 41 * 60 * NS,
        version=SHADOW,
        who="schedule",
        next_ns=NOW_NS + 390 * 60 * NS,
    )


def models(**changes: object) -> ModelsDetail:
    detail = ModelsDetail(
        models=entries(),
        error="",
        rollback="",
        comparison=comparison(),
        drift=drift(),
        drift_rows=4_120,
        training=done(),
    )
    return msgspec.structs.replace(detail, **changes)


def nothing_yet() -> ModelsDetail:
    """A desk without any model."""
    return ModelsDetail((), "", "", None, (), 0, training())


def folds() -> tuple[FoldRow, ...]:
    begin = NOW_NS - 40 * DAY
    return tuple(
        FoldRow(
            train_from_ns=begin,
            train_until_ns=begin + (10 + 5 * n) * DAY,
            test_from_ns=begin + (10 + 5 * n) * DAY + 3600 * NS,
            test_until_ns=begin + (15 + 5 * n) * DAY,
            rounds=120 + 20 * n,
            metrics=metrics(0.03 + 0.006 * n, 192),
        )
        for n in range(5)
    )


def model(version: str = ACTIVE) -> ModelDetail:
    row = next((entry for entry in entries() if entry.version.startswith(version)), entry(version))
    bare = row.metrics is None
    return ModelDetail(
        entry=row,
        path=f"/home/trader/.local/state/tickdesk/models/model/{row.version}",
        sha256="ab12" * 16,
        validation="none" if bare else "walk-forward",
        purge_gap_bars=0 if bare else 6,
        embargo_bars=0 if bare else 2,
        symbols=tuple(f"simulated:{name}" for name in PRICES),
        trained_from_ns=NOW_NS - 40 * DAY,
        trained_until_ns=NOW_NS - 5 * 3600 * NS,
        training_bars=57_300,
        training_rows=458_400,
        source="the simulated venue, seed 7",
        seed=7,
        parameters={"num_leaves": 31, "learning_rate": 0.05, "feature_fraction": 0.8, "lambda_l2": 1.0},
        folds=() if bare else folds(),
        importance=(
            ImportanceRow("ROC60", 0.054),
            ImportanceRow("STD20", 0.047),
            ImportanceRow("VSTD20", 0.031),
            ImportanceRow("KLEN", 0.027),
            ImportanceRow("WVMA5", 0.022),
            ImportanceRow("KMID", 0.018),
        ),
        history=(
            "2026-01-01 09:00:07Z activated by console",
            "2026-01-01 08:58:41Z registered by train",
        ),
    )


def contributions(symbol: str = "simulated:BTC-USD", ns: int = 0) -> Contributions:
    rows = (
        ContributionRow("ROC60", 0.0214, 0.00041),
        ContributionRow("STD20", 0.0031, -0.00022),
        ContributionRow("KLEN", 0.0009, 0.00013),
        ContributionRow("VSTD20", None, -0.00005),
        ContributionRow("KMID", -0.0002, 0.00001),
        ContributionRow("RSV10", 0.61, 0.0),
    )
    base = 0.00012
    return Contributions(
        symbol=symbol,
        version=ACTIVE,
        ns=ns or NOW_NS - 7 * NS,
        prediction=base + sum(row.contribution for row in rows),
        score=0.0312,
        rank=1,
        of=8,
        base=base,
        rows=rows,
    )
