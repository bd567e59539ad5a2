"""The terminal driver: a slow or stalled terminal never holds up the application's loop.

Textual's own driver queues frames and blocks the loop when the queue is full. This one hands to a thread
what the terminal does not take at once, and while bytes are on their way the app stays in a batch: frames are
skipped, not queued, and when the line is free the newest state is drawn.
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
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import on
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.strip import Strip

from console.keyboard import Keyboard
from console.thrift import Piece, Thrift, pieces

if TYPE_CHECKING:
    from textual.screen import Screen

CHUNK = 4096
"""Bytes per write: what a pseudo-terminal's buffer holds."""
CLOSE_S = 1.0
"""How long the last bytes may take at the end; a terminal that does not read them keeps what it has."""
DEADLINE_S = 3.0
"""After a signal that ends the console: what still hangs then is cut off."""
LEAVE = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Mouse, paste and keyboard modes off, normal screen, cursor on."""
_MOUSE = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
_ENTER = "\x1b[?1049h\x1b[0m\x1b(B\x0f\x1b[r\x1b[?6l\x1b[4l\x1b[?7l\x1b[?25l\x1b[?2004h"
"""The other screen, and none of the modes, character sets and margins that a program may leave behind."""


class Outbox(WriterThread):
    """Bytes for the terminal: what it does not take at once is written by this thread, so that ``write``
    never blocks.

    ``on_busy`` is called in the writer's caller when the first bytes wait, ``on_idle`` in this thread when
    all are written. ``written`` counts bytes.
    """

    def __init__(self, fd: int, on_busy: Any, on_idle: Any) -> None:
        threading.Thread.__init__(self, daemon=True, name="terminal-output")
        self._fd = fd
        self._at_once = _never_blocking(fd)
        """The same terminal; None where it cannot be had so."""
        self._on_busy, self._on_idle = on_busy, on_idle
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._busy = self._stopping = False
        self.written = 0

    def write(self, text: str) -> None:
        self.send(text.encode("utf-8", "replace"))

    def send(self, data: bytes) -> None:
        with self._wake:
            if not self._busy and self._at_once is not None:
                # The thread comes to it only when this one lets go of the interpreter: milliseconds later.
                data = self._write_now(data, self._at_once)
            if not data:
                return
            self._waiting.append(data)
            first, self._busy = not self._busy, True
            self._wake.notify()
        if first:
            self._on_busy()

    def _write_now(self, data: bytes, fd: int) -> bytes:
        """What is left."""
        view = memoryview(data)
        with suppress(OSError):  # it takes no more, or has hung up: the thread will see
            while view:
                sent = os.write(fd, view[:CHUNK])
                self.written += sent
                view = view[sent:]
        return bytes(view)

    def fileno(self) -> int:
        return self._fd

    def run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    if self._busy:
                        self._busy = False
                        self._on_idle()
                    if self._stopping:
                        return
                    self._wake.wait()
                data = self._waiting.popleft()
            self._send(data)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = os.write(self._fd, view[:CHUNK])
            except BlockingIOError:
                threading.Event().wait(0.01)
                continue
            except OSError:
                return  # hung up: the bytes have no reader any more
            self.written += sent
            view = view[sent:]

    def stop(self) -> None:
        """Let what waits be written, for ``CLOSE_S`` at most."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.join(CLOSE_S)
        with self._wake:
            if self._at_once is not None:
                os.close(self._at_once)
                self._at_once = None


