"""``tickdesk`` whose system clock jumps: SIGUSR1 an hour ahead, SIGUSR2 an hour back.

It starts TICKDESK_CHAOS_SHIFT_S seconds ahead. The machine's own clock is left alone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import SimpleNamespace

from console.cli import main
from engine import clock
from engine.events import NS

_HOUR = 3600 * NS
_shift = int(os.environ.get("TICKDESK_CHAOS_SHIFT_S", "0")) * NS


def _jump(by: int) -> None:
    global _shift
    _shift += by


if __name__ == "__main__":
    clock.time = SimpleNamespace(  # type: ignore[assignment]
        time_ns=lambda: time.time_ns() + _shift, monotonic_ns=time.monotonic_ns
    )
    signal.signal(signal.SIGUSR1, lambda *_: _jump(_HOUR))
    signal.signal(signal.SIGUSR2, lambda *_: _jump(-_HOUR))
    sys.exit(main())
