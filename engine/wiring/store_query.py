"""Queries on the store's thread, awaited on the loop's."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from engine.errors import StoreError
from engine.store.bars import BarStore
from engine.store.store import Store

T = TypeVar("T")


async def queried(store: Store | BarStore, query: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``query`` on the writer's thread, after everything given to the store so far; it may write.

    Raises StoreError.
    """
    return await _answered(store.ask, query)


async def queried_first(store: Store, query: Callable[[sqlite3.Connection], T]) -> T:
    """The same, before what is written behind. Raises StoreError."""
    return await _answered(partial(store.ask, swift=True), query)


async def _answered(ask: Callable[..., None], query: Callable[[sqlite3.Connection], T]) -> T:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: Exception | None) -> None:
        if answered.done():
            return
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(value)  # type: ignore[arg-type]

    def answer(value: T | None, error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, value, error)

    ask(query, answer)
    try:
        return await answered
    except sqlite3.Error as error:
        raise StoreError(f"the database cannot be used: {error}") from error
