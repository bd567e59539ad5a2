"""The driver of a console in a browser: packets on standard input and output, which the server passes on.

The packets are those of ``textual.drivers.web_driver``; a tab that stops reading holds up nothing.
"""

from __future__ import annotations

import threading
from codecs import getincrementaldecoder
from typing import Any

from textual.drivers._byte_stream import ByteStream
from textual.drivers.web_driver import WebDriver, _ExitInput

from console.keyboard import Keyboard
from console.patient import PatientDriver


class BrowserDriver(PatientDriver, WebDriver):
    """Skips frames on a busy line; ends when the server does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        outbox = self._new_outbox(self.fileno)
        outbox.start()
        # Frames, and what the server is told between them, keep their order.
        self._write = outbox.send  # type: ignore[assignment]

    def send(self, data: str) -> None:
        WebDriver.write(self, data)

    def start_application_mode(self) -> None:
        self._loop_thread = threading.get_ident()
        super().start_application_mode()

    def close(self) -> None:
        super().close()
        if self.outbox is not None:
            self.outbox.stop()

    def run_input_thread(self) -> None:
        """Textual's reader, but Esc is a key of its own, and a server that is gone ends the console."""
        keyboard = Keyboard(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        stream = ByteStream()
        try:
            for data in self._input_reader:
                for kind, payload in stream.feed(data) if data else ():
                    if kind == "D":
                        for event in keyboard.feed(decode(payload)):
                            self.process_message(event)
                    else:
                        self._on_meta(kind, payload)
                for event in keyboard.tick():
                    self.process_message(event)
        except _ExitInput:
            pass
        if not self.exit_event.is_set():
            self._loop.call_soon_threadsafe(self._app.exit)
