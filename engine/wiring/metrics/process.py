"""Metrics of the process and its garbage collector, by the names that every dashboard knows:
https://prometheus.io/docs/instrumenting/writing_clientlibs/#standard-and-runtime-collectors
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import threading
from pathlib import Path

from engine.ops.exposition import Page

_PROC = Path("/proc/self")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessMetrics:
    def __init__(self, started_ns: int) -> None:
        """``started_ns``: since the epoch, UTC."""
        self._started_s = started_ns / 1e9

    def __call__(self, page: Page) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        page.counter(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            used.ru_utime + used.ru_stime,
        )
        page.gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            self._started_s,
        )
        virtual, resident = _memory()
        page.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", resident)
        page.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual)
        page.gauge("process_open_fds", "Number of open file descriptors.", _open_files())
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        page.gauge(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            None if most == resource.RLIM_INFINITY else most,
        )
        page.gauge(
            "tickdesk_threads", "Threads of Python's in the engine's process.", threading.active_count()
        )
        page.gauges(
            "python_info",
            "Python platform information.",
            ("implementation", "version"),
            [((platform.python_implementation(), platform.python_version()), 1)],
        )
        stats = [((str(generation),), one) for generation, one in enumerate(gc.get_stats())]
        for key, name, about in (
            ("collected", "objects_collected", "Objects collected during gc."),
            ("uncollectable", "objects_uncollectable", "Uncollectable objects found during GC."),
            ("collections", "collections", "Number of times this generation was collected."),
        ):
            page.counters(
                f"python_gc_{name}_total", about, ("generation",), [(which, one[key]) for which, one in stats]
            )


def _memory() -> tuple[int | None, int | None]:
    """(virtual, resident) bytes; None where there is no /proc."""
    try:
        pages = (_PROC / "statm").read_text().split()
    except OSError:
        return None, None
    return int(pages[0]) * _PAGE_BYTES, int(pages[1]) * _PAGE_BYTES


def _open_files() -> int | None:
    try:
        return sum(1 for _ in (_PROC / "fd").iterdir()) - 1  # less the one that lists them
    except OSError:
        return None
