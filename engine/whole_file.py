"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

_NAME = 100
"""Characters of a file's name in that of the one beside it, which has to be short enough, too."""


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write to what becomes ``path`` at the end; after an error it is as it was. Private to the user, and on
    the disk. Raises OSError."""
    with whole_binary(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # which flushes, and leaves the file open


def whole_bytes(path: Path, data: bytes | memoryview, *, for_others: bool = False) -> None:
    """The same, of bytes that are known. Raises OSError."""
    with whole_binary(path, for_others=for_others) as file:
        file.write(data)


@contextmanager
def whole_binary(path: Path, *, for_others: bool = False) -> Iterator[BinaryIO]:
    """The same, of bytes. ``for_others``: the umask says who may read it. Raises OSError."""
    beside = path.with_name(f".{path.name[:_NAME]}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, 0o666 if for_others else 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
