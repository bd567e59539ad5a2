"""When the desk goes back from a model to the last good one by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.config import RollbackConfig
from engine.models.usable import MOST

SAME = 1e-12
"""Relative to the largest: rounding leaves a trace of dispersion in equal predictions."""


class Judge:
    """Judges one model at work, batch by batch. Each method returns why it must go, one line, or ""."""

    def __init__(self, config: RollbackConfig) -> None:
        self._config = config
        self._same = self._slow = self._silent = 0

    def on_batch(self, predictions: npt.NDArray[np.float64], took_ms: float | None) -> str:
        """A batch of at least two symbols; ``took_ms`` None: its time is not judged (in a replay, or of a
        model in a process of its own)."""
        self._silent = 0
        low, high = float(predictions.min()), float(predictions.max())
        largest = max(-low, high)
        if not largest < MOST:  # of NaN that is not so
            return f"it predicted a number that is not finite, or beyond {MOST:g}"
        strikes = self._config.strikes
        self._same = 0 if high - low > SAME * largest else self._same + 1
        if self._same >= strikes:
            return f"it predicted one number for all symbols, {_times(strikes)}"
        limit = self._config.latency_ms
        if took_ms is not None:
            self._slow = self._slow + 1 if limit and took_ms > limit else 0
            if self._slow >= strikes:
                return f"its predictions took longer than {limit:g} ms, {_times(strikes)}"
        return ""

    def on_silence(self, why: str) -> str:
        """A batch got no answer; ``why``: one line."""
        self._silent += 1
        strikes = self._config.strikes
        return f"it did not answer, {_times(strikes)}: {why}" if self._silent >= strikes else ""

    def on_live_ic(self, rank_ic: float | None, steps: int) -> str:
        """Mean of the newest live rank ICs, after ``steps`` scored ones since it was put to work."""
        config = self._config
        if config.min_live_ic is None or rank_ic is None or steps < config.live_ic_steps:
            return ""
        if rank_ic < config.min_live_ic:
            return (
                f"its live rank IC of {rank_ic:.3f} over {config.live_ic_steps} steps is below "
                f"{config.min_live_ic:g}"
            )
        return ""


def _times(strikes: int) -> str:
    return f"{strikes} batches in a row" if strikes > 1 else "once"
