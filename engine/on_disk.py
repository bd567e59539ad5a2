"""Whether something is there: from Python 3.14 on ``Path.exists`` says no, too, where it cannot tell."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

Kind = Literal["", "file", "folder", "other"]


def on_disk(path: Path) -> Kind:
    """What ``path`` leads to; empty: to nothing; "other": a socket, pipe or device.

    Raises OSError where nobody can tell (too long a name, no right to look), ValueError for a null byte.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"
