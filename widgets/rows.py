"""The rows of a table, rebuilt only when what they show has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from widgets.cells import Cell
from widgets.symbol_names import told_apart

T = TypeVar("T")


class GridRow(NamedTuple):
    key: str
    cells: tuple[Cell, ...]
    """One per column."""
    order: tuple[Any, ...] = ()
    """What each column sorts by, one per column; None sorts last. Empty: the cells' text."""


class RowCache(Generic[T]):
    """Builds a grid row only when its source object or what else it depends on is another."""

    def __init__(self, build: Callable[..., GridRow]) -> None:
        self._build = build
        self._rows: dict[str, tuple[T, tuple[object, ...], GridRow]] = {}

    def get(self, key: str, source: T, *depends: object) -> GridRow:
        depends = (*depends, told_apart())
        known = self._rows.get(key)
        if known is not None and known[0] is source and known[1] == depends:
            return known[2]
        row = self._build(source, *depends[:-1])
        self._rows[key] = (source, depends, row)
        return row

    def prune(self, keys: set[str]) -> None:
        for key in self._rows.keys() - keys:
            del self._rows[key]
