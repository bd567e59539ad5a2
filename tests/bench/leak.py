"""Whether validation can be fooled: noise, shuffled labels, and labels that overlap their neighbours."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from engine.errors import ModelError
from engine.events import NS
from engine.models.artefact import Metrics
from engine.models.training.fit import LightGBM
from engine.models.training.label import Series
from engine.models.training.metrics import measure, score
from engine.models.training.panel import Panel, build
from engine.models.training.validate import Plan, validate
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench

_SEEDS = 20
_SYMBOLS, _BARS, _HORIZON = 6, 1500, 20
_LONG_SYMBOLS, _LONG_BARS, _LONG_SEEDS = 10, 3000, 5
_PARTS, _ROUNDS = 5, 60


@bench("leak")
def leak(scratch: Path) -> list[Figure]:
    """Reported IC on what cannot be predicted; and where a shuffled split is fooled."""
    try:
        LightGBM(1)
    except ModelError as error:
        raise Skipped(str(error)) from None
    return [*_noise("random walks", shuffle=False), *_noise("shuffled labels", shuffle=True), *_fooled()]


def _noise(what: str, *, shuffle: bool) -> list[Figure]:
    held, values = 0, []
    for seed in range(_SEEDS):
        made = _walks(_SYMBOLS, _BARS, seed)
        if shuffle:
            order = np.random.default_rng(seed).permutation(len(made.labels))
            made = msgspec.structs.replace(made, labels=made.labels[order], returns=made.returns[order])
        ic = _honest(made, seed).ic
        held += ic.low <= 0.0 <= ic.high
        values.append(ic.value)
    note = f"of {_SEEDS} seeds; IC {np.mean(values):+.3f} on average, deviation {np.std(values):.3f}"
    return [
        Figure(f"{what}: intervals with 0", held / _SEEDS, "share", at_least(0.85), note),
        Figure(f"{what}: mean IC", abs(float(np.mean(values))), "IC", at_most(0.05), "magnitude"),
    ]


def _fooled() -> list[Figure]:
    fooled, honest = [], []
    for seed in range(_LONG_SEEDS):
        made = _walks(_LONG_SYMBOLS, _LONG_BARS, 100 + seed)
        fooled.append(shuffled_split(made, seed).ic.value)
        honest.append(_honest(made, seed).ic.value)
    note = f"{_LONG_SEEDS} sets of {_LONG_SYMBOLS} random walks, labels {_HORIZON} bars ahead"
    ours = f"the same sets; most {max(honest):.3f}"
    return [
        Figure("shuffled split: IC", min(fooled), "IC", at_least(0.3), f"least of {note}"),
        Figure("ours: IC", float(np.mean(honest)), "IC", at_most(0.05), ours),
    ]


def _honest(made: Panel, seed: int) -> Metrics:
    return validate(made, Plan(seed=seed), LightGBM(seed), lambda share, text: None).metrics


def shuffled_split(made: Panel, seed: int) -> Metrics:
    """What a cross-validation reports that deals time steps into parts at random: each is then tested among
    neighbours that were trained on, whose labels it nearly has."""
    steps = np.unique(made.step)
    dealt = np.random.default_rng(seed).integers(0, _PARTS, len(steps))[np.searchsorted(steps, made.step)]
    predictions = np.empty(len(made.labels))
    for part in range(_PARTS):
        test = dealt == part
        train = made.features[~test], made.labels[~test]
        fitted = LightGBM(seed).fit_all(train, [_ROUNDS], lambda share: None)
        predictions[test] = fitted.predict(made.features[test])
    return measure(score(made.step, predictions, made.labels, made.returns), made.horizon, seed)


def _walks(symbols: int, bars: int, seed: int) -> Panel:
    opens = 1_700_000_040 * NS + np.arange(bars) * 60 * NS
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0, 5e-4, bars)))
        open_ = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(open_, close) * 1.0001, np.minimum(open_, close) * 0.9999
        rows = np.column_stack(
            [open_, high, low, close, rng.exponential(10.0, bars), (high + low + close) / 3]
        )
        found[f"walk:{number}"] = Series(opens, rows, np.zeros(bars, np.bool_))
    return build(found, interval_s=60, horizon=_HORIZON, progress=lambda share, text: None)
