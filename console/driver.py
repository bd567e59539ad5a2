"""The driver of a terminal: never held up by it, ended by a hang-up, and leaving it as it was.

Textual's own driver queues frames and blocks the loop when the queue is full; see ``console.patient``
for what this one does.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import termios
import threading
import tty
from codecs import getincrementaldecoder
from contextlib import suppress
from types import FrameType
from typing import Any

from textual.drivers.linux_driver import LinuxDriver

from console.keyboard import Keyboard
from console.outbox import Outbox
from console.patient import PatientApp, PatientDriver
from console.terminal_guard import TerminalGuard

DEADLINE_S = 3.0
"""After a signal that ends the console: what still hangs then is cut off."""
LEAVE = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Mouse, paste and keyboard modes off, normal screen, cursor on."""


class DeskDriver(PatientDriver, LinuxDriver):
    """Skips frames on a busy line, ends on a hang-up, leaves the terminal as it was."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Textual draws on stderr; ours may be redirected, stdout was checked to be the terminal.
        self._file = sys.__stdout__
        self._guard: TerminalGuard | None = None

    @property
    def _out_fd(self) -> int:
        assert self._file is not None, "the console checked that there is a terminal"
        return self._file.fileno()

    def start_application_mode(self) -> None:
        self._loop_thread = threading.get_ident()
        if self._guard is None:
            self._guard = TerminalGuard.over(self._out_fd, LEAVE)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, self._end)

    def close(self) -> None:
        super().close()
        self._release()

    def _release(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.release()

    def send(self, data: str) -> None:
        if not isinstance(self._writer_thread, Outbox):
            # Textual has just started a writer of its own; nothing went through it yet.
            if self._writer_thread is not None:
                self._writer_thread.stop()
            self._writer_thread = self._new_outbox(self._out_fd)
            self._writer_thread.start()
        self._writer_thread.write(data)

    # --- stopping and going on -------------------------------------------------------------------

    def _sigtstp_application(self, *_: Any) -> None:
        # Not in the middle of what the loop does: the writer may be at work.
        self._loop.call_soon_threadsafe(super()._sigtstp_application)

    def _sigcont_application(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        if self._must_signal_resume:
            super()._sigcont_application()
        elif self._key_thread is not None and self._app.is_running:
            # Stopped without a warning, it left nothing; but the shell has had the terminal. Textual would
            # enter a second time: two readers of the keys, and the terminal's own settings lost.
            self._set_raw()
            self._app.post_message(self.SignalResume())

    def _set_raw(self) -> None:
        with suppress(termios.error):
            attributes = termios.tcgetattr(self.fileno)
            attributes[tty.IFLAG] = self._patch_iflag(attributes[tty.IFLAG])
            attributes[tty.LFLAG] = self._patch_lflag(attributes[tty.LFLAG])
            attributes[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, attributes)

    # --- ending ----------------------------------------------------------------------------------

    def _end(self, number: int, frame: FrameType | None) -> None:
        """SIGHUP, SIGTERM: leave as on ``q``; what hangs is cut off at the deadline."""
        threading.Thread(target=self._cut_off, args=(128 + number,), daemon=True, name="deadline").start()
        self._loop.call_soon_threadsafe(self._leave, 128 + number)

    def _leave(self, return_code: int) -> None:
        self._app.exit(return_code=return_code)

    def _cut_off(self, return_code: int) -> None:
        threading.Event().wait(DEADLINE_S)
        with suppress(OSError):
            os.set_blocking(self._out_fd, False)
            os.write(self._out_fd, LEAVE)
        if self.attrs_before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        self._release()
        os._exit(return_code)

    def run_input_thread(self) -> None:
        """Textual's reader, but Esc is a key of its own, and the end of the input ends the console: the
        original spins on it."""
        keyboard = Keyboard(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(keyboard.left_s):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        data = b""
                    if not data:
                        self._loop.call_soon_threadsafe(self._leave, 128 + signal.SIGHUP)
                        return
                    for event in keyboard.feed(decode(data)):
                        self.process_message(event)
                    if keyboard.waits and isinstance(self._app, PatientApp):
                        self._loop.call_soon_threadsafe(self._app.foresee_escape)
                for event in keyboard.tick():
                    self.process_message(event)
