"""``tickdesk stop``: ask the engine to end, and wait until it has. One that starts is told by a signal."""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from console.cli.client import ask
from console.cli.settings import state_dir
from engine.api.address import socket_path
from engine.api.protocol import Reply
from engine.errors import LinkError, NoEngineError, RefusedError
from engine.store.lock import holder, holds
from engine.workers.own_redis import WORKERS

WAIT_S = 20.0
TOPOLOGY_S = 60.0
"""So long the workers of `tickdesk up` may take beyond the engine: several of them, one after the other."""
SEALS_S = 2.0
"""One that ends has no socket any more before it is gone: it is not hurried."""


def run(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    topology, until_s = holder(where / WORKERS), time.monotonic() + SEALS_S
    while True:
        try:
            reply = ask(where, "POST", "/v1/stop", Reply)
            break
        except NoEngineError:
            if _pid(where) is None:
                raise
            if time.monotonic() >= until_s:
                return _end_start(where)
        except RefusedError:
            raise
        except LinkError as error:
            pid = holder(where)
            if pid is None:
                raise
            # Of a topology it would be started again.
            ends = f"`kill {topology}` ends all workers" if topology else f"`kill -9 {pid}` loses no fill"
            raise LinkError(f"the engine (pid {pid}) does not answer: {ends}") from error
        time.sleep(0.05)
    print(reply.text)
    deadline = time.monotonic() + WAIT_S
    socket = socket_path(where)
    # Of a directory that was moved meanwhile, its engine finds the socket no more, and leaves it.
    while socket.exists() and holder(where) is not None:
        if time.monotonic() > deadline:
            raise LinkError(f"the engine still runs after {WAIT_S:.0f} s: see {where / 'engine.log'}")
        time.sleep(0.05)
    if topology is not None:
        _await_workers(where / WORKERS, topology)
    return 0


def _await_workers(folder: Path, pid: int) -> None:
    """They end with their engine: who starts them again at once is not to meet them. Raises LinkError."""
    deadline = time.monotonic() + TOPOLOGY_S
    while holder(folder) == pid:
        if time.monotonic() > deadline:
            raise LinkError(f"`tickdesk up` (pid {pid}) still runs {TOPOLOGY_S:.0f} s later: see {folder}")
        time.sleep(0.05)


def _pid(where: Path) -> int | None:
    """Of the engine, or of the topology that would start it again."""
    return holder(where / WORKERS) or holder(where)


def _end_start(where: Path) -> int:
    """Nobody listens while kernels are compiled, which may take a minute. Raises LinkError."""
    pid = _pid(where)
    if pid is None:
        print("the engine has ended")
        return 0
    folder = where / WORKERS if holder(where / WORKERS) == pid else where
    if not holds(pid, folder):
        raise LinkError(f"the engine (pid {pid}) starts, and does not listen yet: `kill {pid}` ends it")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended
    except PermissionError:
        raise LinkError(
            f"the engine (pid {pid}) starts, and is another user's: that one may end it"
        ) from None
    deadline = time.monotonic() + WAIT_S
    while holder(folder) == pid:
        if time.monotonic() > deadline:
            raise LinkError(f"the engine (pid {pid}) still runs {WAIT_S:.0f} s after SIGTERM: see {where}")
        time.sleep(0.05)
    print(f"the engine (pid {pid}) was starting: ended")
    return 0
