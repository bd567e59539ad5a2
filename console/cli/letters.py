"""What the character set of standard output has no letter for, as the locale or PYTHONIOENCODING chose it."""

from __future__ import annotations

import codecs
import io
import sys

_NAME = "likeness"


def spell_in_its_letters() -> None:
    """From now on a letter that cannot be printed becomes its likeness in ASCII: what was done is told."""
    codecs.register_error(_NAME, _likeness)
    for stream in (sys.stdout, sys.stderr):
        # Bytes of a file's name that are no text stay themselves where Python lets them.
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors=_NAME)


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from console.filters import in_ascii  # Rich's imports take longer than many a command

    return in_ascii(error.object[error.start : error.end]), error.end
