"""The outbox: writes at once what the terminal takes, and never waits for it."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from console.outbox import Outbox


@contextmanager
def outbox(busy: list[str]) -> Iterator[tuple[Outbox, int]]:
    reader, writer = os.pipe()
    box = Outbox(writer, lambda: busy.append("busy"), lambda: busy.append("idle"))
    box.start()
    yield box, reader
    os.close(reader)
    box.stop()
    os.close(writer)


def test_the_outbox_never_blocks_and_counts_what_left() -> None:
    calls: list[str] = []
    with outbox(calls) as (box, reader):
        text = "é" * 400_000  # far more than a pipe holds
        started = time.monotonic()
        for _ in range(3):
            box.write(text)
        assert time.monotonic() - started < 0.5
        assert calls == ["busy"]
        received = 0
        idle = threading.Event()
        while received < 3 * 800_000:
            received += len(os.read(reader, 65536))
        for _ in range(200):
            if "idle" in calls:
                break
            idle.wait(0.01)
        assert calls == ["busy", "idle"]
        assert box.written == received == 2_400_000


def test_the_outbox_outlives_its_reader() -> None:
    calls: list[str] = []
    reader, writer = os.pipe()
    os.close(reader)
    box = Outbox(writer, lambda: calls.append("busy"), lambda: calls.append("idle"))
    box.start()
    box.write("nobody reads this")
    box.stop()
    assert not box.is_alive()
    assert box.written == 0
    os.close(writer)


def test_what_a_terminal_takes_is_written_at_once_and_the_rest_in_its_order() -> None:
    calls: list[str] = []
    master, slave = pty.openpty()
    tty.setraw(slave)
    box = Outbox(slave, lambda: calls.append("busy"), lambda: calls.append("idle"))
    box.write("at once")
    assert os.read(master, 100) == b"at once" and calls == [] and box.written == 7, "no thread runs yet"
    told = "".join(f"{n} " for n in range(60_000))  # more than it holds
    box.write(told)
    assert calls == ["busy"] and 7 < box.written < 7 + len(told)
    box.write("end")
    assert os.get_blocking(slave), "other programs have it too"
    box.start()
    received = b""
    while not received.endswith(b"end"):
        received += os.read(master, 65536)
    assert received.decode() == told + "end"
    box.stop()
    assert calls == ["busy", "idle"] and box.written == 7 + len(told) + 3
    os.close(master)
    os.close(slave)
