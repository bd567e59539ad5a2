"""Symbols as they are typed: without their venue where that is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from console.command_line.command import Candidate, CommandError
from console.command_line.completion import one_of
from engine.text import clean
from widgets import figures


def symbol_named(text: str, known: Iterable[str]) -> str:
    """The canonical symbol that ``text`` means: whole, or without its venue. Raises CommandError."""
    symbols = list(known)
    folded = text.casefold()
    for exact in (
        [symbol for symbol in symbols if symbol.casefold() == folded],
        [symbol for symbol in symbols if figures.symbol_parts(symbol)[1].casefold() == folded],
    ):
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise CommandError(
                f"{clean(text, 40)} is {' and '.join(clean(one, 40) for one in exact[:4])}: say which"
            )
    return one_of(text, [*symbols, *(figures.symbol_parts(symbol)[1] for symbol in symbols)], "symbol")


def symbol_of_these(text: str, among: Iterable[str], known: Iterable[str], none: str) -> str:
    """As ``symbol_named`` of ``among``; of one that is ``known`` and not among them, ``none`` is said: it is
    no misspelling of another. Raises CommandError."""
    try:
        return symbol_named(text, among)
    except CommandError:
        folded = text.casefold()
        if any(folded in (s.casefold(), figures.symbol_parts(s)[1].casefold()) for s in known):
            raise CommandError(f"{clean(text, 40)}: {none}") from None
        raise


def symbol_candidates(known: Iterable[str]) -> list[Candidate]:
    """As short as they can be told from each other."""
    parts = {symbol: figures.symbol_parts(symbol) for symbol in sorted(known)}
    held = Counter(native for _, native in parts.values())
    return [
        Candidate(native, venue) if held[native] == 1 else Candidate(symbol)
        for symbol, (venue, native) in parts.items()
    ]
