"""Files that hold secrets: only their owner may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from engine.errors import ConfigError


def read_private(path: Path, key: str, most: int) -> str:
    """At most ``most`` bytes of the file that the setting ``key`` names.

    Raises ConfigError, which names the setting and not the file, when others can read it or we cannot.
    """
    try:
        # Not followed, and judged after it was opened: what is read is what was judged.
        file = os.open(path.expanduser(), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{key} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{key} is no file")
        if status.st_mode & 0o077 or status.st_uid not in (os.getuid(), 0):
            raise ConfigError(f"{key} can be read by others: chmod 600, and own it")
        return os.read(file, most).decode("utf-8", "replace")
    finally:
        os.close(file)
