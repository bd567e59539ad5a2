"""The command line. ``main`` turns every error a user can cause into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from console.cli.arguments import parse
from console.cli.settings import state_dir
from engine.config import default_state_dir
from engine.errors import InternalError, TickdeskError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 usage, 3 engine busy, 4 no engine)."""
    arguments = parse(argv)
    try:
        return int(arguments.run(arguments))
    except TickdeskError as error:
        print(f"tickdesk: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`tickdesk replay … | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        failure = InternalError(_crash_log(arguments), error)
        print(f"tickdesk: {failure}", file=sys.stderr)
        return failure.exit_code


def _crash_log(arguments: argparse.Namespace) -> Path:
    """Append the current traceback, without secrets, to the log of crashes, private to the user."""
    from engine.logs import redact  # most commands end without it

    told = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{redact(traceback.format_exc())}\n"
    for folder in (_state_dir(arguments), Path(tempfile.gettempdir())):
        path = folder / f"crash-{os.getuid()}.log"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(path, flags, 0o600), "a") as file:
                status = os.fstat(file.fileno())
                # Where all may write, somebody else may have put one there before.
                if status.st_uid == os.getuid() and not status.st_mode & 0o077:
                    file.write(told)
                    return path
    return path


def _state_dir(arguments: argparse.Namespace) -> Path:
    try:
        return state_dir(arguments)
    except TickdeskError:
        return default_state_dir()
