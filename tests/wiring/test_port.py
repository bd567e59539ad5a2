"""What the live engine shows: never a frame from before what was journaled."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.config import load
from engine.events import Alert
from engine.logs import LogRing
from engine.store.read import Reader
from engine.wiring import port
from engine.wiring.live import EngineOptions, LiveEngine
from engine.wiring.port import LivePort


def test_a_frame_is_shared_until_something_is_journaled(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(port, "MAX_FRAME_AGE_S", 3600.0)
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    shown = LivePort(engine)
    first = shown.state()
    assert shown.state() is first
    engine.hub.publish(1, Alert("info", "me", "news", time.time_ns()))
    second = shown.state()
    assert second is not first and second.last_seq == 1
    assert shown.state() is second


async def test_the_store_is_read_beside_the_desk_for_an_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have to wait there, for a stream that resumes far back."""
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.store.start()
    threads: list[threading.Thread] = []
    read = Reader._rows

    def watched(reader: Reader, *query: Any) -> Any:
        threads.append(threading.current_thread())
        return read(reader, *query)

    monkeypatch.setattr(Reader, "_rows", watched)
    try:
        assert await LivePort(engine).explain("nosuch") is None
    finally:
        engine.store.close()
    assert threads and threading.main_thread() not in threads
