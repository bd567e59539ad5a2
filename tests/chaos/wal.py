"""What of SQLite's write-ahead log was synced, and the log as a power cut leaves it.

kill -9 loses nothing that was written: the kernel still has it. A power cut loses what was not synced. To
make one of the other, ``cut_power`` takes away, in the log of a killed process, everything after the last
frame known to be on the disk:

- what an acknowledged commit reached (commits of orders sync the log, batches behind do not), and
- what a checkpoint began to copy into the database (it syncs the log first).

A log that was begun anew since (other salts) had been copied and synced as a whole before: all of the new one
is unsynced until a commit says otherwise. The formats: https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from typing import NamedTuple

_HEADER = 32
_FRAME_HEADER = 24
_PAGE = 4096


class Written(NamedTuple):
    """How far the log went at some moment: whole frames, and which log it was."""

    frames: int
    salts: str

    def __str__(self) -> str:
        return f"{self.frames}:{self.salts}"

    @classmethod
    def parse(cls, text: str) -> Written:
        frames, _, salts = text.partition(":")
        return cls(int(frames), salts)


class WalIndex:
    """The shared-memory index beside the log, as it is now."""

    def __init__(self, database: Path) -> None:
        self._fd = os.open(f"{database}-shm", os.O_RDONLY | os.O_CLOEXEC)

    def written(self) -> Written:
        head = os.pread(self._fd, 48, 0)
        (frames,) = struct.unpack_from("=I", head, 16)
        return Written(frames, head[32:40].hex())

    def copied(self) -> int:
        """Frames that a checkpoint tried to copy into the database, all of them synced."""
        (frames,) = struct.unpack("=I", os.pread(self._fd, 4, 128))
        return int(frames)

    def close(self) -> None:
        os.close(self._fd)


def cut_power(database: Path, acknowledged: Written | None, rng: random.Random) -> int:
    """Lose what was not synced; returns how many bytes that was. The process must be gone.

    The lost tail is cut off, zeroed or torn at random: any of it may have reached the disk, or a part.
    """
    log, index = Path(f"{database}-wal"), Path(f"{database}-shm")
    if not log.exists() or not index.exists():
        return 0
    found = WalIndex(database)
    now, copied = found.written(), found.copied()
    found.close()
    synced = copied
    if acknowledged is not None and acknowledged.salts == now.salts:
        synced = max(synced, acknowledged.frames)
    size = log.stat().st_size
    # Beyond the frames of this log lie those of an earlier one, which its salts tell apart.
    end = min(_HEADER + now.frames * (_FRAME_HEADER + _PAGE), size)
    keep = min(_HEADER + synced * (_FRAME_HEADER + _PAGE) if synced else 0, end)
    with log.open("r+b") as file:
        how = rng.choice(("cut", "zero", "torn"))
        if how == "cut":
            file.truncate(keep)
        else:
            start = keep if how == "zero" else rng.randint(keep, end)
            file.seek(start)
            file.write(b"\0" * (end - start))
    index.unlink()  # it is memory, and gone with the power
    return end - keep
