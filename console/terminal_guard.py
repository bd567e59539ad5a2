"""Who puts the terminal right when the console is killed: a SIGKILL leaves a process no time to do it."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import IO, Self

_SHELL, _ANSWER_S = "/bin/sh", 1.0
_NAME = "terminal"
"""Not the console's: what kills all that is called so must leave this."""
# A line says that all is well; the end of the pipe without one, that nobody is left to say it. Settings are
# put back only where signals by keys are off: a shell that has taken the terminal again has them on.
_SCRIPT = """
read -r said && exit
printf %b "$1" >&2
case $(stty -a <&2) in *-isig*) stty "$2" <&2 ;; esac
"""


def _written(sequences: bytes) -> str:
    """As ``printf`` takes them: arguments are shown to who lists processes."""
    return sequences.decode().replace("\x1b", "\\033")


class TerminalGuard:
    """A shell that waits for the end of this process."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
        self._process, self._pipe = process, pipe

    @classmethod
    def over(cls, terminal: int, farewell: bytes) -> Self | None:
        """Of the terminal as it is set now; ``farewell`` undoes what is going to be set by sequences. None:
        this is no terminal, or there is no shell."""
        try:
            settings = subprocess.run(  # noqa: S603 - a fixed question
                [_SHELL, "-c", "stty -g"], stdin=terminal, capture_output=True, timeout=_ANSWER_S, check=True
            ).stdout.decode()
            process = subprocess.Popen(  # noqa: S603 - our own script
                [_SHELL, "-c", _SCRIPT, _NAME, _written(farewell), settings.strip()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=terminal,
                start_new_session=True,  # what is sent to all of the terminal's processes is not meant for it
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        assert process.stdin is not None
        return cls(process, process.stdin)

    def release(self) -> None:
        """The terminal is as it was."""
        with suppress(OSError):
            self._pipe.write(b"\n")
            self._pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ANSWER_S)
