"""``tickdesk attach``: an engine that is on its way is waited for, none is told."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.cli import attach, client, main
from engine.api.address import socket_path
from engine.store.lock import StateLock


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "require_terminal", lambda: None)
    monkeypatch.setattr("console.attach.attach", lambda *given, **named: 0)


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[StateLock]:
    """An engine that has begun, and may have to compile before it listens."""
    found = StateLock.acquire(tmp_path)
    yield found
    found.release()


def call(where: Path) -> int:
    return main(["attach", "--state-dir", str(where)])


def test_an_engine_that_starts_is_waited_for(
    tmp_path: Path, lock: StateLock, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = socket_path(tmp_path)
    with ThreadPoolExecutor() as pool, sockets.socket(sockets.AF_UNIX) as server:
        joined = pool.submit(call, tmp_path)
        with pytest.raises(TimeoutError):
            joined.result(0.3)
        server.bind(str(socket))
        server.listen()
        assert joined.result(10) == 0
    assert f"waiting for the engine (pid {os.getpid()}) to answer" in capsys.readouterr().err


def test_without_one_it_says_so_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path) == 4
    assert "no engine runs" in capsys.readouterr().err


def test_a_command_tells_one_that_does_not_answer_yet_from_none(tmp_path: Path, lock: StateLock) -> None:
    told = str(client.no_engine(tmp_path))
    assert f"(pid {os.getpid()}) does not answer" in told and "try again" in told
    lock.release()
    assert "no engine runs" in str(client.no_engine(tmp_path))
