"""One engine per state directory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import EngineBusyError, StoreError
from engine.store.lock import FILE, StateLock, holder
from tests.conftest import ROOT

HOLD = """
import sys
from pathlib import Path
from engine.store.lock import StateLock
lock = StateLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_engine_is_told_who_is_there_and_what_to_do(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    with pytest.raises(EngineBusyError) as caught:
        StateLock.acquire(tmp_path)
    text = str(caught.value)
    assert f"pid {os.getpid()}" in text and str(tmp_path) in text
    assert "tickdesk attach" in text and "--state-dir" in text and "\n" not in text
    assert holder(tmp_path) == os.getpid()
    lock.release()
    assert holder(tmp_path) is None
    StateLock.acquire(tmp_path).release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == b"held\n"
    assert holder(tmp_path) == child.pid
    with pytest.raises(EngineBusyError, match=f"pid {child.pid}"):
        StateLock.acquire(tmp_path)
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    assert holder(tmp_path) is None
    lock = StateLock.acquire(tmp_path)
    assert (tmp_path / FILE).read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    new, loose = tmp_path / "a" / "b", tmp_path / "loose"
    loose.mkdir(mode=0o755)
    for directory in (new, loose):
        StateLock.acquire(directory).release()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600


def test_a_state_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--state-dir") as caught:
        StateLock.acquire(tmp_path / "file" / "state")
    assert not isinstance(caught.value, EngineBusyError)


def test_nobody_holds_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert holder(tmp_path / "missing") is None
