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
) -> int:
    """Run until told to stop; returns the exit code. Raises TickdeskError when it cannot start or go on."""
    if tapes and "market" not in stages:
        raise ConfigError("--tape is the market stage's: the others are played what is on the bus")
    lock = StateLock.acquire(state_dir)
    try:
        configure_by(config.logging, stderr=True, file=state_dir / LOG)
        frame = Frame(config, state_dir, tapes, venue)
        compile_all(log.info)
        be_prompt()
        made = [STAGES[name](frame) for name in dict.fromkeys(stages)]
        return asyncio.run(_run(Worker(frame, made)))
    except TickdeskError:
        raise
    except Exception as error:
        log.exception("internal error")
        raise InternalError(state_dir / LOG, error) from error
    finally:
        lock.release()


async def _run(worker: Worker) -> int:
    gc.collect()
    gc.freeze()  # the imports' many objects stay for good
    return await worker.run()
