"""Work that can wait, on the loop that decides: a little at a time, so that no tick waits for it.

Such work is a generator that yields wherever others may go first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TypeVar

SLICE_NS = 100_000
"""A slice ends with the first step after this: what is worked on at once should take less."""
REST_S = 0.001
"""Before each slice. No shorter: what a socket brought takes two turns of the loop until it is decided on,
and an ``asyncio.sleep(0)`` would be in front of the second."""

_T = TypeVar("_T")
Work = Generator[None, None, _T]


async def in_slices(work: Work[_T], spent: Callable[[int], None] | None = None) -> _T:
    """What ``work`` comes to. ``spent`` is told how long all slices took, ns."""
    total = 0
    while True:
        await asyncio.sleep(REST_S)
        began = time.perf_counter_ns()
        try:
            next(work)
            while time.perf_counter_ns() - began < SLICE_NS:
                next(work)
        except StopIteration as end:
            if spent is not None:
                spent(total + time.perf_counter_ns() - began)
            result: _T = end.value
            return result
        total += time.perf_counter_ns() - began


def at_once(work: Work[_T]) -> _T:
    """The same, while everybody waits."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: _T = end.value
            return result
