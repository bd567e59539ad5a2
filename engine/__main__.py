"""``python -m engine``: the engine as a process of its own, started by the console (or a service manager).

Tells over ``--ready-fd`` that it listens, or in one JSON line why it cannot start.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from engine.config import load
from engine.errors import TickdeskError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="The tickdesk engine, without a screen."
    )
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    parser.add_argument("--tape", type=Path, action="append", default=[])
    parser.add_argument("--venue")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--paused", action="store_true")
    parser.add_argument("--temporary", action="store_true", help="remove the state directory at the end")
    parser.add_argument("--life-fd", type=int, help="pipe at whose end the engine ends")
    parser.add_argument("--ready-fd", type=int, help="file descriptor that is told when the engine listens")
    arguments = parser.parse_args()
    tell = _teller(arguments.ready_fd)
    # The many objects of the imports are all kept: the engine turns collection on when it runs.
    gc.disable()
    try:
        from engine.wiring.engine_options import EngineOptions
        from engine.wiring.run import run_engine
        from engine.wiring.tape_playback import Begin

        return run_engine(
            EngineOptions(
                config=load(arguments.config, overrides=arguments.overrides),
                state_dir=arguments.state_dir.absolute(),
                tapes=tuple(arguments.tape),
                venue=arguments.venue,
                begin=Begin(arguments.speed, arguments.paused),
                temporary=arguments.temporary,
                life_fd=arguments.life_fd,
                log_to_stderr=arguments.ready_fd is None,
                note=lambda text: tell({"note": text}),
                ready=lambda: tell({}, last=True),
            )
        )
    except TickdeskError as error:
        print(f"tickdesk: {error}", file=sys.stderr)
        tell({"error": str(error), "exit_code": error.exit_code}, last=True)
        return error.exit_code


def _teller(fd: int | None) -> Callable[..., None]:
    def tell(message: dict[str, object], *, last: bool = False) -> None:
        nonlocal fd
        if fd is None:
            return
        # The console may be gone by now: nobody is left to be told.
        with contextlib.suppress(OSError):
            os.write(fd, json.dumps(message).encode() + b"\n")
        if last:
            os.close(fd)
            fd = None
            # Who started us keeps what we say there until now; from here on there is a log.
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)

    return tell


if __name__ == "__main__":
    sys.exit(main())
