"""The desk's thread comes onto a processor as soon as something arrives for it, on a busy machine too."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SLICE_NS = 100_000
"""The shortest there is. Linux (6.12 and later) lets who asks for little at a time in front of one that is in
the middle of a longer slice: https://docs.kernel.org/scheduler/sched-eevdf.html"""
_SET = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call: https://man7.org/linux/man-pages/man2/sched_setattr.2.html"""
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_RESET_ON_FORK = 1
"""Threads and children have ordinary slices; a niceness below 0 would be taken from them, too."""


def be_prompt() -> bool:
    """Ask for short slices for this thread, its niceness kept; False where the system has or allows none."""
    number = _SET.get(platform.machine()) if sys.platform == "linux" else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    flags = _RESET_ON_FORK if nice >= 0 else 0
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, flags, nice, 0, SLICE_NS, 0, 0)
    # 0: this thread.
    return bool(ctypes.CDLL(None).syscall(number, 0, asked, 0) == 0)
