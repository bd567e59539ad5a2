"""An app and a driver that a slow or stalled line never holds up.

What the line does not take at once is handed to a thread, and while bytes are on their way the app stays in a
batch: frames are skipped, not queued, and when the line is free the newest state is drawn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import on
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.events import Resize
from textual.message import Message
from textual.strip import Strip

from console.outbox import Outbox
from console.thrift import Piece, Thrift, pieces

if TYPE_CHECKING:
    from textual.screen import Screen

_MOUSE = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
_ENTER = "\x1b[?1049h\x1b[0m\x1b(B\x0f\x1b[r\x1b[?6l\x1b[4l\x1b[?7l\x1b[?25l\x1b[?2004h"
"""The other screen, and none of the modes, character sets and margins that a program may leave behind."""


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

    def send_message(self, message: Message) -> None:
        # From the thread that reads the keys; Textual makes a coroutine, a future and a task for each.
        self._loop.call_soon_threadsafe(self._app.post_message, message)

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
        if not self._batching or (self.outbox is not None and self.outbox.busy):
            return
        self._batching = False
        self._app._end_batch()
        if isinstance(self._app, PatientApp):
            self._app.line_free()


def bytes_written(app: App[Any]) -> int | None:
    """What the app has sent to its terminal; None under a driver that does not count."""
    return app._driver.bytes_written if isinstance(app._driver, PatientDriver) else None
