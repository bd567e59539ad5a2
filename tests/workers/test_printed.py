"""What a child prints stays bounded, though the child itself writes it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from engine.workers import printed, supervisor
from engine.workers.printed import bound, opened
from engine.workers.supervisor import Child, Supervisor


def test_who_has_it_open_goes_on_in_the_emptied_file(tmp_path: Path) -> None:
    path = tmp_path / "one.out"
    assert not bound(path), "it prints nothing yet"
    with opened(path) as file:
        file.write(b"a" * 60 + b"b" * 40)
        file.flush()
        assert not bound(path, 100)
        assert bound(path, 50) and path.read_bytes() == b""
        file.write(b"c")
    assert path.read_bytes() == b"c"
    kept = tmp_path / "one.out.1"
    assert kept.read_bytes() == b"a" * 10 + b"b" * 40 and kept.stat().st_mode & 0o77 == 0


async def test_a_child_that_prints_on_fills_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PRINTED_S", 0.01)
    monkeypatch.setattr(printed, "bound", partial(bound, most=200))
    output = tmp_path / "loud.out"
    loud = Child("loud", ["sh", "-c", "while :; do echo on and on; sleep 0.001; done"], output)
    one = Supervisor([loud], lambda text: None)
    running = asyncio.create_task(one.run())
    kept = tmp_path / "loud.out.1"
    async with asyncio.timeout(10):
        while not kept.exists():
            await asyncio.sleep(0.01)
    one.stop()
    await running
    assert kept.stat().st_size == 200 and b"on and on" in kept.read_bytes()
