"""A worker ends as it is told, and goes on where it cannot see which processors desks keep to themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from engine.bus.registry import WorkerRow
from engine.bus.server import LoadingError, server
from engine.config import Config
from engine.errors import BusError
from engine.workers import frame
from engine.workers.frame import Frame, Stage, Worker
from tests.notify_server import NotifyServer
from tests.wiring.redis_process import RedisProcess


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

    with NotifyServer() as notified:
        monkeypatch.setenv("NOTIFY_SOCKET", notified.address)
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        worker = _worker(tmp_path, [Waiting()])
        working = asyncio.create_task(worker._work())
        await asyncio.to_thread(notified.wait_for, "WATCHDOG=1", 3)
        worker.stop("SIGTERM")
        async with asyncio.timeout(20):
            await working
        said = [line for lines in notified.said for line in lines]
        assert said[0] == "READY=1"
        assert notified.count("STOPPING=1") == 1


async def test_a_server_that_reads_back_what_it_kept_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(frame, "START_S", 0.0)
    process = RedisProcess(tmp_path, "everysec")
    process.start()
    with process.client() as client:
        client.eval("for each = 1, 8192 do redis.call('SET', 'kept:' .. each, 1) end", 0)
    process.kill()
    # It looks who asks after every 1,024 commands.
    starting = asyncio.create_task(asyncio.to_thread(process.start, "--key-load-delay", "100"))
    try:
        worker = _worker(tmp_path, url=process.url)
        while not await _loads(worker._frame):
            await asyncio.sleep(0.01)
        await worker._join()
        assert [row.id for row in await worker._frame.registry.rows()] == [worker._frame.worker]
        await worker._frame.redis.aclose()
    finally:
        await starting
        process.kill()
    (told,) = caplog.messages
    assert "it reads what it kept from its disk; wait" in told


async def _loads(asked: Frame) -> bool:
    """False: it does not listen yet."""
    try:
        await server(asked.redis, asked.address)
    except LoadingError:
        return True
    except BusError as error:
        assert "does not answer: " in str(error)
        return False
    raise AssertionError("it had loaded before it was asked")


def _worker(folder: Path, stages: Sequence[Stage] = (), *, url: str = "redis://127.0.0.1:1/0") -> Worker:
    """The url is, if not given, never reached for."""
    config = Config()
    bus = msgspec.structs.replace(config.bus, url=url)
    return Worker(Frame(msgspec.structs.replace(config, bus=bus), folder), stages)
