"""What children print, in a file of each: bounded, though they write it themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from engine.whole_file import whole_bytes

MOST_BYTES = 8 << 20
"""Of a file; as much as that stood in it before is beside it, in ``NAME.1``."""


def opened(path: Path) -> IO[bytes]:
    """To be handed to a child. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def bound(path: Path, most: int = MOST_BYTES) -> bool:
    """Where it is too long, put it beside and empty it: whoever has it open to append goes on at its
    beginning. What is printed in that very moment is lost. Whether it was. Raises OSError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        size = file.seek(0, os.SEEK_END)
        if size <= most:
            return False
        file.seek(size - most)
        whole_bytes(path.with_name(path.name + ".1"), file.read(most))
        os.truncate(path, 0)
    return True
