"""Which symbols a watchlist shows, and what may be in one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from engine.text import clean
from widgets import figures

MOST_LISTS, MOST_SYMBOLS, LONGEST_NAME = 50, 500, 24
_OFFERED = 3
"""Symbols that may be meant by what none is called."""
ALL = "all"
"""No list: every symbol, by name."""


class Watchlist(NamedTuple):
    name: str
    symbols: tuple[str, ...]

    def shown(self, known: Collection[str], held: Iterable[str]) -> list[str]:
        """The symbols to show: the list's in its order, then what is ``held`` (or ordered) beside it."""
        mine = [symbol for symbol in self.symbols if symbol in known]
        return mine + sorted({*held} & {*known} - {*mine})


def list_name(text: str, taken: Collection[str]) -> str:
    """A name for a list. Raises ValueError, one line."""
    name = " ".join(clean(text, LONGEST_NAME + 1).split())
    if not name:
        raise ValueError("give it a name")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters")
    if name == ALL or name in taken:
        raise ValueError(f"{name} is taken: choose another name")
    return name


def typed_symbols(text: str, known: Collection[str], before: Collection[str]) -> list[str]:
    """The symbols of a list as typed, ``BTC-USD`` or ``venue:BTC-USD``, in that order, each once.

    ``before``: what was in the list already stays what it is, whether the desk knows it or not. Raises
    ValueError, one line.
    """
    symbols: dict[str, None] = {}
    for word in text.replace(",", " ").split():
        meant = {
            s for s in (*known, *before) if word.lower() in (s.lower(), figures.symbol_parts(s)[1].lower())
        }
        if not meant:
            raise ValueError(f"no symbol of this desk is called {clean(word, 40)}{_near(word, known)}")
        if len(meant) > 1:
            raise ValueError(
                f"{clean(word, 40)} is on several venues: type one of {', '.join(sorted(meant))}"
            )
        symbols[meant.pop()] = None
    if len(symbols) > MOST_SYMBOLS:
        raise ValueError(f"a list holds at most {MOST_SYMBOLS} symbols")
    return list(symbols)


def _near(word: str, known: Collection[str]) -> str:
    """The symbols with ``word`` in their names, as they would be typed."""
    near = sorted(symbol for symbol in known if word.lower() in figures.symbol_parts(symbol)[1].lower())
    if not near:
        return ""
    more = f" and {len(near) - _OFFERED} more" if len(near) > _OFFERED else ""
    return f"; there is {typed(near[:_OFFERED], known).replace(' ', ', ')}{more}"


def typed(symbols: Sequence[str], known: Collection[str]) -> str:
    """``symbols`` as they would be typed: without the venue where the name alone is enough."""
    natives = [figures.symbol_parts(symbol)[1] for symbol in {*known, *symbols}]
    return " ".join(
        native if natives.count(native := figures.symbol_parts(symbol)[1]) == 1 else symbol
        for symbol in symbols
    )
