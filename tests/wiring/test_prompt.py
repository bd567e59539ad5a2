"""The desk's thread asks for short slices: it alone, and its niceness stays."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ASK = """
import ctypes, os, platform, struct, threading
from engine.wiring import prompt
def told():
    raw, number = ctypes.create_string_buffer(48), {"x86_64": 315, "aarch64": 275}[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, 0, raw, 48, 0) == 0
    _, policy, _, nice, _, slice_ns, _, _ = struct.unpack("=IIQiIQQQ", raw)
    return policy, nice, slice_ns
os.nice(3)
before = told()
assert prompt.be_prompt()
after, others = told(), []
thread = threading.Thread(target=lambda: others.append(told()))
thread.start()
thread.join()
print(before, after, others[0], sep=";")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has slices to ask for")
def test_the_desks_thread_alone_asks_for_short_slices() -> None:
    ran = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    before, after, thread = (tuple(map(int, part.strip("()\n").split(","))) for part in ran.stdout.split(";"))
    if not before[2]:
        pytest.skip("this kernel tells no slices")
    assert after == (0, before[1], 100_000) and thread == before != after
