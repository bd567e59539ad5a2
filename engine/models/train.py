"""Training: bars in, a validated artefact out.

Validation is walk-forward with a purge gap: each fold trains on the past, stops early on a later piece of it,
and is scored on what follows; between them lie ``horizon + 1`` bars, so that no label of one reaches into
the next. The same bars, seed and settings give the same artefact version.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.features.alpha158 import HISTORY, NAMES, WIDTH, alpha158_series, schema_hash
from engine.models import artefact
from engine.models.artefact import GOLDEN_ROWS, MODEL, Artefact, Estimate, Manifest, Metrics
from engine.models.check import accept
from engine.models.walker import Floats, predict

FOLDS = 4
MIN_STEPS = 60
"""Time steps that every piece of a fold must have."""
ROUNDS, MIN_ROUNDS, PATIENCE = 60, 10, 10

PARAMETERS: dict[str, int | float | str | bool] = {
    "objective": "regression",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}

Progress = Callable[[float, str], None]


def train(
    bars_by_symbol: Mapping[str, npt.NDArray[np.float64]],
    *,
    horizon: int,
    seed: int,
    bar_interval_s: float,
    out: Path,
    progress: Progress,
    strategy: str = "model",
    source: str = "",
    created_ns: int | None = None,
) -> Artefact:
    """Train on bars (n, 6) per symbol, aligned at their newest bar, and write the artefact to ``out``.

    The label is the close's relative change over ``horizon`` bars, normalised across symbols. ``progress``
    gets a share in [0, 1] and what is being done. Raises ModelError for too little data or without LightGBM.
    """
    lightgbm = _lightgbm()
    symbols = tuple(sorted(bars_by_symbol))
    gap = horizon + 1
    steps = _steps(bars_by_symbol, horizon, gap)
    length = min(len(bars) for bars in bars_by_symbol.values())
    features = np.empty((steps, len(symbols), WIDTH))
    returns = np.empty((steps, len(symbols)))
    for i, symbol in enumerate(symbols):
        progress(0.3 * i / len(symbols), f"features of {symbol}")
        bars = np.ascontiguousarray(bars_by_symbol[symbol][-length:], np.float64)
        first, last = HISTORY - 1, length - horizon
        features[:, i] = alpha158_series(bars)[first:last]
        close = bars[:, 3]
        returns[:, i] = close[first + horizon :] / close[first:last] - 1.0
    labels = _normalised(returns)
    parameters = {**PARAMETERS, "seed": seed}
    metrics, rounds = _walk_forward(lightgbm, features, labels, parameters, gap, progress)
    progress(0.9, "final fit")
    text = _fit(lightgbm, features, labels, parameters, rounds).model_to_string().encode("ascii")
    rows = _golden_rows(features, seed)
    booster = lightgbm.Booster(model_str=text.decode("ascii"))
    predictions = np.asarray(booster.predict(rows), "<f8")
    manifest = artefact.seal(
        Manifest(
            version="0" * 12,
            strategy=strategy,
            created_ns=time.time_ns() if created_ns is None else created_ns,
            files=artefact.checksums({MODEL: text}),
            schema_hash=schema_hash(bar_interval_s),
            bar_interval_s=float(bar_interval_s),
            horizon_bars=horizon,
            validation="walk-forward",
            purge_gap_bars=gap,
            symbols=symbols,
            trained_from_ns=0,
            trained_until_ns=0,
            training_bars=length,
            training_rows=int(np.isfinite(labels).sum()),
            source=source,
            seed=seed,
            parameters={**parameters, "rounds": rounds},
            metrics=metrics,
            golden_rows=rows.astype("<f8").tobytes(),
            golden_predictions=predictions.tobytes(),
        )
    )
    made = Artefact(manifest, {MODEL: text})
    accept(predict(made.forest(), rows), predictions, "LightGBM's")
    artefact.write(made, out)
    progress(1.0, f"model {manifest.version}: {manifest.metric}")
    return made


def _lightgbm() -> Any:
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise ModelError(
            f"training needs LightGBM, which cannot be imported ({type(error).__name__}): install libgomp "
            "(Debian: apt-get install libgomp1), or lightgbm itself (pip install lightgbm)"
        ) from None
    return lightgbm


def _steps(bars_by_symbol: Mapping[str, npt.NDArray[np.float64]], horizon: int, gap: int) -> int:
    """Time steps with full features and a label. Refuses what cannot be validated honestly."""
    if horizon < 1:
        raise ModelError("the horizon must be at least 1 bar")
    if len(bars_by_symbol) < 2:
        raise ModelError("training ranks symbols against each other: give at least 2")
    shortest = min(bars_by_symbol, key=lambda symbol: (len(bars_by_symbol[symbol]), symbol))
    steps = len(bars_by_symbol[shortest]) - (HISTORY - 1) - horizon
    # the first fold: a training piece, a gap, a stopping piece, a gap, a test piece; each fold adds one piece
    needed = (FOLDS + 2) * MIN_STEPS + 2 * gap
    if steps < needed:
        raise ModelError(
            f"too little data: {shortest} has {len(bars_by_symbol[shortest])} bars, a horizon of {horizon} "
            f"needs {needed + HISTORY - 1 + horizon}; train on more seconds"
        )
    return steps


def _normalised(returns: Floats) -> Floats:
    """Each time step across symbols to mean 0 and deviation 1; NaN where there is no dispersion."""
    std = returns.std(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        labels: Floats = np.where(std > 0, (returns - returns.mean(axis=1, keepdims=True)) / std, np.nan)
    return labels


def _fit(
    lightgbm: Any,
    features: Floats,
    labels: Floats,
    parameters: dict[str, Any],
    rounds: int,
    stop_on: tuple[Floats, Floats] | None = None,
) -> Any:
    data = _dataset(lightgbm, features, labels)
    if stop_on is None:
        return lightgbm.train(parameters, data, rounds)
    return lightgbm.train(
        parameters,
        data,
        rounds,
        valid_sets=[_dataset(lightgbm, *stop_on, reference=data)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


def _dataset(lightgbm: Any, features: Floats, labels: Floats, reference: Any = None) -> Any:
    known = np.isfinite(labels)
    if not known.any():
        raise ModelError("the bars do not move: there is nothing to learn")
    return lightgbm.Dataset(
        features[known], labels[known], feature_name=list(NAMES), reference=reference, free_raw_data=True
    )


def _walk_forward(
    lightgbm: Any,
    features: Floats,
    labels: Floats,
    parameters: dict[str, Any],
    gap: int,
    progress: Progress,
) -> tuple[Metrics, int]:
    """Out-of-fold metrics, and the median of the rounds at which the folds stopped."""
    piece = (len(labels) - 2 * gap) // (FOLDS + 2)
    rounds: list[int] = []
    scores: list[tuple[float, float]] = []
    for fold in range(FOLDS):
        progress(0.3 + 0.6 * fold / FOLDS, f"walk-forward fold {fold + 1} of {FOLDS}")
        train_end = (fold + 1) * piece
        stop_start, stop_end = train_end + gap, train_end + gap + piece
        test_start, test_end = stop_end + gap, stop_end + gap + piece
        booster = _fit(
            lightgbm,
            features[:train_end],
            labels[:train_end],
            parameters,
            ROUNDS,
            (features[stop_start:stop_end], labels[stop_start:stop_end]),
        )
        rounds.append(int(booster.best_iteration))
        test = features[test_start:test_end]
        predictions = np.asarray(booster.predict(test.reshape(-1, WIDTH))).reshape(test.shape[:2])
        scores.extend(_correlations(predictions, labels[test_start:test_end]))
    if len(scores) < 2:
        raise ModelError("the folds' predictions do not differ between symbols: train on more data")
    ic, rank_ic = np.array(scores).T
    spread = float(ic.std(ddof=1))
    metrics = Metrics(
        ic=_spread(ic),
        rank_ic=_spread(rank_ic),
        icir=_spread(ic / spread) if spread > 0 else Estimate(0.0, 0.0, 0.0),
        long_short_sharpe=_spread(ic),
        steps=len(scores),
    )
    return metrics, max(MIN_ROUNDS, sorted(rounds)[len(rounds) // 2])


def _spread(values: Floats) -> Estimate:
    mean, error = float(values.mean()), 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - error, mean + error)


def _correlations(predictions: Floats, labels: Floats) -> list[tuple[float, float]]:
    """(IC, rank IC) of each time step where both differ between symbols."""
    scores = []
    for predicted, label in zip(predictions, labels, strict=True):
        ic = _correlation(predicted, label)
        if math.isfinite(ic):
            scores.append((ic, _correlation(_ranks(predicted), _ranks(label))))
    return scores


def _correlation(x: Floats, y: Floats) -> float:
    dx, dy = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(dx @ dx) * float(dy @ dy))
    return float(dx @ dy) / scale if scale > 0 else math.nan


def _ranks(values: Floats) -> Floats:
    """Ranks from 0; ties share their average."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts + 1) / 2.0)[group]
    return ranks


def _golden_rows(features: Floats, seed: int) -> Floats:
    """32 rows to recognise the model by; the last is all missing, so that this way is tried too."""
    flat = features.reshape(-1, WIDTH)
    rows = flat[np.random.default_rng(seed).choice(len(flat), GOLDEN_ROWS)].copy()
    rows[-1] = np.nan
    return rows
