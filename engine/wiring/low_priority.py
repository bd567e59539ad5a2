"""A process that works beside the desk and never in front of it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

NICE = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""Numbers of the system call: https://man7.org/linux/man-pages/man2/ioprio_set.2.html"""
_WHO_PROCESS, _IDLE = 1, 3 << 13


def step_back() -> None:
    """Let everybody else have the processor first, and on Linux the disk too."""
    os.nice(NICE)
    number = _IOPRIO_SET.get(platform.machine()) if sys.platform == "linux" else None
    if number is not None:
        # Where it is refused, as in some containers, the disk is shared as usual.
        ctypes.CDLL(None).syscall(number, _WHO_PROCESS, 0, _IDLE)


def free_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no path of a file on a disk
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None
