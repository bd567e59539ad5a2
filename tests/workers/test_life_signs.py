"""A child that was ready and says nothing any more is known to hang; what sleeps does not judge."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ops.notify_socket import NotifySocket
from engine.workers.life_signs import LifeSigns, without_manager


@contextlib.contextmanager
def listening(folder: Path, silent_s: float = 3.0) -> Iterator[tuple[LifeSigns, NotifySocket]]:
    with contextlib.closing(LifeSigns(folder / "life" / "desk", silent_s)) as life:
        child = NotifySocket(life.environment["NOTIFY_SOCKET"])
        yield life, child
        child.close()


def test_a_child_that_is_not_ready_yet_may_say_nothing_and_one_that_was_must(tmp_path: Path) -> None:
    with listening(tmp_path) as (life, child):
        assert not any(life.look() for _ in range(100))
        child.ready("running")
        assert [life.look() for _ in range(4)] == [False, False, False, True]
        child.alive()
        assert [life.look() for _ in range(4)] == [False, False, False, True]
        child.status("of no importance")
        assert life.look()


def test_one_that_ends_has_a_deadline_of_its_own_and_the_next_begins_anew(tmp_path: Path) -> None:
    with listening(tmp_path) as (life, child):
        child.ready("running")
        child.stopping("stopping")
        child.alive()
        assert not any(life.look() for _ in range(100))
        child.alive()  # the last word of the former
        life.begin()
        assert not any(life.look() for _ in range(100))
        child.ready("running")
        assert any(life.look() for _ in range(4))


def test_what_was_left_there_is_taken_away_and_nobody_else_can_say_anything(tmp_path: Path) -> None:
    left = tmp_path / "life" / "desk"
    left.parent.mkdir(mode=0o755)
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stale.bind(str(left))
    stale.close()
    with listening(tmp_path) as (_, child):
        assert child.ready("running")
        assert left.stat().st_mode & 0o777 == 0o600 and left.parent.stat().st_mode & 0o777 == 0o700
    assert not left.exists()


def test_a_path_too_long_for_a_socket_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        LifeSigns(tmp_path / ("x" * 120) / "desk", 3.0)


def test_a_child_says_nothing_to_the_manager_of_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert set(os.environ) - set(without_manager(dict(os.environ))) == {
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
    }
