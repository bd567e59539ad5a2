"""The way in of what a socket read held, as one compiled call: screened, then consumed up to a trigger."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from engine.config import FeaturesConfig
from engine.features.consume import consume_ticks
from engine.features.engine import FeatureEngine
from engine.features.memory import desk_at, ticks_at
from engine.kernels import kernel, part, pointer, warm
from engine.market.screen import Screen, check_ticks, rows_at
from engine.ticks import TICK

REJECTED = 8
"""The result is the trigger's code and, from this bit on, how many ticks were rejected."""
FULL = 62
"""The bit that says that a recorder's block has to be taken."""
TAPE_HEAD = 2
"""Words before the ticks of such a block: how many there are, and with how many it is full."""
_WORDS = TICK.itemsize // 8


@part
def _append(ticks: int, stop: int, tape: int) -> int:
    """1 when the block is full. There is room for a batch behind that."""
    head = carray(pointer(tape), TAPE_HEAD, np.int64)
    words = carray(pointer(ticks), stop * _WORDS, np.int64)
    start = tape + 8 * (TAPE_HEAD + head[0] * _WORDS)
    kept = carray(pointer(start), stop * _WORDS, np.int64)
    for at in range(stop * _WORDS):
        kept[at] = words[at]
    head[0] += stop
    return 1 if head[0] >= head[1] else 0


@kernel
def take(ticks: int, stop: int, screen: int, symbols: int, desk: int, tape: int) -> int:
    """Screen the first ``stop`` of ``ticks`` by the ``symbols`` rows of ``screen``, then consume them; before
    that append them to the block of ``tape``, if that is not 0.

    All but the counts are addresses. As ``Screen.check`` and ``consume`` one after the other.
    """
    full = 0
    if tape != 0:
        full = _append(ticks, stop, tape) << FULL
    packed = ticks_at(ticks, stop)
    rejected = check_ticks(packed, 0, stop, rows_at(screen, symbols))
    return full | (rejected << REJECTED) | consume_ticks(packed, 0, stop, desk_at(desk))


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        ticks, screen, features = np.zeros(1, TICK), Screen(), FeatureEngine(FeaturesConfig())
        take(ticks.ctypes.data, 0, screen.address, len(screen), features.address, 0)

    warm(exercise, "intake_kernel", report, shown="intake")
