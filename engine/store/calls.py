"""Calls on the writer thread, and who waits on another for what comes of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from engine.errors import StoreError

T = TypeVar("T")


class Call(NamedTuple):
    """A call on the writer thread, after everything that was asked for before it."""

    run: Callable[[sqlite3.Connection], Any]
    answer: Callable[[Any, Exception | None], None]

    def do(self, connection: sqlite3.Connection) -> None:
        try:
            value = self.run(connection)
        except Exception as error:  # raised again where the answer is awaited
            self.answer(None, error)
        else:
            self.answer(value, None)


class Awaited(Generic[T]):
    """The answer to a call, for a thread that has nothing else to do until it comes."""

    def __init__(self, place: str) -> None:
        """``place``: who answers, for a person."""
        self._place = place
        self._answered = threading.Event()
        self._value: T | None = None
        self._error: Exception | None = None

    def take(self, value: T | None, error: Exception | None) -> None:
        self._value, self._error = value, error
        self._answered.set()

    def result(self, timeout_s: float) -> T:
        """Raises ``StoreError`` when the call failed, or took longer."""
        if not self._answered.wait(timeout_s):
            raise StoreError(f"{self._place} did not answer within {timeout_s:g} s")
        if isinstance(self._error, StoreError):
            raise self._error
        if self._error is not None:
            raise StoreError(f"cannot read {self._place}: {self._error}") from self._error
        return self._value  # type: ignore[return-value]
