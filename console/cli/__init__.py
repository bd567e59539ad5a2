"""The command line. ``main`` turns every error a user can cause into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from console.cli.arguments import parse
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
        failure = InternalError(_crash_log(), error)
        print(f"tickdesk: {failure}", file=sys.stderr)
        return failure.exit_code


def _crash_log() -> Path:
    """Append the current traceback to the log of crashes, private to the user."""
    path = default_state_dir() / "crash.log"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{traceback.format_exc()}\n")
    return path
