"""A worker ends as it is told, and goes on where it cannot see which processors desks keep to themselves."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.config import Config
from engine.workers import frame
from engine.workers.frame import Frame, Worker


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


def _worker(folder: Path) -> Worker:
    config = Config()
    bus = msgspec.structs.replace(config.bus, url="redis://127.0.0.1:1/0")  # never reached for
    return Worker(Frame(msgspec.structs.replace(config, bus=bus), folder), [])
