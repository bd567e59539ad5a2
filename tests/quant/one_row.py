"""The quant modules asked row by row, as a test can read it."""

from __future__ import annotations

import math

import numpy as np

from engine.events import NS, FeatureRow, Signal
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.quant.registry import FAMILIES, NAMES, TTL_NS, QuantSet


class RowByRow:
    """Symbols are told by name."""

    def __init__(self) -> None:
        self._modules = QuantSet(NS)
        self._symbols: list[str] = []

    def on_bar(self, row: FeatureRow) -> list[Signal]:
        """What the modules that are not absent say of the row."""
        if row.symbol not in self._symbols:
            assert self._modules.add_symbol() == len(self._symbols)
            self._symbols.append(row.symbol)
        table = FeatureTable(
            self._symbols,
            np.array([self._symbols.index(row.symbol)]),
            row.ns,
            np.array([row.bar_start_ns]),
            np.array([row.bars]),
            np.array([[getattr(row, name) for name in FLOAT_FIELDS]]),
        )
        scores, confidences = self._modules.on_bars(table)
        return [
            Signal(row.symbol, name, family, score, confidence, row.ns, ttl_ns, "")
            for name, family, ttl_ns, score, confidence in zip(
                NAMES, FAMILIES, TTL_NS, scores[:, 0].tolist(), confidences[:, 0].tolist(), strict=True
            )
            if not math.isnan(score)
        ]
