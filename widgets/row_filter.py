"""Which rows of a table are shown: words typed by a person, each of which narrows.

``word`` any cell holds it, in any case; ``!word`` none does; ``title:text`` the cell of one column does;
``title>5`` (``>= < <= =``) its number is; ``info+`` a column of ranks stands there or above. What is not
finished yet, as ``score>``, narrows nothing; what is no comparison, as ``score>>5``, lets nothing through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from widgets.columns import Column
from widgets.rows import GridRow

LONGEST = 200
"""Characters of a filter."""
_OPERATOR = re.compile(r"(>=|<=|>|<|=|:)")
_NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?|[+-]?\.\d+")
_UNFINISHED = re.compile(r"[+-]?(?:\d[\d,]*)?\.?")
"""What may become a number while it is typed."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "k": 1e3, "M": 1e6, "G": 1e9}
_MINUS = str.maketrans({"−": "-", "▲": "", "▼": "", "~": "", "»": "", "±": ""})


class Term(NamedTuple):
    """One word. ``column`` -1: any."""

    column: int
    operator: str
    text: str
    """Lower case."""
    number: float | None
    negated: bool = False
    ranks: frozenset[str] = frozenset()
    """Of a rank term: what its column may hold."""

    def holds(self, row: GridRow) -> bool:
        return self._holds(row) is not self.negated

    def _holds(self, row: GridRow) -> bool:
        if self.column < 0:
            return any(self.text in text.lower() for text, _ in row.cells)
        text = row.cells[self.column][0]
        if self.ranks:
            return (row.order[self.column] if row.order else text) in self.ranks
        if self.operator == ":":
            return self.text in text.lower()
        if self.number is None:
            return self.operator == "=" and self.text == text.strip().lower()
        value = number_of(row, self.column)
        if value is None:
            return False
        return {
            ">": value > self.number,
            ">=": value >= self.number,
            "<": value < self.number,
            "<=": value <= self.number,
            "=": value == self.number,
        }[self.operator]


class RowFilter:
    """``text`` as typed, for the columns of one table; "" lets every row through."""

    def __init__(self, text: str, columns: Sequence[Column]) -> None:
        self.text = text[:LONGEST].strip()
        self.terms = tuple(term for word in self.text.split() if (term := _term(word, columns)) is not None)
        self.unknown = next((name for word in self.text.split() if (name := _unknown(word, columns))), "")
        """What stands where a column's name would, and is none; "" nothing does."""
        self.wrong = next((why for word in self.text.split() if (why := _wrong(word, columns))), "")
        """Why a word can be no comparison, for a person; "" when each can."""

    def __bool__(self) -> bool:
        return bool(self.terms or self.wrong)

    def matches(self, row: GridRow) -> bool:
        return not self.wrong and all(term.holds(row) for term in self.terms)

    @property
    def ranked(self) -> tuple[Term, ...]:
        """The terms about ranks."""
        return tuple(term for term in self.terms if term.ranks)

    @property
    def needles(self) -> tuple[str, ...]:
        """What to highlight."""
        return tuple(
            dict.fromkeys(t.text for t in self.terms if t.operator == ":" and not (t.negated or t.ranks))
        )


def number_of(row: GridRow, column: int) -> float | None:
    """The number a cell shows, with its unit (``2m`` is 120), or else what it sorts by; None: it is none."""
    text = row.cells[column][0]
    shown = typed_number(text)
    if shown is not None:
        return shown
    value = row.order[column] if row.order and any(ch.isalnum() for ch in text) else None
    return float(value) if isinstance(value, (int, float, Decimal)) else None


def typed_number(text: str) -> float | None:
    """``1,234.5``, ``+3.2 %``, ``▲+12.40``, ``45s``, ``1.2k``; None for what is no single number."""
    text = text.translate(_MINUS).strip()
    if text.startswith("<"):
        return 0.0  # less than the least that is told apart
    match = _NUMBER.match(text)
    if match is None:
        return None
    unit = text[match.end() :].strip().removeprefix("%").strip()
    if unit and unit not in _UNITS:
        return None
    return float(match.group().replace(",", "")) * _UNITS.get(unit, 1.0)


def _term(word: str, columns: Sequence[Column]) -> Term | None:
    negated, word = word.startswith("!"), word.removeprefix("!")
    if not word:
        return None
    if word.endswith("+") and (term := _ranked(word[:-1].lower(), columns, negated)) is not None:
        return term
    name, *rest = _OPERATOR.split(word, maxsplit=1)
    if rest and (column := _column(name.lower(), columns)) >= 0:
        operator, text = rest
        if not text:
            return None
        number = typed_number(text)
        if number is None and operator in (">", ">=", "<", "<="):
            return None
        return Term(column, operator, text.lower(), number, negated)
    return Term(-1, ":", word.lower(), None, negated)


def _wrong(word: str, columns: Sequence[Column]) -> str:
    name, *rest = _OPERATOR.split(word.removeprefix("!"), maxsplit=1)
    if not rest or rest[0] == ":" or not rest[1] or _column(name.lower(), columns) < 0:
        return ""
    operator, text = rest
    if operator == "=":
        return f"no comparison {name[:20]}={text[0]}" if text[0] in ">=:" else ""
    if text[0] in "<>=:":
        return f"no comparison {name[:20]}{operator}{text[0]}"
    if typed_number(text) is not None or _UNFINISHED.fullmatch(text.translate(_MINUS)):
        return ""
    return f"{name[:20]}{operator} takes a number"


def _unknown(word: str, columns: Sequence[Column]) -> str:
    name, *rest = _OPERATOR.split(word.removeprefix("!"), maxsplit=1)
    return name[:20] if rest and name[:1].isalpha() and _column(name.lower(), columns) < 0 else ""


def _ranked(name: str, columns: Sequence[Column], negated: bool) -> Term | None:
    for index, column in enumerate(columns):
        for at, rank in enumerate(column.ranks):
            if name and rank.startswith(name):
                return Term(index, "+", name, None, negated, frozenset(column.ranks[at:]))
    return None


def _column(name: str, columns: Sequence[Column]) -> int:
    """By its title or key, or how one of them begins; -1: there is none."""
    if not name:
        return -1
    for same in (str.__eq__, str.startswith):
        for index, column in enumerate(columns):
            if same(column.title.lower(), name) or same(column.key.lower(), name):
                return index
    return -1
