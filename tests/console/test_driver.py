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
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual._time import get_time
from textual.events import Key, Paste, Resize
from textual.geometry import Size
from textual.screen import Screen

from console.app import DeskApp
from console.driver import LEAVE, Outbox
from console.keyboard import ESCAPE_S, LATE_S, Keyboard
from tests.console.fake_link import FakeLink

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


@pytest.mark.parametrize("screen", [None, Screen()], ids=["the desk", "a screen of Textual's own"])
async def test_a_frame_lost_on_a_busy_line_is_drawn_later(
    screen: Screen[None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = DeskApp(FakeLink(), frames_per_s=0.5)
    drawn: list[Size] = []
    display = app._display

    def note(screen: Screen[None], update: RenderableType | None) -> None:
        if isinstance(update, LayoutUpdate) and not app._batch_count:
            drawn.append(update.region.size)
        display(screen, update)

    async with app.run_test(size=(80, 24)) as pilot:
        if screen is not None:
            await app.push_screen(screen)
        await pilot.pause()
        monkeypatch.setattr(app, "_display", note)
        with app.batch_update():
            await pilot.resize_terminal(120, 40)
            await pilot.pause()
        assert drawn == []
        app.line_free()
        await pilot.pause(0.05)
        assert set(drawn) == {(120, 40)}, "all of the screen"


async def test_a_terminal_that_was_another_size_for_a_moment_is_drawn_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = DeskApp(FakeLink(), frames_per_s=0.5)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for sizes in ([(80, 24)], [(60, 24), (80, 24)]):
            refreshed: list[tuple[object, ...]] = []
            with monkeypatch.context() as patched:
                patched.setattr(app.screen, "refresh", lambda *to, seen=refreshed, **how: seen.append(to))
                for size in sizes:
                    app.post_message(Resize(Size(*size), Size(*size)))
                await pilot.pause(0.05)
            assert () in refreshed, f"the whole screen, after {sizes}"


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


def test_the_farewell_undoes_every_mode() -> None:
    for mode in (b"1000l", b"1003l", b"1006l", b"2004l", b"1049l", b"25h", b"7h"):
        assert b"\x1b[?" + mode in LEAVE


@pytest.mark.parametrize(
    ("reads", "keys"),
    [
        (["\x1bw"], ["escape", "w"]),
        (["\x1b", "w"], ["escape", "w"]),
        (["\x1bH"], ["escape", "H"]),
        (["\x1b\r"], ["escape", "enter"]),
        (["\x1b5j"], ["escape", "5", "j"]),
        (["\x1b\x7f"], ["escape", "backspace"]),
        (["\x1b\x1b?"], ["escape", "escape", "question_mark"]),
        (["\x1b[A\x1bw\x1b[B"], ["up", "escape", "w", "down"]),
        (["\x1b", "[A", "\x1bO", "P", "j"], ["up", "f1", "j"]),
        (["\x1b[1;5Cé"], ["ctrl+right", "é"]),
        (["\x1bj", "[A"], ["escape", "j", "left_square_bracket", "A"]),
    ],
)
def test_esc_and_a_key_right_after_it_are_those_two(reads: list[str], keys: list[str]) -> None:
    keyboard = Keyboard(False)
    assert [event.key for read in reads for event in keyboard.feed(read)] == keys  # type: ignore[attr-defined]


def test_a_lone_esc_is_told_after_the_wait_and_the_next_key_is_itself() -> None:
    keyboard = Keyboard(False)
    assert not list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0  # the wait is over
    assert [event.key for event in keyboard.tick()] == ["escape"]  # type: ignore[attr-defined]
    assert [event.key for event in keyboard.feed("w")] == ["w"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("after_s", "keys"),
    [(LATE_S / 2, ["right"]), (2 * LATE_S, ["left_square_bracket", "C"])],
)
def test_the_end_of_a_late_sequence_is_no_command(
    after_s: float, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = Keyboard(False)
    list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0
    list(keyboard.tick())
    now = get_time()
    monkeypatch.setattr("console.keyboard.get_time", lambda: now + after_s)
    assert [event.key for event in keyboard.feed("[C")] == keys  # type: ignore[attr-defined]
    assert [event.key for event in keyboard.feed("[")] == ["left_square_bracket"]  # type: ignore[attr-defined]


def test_letters_typed_soon_after_an_esc_are_no_end_of_a_sequence() -> None:
    keyboard = Keyboard(False)
    list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0
    list(keyboard.tick())
    assert [event.key for event in keyboard.feed("OK")] == ["O", "K"]  # type: ignore[attr-defined]


def test_what_is_pasted_stays_one_piece() -> None:
    paste, key = Keyboard(False).feed("\x1b[200~0.5 w\x1b[201~j")
    assert isinstance(paste, Paste) and paste.text == "0.5 w"
    assert isinstance(key, Key) and key.key == "j"


def test_an_esc_is_one_soon() -> None:
    keyboard = Keyboard(False)
    assert list(keyboard.feed("\x1b")) == [] and keyboard.waits
    assert keyboard._timeout_time is not None and keyboard._timeout_time - get_time() <= ESCAPE_S
    list(keyboard.feed("[A"))
    assert not keyboard.waits
