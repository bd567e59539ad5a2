"""The driver of a console in a browser: a server that reads nothing does not stop it, one that ends does."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tests.console.test_driver import CHILD, ROOT
from tests.e2e.engine import environment

PROGRAM = CHILD.replace(
    "app.run(Busy(), frames_per_s=10)", "app.run(Busy(), frames_per_s=10, driver_class=BrowserDriver)"
).replace(
    "from console import app", "from console import app\nfrom console.browser.driver import BrowserDriver"
)


def packets(stream: IO[bytes], until: Callable[[bytes, bytes], bool]) -> bytes:
    """What is drawn until a packet of this kind and content comes."""
    drawn = b""
    while True:
        head = stream.read(5)
        assert len(head) == 5, drawn[-200:]
        data = stream.read(int.from_bytes(head[1:], "big"))
        drawn += data if head[:1] == b"D" else b""
        if until(head[:1], drawn):
            return drawn


def step(pulse: Path) -> int:
    """The newest frame the loop took in; while the file is being written, none."""
    text = pulse.read_text()
    return int(text) if text else 0


def packet(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "big") + data


def test_a_server_that_stops_reading_and_one_that_is_gone(tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(pulse)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(COLUMNS="100", ROWS="30", PYTHONPATH=str(ROOT)),
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 4096)  # full in a moment
    try:
        assert child.stdout.readline() == b"__GANGLION__\n"
        packets(child.stdout, lambda kind, drawn: b"Opportunities" in drawn)
        stalled_at, deadline = step(pulse), time.monotonic() + 20
        child.stdin.write(packet(b"D", b"3+"))  # nobody reads what that draws
        child.stdin.flush()
        while step(pulse) < stalled_at + 30:
            assert time.monotonic() < deadline, "the loop stands still"
            time.sleep(0.02)
        size = json.dumps({"type": "resize", "width": 90, "height": 24}).encode()
        child.stdin.write(packet(b"M", size) + packet(b"D", b"\x1bq"))  # Esc is a key of its own
        child.stdin.flush()
        packets(child.stdout, lambda kind, drawn: b"Detach" in drawn)
        child.stdin.close()
        packets(child.stdout, lambda kind, drawn: kind == b"M")
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
