"""The features of a symbol as lines: what its bars and its window came to."""

from __future__ import annotations

import math

from engine.events import FeatureRow
from widgets import figures
from widgets.cells import Cell, padded
from widgets.lines import Line, section

FEATURES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("quote", (("bid", "bid"), ("ask", "ask"), ("bid size", "bid_size"), ("ask size", "ask_size"))),
    ("bar", (("open", "open"), ("high", "high"), ("low", "low"), ("close", "close"), ("volume", "volume"))),
    (
        "window",
        (
            ("change %", "window_change_pct"),
            ("volume", "window_volume"),
            ("bought", "window_buy_volume"),
            ("trades", "window_count"),
            ("vwap", "window_vwap"),
        ),
    ),
    (
        "trend",
        (
            ("ema fast", "ema_fast"),
            ("ema slow", "ema_slow"),
            ("sma fast", "sma_fast"),
            ("sma slow", "sma_slow"),
        ),
    ),
    ("swing", (("rsi", "rsi"), ("macd", "macd"), ("signal", "macd_signal"), ("momentum", "momentum"))),
    ("range", (("bb upper", "bb_upper"), ("bb lower", "bb_lower"), ("atr", "atr"), ("vol σ", "return_std"))),
)


_PER_LINE = 3
"""So that a line fits a dialog at 80 columns."""


def feature_lines(row: FeatureRow) -> list[Line]:
    lines = section("Features", f"{row.symbol} at {figures.clock_ms(row.ns)}, bar {row.bars}")
    for group, fields in FEATURES:
        for start in range(0, len(fields), _PER_LINE):
            cells: list[Cell] = [(padded("" if start else group, 8), "muted")]
            for label, name in fields[start : start + _PER_LINE]:
                cells.append((padded(label, 9), "muted"))
                cells.append((padded(_feature(getattr(row, name)), 11), "text"))
            lines.append(tuple(cells))
    missing = [
        name
        for name, flag in (("the window", row.window_gapped), ("the average volume", row.volume_gapped))
        if flag == 1.0
    ]
    if missing:
        lines.append(((f"! gap: trades are missing in {' and '.join(missing)}", "warn"),))
    return lines


def _feature(value: float) -> str:
    if not math.isfinite(value):
        return figures.UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.5g}"
