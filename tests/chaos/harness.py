"""A committing child process under the parent's hand."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from engine.store.store import Store
from tests.chaos.amounts import SEED
from tests.chaos.events import ends_commit, event_at
from tests.chaos.wal import Written
from tests.conftest import ROOT

START_S = 60.0


class Acknowledged(NamedTuple):
    seq: int
    written: Written


class Committer:
    """``python -m tests.chaos.committer``; what it acknowledges is read as it comes."""

    def __init__(self, path: Path, seed: int, group: int, *wrapper: str) -> None:
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "tests.chaos.committer", str(path), str(seed), str(group)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # whoever ends beside it, it is not woken when it is stopped
        )
        self.acknowledged: list[Acknowledged] = []
        self.started = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break  # the kill cut it
            with self._more:
                if line.startswith("start"):
                    self.started = line.strip()
                else:
                    seq, _, written = line.strip().partition(" ")
                    self.acknowledged.append(Acknowledged(int(seq), Written.parse(written)))
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many were acknowledged. Raises AssertionError with the child's own words."""
        deadline = time.monotonic() + START_S
        with self._more:
            while len(self.acknowledged) < count:
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    break
                self._more.wait(min(left, 0.2))
        if len(self.acknowledged) < count:
            self.kill()
            raise AssertionError(f"{len(self.acknowledged)} of {count}; {self.started}\n{self.errors()}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()[-2000:] if not self.process.stderr.closed else ""

    def join(self) -> None:
        """Read what it told to the end; it has ended."""
        self._reader.join(30)

    def kill(self) -> None:
        """End it at once; what it told by then is read to the end."""
        self.process.kill()
        self.process.wait(30)
        self.join()

    def close(self) -> None:
        self.kill()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Recovered(NamedTuple):
    last_seq: int
    seconds: float
    """From opening the database to having read what the desk needs."""


def recover(path: Path, acknowledged: int, ahead: int, since: int) -> Recovered:
    """Start on what was left behind; compare the journal after ``since`` with what it must be.

    Nothing acknowledged is lost, nothing is doubled, and at most ``ahead`` commits are beyond.
    """
    store = Store(path)
    began = time.perf_counter()
    store.start()
    store.recover()
    took = time.perf_counter() - began
    try:
        assert store.repaired == []
        last = store.last_seq
        assert acknowledged <= last
        assert sum(map(ends_commit, range(acknowledged + 1, last + 1))) <= ahead
        reader = store.reader()
        kept = [found for start in range(since, last, 1000) for found in reader.events_since(start, 1000)]
        assert kept == [(seq, event_at(seq)) for seq in range(since + 1, last + 1)]
        reader.close()
    finally:
        assert store.close()
    return Recovered(last, took)


def scratch(name: str) -> random.Random:
    """Random choices of one test, the same each time."""
    return random.Random(f"{SEED} {name}")
