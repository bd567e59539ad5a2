"""Which figures of a run a sweep keeps, and can look for the best of."""

from __future__ import annotations

import math

from engine.research.summary import Summary
from engine.research.sweep_spec import Figure

_LEFT_OUT = frozenset(
    {
        *("level", "samples", "block", "sharpe_low", "sharpe_high", "mean_low_pct", "mean_high_pct"),
        *("cagr_low_pct", "cagr_high_pct", "max_drawdown_low_pct", "max_drawdown_high_pct"),
        *("trials", "trials_known", "deflated_sharpe", "luck_sharpe", "warnings"),
    }
)
"""Intervals, which a sweep does not compute, and what depends on all runs."""
FIELDS = tuple(name for name in Summary.__struct_fields__ if name not in _LEFT_OUT)
NUMBERS = tuple(name for name in FIELDS if name not in ("basis", "currency"))
"""Of which there is a best."""
SMALLER_IS_BETTER = frozenset(
    {
        *("max_drawdown_pct", "max_drawdown_days", "volatility_pct", "exposure_pct", "turnover"),
        *("fees", "costs", "slippage_bps", "holding_s", "traded"),
    }
)
DEFAULT = "sharpe"


def figures(summary: Summary) -> dict[str, Figure]:
    return {name: _plain(getattr(summary, name)) for name in FIELDS}


def _plain(value: Figure) -> Figure:
    """As the sweep's file gives it back: what is no number is none."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
