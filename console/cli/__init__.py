"""The command line. ``main`` turns every error a user can cause into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from console.cli.arguments import parse
from console.cli.settings import state_dir
from console.crash_log import write_down
from engine.config import default_state_dir
from engine.errors import ConfigError, InternalError, TickdeskError


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
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            gone = "the folder that you are in was removed: go to another, or name files from the root"
            print(f"tickdesk: {gone}", file=sys.stderr)
            return ConfigError.exit_code
        failure = InternalError(write_down(error, _state_dir(arguments)), error)
        print(f"tickdesk: {failure}", file=sys.stderr)
        return failure.exit_code


def _is_somewhere() -> bool:
    """Whether a relative path leads anywhere."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _state_dir(arguments: argparse.Namespace) -> Path:
    try:
        return state_dir(arguments)
    except TickdeskError:
        return default_state_dir()
