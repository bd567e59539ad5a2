"""Where a user's code runs inside the desk: what it sets for itself is not set for the desk."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextvars import Context
from typing import TypeVar, TypeVarTuple

_Given = TypeVarTuple("_Given")
_Answer = TypeVar("_Answer")


class Apart:
    """One source's place: a precision of decimals or an error state of NumPy holds for its code alone."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        self._context = Context()

    def run(self, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """What it prints goes beside what a command tells, which may be JSON."""
        printed_to = sys.stdout
        sys.stdout = sys.stderr
        try:
            return self._context.run(call, *given)
        finally:
            sys.stdout = printed_to

    def load(self, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """Import it: a filter that makes warnings errors would fail whatever is imported after it."""
        with warnings.catch_warnings():
            return self.run(call, *given)