def _never_blocking(fd: int) -> int | None:
    """Another descriptor of the terminal: with ``fd`` itself no program that has it would block any more."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # a pipe, or a terminal without a name here
        return None


class PatientApp(App[None]):
    """An app under ``DeskDriver``: what it could not draw on a busy line, it draws when the line is free."""

    _frame_lost = False
    shown: Screen[Any] | None = None
    """The screen that the terminal shows, but for what is marked to be drawn; None: nobody knows."""

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # A layout is composed even inside a batch, and its frame is then thrown away.
        if self._batch_count and renderable is not None:
            self._frame_lost, self.shown = True, None
        elif isinstance(renderable, LayoutUpdate):
            self.shown = screen
        driver = self._driver
        if not isinstance(renderable, (LayoutUpdate, ChopsUpdate)) or not isinstance(driver, PatientDriver):
            super()._display(screen, renderable)
        elif self._running and not self._closed and not self._batch_count:
            try:
                self._send_frame(driver, renderable)
            except Exception as error:
                self._handle_exception(error)  # as Textual does
            self.post_display_hook()

    def _send_frame(self, driver: PatientDriver, frame: LayoutUpdate | ChopsUpdate) -> None:
        """As the strips it consists of: to write all of it as text, and to read that again, took longer than
        to find out what of it is new."""
        x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
        system = self.console._color_system or ColorSystem.TRUECOLOR
        told = driver.spared(list(pieces(frame)), (y + 1, x + 1), system)
        if told:
            driver.send(f"{SYNC_START}{told}{SYNC_END}" if self._sync_available else told)

    def foresee_escape(self) -> None:
        """Esc may have been pressed: what it will show can be made while that is not known yet."""

    def _draw_all(self) -> None:
        self.shown = None
        if self._screen_stack:
            self.screen.refresh()

    def line_free(self) -> None:
        """Draw: all of it when a frame was thrown away, else what changed."""
        if not self.is_running or not self._screen_stack:
            return
        if self._frame_lost:
            self._frame_lost = False
            self._draw_all()
        self.screen.check_idle()

    def refresh(self, *, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Textual asks for a layout of the app when the widgets of a closed screen are gone, long after the
        screen below was drawn: there is nothing to place anew, nor to draw."""
        return self if layout and not recompose else super().refresh(repaint=repaint, recompose=recompose)

    # --- a terminal that shows something else ----------------------------------------------------

    def action_redraw(self) -> None:
        """Take the terminal, and send the whole screen again."""
        if isinstance(self._driver, PatientDriver):
            self._driver.take_terminal()
        self._draw_all()

    def on_resize(self, event: Resize) -> None:
        """It may have been another size in between, and lost what stood at its edge."""
        if isinstance(self._driver, PatientDriver):
            self._driver.forget()
        self.shown = None
        if event.size == self._size and self._resize_timer is None:
            self._draw_all()

    def _check_resize(self) -> None:
        event = self._resize_event
        super()._check_resize()
        if event is not None and self._screen_stack and self.screen.outer_size == event.size:
            self._draw_all()  # nothing moves, so nothing else draws it

    @on(Driver.SignalResume)
    def _resumed(self) -> None:
        self.action_redraw()


class PatientDriver(Driver):
    """Mixin: while bytes are on their way, frames are skipped, not queued."""

    outbox: Outbox | None = None
    _batching = False
    _loop_thread = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._thrift = Thrift()

    def foresee(self, strips: Iterable[Strip]) -> None:
        """They may be in a frame soon."""
        self._thrift.foresee(strips, self._app.size, self._app.console._color_system or ColorSystem.TRUECOLOR)

    def forget(self) -> None:
        """Nobody knows what the terminal shows: the next frame is sent as it is."""
        self._thrift.forget()

    def spared(self, frame: Sequence[Piece], cursor: tuple[int, int], system: ColorSystem) -> str:
        """What of a frame the terminal does not show yet, and its own cursor at (row, column) from 1."""
        return self._thrift.spare(frame, cursor, self._app.size, system)

    def send(self, data: str) -> None:
        """Part of a frame that was spared; all else goes by ``write``."""
        raise NotImplementedError

    def write(self, data: str) -> None:
        self._thrift.note(data)
        self.send(data)

    def take_terminal(self) -> None:
        """Have its other screen and modes again, whoever had it."""
        self.write(_ENTER + (_MOUSE if self._mouse else ""))
        self.forget()

    @property
    def bytes_written(self) -> int:
        return self.outbox.written if self.outbox is not None else 0

    def _new_outbox(self, fd: int) -> Outbox:
        self.outbox = Outbox(fd, self._line_busy, self._line_idle_soon)
        return self.outbox

    def _line_busy(self) -> None:
        if threading.get_ident() == self._loop_thread and not self._batching:
            self._batching = True
            self._app._begin_batch()

    def _line_idle_soon(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._line_idle)

    def _line_idle(self) -> None:
        if not self._batching or (self.outbox is not None and self.outbox._busy):
            return
        self._batching = False
        self._app._end_batch()
        if isinstance(self._app, PatientApp):
            self._app.line_free()


class DeskDriver(PatientDriver, LinuxDriver):
    """Skips frames on a busy line, ends on a hang-up, leaves the terminal as it was."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Textual draws on stderr; ours may be redirected, stdout was checked to be the terminal.
        self._file = sys.__stdout__

    @property
    def _out_fd(self) -> int:
        assert self._file is not None, "the console checked that there is a terminal"
        return self._file.fileno()

    def start_application_mode(self) -> None:
        self._loop_thread = threading.get_ident()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, self._end)

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


def bytes_written(app: App[Any]) -> int | None:
    """What the app has sent to its terminal; None under a driver that does not count."""
    return app._driver.bytes_written if isinstance(app._driver, PatientDriver) else None
