"""Training: a panel in, a validated artefact out. The same panel, plan and learner give the same version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.features.alpha158 import WIDTH, schema_hash
from engine.models import artefact, drift, user_fit
from engine.models.artefact import GOLDEN_ROWS, Artefact, Manifest
from engine.models.check import accept
from engine.models.training.fit import Fitted, Learner
from engine.models.training.label import Floats
from engine.models.training.panel import Panel, Progress
from engine.models.training.validate import Plan, Validation, validate
from engine.models.walker import predict

_REFERENCE_ROWS = 200_000
"""Rows whose spread is kept for drift: more change its deciles by nothing that matters."""


def train(
    panel: Panel,
    plan: Plan,
    learner: Learner,
    *,
    created_ns: int,
    out: Path,
    progress: Progress,
    strategy: str = "model",
    source: str = "",
) -> Artefact:
    """Validate walk-forward, fit on all rows, and write the artefact to ``out``.

    ``progress`` gets a share in [0, 1] and what is being done. Raises ModelError for what cannot be honest.
    """
    found = validate(panel, plan, learner, lambda share, text: progress(0.8 * share, text))
    fitted = learner.fit_all(
        (panel.features, panel.labels),
        found.rounds,
        lambda share: progress(0.8 + 0.15 * share, "final fit on all rows"),
    )
    progress(0.95, "writing the model")
    files = fitted.files()
    rows = _golden_rows(panel, plan.seed)
    predictions = fitted.predict(rows)
    manifest = artefact.seal(
        _manifest(panel, plan, learner, found, fitted, files, rows, predictions, created_ns, strategy, source)
    )
    made = Artefact(manifest, files)
    if learner.kind == "lightgbm":
        accept(predict(made.forest(), rows), predictions, "LightGBM's")
    artefact.write(made, out)
    if learner.kind == "user":
        progress(0.98, "trying the model in a process of its own")
        user_fit.prove(out)
    progress(1.0, f"model {manifest.version}: {manifest.metric}")
    return made


def _manifest(
    panel: Panel,
    plan: Plan,
    learner: Learner,
    found: Validation,
    fitted: Fitted,
    files: dict[str, bytes],
    rows: Floats,
    predictions: Floats,
    created_ns: int,
    strategy: str,
    source: str,
) -> Manifest:
    return Manifest(
        kind=learner.kind,
        version="0" * 12,
        strategy=strategy,
        created_ns=created_ns,
        files=artefact.checksums(files),
        schema_hash=schema_hash(panel.interval_s),
        bar_interval_s=float(panel.interval_s),
        horizon_bars=panel.horizon,
        validation="walk-forward",
        purge_gap_bars=found.purge,
        embargo_bars=found.embargo,
        symbols=panel.symbols,
        trained_from_ns=int(panel.axis[0]),
        trained_until_ns=int(panel.axis[-1]),
        training_bars=len(panel.axis),
        training_rows=len(panel.labels),
        source=source,
        seed=plan.seed,
        parameters={
            **learner.parameters(),
            "rounds": fitted.rounds,
            "folds": plan.folds,
            "window": plan.window,
            "every": panel.every,
        },
        metrics=found.metrics,
        folds=found.folds,
        importance=fitted.importance(),
        reference=drift.reference(_sample(panel.features, plan.seed)),
        golden_rows=rows.astype("<f8").tobytes(),
        golden_predictions=predictions.astype("<f8").tobytes(),
    )


def _sample(features: Floats, seed: int) -> Floats:
    if len(features) <= _REFERENCE_ROWS:
        return features
    chosen = np.random.default_rng(seed).choice(len(features), _REFERENCE_ROWS, replace=False)
    return features[np.sort(chosen)]


def _golden_rows(panel: Panel, seed: int) -> Floats:
    """32 rows to recognise the model by; the last is all missing, so that this way is tried too."""
    if panel.features.shape[1] != WIDTH:
        raise ModelError(f"the panel has {panel.features.shape[1]} features, the desk has {WIDTH}")
    rows = panel.features[np.random.default_rng(seed).choice(len(panel.features), GOLDEN_ROWS)].copy()
    rows[-1] = np.nan
    return rows
