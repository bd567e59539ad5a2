"""The 158 columns of Alpha158, in order, and the windows they look at."""

from __future__ import annotations

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
"""Columns of a bar."""

WINDOWS = (5, 10, 20, 30, 60)
HISTORY = 61
"""Bars that the newest bar's features depend on: the longest window and one bar before it."""

_KBAR = ("KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2")
_PRICES = ("OPEN0", "HIGH0", "LOW0", "VWAP0")
_GROUPS = (
    *("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV"),
    *("IMAX", "IMIN", "IMXD", "CORR", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD"),
    *("VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD"),
)

NAMES: tuple[str, ...] = (*_KBAR, *_PRICES, *(f"{group}{d}" for group in _GROUPS for d in WINDOWS))
"""The columns, in order."""

WIDTH = len(NAMES)
AT: dict[str, int] = {group: len(_KBAR) + len(_PRICES) + 5 * i for i, group in enumerate(_GROUPS)}
"""The column of a group's first window; the other four follow it."""
