"""A disk that is full, a process that is stopped: nothing acknowledged is lost, and the reason is told."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.wiring.verification import verify_database
from tests.chaos.amounts import STOP_S
from tests.chaos.harness import Committer, recover
from tests.chaos.small_disk import small_disk

_LIMIT = 3_000_000
_LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Of 3 MB."""
    with small_disk(tmp_path / "disk", _LIMIT) as mounted:
        yield mounted


def _until_it_ends(child: Committer) -> str:
    """What it said as it ended by itself."""
    try:
        child.process.wait(60)
        child.join()
        return child.errors()
    finally:
        child.close()


def _nothing_lost(path: Path, child: Committer) -> None:
    found = recover(path, child.acknowledged[-1].seq, 12, 0)
    assert [one for one in verify_database(path) if not one.ok] == []
    assert found.last_seq > 100


def test_a_full_disk_ends_it_and_nothing_acknowledged_is_lost(tmp_path: Path, disk: Path) -> None:
    child = Committer(disk / "tickdesk.db", 1, 12)
    told = _until_it_ends(child)
    assert "cannot write" in told and "full" in told and "free space" in told
    roomy = tmp_path / "roomy"
    shutil.copytree(disk, roomy)
    _nothing_lost(roomy / "tickdesk.db", child)


def test_it_starts_again_where_it_was_once_there_is_room(disk: Path) -> None:
    path, ballast = disk / "tickdesk.db", disk / "ballast"
    ballast.write_bytes(b"\0" * (_LIMIT // 2))
    child = Committer(path, 2, 12)
    assert "full" in _until_it_ends(child)
    ballast.unlink()
    _nothing_lost(path, child)


def test_a_file_that_may_not_grow_ends_it_too(tmp_path: Path) -> None:
    """The same without a disk of its own: writes beyond a size fail."""
    path = tmp_path / "tickdesk.db"
    child = Committer(path, 3, 12, sys.executable, "-c", _LIMITED, str(_LIMIT))
    assert "cannot write" in _until_it_ends(child)
    assert max(file.stat().st_size for file in tmp_path.iterdir()) <= _LIMIT
    _nothing_lost(path, child)


@pytest.mark.timeout(60 + 2 * STOP_S)
def test_a_stopped_process_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "tickdesk.db"
    child = Committer(path, 4, 12)
    try:
        child.wait_for(50)
        os.kill(child.process.pid, signal.SIGSTOP)
        _settled(child)
        before = len(child.acknowledged)
        time.sleep(STOP_S)  # this is the fault itself
        assert len(child.acknowledged) == before
        os.kill(child.process.pid, signal.SIGCONT)
        child.wait_for(before + 50)
    finally:
        child.close()
    _nothing_lost(path, child)


def _settled(child: Committer) -> None:
    """Wait until the child is stopped and what it told is read."""
    stat = Path(f"/proc/{child.process.pid}/stat")
    deadline = time.monotonic() + 10
    while stat.read_text().rpartition(")")[2].split()[0] != "T" and time.monotonic() < deadline:
        time.sleep(0.01)
    count = -1
    while count != len(child.acknowledged):
        count = len(child.acknowledged)
        time.sleep(0.05)
