"""Symbols of what is stored, as a person may write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine.symbols import Names, find

if TYPE_CHECKING:
    from engine.store.bars_read import BarReader


def stored_symbols(reader: BarReader, names: Sequence[str], spellings: Names) -> list[str]:
    """Of bars that are stored: ``venue:NATIVE``, or a name that one venue only has. Raises SymbolError for
    another, naming what could be meant. Each once, however it is spelled."""
    known = sorted({symbol for symbol, _ in reader.series()})
    return list(dict.fromkeys(find(name, known, spellings) for name in names))


def symbol_among(name: str, known: Iterable[str], spellings: Names) -> str:
    """The same of symbols that have rows. What names its venue is taken as it is, and so is everything where
    nobody has a row."""
    symbols = sorted(known)
    return find(name, symbols, spellings) if symbols and ":" not in name else name
