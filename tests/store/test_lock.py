"""One engine per state directory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("killed", [True, False])
def test_who_waits_has_it_from_who_was_killed_and_not_from_who_ended_in_order(
    killed: bool, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", f"{HOLD}\nlock.release()", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == b"held\n"
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(StateLock.wait, tmp_path)
        if killed:
            child.kill()
        child.stdin.close()
        lock = waiting.result(10)
    child.wait(10)
    child.stdout.close()
    if not killed:
        assert lock is None and holder(tmp_path) is None
        return
    assert lock is not None and holder(tmp_path) == os.getpid()
    lock.release(in_order=False)  # we failed: who waits for us would go on
    again = StateLock.wait(tmp_path)
    assert again is not None
    again.release()
    assert StateLock.wait(tmp_path) is None


@pytest.mark.parametrize("told", [True, False])
def test_who_waits_does_not_go_on_where_the_one_before_was_told_to_end(told: bool, tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    if told:
        lock.ends()
    assert holder(tmp_path) == os.getpid()
    lock.release(in_order=False)  # it was late, or ended by a second signal
    heir = StateLock.wait(tmp_path)
    assert (heir is None) == told
    if heir is not None:
        heir.release()
    StateLock.acquire(tmp_path).release(in_order=False)
    again = StateLock.wait(tmp_path)
    assert again is not None
    again.release()


def test_who_takes_it_never_looks_like_one_that_ended_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits would end, and all of the topology."""
    StateLock.acquire(tmp_path).release(in_order=False)
    said: list[str] = []

    def looked_at(change: Callable[..., object]) -> Callable[..., None]:
        def changed(*given: Any) -> None:
            change(*given)
            said.append((tmp_path / FILE).read_text())

        return changed

    monkeypatch.setattr(os, "pwrite", looked_at(os.pwrite))
    monkeypatch.setattr(os, "ftruncate", looked_at(os.ftruncate))
    StateLock.acquire(tmp_path).release(in_order=False)
    assert said and all(text.startswith(f"{os.getpid()}\n") for text in said)


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
