"""Who stands by takes the place of who died in it, and nobody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import EngineBusyError
from engine.store.lock import StateLock
from engine.workers import place, spare
from engine.workers.place import FILE, occupant, pid_of, place_of, take_place, worker_name
from engine.workers.spare import stand_by
from tests.conftest import ROOT

_WORKER = """
import sys
from pathlib import Path
from engine.store.lock import StateLock
from engine.workers.place import take_place
lock = StateLock.acquire(Path(sys.argv[1]))
print(take_place(Path(sys.argv[1])).worker, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it loads is not what is looked at here."""
    monkeypatch.setattr(spare, "_STARTS_S", 0.1)
    monkeypatch.setattr(spare, "compile_all", lambda note: None)


def test_a_spare_has_the_place_of_a_worker_that_was_killed_and_knows_whose_it_was(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdin is not None
    name = child.stdout.readline().strip()
    assert occupant(tmp_path) == name and pid_of(name) == child.pid
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(stand_by, tmp_path)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        child.kill()
        lock = waiting.result(10)
    child.wait(10)
    child.stdin.close()
    child.stdout.close()
    assert lock is not None
    taken = take_place(tmp_path)
    assert taken.former == name and pid_of(taken.worker) == os.getpid()
    assert place_of(taken.worker) == place_of(name) and taken.worker != name
    lock.release()


@pytest.mark.parametrize("ended_before", [True, False])
def test_who_comes_while_the_one_before_ends_begins_anew(ended_before: bool, tmp_path: Path) -> None:
    """It would end the topology that has just been started. A spare ends with whom it stands by for."""
    lock = StateLock.acquire(tmp_path)
    take_place(tmp_path)
    if ended_before:
        lock.ends()
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(stand_by, tmp_path)
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        lock.ends()
        lock.release()
        mine = waiting.result(10)
    assert (mine is not None) == ended_before
    if mine is not None:
        mine.release()


def test_a_spare_waits_for_no_engine_that_is_not_of_a_topology(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    with pytest.raises(EngineBusyError, match=f"pid {os.getpid()}"):
        stand_by(tmp_path)
    lock.release()
    free = stand_by(tmp_path)
    assert free is not None
    free.release()


@pytest.mark.parametrize("text", [b"", b"x", b"a-b-c-d", b"host-ab12-12-\xff", b"h-1-2-3" * 100])
def test_what_no_worker_wrote_names_nobody(text: bytes, tmp_path: Path) -> None:
    StateLock.acquire(tmp_path).release()
    (tmp_path / FILE).write_bytes(text)
    assert occupant(tmp_path) == ""
    assert take_place(tmp_path).former == ""


def test_nobody_is_known_to_be_dead_by_another_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a machine of the same name, of a clone of this one, or of a copy of the directory."""
    where, copy = tmp_path / "state", tmp_path / "copy"
    StateLock.acquire(where).release()
    first = take_place(where).worker
    second = take_place(where)
    assert second.former == first
    shutil.copytree(where, copy)
    shutil.rmtree(where)
    copy.rename(where)  # the same path on the same machine
    assert occupant(where) == second.worker
    third = take_place(where)
    assert third.former == ""
    boot = tmp_path / "boot"
    boot.write_text("another-boot\n")
    monkeypatch.setattr(place, "_BOOT", boot)
    assert take_place(where).former == ""
    monkeypatch.setattr(place, "_BOOT", tmp_path / "none")
    assert [take_place(where).former for _ in range(2)] == ["", ""]


def test_places_are_told_apart_by_their_names(tmp_path: Path) -> None:
    one, again, other = worker_name(tmp_path), worker_name(tmp_path), worker_name(tmp_path / "other")
    assert one != again and place_of(one) == place_of(again) != place_of(other)
