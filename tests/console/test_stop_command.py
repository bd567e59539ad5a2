"""``tickdesk stop``: where nobody listens yet, and what has ended when it returns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli import main, stop
from engine.api.address import socket_path
from engine.api.protocol import Reply
from engine.errors import LinkError
from engine.store.lock import StateLock, holder, holds
from tests.conftest import ROOT

_STARTS = """
import sys, time
from pathlib import Path
from engine.store.lock import StateLock
locks = [StateLock.acquire(Path(name)) for name in sys.argv[1:]]
print("locked", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "SEALS_S", 0.0)


@contextmanager
def starting(*folders: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the locks and does not listen, as one that compiles its kernels."""
    command = [sys.executable, "-c", _STARTS, *map(str, folders)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def asked(where: Path) -> int:
    return main(["--state-dir", str(where), "stop"])


def test_an_engine_that_starts_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with starting(tmp_path) as process:
        assert holds(process.pid, tmp_path) and not holds(1, tmp_path)
        assert asked(tmp_path) == 0
        assert process.wait(10) == -15
    assert f"(pid {process.pid}) was starting: ended" in capsys.readouterr().out
    assert asked(tmp_path) == 4 and "no engine runs" in capsys.readouterr().err


def test_one_that_has_ended_and_left_its_socket_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stop, "ask", lambda *args: Reply(True, "engine stops"))
    monkeypatch.setattr(stop, "WAIT_S", 0.0)
    socket_path(tmp_path).touch()
    assert asked(tmp_path) == 0
    with starting(tmp_path):
        assert asked(tmp_path) == 4 and "still runs" in capsys.readouterr().err


def test_who_would_start_it_again_is_ended(tmp_path: Path) -> None:
    with starting(tmp_path / "workers") as topology, starting(tmp_path) as engine:
        assert asked(tmp_path) == 0
        assert topology.wait(10) == -15 and engine.poll() is None  # it is its supervisor that ends it


def test_a_number_that_is_another_process_by_now_is_not_signalled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = StateLock.acquire(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "engine.lock").write_text(f"{other.pid}\n")
        assert holder(tmp_path) == other.pid
        assert asked(tmp_path) == 4 and other.poll() is None
        other.kill()
    lock.release()
    assert f"`kill {other.pid}` ends it" in capsys.readouterr().err


def test_the_workers_of_a_topology_have_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts them again at once is refused otherwise: another topology has the directory."""
    workers = tmp_path / "workers"
    lock, looks = StateLock.acquire(workers), list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            lock.release()

    monkeypatch.setattr(stop, "ask", lambda *_: Reply(True, "engine stops"))
    monkeypatch.setattr(stop.time, "sleep", sleep)
    assert asked(tmp_path) == 0
    assert len(looks) == 3 and holder(workers) is None


def test_one_that_does_not_answer_is_killed_with_who_would_start_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*_: object) -> Reply:
        raise LinkError("no answer")

    monkeypatch.setattr(stop, "ask", ask)
    with starting(tmp_path) as engine:
        assert asked(tmp_path) == 4 and f"`kill -9 {engine.pid}`" in capsys.readouterr().err
        with starting(tmp_path / "workers") as topology:
            assert asked(tmp_path) == 4 and f"`kill {topology.pid}` ends all" in capsys.readouterr().err


def test_a_topology_that_does_not_end_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = StateLock.acquire(tmp_path / "workers")
    monkeypatch.setattr(stop, "ask", lambda *_: Reply(True, "engine stops"))
    monkeypatch.setattr(stop, "TOPOLOGY_S", 0.0)
    assert asked(tmp_path) == 4
    assert "`tickdesk up` (pid" in capsys.readouterr().err
    lock.release()
