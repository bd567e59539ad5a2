"""A process that makes runs of a sweep, one after the other: ``python -m engine.wiring.sweep_worker FD``.

It prepares once. When the sweep's process is gone, so is this one, at once.
"""

from __future__ import annotations

import importlib
import os
import queue
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from engine.errors import ConfigError, TickdeskError
from engine.research.sweep_runs import Run, Task
from engine.text import clean
from engine.wiring.sweep_link import (
    TO_WORKER,
    Broken,
    ChangedError,
    Do,
    Ended,
    Messages,
    Ready,
    Setup,
    send,
)

MakeRun = Callable[[Task], Run]


def opened(setup: Setup) -> MakeRun:
    """What makes a run. Raises TickdeskError."""
    made: MakeRun = importlib.import_module(setup.runner).opened(setup.body)
    return made


def attempt(make: MakeRun, task: Task) -> Run:
    """A run, also where it raises; but ChangedError, which is of all of them."""
    try:
        return make(task)
    except ChangedError:
        raise
    except ConfigError as error:
        return Run(task.name, task.point, status="refused", error=clean(error, 300))
    except TickdeskError as error:
        return Run(task.name, task.point, status="failed", error=clean(error, 300))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
        return Run(task.name, task.point, status="failed", error=clean(told, 300))


def main(descriptor: int) -> None:
    # Ctrl-C reaches every process of the terminal; the sweep ends this one by hanging up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = socket.socket(fileno=descriptor)
    inbox: queue.SimpleQueue[Setup | Do] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(link, inbox), daemon=True).start()
    setup = inbox.get()
    assert isinstance(setup, Setup)
    try:
        make = opened(setup)
    except TickdeskError as error:
        send(link, Broken(clean(error, 300)))
        return
    send(link, Ready())
    first = 0
    while True:
        asked = inbox.get()
        assert isinstance(asked, Do)
        try:
            run = attempt(make, asked.task)
        except ChangedError as error:
            send(link, Broken(clean(error, 300)))
            return
        held = _held()
        first = first or held
        send(link, Ended(run, held > first + setup.growth))


def _read(link: socket.socket, inbox: queue.SimpleQueue[Setup | Do]) -> None:
    """On a thread of its own, so that a long run does not outlive the sweep."""
    messages = Messages()
    try:
        while data := link.recv(1 << 16):
            for message in messages.feed(data, TO_WORKER):
                inbox.put(message)
    except (OSError, ValueError):
        pass  # as good as a hang-up: nobody is there to be told
    os._exit(0)


def _held() -> int:
    """Bytes of memory."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size if sys.platform == "darwin" else size * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
