"""Feature rows for tests: everything unknown unless given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from engine.events import NS, FeatureRow, Signal
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.strategies.base import BAR_COLUMNS
from engine.strategies.registry import StrategySet

FLOATS = tuple(
    name
    for name in FeatureRow.__struct_fields__
    if name not in {"symbol", "ns", "bar_start_ns", "bars", "filled"}
)


def feature_row(bar: int = 1, symbol: str = "simulated:BTC-USD", **known: Any) -> FeatureRow:
    """The row at the close of 1 s bar number ``bar``; features not in ``known`` are NaN."""
    fields: dict[str, Any] = dict.fromkeys(FLOATS, float("nan"))
    fields |= {"symbol": symbol, "ns": (bar + 1) * NS, "bar_start_ns": bar * NS, "bars": bar, "filled": 0.0}
    return FeatureRow(**(fields | known))


def rising(change: float, bar: int = 1, **known: Any) -> FeatureRow:
    """A window that changed by ``change`` percent on 10 units at 100."""
    window = {
        "window_change_pct": change,
        "window_volume": 10.0,
        "window_vwap": 100.0,
        "window_count": 5.0,
        "last": 100.0,
        "close": 100.0,
    }
    return feature_row(bar, **(window | known))


_ANY = st.one_of(
    st.just(float("nan")),
    st.just(0.0),
    st.floats(-1e6, 1e6),
    st.floats(90.0, 110.0),
    st.sampled_from((1e12, -1e12, 1e-300, -1e-300)),
)


@st.composite
def any_row(draw: st.DrawFn) -> FeatureRow:
    """Every field on its own unknown, zero, huge, tiny or near 100: more than a market can do."""
    bar = draw(st.integers(1, 300))
    known = dict(zip(FLOATS, draw(st.lists(_ANY, min_size=len(FLOATS), max_size=len(FLOATS))), strict=True))
    known["rsi"] = draw(st.one_of(st.just(float("nan")), st.floats(0.0, 100.0)))
    return feature_row(
        bar, symbol=draw(st.sampled_from(("a:X", "b:Y"))), filled=draw(st.sampled_from((0.0, 1.0))), **known
    )


def table_of(rows: Sequence[FeatureRow], names: Sequence[str]) -> FeatureTable:
    """The rows as of one boundary; ``names`` are the symbols by index."""
    return FeatureTable(
        names,
        np.array([names.index(row.symbol) for row in rows], np.int64),
        rows[0].ns if rows else 0,
        np.array([row.bar_start_ns for row in rows], np.int64),
        np.array([row.bars for row in rows], np.int64),
        np.array([[getattr(row, name) for name in FLOAT_FIELDS] for row in rows]).reshape(
            len(rows), len(FLOAT_FIELDS)
        ),
    )


class Tape:
    """Closed bars by symbol, as an engine keeps them."""

    def __init__(self) -> None:
        self._bars: dict[str, list[list[float]]] = {}

    def close(self, table: FeatureTable) -> None:
        columns = [FLOAT_FIELDS.index(name) for name in BAR_COLUMNS]
        for position in range(len(table)):
            self._bars.setdefault(table.symbol(position), []).append(table.values[position, columns].tolist())

    def bars(self, symbol: str, count: int) -> Any:
        return np.array(self._bars[symbol][-count:])


_SEEN: list[str] = []
"""Symbols by index, in tables of a single row."""


def hear(strategies: StrategySet, row: FeatureRow) -> list[Signal]:
    """Signals at a boundary at which only this bar closed."""
    if row.symbol not in _SEEN:
        _SEEN.append(row.symbol)
    return strategies.on_bars(table_of([row], _SEEN))
