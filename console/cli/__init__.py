"""The command line. ``main`` turns every error a user can cause into one line and an exit code."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from console.cli.arguments import parse
from console.cli.letters import spell_in_its_letters
from console.cli.settings import state_dir
from console.crash_log import write_down
from engine.config import default_state_dir
from engine.errors import ConfigError, InternalError, TickdeskError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 usage, 3 engine busy, 4 no engine)."""
    spell_in_its_letters()
    arguments = parse(argv)
    try:
        code = int(arguments.run(arguments))
        if sys.stdout is not None:  # it is closed: nobody wants to read it
            sys.stdout.flush()
        return code
    except TickdeskError as error:
        print(f"tickdesk: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`tickdesk replay … | head`): not an error of ours.
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            gone = "the folder that you are in was removed: go to another, or name files from the root"
            print(f"tickdesk: {gone}", file=sys.stderr)
            return ConfigError.exit_code
        if isinstance(error, OSError) and error.errno in _FULL:
            _drop_output()
            print(f"tickdesk: cannot write: {error.strerror}; make room", file=sys.stderr)
            return 1
        failure = InternalError(write_down(error, _state_dir(arguments)), error)
        print(f"tickdesk: {failure}", file=sys.stderr)
        return failure.exit_code


def _drop_output() -> None:
    """What could not be written is not tried again at the end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
