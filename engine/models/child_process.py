"""A process that reads a model's files, so that what is wrong with them crashes or hangs only that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from engine.models.child_environment import child_environment
from engine.models.lowered import lower
from engine.processor import keep_off

NICE = 15
MEMORY_BYTES = 8 << 30
CPU_S = 120
"""Where its parent is killed, nobody else ends one that hangs."""
STDERR = "stderr"
"""The file with what it printed there."""

_UNUSED = ("pandas", "pyarrow", "sklearn", "dask", "matplotlib")
"""LightGBM imports these where they are installed; it predicts without them, and starts twice as fast."""


async def run_child(module: str, path: Path, out: Path, timeout_s: float) -> int:
    """``python -m module path out`` to its end; its exit code.

    Raises TimeoutError after ``timeout_s``, OSError where the machine refuses. It is never left behind, nor
    what it has started.
    """
    with (out / STDERR).open("wb") as stderr:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module, str(path), str(out)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
            env=child_environment(),
            start_new_session=True,
        )
    # From its first import on: the desk's decisions go before it.
    with contextlib.suppress(OSError):  # it may have ended already
        os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
    keep_off(child.pid)
    try:
        async with asyncio.timeout(timeout_s):  # wait_for may swallow a cancellation
            return await child.wait()
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


def restrict() -> None:
    """In the child: no core dump of a crash, no swallowing of the machine."""
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_CPU, CPU_S)
    if sys.platform == "linux":
        lower(resource.RLIMIT_AS, MEMORY_BYTES)
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # "not installed"
