"""kill -9 at any moment loses nothing that was acknowledged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.store import Store
from tests.conftest import ROOT
from tests.store import samples

KILLS = int(os.environ.get("TICKDESK_CHAOS_KILLS", "3"))


def kill_after(path: Path, acknowledgements: int) -> list[int]:
    """Run the committer, kill it once it has acknowledged so many; return all that it acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.store.committer", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    guard = threading.Timer(30, child.kill)
    guard.start()
    try:
        lines = [child.stdout.readline() for _ in range(acknowledgements)]
        child.kill()
        lines += child.stdout.readlines()
    finally:
        guard.cancel()
        child.kill()
        child.wait()
        child.stdout.close()
    return [int(line) for line in lines if line.endswith("\n")]


@pytest.fixture
def moments() -> Iterator[random.Random]:
    yield random.Random(20240808)


@pytest.mark.timeout(30 + 30 * KILLS)
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, moments: random.Random) -> None:
    path = tmp_path / "desk.sqlite"
    before = 0
    for _ in range(KILLS):
        acknowledged = kill_after(path, moments.randint(1, 400))
        assert acknowledged == list(range(before + 1, before + 1 + len(acknowledged)))
        store = Store(path)
        store.start()
        assert store.last_seq >= acknowledged[-1]
        assert store.repaired == []
        assert len(store.recover()) == store.last_seq
        before = store.last_seq
        assert store.close()


def test_a_killed_store_starts_as_a_stopped_one(tmp_path: Path) -> None:
    killed, stopped = tmp_path / "killed.sqlite", tmp_path / "stopped.sqlite"
    kill_after(killed, 50)
    one = Store(killed)
    one.start()
    events = one.recover()
    two = Store(stopped)
    two.start()
    two.commit_now(events)
    assert two.close()
    two = Store(stopped)
    two.start()
    assert two.recover() == events and two.last_seq == one.last_seq
    for store in (one, two):
        assert store.commit_now(samples.order(10**6))[0] == len(events) + 1
    left, right = one.reader(), two.reader()
    assert left.positions() == right.positions()
    assert left.recent_orders(10**6) == right.recent_orders(10**6)
    for closing in (left, right, one, two):
        closing.close()
