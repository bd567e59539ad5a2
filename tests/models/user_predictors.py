"""Starting users' models in tests, and seeing that nothing of them stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ModelError
from engine.models import artefact
from engine.models.user_predictor import UserPredictor
from engine.models.user_restarts import Restarts
from tests.models.loop_lag import Lag, loop_lag

LAG_MS = 5.0

QUICK = Restarts(most=3, first_s=0.01, longest_s=0.02)


@contextlib.asynccontextmanager
async def started(
    directory: Path, *, answer_s: float = 10.0, restarts: Restarts = QUICK
) -> AsyncIterator[tuple[UserPredictor, list[str]]]:
    """A predictor at work, and what it told of trouble.

    Afterwards none of its processes is left, and the loop was never held up, its test included: but for the
    moment that the machine takes to start a process.
    """
    made = UserPredictor(
        directory, artefact.read_manifest(directory), answer_s=answer_s, start_s=30.0, restarts=restarts
    )
    troubles: list[str] = []
    made.on_trouble = troubles.append
    await made.start()
    pids = {made.pid}
    begin, lag = made._begin, Lag()

    def noted() -> None:
        began, computed = time.perf_counter(), time.thread_time()
        begin()
        lag.excused_s += time.perf_counter() - began
        lag.excused_own_s += time.thread_time() - computed
        pids.add(made.pid)

    made._begin = noted
    try:
        with loop_lag(lag):
            yield made, troubles
            made.close()
        assert lag.worst_ms < LAG_MS, lag.what
    finally:
        made.close()
        for pid in pids:
            await gone(pid)


async def gone(pid: int) -> None:
    """Wait until neither the process nor one of its group is left."""
    with contextlib.suppress(ProcessLookupError):
        async with asyncio.timeout(10):
            while True:
                os.killpg(pid, 0)
                await asyncio.sleep(0.005)


async def until(holds: Callable[[], Any], limit_s: float = 20.0) -> None:
    """Wait until ``holds()`` is true."""
    ends = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends, "it does not come"
        await asyncio.sleep(0.005)


async def ask(made: UserPredictor, rows: np.ndarray, ns: int = 1) -> np.ndarray | ModelError:
    answer: asyncio.Future[np.ndarray | ModelError] = asyncio.get_running_loop().create_future()
    made.request(ns, rows, answer.set_result)
    return await asyncio.wait_for(answer, 30)


async def refused(made: UserPredictor, rows: np.ndarray) -> str:
    answer = await ask(made, rows)
    assert isinstance(answer, ModelError), answer
    assert "\n" not in str(answer) and made.version in str(answer)
    return str(answer)
