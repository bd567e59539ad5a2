"""Symbols of stored bars, as a person may write them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.store.bars_read import BarReader
from engine.symbols import Names, find


def stored_symbols(reader: BarReader, names: Sequence[str], spellings: Names) -> list[str]:
    """Of bars that are stored: ``venue:NATIVE``, or a name that one venue only has. Raises SymbolError for
    another, naming what could be meant."""
    known = sorted({symbol for symbol, _ in reader.series()})
    return [find(name, known, spellings) for name in names]
