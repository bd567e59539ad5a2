"""Alpha158 of the newest bar of 500 symbols, and the same cells by qlib."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np

from engine.features.alpha158 import HISTORY, NAMES, Floats, alpha158_block, compile_kernels
from tests.bench.peers import run_peer
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench

_SYMBOLS, _REPEATS = 500, 50
_GOAL_RATIO = at_least(1000.0)


@bench("alpha158")
def alpha158(scratch: Path) -> list[Figure]:
    """Alpha158 of the newest bar for 500 symbols with 61 bars each; per instrument against qlib."""
    compile_kernels()
    bars = _bars()
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter_ns()
        alpha158_block(bars)
        times.append((time.perf_counter_ns() - began) / 1e6)
    figures = [
        Figure(
            f"newest bar, {_SYMBOLS} symbols", median(times), "ms", at_most(3.0),
            f"median of {_REPEATS}, best {min(times):.2f}",
        )
    ]  # fmt: skip
    try:
        return [*figures, *_against_qlib(scratch, bars, median(times) / _SYMBOLS)]
    except Skipped as reason:
        return [*figures, Figure("qlib / ours", None, "ratio", _GOAL_RATIO, f"skipped: {reason}")]


def _against_qlib(scratch: Path, bars: Floats, ours_ms: float) -> list[Figure]:
    """The same 158 cells of the first symbol; they must agree."""
    source, out = scratch / "qlib-bars.npz", scratch / "qlib-values.npz"
    np.savez(source, bars=bars[0])
    theirs_ms = median(run_peer("qlib_alpha158.py", "qlib", str(source), str(out))["seconds"]) * 1e3
    ours = alpha158_block(bars[:1])[0]
    with np.load(out) as found:
        values = dict(zip(found["names"].tolist(), found["values"].tolist(), strict=True))
    theirs = np.array([values[name] for name in NAMES])
    if not np.allclose(ours, theirs, rtol=1e-6, atol=1e-6, equal_nan=True):
        worst = NAMES[int(np.nanargmax(np.abs(ours - theirs)))]
        raise RuntimeError(f"qlib's cells differ from ours, most {worst}")
    note = "its expressions over 61 bars, cache emptied before, no storage; all 158 cells agree"
    return [
        Figure("ours, per instrument", ours_ms * 1e3, "us"),
        Figure("qlib, per instrument", theirs_ms * 1e3, "us", note=note),
        Figure("qlib / ours", theirs_ms / ours_ms, "ratio", _GOAL_RATIO),
    ]


def _bars() -> Floats:
    """(symbols, 61, 6), seeded."""
    random = np.random.default_rng(158)
    shape = _SYMBOLS, HISTORY
    close = 100.0 * np.exp(np.cumsum(random.normal(0, 1e-3, shape), axis=1))
    open_ = close * (1 + random.normal(0, 3e-4, shape))
    high, low = np.maximum(open_, close) * 1.0002, np.minimum(open_, close) * 0.9997
    volume = random.exponential(10.0, shape) + 1e-3
    return np.stack([open_, high, low, close, volume, (high + low + close) / 3], axis=2)
