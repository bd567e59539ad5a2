"""Registered models as rows of the link: the same for the API and the command line."""

from __future__ import annotations

from pathlib import Path

from engine.api.model_protocol import (
    EstimateRow,
    FoldRow,
    ImportanceRow,
    LiveRow,
    MetricsRow,
    ModelDetail,
    ModelEntry,
)
from engine.models import model_folders
from engine.models.artefact import Estimate, Metrics
from engine.models.registry import Entry, Registry, Roles


def entry_rows(registry: Registry) -> tuple[ModelEntry, ...]:
    """All models, newest registration first; what they do is what the registry says. Raises ModelError."""
    entries = registry.list()
    roles = {strategy: registry.roles(strategy) for strategy in {entry.strategy for entry in entries}}
    return tuple(entry_row(entry, roles[entry.strategy]) for entry in entries)


def entry_row(entry: Entry, roles: Roles, live: LiveRow | None = None) -> ModelEntry:
    """``roles``: of its strategy."""
    return ModelEntry(
        version=entry.version,
        strategy=entry.strategy,
        kind=entry.kind,
        status=entry.status,
        role="active" if _is(roles.active, entry) else "shadow" if _is(roles.shadow, entry) else "",
        promotable=entry.promotable,
        last_good=_is(roles.last_good, entry),
        created_ns=entry.created_ns,
        registered_ns=entry.registered_ns,
        activated_ns=entry.activated_ns,
        bar_interval_s=entry.bar_interval_s,
        horizon_bars=entry.horizon_bars,
        metrics=metrics_row(entry.metrics),
        live=live,
    )


def detail(registry: Registry, version: str, live: LiveRow | None = None) -> ModelDetail:
    """One model (a version, or its first characters), whole. Raises ModelError."""
    entry = registry.get(version)
    manifest = model_folders.manifest(Path(entry.path))
    return ModelDetail(
        entry=entry_row(entry, registry.roles(entry.strategy), live),
        path=entry.path,
        sha256=entry.sha256,
        validation=manifest.validation,
        purge_gap_bars=manifest.purge_gap_bars,
        embargo_bars=manifest.embargo_bars,
        symbols=manifest.symbols,
        trained_from_ns=manifest.trained_from_ns,
        trained_until_ns=manifest.trained_until_ns,
        training_bars=manifest.training_bars,
        training_rows=manifest.training_rows,
        source=manifest.source,
        seed=manifest.seed,
        parameters=manifest.parameters,
        folds=tuple(
            FoldRow(
                train_from_ns=fold.train_from_ns,
                train_until_ns=fold.train_until_ns,
                test_from_ns=fold.test_from_ns,
                test_until_ns=fold.test_until_ns,
                rounds=fold.rounds,
                metrics=_metrics(fold.metrics),
            )
            for fold in manifest.folds
        ),
        importance=tuple(ImportanceRow(one.feature, one.share) for one in manifest.importance),
        history=history(registry, entry.version),
        objection=manifest.objection,
    )


def history(registry: Registry, version: str) -> tuple[str, ...]:
    """What became of a model, a line each, newest first."""
    return tuple(event.text for event in registry.history(version))


def metrics_row(metrics: Metrics | None) -> MetricsRow | None:
    return None if metrics is None else _metrics(metrics)


def _metrics(metrics: Metrics) -> MetricsRow:
    return MetricsRow(
        ic=_estimate(metrics.ic),
        rank_ic=_estimate(metrics.rank_ic),
        icir=_estimate(metrics.icir),
        long_short_sharpe=_estimate(metrics.long_short_sharpe),
        steps=metrics.steps,
    )


def _estimate(one: Estimate) -> EstimateRow:
    return EstimateRow(one.value, one.low, one.high)


def _is(one: Entry | None, other: Entry) -> bool:
    return one is not None and one.version == other.version
