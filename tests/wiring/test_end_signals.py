"""A signal ends an engine whose loop is held up, too: by its deadline, or at once by a second signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from engine.wiring.end_signals import SAME_S
from tests.conftest import ROOT

HELD_UP = """
import asyncio, time
from engine.wiring.end_signals import EndSignals
from engine.wiring.shutdown import Deadline

async def main():
    deadline = Deadline(0.8)

    def caught():
        print("caught", flush=True)
        deadline.start()

    EndSignals(print, print, caught).listen(asyncio.get_running_loop(), None)
    print("held up", flush=True)
    for _ in range(600):  # not all at once: a signal right before a system call does not end it
        time.sleep(0.1)

asyncio.run(main())
"""


@pytest.fixture
def held_up() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HELD_UP],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held up\n"
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()


def test_the_deadline_goes_from_the_first_signal(held_up: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    held_up.send_signal(signal.SIGTERM)
    assert held_up.wait(10) == 1
    assert 0.7 < time.monotonic() - began < 3.0


def test_signals_that_come_together_are_one(held_up: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        held_up.send_signal(number)
    assert held_up.wait(10) == 1 and time.monotonic() - began > 0.7  # by its deadline


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(held_up: subprocess.Popen[str], second: signal.Signals) -> None:
    held_up.send_signal(signal.SIGTERM)
    assert held_up.stdout is not None and held_up.stdout.readline() == "caught\n"
    time.sleep(SAME_S + 0.05)  # until then it is the first once more
    held_up.send_signal(second)
    assert held_up.wait(10) == -second


STARTS = """
import signal
from engine.wiring.end_signals import before_the_loop

handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)
with before_the_loop():
    signal.raise_signal(signal.SIGHUP)
assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)) == handlers
print("stays", flush=True)
with before_the_loop():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:  # as in the midst of an import
        print("swallowed")
"""


def test_an_interrupt_of_the_start_ends_it_and_a_hangup_does_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "stays\n"), done.stderr
