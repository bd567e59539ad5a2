"""A sweep's runs on a Dask cluster: its workers prepare once each, and make one run at a time.

Every worker has tickdesk installed and sees the data under the same paths; one that reads other data than
this machine refuses. Who can reach a cluster can run code on it: that is for its own security to prevent.

https://distributed.dask.org/en/stable/client.html
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import msgspec

from engine.errors import ConfigError, StoreError
from engine.research.sweep_runs import Run, Task
from engine.text import clean
from engine.wiring.sweep_link import Setup
from engine.wiring.sweep_worker import MakeRun, attempt, opened

CONNECT_S = 10.0
_AHEAD = 2
"""Runs that a worker has before it, so that it never waits for us."""
_GONE = "the cluster's scheduler went away: the same command goes on"
_ONE_AT_A_TIME = threading.Lock()
_OPENED: dict[Setup, MakeRun] = {}
"""On a worker: that of the last sweep. Setups are compared whole."""


def work(setup: bytes, task: bytes) -> bytes:
    """On a worker of the cluster. Raises TickdeskError where it cannot be set up."""
    with _ONE_AT_A_TIME:
        told = msgspec.msgpack.decode(setup, type=Setup)
        if told not in _OPENED:
            _OPENED.clear()
            _OPENED[told] = opened(told)
        run = attempt(_OPENED[told], msgspec.msgpack.decode(task, type=Task))
        return msgspec.msgpack.encode(run)


class Cluster:
    """The workers of a cluster, as many as it has at the time. A context."""

    def __init__(self, setup: Setup, address: str, tell: Callable[[str], None]) -> None:
        """Raises ConfigError without the extra, StoreError where nothing answers."""
        self._distributed = _distributed()
        self._tell = tell
        self._asked: dict[Any, Task] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._seen_s = 0.0
        self._workers = 0
        try:
            self._client = self._distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise StoreError(
                f"--dask {clean(address, 80)}: no scheduler answers ({clean(error, 120) or 'time-out'})"
            ) from None
        try:
            self._setup = self._client.scatter(msgspec.msgpack.encode(setup), broadcast=True, hash=False)
        except BaseException as error:
            self._client.close()
            if isinstance(error, (OSError, TimeoutError)):
                raise StoreError(f"--dask {clean(address, 80)}: the cluster has no worker") from None
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def busy(self) -> int:
        return len(self._asked)

    @property
    def room(self) -> int:
        return max(1, self._count()) * _AHEAD - self.busy

    def begin(self, task: Task) -> None:
        # Not pure: the same values under another name are another run.
        with _asking():
            future = self._client.submit(work, self._setup, msgspec.msgpack.encode(task), pure=False)
        self._asked[future] = task
        future.add_done_callback(self._ended.put)

    def ended(self, timeout_s: float) -> list[Run]:
        """Runs that have ended. Raises TickdeskError where a worker cannot make any."""
        found: list[Run] = []
        try:
            while True:
                future = self._ended.get(timeout=0.0 if found else timeout_s)
                with _asking():
                    found.append(self._run(future, self._asked.pop(future)))
                future.release()
        except queue.Empty:
            return found

    def _run(self, future: Any, task: Task) -> Run:
        if future.status == "finished":
            return msgspec.msgpack.decode(future.result(), type=Run)
        if future.status != "error":  # canceled, by a client that lost its scheduler
            raise StoreError(_GONE)
        error = future.exception()
        if isinstance(error, self._distributed.KilledWorker):
            self._tell(f"workers died of {task.name}: it counts as failed")
            return Run(task.name, task.point, status="failed", error="the cluster's workers died of it")
        raise StoreError(f"a worker of the cluster cannot run the sweep: {clean(error, 300)}")

    def _count(self) -> int:
        """Workers that there are, asked for once a second."""
        now = time.monotonic()
        if now - self._seen_s > 1.0:
            self._seen_s = now
            with _asking():
                self._workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
        return self._workers

    def close(self) -> None:
        with contextlib.suppress(Exception):  # of a scheduler that is gone nothing can be taken back
            self._client.cancel(list(self._asked))
        self._asked.clear()
        self._client.close()


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """A line that is cut, and what is canceled by that, in our words."""
    try:
        yield
    except (OSError, TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError):
        raise StoreError(_GONE) from None


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ConfigError("--dask needs distributed: pip install 'tickdesk[dask]'") from None
    # A lost scheduler is told by us, in a line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    return distributed
