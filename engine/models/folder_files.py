"""Reading and writing files inside one folder: no link leads out of it, nothing but regular files is read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import ModelError
from engine.whole_file import whole_bytes

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# a pipe is refused instead of waited for
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_CHUNK = 1 << 20


def read(folder: Path, name: str, limit: int) -> bytes:
    """The bytes of ``folder/name``, at most ``limit``. Raises ModelError."""
    with _opened(folder, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ModelError(f"{folder / name} is larger than {limit} bytes")
    return data


def sha256(folder: Path, name: str, limit: int) -> tuple[str, int]:
    """Checksum (hex) and size of ``folder/name``, at most ``limit`` bytes. Raises ModelError."""
    found, size = hashlib.sha256(), 0
    with _opened(folder, name) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise ModelError(f"{folder / name} is larger than {limit} bytes")
            found.update(chunk)
    return found.hexdigest(), size


def write(folder: Path, name: str, data: bytes) -> None:
    """Whole or not at all, and on the disk. Raises OSError."""
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole_bytes(path, data, for_others=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """What was renamed in ``folder`` is on the disk. Raises OSError."""
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    path = folder / name
    try:
        descriptor = _descriptor(folder, name)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ModelError(f"{path} is not a regular file")
            yield file
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            raise ModelError(f"{path} is a link: put the file itself there") from None
        raise ModelError(
            f"cannot read {path}: {error.strerror}; `tickdesk models list` shows what there is"
        ) from None


def _descriptor(folder: Path, name: str) -> int:
    """Opened step by step, no step through a link. The folder itself may be one."""
    *folders, last = name.split("/")
    at = os.open(folder, _FOLDER)
    try:
        for part in folders:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(last, _FILE, dir_fd=at)
    finally:
        os.close(at)
