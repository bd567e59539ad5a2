"""A worker goes on where it cannot look which processors desks have for themselves."""

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
    config = Config()
    bus = msgspec.structs.replace(config.bus, url="redis://127.0.0.1:1/0")  # never reached for
    worker = Worker(Frame(msgspec.structs.replace(config, bus=bus), tmp_path), [])
    for _ in range(3):
        worker._step_aside()
    assert looks == 3
    assert caplog.messages == ["this worker stays on its processors: Too many open files"]
