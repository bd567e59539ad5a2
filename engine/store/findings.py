"""Invariants as they were found: how often each was checked, and where it does not hold."""

from __future__ import annotations

import msgspec

from engine.text import clean

_TOLD = 20
"""Problems of one invariant that are spelled out."""


class Invariant(msgspec.Struct, frozen=True):
    """One of them, as it was found."""

    name: str
    checked: int
    """How many things it was checked on."""
    failed: int
    problems: tuple[str, ...]
    """One line each, the first few."""

    @property
    def ok(self) -> bool:
        return not self.failed


class Findings:
    """Collects problems by invariant."""

    def __init__(self) -> None:
        self._checked: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._problems: dict[str, list[str]] = {}

    def count(self, name: str, number: int = 1) -> None:
        self._checked[name] = self._checked.get(name, 0) + number

    def problem(self, name: str, text: str) -> None:
        self._checked.setdefault(name, 0)
        self._failed[name] = self._failed.get(name, 0) + 1
        told = self._problems.setdefault(name, [])
        if len(told) < _TOLD:
            told.append(clean(text, 300))

    def invariants(self) -> list[Invariant]:
        """In the order in which they were first met."""
        return [
            Invariant(name, number, self._failed.get(name, 0), tuple(self._problems.get(name, ())))
            for name, number in self._checked.items()
        ]
