"""How long the loop was held up by one callback, as far as that was the callback's doing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import time
from collections.abc import Iterator

import pytest

_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class Lag:
    worst_ms = 0.0
    what = ""
    excused_s = 0.0
    """Told not to count; grows."""
    excused_own_s = 0.0
    """What was computed of it."""


@contextlib.contextmanager
def loop_lag(lag: Lag) -> Iterator[None]:
    """Measures every callback of the loops of this process.

    Where the machine took the processor away meanwhile, only the time that the callback computed counts.
    """
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        taken, excused = resource.getrusage(_THREAD).ru_nivcsw, (lag.excused_s, lag.excused_own_s)
        began, computed = time.perf_counter(), time.thread_time()
        run(handle)
        wall, own = time.perf_counter() - began, time.thread_time() - computed
        wall, own = wall - (lag.excused_s - excused[0]), own - (lag.excused_own_s - excused[1])
        left_alone = resource.getrusage(_THREAD).ru_nivcsw == taken
        took_ms = 1e3 * (wall if left_alone else own)
        if took_ms > lag.worst_ms:
            lag.worst_ms, lag.what = took_ms, repr(handle)

    gc.freeze()  # to look through all that the tests before left takes a third of a second by itself
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.Handle, "_run", timed)
            yield
    finally:
        gc.unfreeze()
