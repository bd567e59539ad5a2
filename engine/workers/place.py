"""A worker's place: its state directory. Who has its lock knows that whoever had this lock before is dead.

The very lock, that is: of the same file, under the same boot of the same machine. A copy of the directory, or
one that several machines share, says nothing of who is alive elsewhere.

So what that one owned on the bus need not run out first: it is taken over at once. A worker has another name
at each start; the part of it that tells the place stays, and with it the shards that are dealt there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

from engine.errors import StoreError
from engine.store.lock import FILE as LOCK
from engine.text import clean

FILE = "worker"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html"""
_MOST_BYTES = 200


class Place(NamedTuple):
    worker: str
    """Who is there now."""
    former: str = ""
    """Who was there before, and is dead; "": nobody is known."""


def take_place(state_dir: Path) -> Place:
    """For who holds the lock of ``state_dir``. Raises StoreError."""
    name = worker_name(state_dir)
    path = state_dir / FILE
    made = path.with_suffix(".new")
    try:
        mark = _mark(state_dir)
        former, before = _read(state_dir)
        if not mark or before != mark:
            former = ""  # of another lock, which may be held: its leases run out
        made.touch(mode=0o600)
        made.write_text(f"{name}\n{mark}\n")
        made.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; choose another --state-dir") from None
    return Place(name, former)


def occupant(state_dir: Path) -> str:
    """The worker that took its place here last; "": none is known."""
    return _read(state_dir)[0]


def _read(state_dir: Path) -> tuple[str, str]:
    """Who took its place here last, and the mark of the lock that it had."""
    try:
        with (state_dir / FILE).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return "", ""
    name, _, mark = text.decode("ascii", errors="replace").strip().partition("\n")
    whole = len(text) <= _MOST_BYTES and pid_of(name) is not None
    return (name, mark) if whole and name.isascii() and name.isprintable() else ("", "")


def _mark(state_dir: Path) -> str:
    """Of the lock, as no other one has it; "" where the system does not tell (only Linux does)."""
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        return ""
    found = (state_dir / LOCK).stat()
    return f"{boot} {found.st_dev}:{found.st_ino}"


def worker_name(state_dir: Path) -> str:
    """``<host>-<place>-<pid>-<any>``: another one at each start, for who comes back is not who was there."""
    host = clean(socket.gethostname(), 40).replace(" ", "-") or "host"
    where = hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:4]
    return f"{host}-{where}-{os.getpid()}-{secrets.token_hex(2)}"


def place_of(worker: str) -> str:
    """The part of its name that whoever comes after it in its place has, too."""
    return worker.rsplit("-", 2)[0]


def pid_of(worker: str) -> int | None:
    """None: it is no name of ours."""
    parts = worker.rsplit("-", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None
