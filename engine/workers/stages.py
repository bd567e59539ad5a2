"""The stages that a worker can run, by name, and the worker that runs them."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from pathlib import Path

from engine.config import Config
from engine.errors import ConfigError, InternalError, TickdeskError
from engine.logs import configure_by
from engine.store.lock import StateLock
from engine.wiring.compile import compile_all
from engine.wiring.prompt import be_prompt
from engine.workers.features import Features
from engine.workers.frame import Frame, Stage, Worker
from engine.workers.market import Market
from engine.workers.place import take_place
from engine.workers.spare import stand_by

log = logging.getLogger("engine.worker")

STAGES: dict[str, Callable[[Frame], Stage]] = {"market": Market, "features": Features}
"""Those that can share a process. Execution is an engine, with a process of its own."""
LOG = "worker.log"


def run_stages(
    config: Config,
    state_dir: Path,
    stages: tuple[str, ...],
    *,
    tapes: tuple[Path, ...] = (),
    venue: str | None = None,
    spare: bool = False,
) -> int:
    """Run until told to stop; returns the exit code. Raises TickdeskError when it cannot start or go on.

    ``spare``: where a worker runs in ``state_dir``, wait for its end first.
    """
    if tapes and "market" not in stages:
        raise ConfigError("--tape is the market stage's: the others are played what is on the bus")
    lock = stand_by(state_dir) if spare else StateLock.acquire(state_dir)
    if lock is None:
        return 0
    in_order = False
    try:
        configure_by(config.logging, stderr=True, file=state_dir / LOG)
        place = take_place(state_dir)
        frame = Frame(config, state_dir, tapes, venue, place.worker, place.former)
        compile_all(log.info)
        be_prompt()
        made = [STAGES[name](frame) for name in dict.fromkeys(stages)]
        code = asyncio.run(_run(Worker(frame, made, lock.ends)))
        in_order = True
        return code
    except TickdeskError:
        raise
    except Exception as error:
        log.exception("internal error")
        raise InternalError(state_dir / LOG, error) from error
    finally:
        lock.release(in_order=in_order)


async def _run(worker: Worker) -> int:
    gc.collect()
    gc.freeze()  # the imports' many objects stay for good
    return await worker.run()
