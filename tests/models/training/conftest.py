"""What the training tests share: series of bars, panels without LightGBM's features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.features.alpha158 import WIDTH
from engine.models.training.label import Series
from engine.models.training.panel import Panel, build
from tests.models.conftest import bars

START_NS = 1_700_000_040 * NS


def silent(share: float, text: str) -> None:
    assert 0.0 <= share <= 1.0 + 1e-9 and text


def series(n: int, seed: int, *, pull: float = 0.0, without: Sequence[int] = ()) -> Series:
    """A random walk of minutes; ``without``: those are missing. With ``pull`` it returns to its mean."""
    keep = np.setdiff1d(np.arange(n), without)
    opens = START_NS + keep * 60 * NS
    return Series(opens, bars(n, seed, pull=pull)[keep], np.zeros(len(keep), np.bool_))


def walks(count: int, n: int, seed: int, *, pull: float = 0.0) -> dict[str, Series]:
    return {f"x:{i}": series(n, 1000 * seed + i, pull=pull) for i in range(count)}


def panel(found: dict[str, Series], *, horizon: int = 5, every: int = 1) -> Panel:
    return build(found, interval_s=60, horizon=horizon, every=every, progress=silent)


def hollow(steps: npt.NDArray[np.int64], end_ns: npt.NDArray[np.int64], **more: object) -> Panel:
    """A panel of rows without anything to learn, for what looks at times only."""
    n = len(steps)
    values: dict[str, object] = {
        "symbols": ("x:a", "x:b"),
        "axis": START_NS + np.arange(int(steps.max()) + 1) * 60 * NS,
        "interval_s": 60.0,
        "horizon": 5,
        "every": 1,
        "step": steps,
        "symbol": np.zeros(n, np.int64),
        "features": np.empty((n, WIDTH)),
        "labels": np.zeros(n),
        "returns": np.zeros(n),
        "end_ns": end_ns,
    }
    return Panel(**{**values, **more})  # type: ignore[arg-type]
