"""A worker that stands by for another one of its state directory, with everything loaded.

To start a process and load its libraries and kernels takes two seconds of a core, on a busy machine many
more. A spare has that behind it: where the one that works is killed or fails, the kernel frees its lock, and
the spare goes on in its place. One that ended in order has its spare end, too.
"""

from __future__ import annotations

import gc
import importlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from engine.errors import EngineBusyError
from engine.store.lock import StateLock, holder, is_ending
from engine.wiring.compile import compile_all
from engine.workers.place import occupant, pid_of

log = logging.getLogger("engine.worker")

_STARTS_S = 1.0
"""So long who has the lock may take to say that it is a worker."""
_LAZY = ("redis.asyncio", "hiredis", "aiohttp.web", "engine.wiring.sources", "engine.workers.live_source")
"""Loaded by a worker at its first need of them."""


def stand_by(state_dir: Path, more: Sequence[str] = ()) -> StateLock | None:
    """The lock of ``state_dir``, as soon as it is free; None: who had it ended in order. One that was ending
    already is no matter of ours: a topology that was killed may be started again before its workers are gone.

    ``more``: modules to load meanwhile. Raises StoreError; EngineBusyError where no worker is there.
    """
    while True:
        lock = _taken(state_dir)
        if lock is not None:
            return lock
        was_ending = is_ending(state_dir)
        compile_all(log.info)
        for name in (*_LAZY, *more):
            importlib.import_module(name)
        gc.collect()
        lock = StateLock.wait(state_dir)
        if lock is not None or not was_ending:
            return lock


def _taken(state_dir: Path) -> StateLock | None:
    """None: a worker has it. Raises EngineBusyError where another engine has."""
    until_s = time.monotonic() + _STARTS_S
    while True:
        try:
            return StateLock.acquire(state_dir)
        except EngineBusyError:
            pid = holder(state_dir)
            if pid is not None and pid == pid_of(occupant(state_dir)):
                return None
            if time.monotonic() > until_s:
                raise
        time.sleep(0.05)
