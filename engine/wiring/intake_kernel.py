"""The way in of what a socket read held, as one compiled call: screened, then consumed up to a trigger."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.config import FeaturesConfig
from engine.features.consume import consume_ticks
from engine.features.engine import FeatureEngine
from engine.features.memory import desk_at, ticks_at
from engine.kernels import kernel, warm
from engine.market.screen import Screen, check_ticks, rows_at
from engine.ticks import TICK

REJECTED = 8
"""The result is the trigger's code and, from this bit on, how many ticks were rejected."""


@kernel
def take(ticks: int, stop: int, screen: int, symbols: int, desk: int) -> int:
    """Screen the first ``stop`` of ``ticks`` by the ``symbols`` rows of ``screen``, then consume them.

    All but the counts are addresses. As ``Screen.check`` and ``consume`` one after the other.
    """
    packed = ticks_at(ticks, stop)
    rejected = check_ticks(packed, 0, stop, rows_at(screen, symbols))
    return (rejected << REJECTED) | consume_ticks(packed, 0, stop, desk_at(desk))


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        ticks, screen, features = np.zeros(1, TICK), Screen(), FeatureEngine(FeaturesConfig())
        take(ticks.ctypes.data, 0, screen.address, len(screen), features.address)

    warm(exercise, "intake_kernel", report, shown="intake")
