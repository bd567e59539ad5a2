"""How seldom Python looks for garbage while a desk plays what is stored, as fast as it goes.

Of what a run makes nearly all is free as soon as nobody holds it: to look for cycles, through all that is
loaded, took a fifth of a backtest's time and a twentieth of a replay's.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from functools import cache

_SELDOM = 100_000, 20, 100


@cache
def keep_loaded() -> None:
    """Once in a process: what is loaded by then stays, and is never searched again."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def seldom_searched() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
