"""The driver: a stalled terminal never holds up the loop; a signal leaves the terminal as it was."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from console.driver import LEAVE

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, threading, time
from console import app
from console.app import DeskApp
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink

class Busy(FakeLink):
    # New frames at 50 Hz; the pulse file tells that the loop is alive.
    async def run(self, on_message, on_state):
        import asyncio
        from console.link_protocol import LinkState
        on_state(LinkState.UP, "")
        on_message(sample.full_frame())
        for step in range(100_000):
            on_message(sample.next_frame(step))
            with open(sys.argv[1], "w") as pulse:
                pulse.write(str(step))
            await asyncio.sleep(0.02)

sys.exit(app.run(Busy(), frames_per_s=10))
"""


class Console:
    """A console in a pseudo-terminal of its own."""

    def __init__(self, pulse: Path, stderr: Path) -> None:
        self.pulse = pulse
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "160",
            "LINES": "45",
        }
        with stderr.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(pulse)],
                stdin=slave, stdout=slave, stderr=errors, cwd=ROOT, env=env, start_new_session=True,
            )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def read(self, seconds: float, until: bytes = b"") -> bytes:
        """What arrives within ``seconds``, ending early when all that was seen contains ``until``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (until and until in self.seen):
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    break
                self.seen += data
        return self.seen

    def screen(self) -> str:
        """What a terminal that was fed all of it shows."""
        screen = pyte.Screen(160, 45)
        # pyte does not know the keyboard protocol's sequences and would print them.
        pyte.ByteStream(screen).feed(re.sub(rb"\x1b\[[<>][0-9]*u", b"", self.seen))
        return "\n".join(screen.display)

    def step(self) -> int:
        """The newest frame the loop took in."""
        text = self.pulse.read_text() if self.pulse.exists() else ""
        return int(text) if text else -1

    def wait_for_step(self, step: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.step() >= step:
                return True
            time.sleep(0.02)
        return False

    def wait_until_stopped(self) -> None:
        deadline = time.monotonic() + 10
        while Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            assert time.monotonic() < deadline, "it goes on"
            self.read(0.01)

    def end(self) -> int:
        """The exit code, within ten seconds."""
        deadline = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        return self.process.wait(timeout=1)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    running = Console(tmp_path / "pulse", tmp_path / "errors")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    os.close(running.master)


@pytest.mark.pty
def test_a_terminal_that_stops_reading_does_not_stop_the_loop(console: Console, tmp_path: Path) -> None:
    assert b"Opportunities" in console.read(20, b"Opportunities")
    stalled_at = console.step()
    # Nobody reads now: the pseudo-terminal's buffer fills in a moment, and the loop must go on.
    assert console.wait_for_step(stalled_at + 50, 15)
    os.write(console.master, b"3+")
    assert console.wait_for_step(console.step() + 10, 15)
    shown = ""
    for _ in range(10):
        console.read(0.3)
        shown = console.screen()
        if "SHORT" in shown and "Opportunities" not in shown:
            break
    assert "3 Positions" in shown and "SHORT" in shown, (
        "the newest state is drawn when the terminal reads again"
    )
    assert "Opportunities" not in shown and "Funnel" not in shown, "nothing of the old screen is left"
    os.write(console.master, b"q")
    assert b"Detach" in console.read(10, b"Detach")
    os.write(console.master, b"\r")
    assert console.end() == 0
    assert b"\x1b[?1049l" in console.seen
    assert (tmp_path / "errors").read_bytes() == b"", "where stderr goes elsewhere, all is on the screen"


@pytest.mark.pty
def test_a_signal_leaves_the_alternate_screen(console: Console) -> None:
    console.read(20, b"Opportunities")
    console.process.send_signal(signal.SIGHUP)
    assert console.end() == 128 + signal.SIGHUP
    assert b"\x1b[?1049l" in console.seen and b"\x1b[?25h" in console.seen


@pytest.mark.pty
def test_a_killed_console_leaves_the_terminal_as_it_was(console: Console) -> None:
    before = termios.tcgetattr(console.master)
    console.read(20, b"Opportunities")
    assert termios.tcgetattr(console.master) != before
    console.seen = b""
    console.process.kill()
    assert LEAVE in console.read(10, LEAVE)
    deadline = time.monotonic() + 10
    while termios.tcgetattr(console.master) != before:
        assert time.monotonic() < deadline, "the settings stay the console's"
        console.read(0.01)


@pytest.mark.pty
def test_who_puts_the_terminal_right_is_not_killed_by_the_consoles_name(console: Console) -> None:
    console.read(20, b"Opportunities")
    number = console.process.pid
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    (guard,) = [said for each in children if b"stty" in (said := Path(f"/proc/{each}/cmdline").read_bytes())]
    assert b"tickdesk" not in guard


@pytest.mark.pty
def test_the_settings_of_a_shell_that_has_the_terminal_again_stay(console: Console) -> None:
    console.read(20, b"Opportunities")
    console.process.send_signal(signal.SIGSTOP)
    of_the_shell = termios.tcgetattr(console.master)
    of_the_shell[3] |= termios.ISIG
    termios.tcsetattr(console.master, termios.TCSANOW, of_the_shell)
    console.seen = b""
    console.process.kill()
    assert LEAVE in console.read(10, LEAVE)
    console.read(0.3)
    assert termios.tcgetattr(console.master) == of_the_shell


@pytest.mark.pty
def test_a_console_that_is_left_says_farewell_once(console: Console) -> None:
    console.read(20, b"Opportunities")
    os.write(console.master, b"q")
    assert b"Detach" in console.read(10, b"Detach")
    os.write(console.master, b"\r")
    assert console.end() == 0
    console.read(0.3)
    assert console.seen.count(b"\x1b[?1049l") == 1


@pytest.mark.pty
def test_a_terminal_that_somebody_else_had_is_drawn_anew(console: Console) -> None:
    before = termios.tcgetattr(console.master)
    console.read(20, b"Opportunities")
    raw = termios.tcgetattr(console.master)
    console.read(1, b"\x1b[?7l")
    # As a shell does it: stopped without a word, other settings, on.
    console.process.send_signal(signal.SIGSTOP)
    termios.tcsetattr(console.master, termios.TCSANOW, before)
    for number in (signal.SIGCONT, signal.SIGWINCH):
        console.seen = b""
        console.process.send_signal(number)
        assert b"Opportunities" in console.read(10, b"Opportunities"), number
        assert (b"\x1b[?1049h" in console.seen) == (number is signal.SIGCONT)
    assert termios.tcgetattr(console.master) == raw
    console.process.send_signal(signal.SIGTSTP)
    console.read(10, b"\x1b[?1004l")
    console.wait_until_stopped()
    assert termios.tcgetattr(console.master) == before, "while it is stopped, the terminal is the shell's"
    console.seen = b""
    console.process.send_signal(signal.SIGCONT)
    assert b"Opportunities" in console.read(10, b"Opportunities")
    console.seen = b""
    os.write(console.master, b"\x0c")
    assert b"Opportunities" in console.read(10, b"Opportunities") and b"\x1b[?1049h" in console.seen
    os.write(console.master, b"q")
    assert b"Detach" in console.read(10, b"Detach")
    os.write(console.master, b"\r")
    assert console.end() == 0
    assert termios.tcgetattr(console.master) == before, "not what it was while the console had it"


@pytest.mark.pty
def test_a_signal_ends_a_console_whose_terminal_is_stalled(console: Console) -> None:
    console.read(20, b"Opportunities")
    console.wait_for_step(console.step() + 30, 15)
    console.process.send_signal(signal.SIGTERM)
    assert console.process.wait(timeout=10) == 128 + signal.SIGTERM


def test_the_farewell_undoes_every_mode() -> None:
    for mode in (b"1000l", b"1003l", b"1006l", b"2004l", b"1049l", b"25h", b"7h"):
        assert b"\x1b[?" + mode in LEAVE
