"""Running the engine: the lock, the log, the compiled kernels, then one live engine after another.

There is more than one only on a tape that is sought backward: each is a fresh desk from the tape's start.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
from collections.abc import Callable
from functools import partial

from engine.api.control import Control
from engine.errors import InternalError, TickdeskError
from engine.feeds.tape import Tape
from engine.feeds.tape_span import tape_span
from engine.logs import LogRing, configure_by
from engine.store.lock import StateLock
from engine.wiring.compile import compile_all
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.own_processor import OwnProcessor
from engine.wiring.prompt import be_prompt
from engine.wiring.redis_cache import check_redis
from engine.wiring.shutdown import GRACE_S, Deadline
from engine.wiring.tape_playback import Begin, forget_journal

log = logging.getLogger("engine")


Make = Callable[[EngineOptions, LogRing, Tape | None, Begin, Control], LiveEngine]


def run_engine(options: EngineOptions, make: Make = LiveEngine, lock: StateLock | None = None) -> int:
    """Run until told to stop; returns the exit code.

    ``make``: which engine. ``lock``: of the state directory, where it is held already. Raises TickdeskError
    when it cannot start.
    """
    lock = lock or StateLock.acquire(options.state_dir)
    code = 1
    try:
        logs = configure_by(
            options.config.logging, stderr=options.log_to_stderr, file=options.state_dir / "engine.log"
        )
        check_redis(options.config.cache)  # before the kernels are compiled, which may take a minute
        tape = _tape(options) if options.tapes else None
        logs.ring.begins_ns = _begins_ns(options)

        def note(text: str) -> None:
            log.info(text)
            options.note(text)

        compile_all(note)
        be_prompt()
        code = _run(options, logs.ring, tape, make, lock)
    except TickdeskError:
        raise
    except Exception as error:
        log.exception("internal error")
        raise InternalError(options.state_dir / "engine.log", error) from error
    finally:
        lock.release(in_order=code == 0)
    if options.temporary:
        shutil.rmtree(options.state_dir, ignore_errors=True)
    return code


def _tape(options: EngineOptions) -> Tape:
    """With the books that the paper venue fills against, as in a replay without a screen."""
    levels = {name: one.book_levels for name, one in options.config.feeds.items()}
    return Tape(options.tapes, venue=options.venue, book_levels=levels)


def _begins_ns(options: EngineOptions) -> int:
    """When the tapes begin; 0 without one, and where none tells. Raises TapeError."""
    spans = (tape_span(path, options.venue, stopped=lambda: True) for path in options.tapes)
    return min((span.from_ns for span in spans if span.from_ns), default=0)


def _run(options: EngineOptions, ring: LogRing, tape: Tape | None, make: Make, lock: StateLock) -> int:
    begin, control = options.begin, Control()
    deadline = Deadline(options.config.engine.shutdown_s + GRACE_S)
    while True:
        engine = make(options, ring, tape, begin, control)
        engine.on_stop = partial(_on_stop, engine, deadline, lock)
        own = OwnProcessor(partial(engine.tasks.spawn, vital=False))
        if tape is None and options.config.engine.processor == "own":
            engine.on_start = own
        try:
            code = asyncio.run(engine.main())
        finally:
            own.end()
        if engine.anew is None or code:
            return code
        begin = engine.anew
        ring.clock = None  # it is that engine's
        del engine
        gc.unfreeze()  # the engine before, and all that it held
        gc.collect()
        forget_journal(options.state_dir)
        ring.clear()
        log.info("the desk begins anew from the tape's start")


def _on_stop(engine: LiveEngine, deadline: Deadline, lock: StateLock) -> None:
    deadline.start()
    if engine.crash is None:
        lock.ends()  # it was told to: a spare does not trade on, even where this does not end in time
