"""What is known of many symbols at one moment, as columns: for code that looks at all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.events import FeatureRow

FLOAT_FIELDS: tuple[str, ...] = FeatureRow.__struct_fields__[4:]
"""The float fields of a FeatureRow, in its order: the columns of a table."""
COLUMN: dict[str, int] = {name: number for number, name in enumerate(FLOAT_FIELDS)}

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class FeatureTable:
    """Feature rows of ``len(self)`` symbols as of ``ns``, by position. A FeatureRow is made when asked for.

    ``indices``: the symbols' indices (int64). ``values``: (symbols, fields) float64, C order, columns as in
    ``FLOAT_FIELDS``; a copy of its own, which nothing changes later. ``bar_start_ns`` and ``bars``: int64.
    """

    __slots__ = ("_names", "_rows", "bar_start_ns", "bars", "indices", "ns", "values")

    def __init__(
        self,
        names: Sequence[str],
        indices: Integers,
        ns: int,
        bar_start_ns: Integers,
        bars: Integers,
        values: Floats,
    ) -> None:
        """``names``: the symbols by index, not by position."""
        self._names = names
        self.indices = indices
        self.ns = ns
        self.bar_start_ns = bar_start_ns
        self.bars = bars
        self.values = values
        self._rows: dict[int, FeatureRow] = {}

    def __len__(self) -> int:
        return len(self.indices)

    def column(self, name: str) -> Floats:
        """One field of all symbols, as a view. Raises KeyError for a field that a row does not have."""
        return self.values[:, COLUMN[name]]

    def symbol(self, position: int) -> str:
        return self._names[int(self.indices[position])]

    def select(self, positions: Integers) -> FeatureTable:
        """The rows at ``positions``, in their order; a copy."""
        return FeatureTable(
            self._names,
            self.indices[positions],
            self.ns,
            self.bar_start_ns[positions],
            self.bars[positions],
            self.values[positions],
        )

    def row(self, position: int) -> FeatureRow:
        """The row at ``position``; the same object each time."""
        row = self._rows.get(position)
        if row is None:
            row = self._rows[position] = FeatureRow(
                self.symbol(position),
                self.ns,
                int(self.bar_start_ns[position]),
                int(self.bars[position]),
                *self.values[position].tolist(),
            )
        return row
