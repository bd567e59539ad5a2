"""A worker ends as it is told, and goes on where it cannot see which processors desks keep to themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from engine.bus.registry import WorkerRow
from engine.config import Config
from engine.workers import frame
from engine.workers.frame import Frame, Stage, Worker
from tests.notify_server import NotifyServer


async def test_a_worker_without_file_descriptors_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(frame, "step_aside", look)
    worker = _worker(tmp_path)
    for _ in range(3):
        worker._step_aside()
    assert looks == 3
    assert caplog.messages == ["this worker stays on its processors: Too many open files"]


def test_only_a_second_wish_to_end_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(frame.os, "_exit", ended.append)
    worker = _worker(tmp_path)
    for name in ("SIGTERM", "SIGTERM", "SIGINT"):  # as of `timeout`, which tells its group, too
        worker.stop(name)
    assert not ended
    monkeypatch.setattr(frame, "SAME_S", -1.0)
    worker.stop("SIGTERM")
    assert ended == [1]


async def test_who_started_it_is_told_that_it_lives_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Waiting:
        name = "waiting"

        async def run(self) -> None:
            await asyncio.Event().wait()

        async def stop(self) -> None:
            pass

        def row(self, row: WorkerRow, seconds: float) -> WorkerRow:
            return row

    with NotifyServer() as server:
        monkeypatch.setenv("NOTIFY_SOCKET", server.address)
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        worker = _worker(tmp_path, [Waiting()])
        working = asyncio.create_task(worker._work())
        await asyncio.to_thread(server.wait_for, "WATCHDOG=1", 3)
        worker.stop("SIGTERM")
        async with asyncio.timeout(20):
            await working
        said = [line for lines in server.said for line in lines]
        assert said[0] == "READY=1"
        assert server.count("STOPPING=1") == 1


def _worker(folder: Path, stages: Sequence[Stage] = ()) -> Worker:
    config = Config()
    bus = msgspec.structs.replace(config.bus, url="redis://127.0.0.1:1/0")  # never reached for
    return Worker(Frame(msgspec.structs.replace(config, bus=bus), folder), stages)
