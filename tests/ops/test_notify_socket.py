"""What the service manager is told, over a real socket, and what happens when nobody listens."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from engine.ops.notify_socket import NotifySocket, open_socket
from engine.ops.watchdog import Watchdog
from tests.notify_server import NotifyServer


@pytest.mark.parametrize("abstract", [True, False], ids=["abstract", "path"])
def test_the_manager_hears_everything(tmp_path: Path, abstract: bool) -> None:
    with NotifyServer(None if abstract else tmp_path) as server:
        told = NotifySocket(server.address)
        assert told.ready("running\nREADY=0 \x1b[31m") and told.status("x" * 500)
        assert told.alive() and told.stopping("stopping")
        told.close()
        server.read(1.0)
    ready, status, alive, stopping = server.said
    assert ready == ["READY=1", "STATUS=running READY=0 [31m", f"MAINPID={os.getpid()}"]
    assert status[0].startswith("STATUS=xxx") and len(status[0]) <= 210
    assert alive == ["WATCHDOG=1"] and stopping == ["STOPPING=1", "STATUS=stopping"]


def test_nobody_listens_and_nobody_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = NotifySocket(str(tmp_path / "missing"))
    assert not told.alive() and not told.alive()
    assert len(caplog.records) == 1
    with NotifyServer() as server:
        full = NotifySocket(server.address)
        assert not all(full.alive() for _ in range(10_000))  # it does not wait for a manager that sleeps
        server.read(1.0)
        assert full.alive()
        full.close()
    told.close()


def test_where_it_is_and_how_often_it_wants_to_hear(caplog: pytest.LogCaptureFixture) -> None:
    assert open_socket({}) == (None, 0.0) == open_socket({"WATCHDOG_USEC": "1000000"})
    for environ, period_s in (
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ):
        found, wanted_s = open_socket({"NOTIFY_SOCKET": "@somewhere", **environ})
        assert found is not None and wanted_s == period_s
        found.close()
    with caplog.at_level(logging.WARNING):
        assert open_socket({"NOTIFY_SOCKET": "vsock:2:1234"}) == (None, 0.0)
    assert "neither a path nor an abstract name" in caplog.text


def test_the_watchdog_wants_everything_to_move() -> None:
    watchdog = Watchdog(loop=0, writer=0)
    assert not watchdog.moved({"loop": 5, "writer": 0}) and watchdog.stuck == ("writer",)
    assert not watchdog.moved({"loop": 9, "writer": 0})
    assert watchdog.moved({"loop": 9, "writer": 1}) and watchdog.stuck == ()
    assert not watchdog.moved({"loop": 9, "writer": 2}) and watchdog.stuck == ("loop",)
    assert watchdog.moved({"loop": 10, "writer": 2})
