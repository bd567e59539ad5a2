"""Where a user's code runs inside the desk: what it sets for itself is not set for the desk."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextvars import Context
from typing import TypeVar, TypeVarTuple

from engine.strategies.deadline import within

_Given = TypeVarTuple("_Given")
_Answer = TypeVar("_Answer")

_LOAD_S = 60.0
"""Imports and first compilations take longer than calls."""


class Apart:
    """One source's place: a precision of decimals or an error state of NumPy holds for its code alone.

    ``stuck_s``: a call that takes longer is interrupted; 0: never.
    """

    __slots__ = ("_context", "_stuck_s")

    def __init__(self, stuck_s: float = 0.0) -> None:
        self._context = Context()
        self._stuck_s = stuck_s

    def run(self, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """What it prints goes beside what a command tells, which may be JSON. Raises TimeoutError."""
        return self._run(self._stuck_s, call, *given)

    def load(self, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """Import it, or make it ready: a filter that makes warnings errors would fail whatever is imported
        after it. Raises TimeoutError."""
        with warnings.catch_warnings():
            return self._run(max(_LOAD_S, self._stuck_s) if self._stuck_s else 0.0, call, *given)

    def _run(self, seconds: float, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        printed_to = sys.stdout
        sys.stdout = sys.stderr
        try:
            if not seconds:
                return self._context.run(call, *given)
            return within(seconds, self._context.run, call, *given)
        finally:
            sys.stdout = printed_to
