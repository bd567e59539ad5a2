"""Tapes written while data arrives: what comes is handed over in the loop, packed and written on a thread.

The loop never waits: what the thread cannot follow is lost, counted and told. A tape is readable up to what
was handed over last, whatever ends the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from engine.errors import TapeError
from engine.events import NS
from engine.feeds.base import InstrumentSpec
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.frame_tape import FrameWriter
from engine.feeds.news import Placed
from engine.feeds.packing import Ticks
from engine.feeds.registry import tells_instruments
from engine.feeds.tap import Frame
from engine.feeds.tape_files import Files

MOST_PENDING = 256 << 20
"""Bytes handed over and not written yet."""
_NEWS_BYTES = _FRAME_BYTES = 200
"""What a frame takes beside its text."""

CLOSE_S = 30.0
BLOCK_NS = 5 * NS
"""Ticks wait so long at most for a block to fill, which packs better when it is large: a crash takes no more
than these."""

_Job = tuple[int, Callable[[], None]]


class TickTape:
    """Ticks to columnar tapes; used on the recorder's thread alone, but for ``size``."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._writer: ColumnarWriter | None = None
        self._flushed_ns = 0
        self._specs: dict[str, InstrumentSpec] = {}
        self._before = 0
        """Bytes of the files that are ended."""

    @property
    def size(self) -> int:
        """Bytes written, all files together."""
        writer = self._writer
        return self._before + (writer.size if writer is not None else 0)

    def know(self, specs: Sequence[InstrumentSpec], *, later: bool = False) -> None:
        """Tell of instruments, in this file and those to come; ``later``: only in those, because this one
        holds the change at its place. Raises TapeError."""
        self._specs |= {spec.symbol: spec for spec in specs}
        if self._writer is not None and not later:
            self._writer.add_specs(specs)

    def write(self, ticks: Ticks, symbols: Sequence[str], news: Sequence[Placed] = ()) -> None:
        """Raises TapeError."""
        if not (len(ticks) or news):
            return
        now_ns = int(ticks["recv_ns"][-1]) if len(ticks) else news[-1][1].recv_ns
        ticks["reject"] = 0  # who plays it judges anew
        writer = self._writer
        if writer is not None and self._files.is_over(writer.size, now_ns):
            self.close()
            writer = None
        if writer is None:
            specs = list(self._specs.values())
            writer = self._writer = ColumnarWriter(self._files.next(now_ns), symbols, specs)
            self._flushed_ns = now_ns
        else:
            writer.add_symbols(symbols[writer.symbols :])
        writer.write(ticks, news)
        self.flush(now_ns)

    def flush(self, now_ns: int) -> None:
        """Write what has waited for long enough; the clock may have been set back. Raises TapeError."""
        if self._writer is not None and not 0 <= now_ns - self._flushed_ns < BLOCK_NS:
            self._flushed_ns = now_ns
            self._writer.flush()

    def close(self) -> None:
        writer = self._writer
        if writer is not None:
            self._writer = None
            writer.close()
            self._before += writer.size


class FrameTape:
    """Frames of one venue to captures; used on the recorder's thread alone, but for ``size``.

    Each file can be read without the one before it: it begins with what the venue told of its instruments,
    and with the connections that are open.
    """

    def __init__(self, files: Files, venue: str) -> None:
        self._files = files
        self._venue = venue
        self._told: dict[str, Frame] = {}
        """The newest of these replies, by address."""
        self._open: dict[int, Frame] = {}
        self._writer: FrameWriter | None = None
        self._before = 0

    @property
    def size(self) -> int:
        """Bytes written, all files together."""
        writer = self._writer
        return self._before + (writer.size if writer is not None else 0)

    def write(self, frames: Sequence[Frame]) -> None:
        """Raises TapeError."""
        now_ns = frames[-1].t
        if self._writer is not None and self._files.is_over(self._writer.size, now_ns):
            self.close()
        if self._writer is None:
            self._writer = FrameWriter(self._files.next(now_ns))
            if head := [*self._told.values(), *self._open.values()]:
                self._writer.write([frame._replace(t=frames[0].t) for frame in head])
        for frame in frames:
            if tells_instruments(self._venue, frame):
                self._told[frame.url] = frame
            elif frame.ch == "open":
                self._open[frame.conn] = frame
            elif frame.ch == "close":
                self._open.pop(frame.conn, None)
        self._writer.write(frames)

    def close(self) -> None:
        writer = self._writer
        if writer is not None:
            self._writer = None
            writer.close()
            self._before += writer.size


class Recorder:
    """Everything but ``size`` and ``error`` is called in the loop. ``close`` waits for what is pending."""

    def __init__(
        self,
        ticks: TickTape | None = None,
        frames: Callable[[str], FrameTape] | None = None,
        *,
        most_pending: int = MOST_PENDING,
    ) -> None:
        """``frames`` makes the tape of a venue."""
        self._ticks = ticks
        self._new_frames = frames
        self._frames: dict[str, FrameTape] = {}
        self._gathered: dict[str, list[Frame]] = {}
        self._gathered_bytes = 0
        self._most_pending = most_pending
        self._handed = self._done = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.ticks_taken = self.frames_taken = 0
        self.ticks_lost = self.frames_lost = 0
        """Not written: the disk did not follow, or failed."""
        self.error = ""
        """Why nothing is written any more."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes written."""
        tapes = [*self._frames.values()]
        return sum(tape.size for tape in tapes) + (self._ticks.size if self._ticks is not None else 0)

    @property
    def pending(self) -> int:
        """Bytes handed over that are not written."""
        return self._handed - self._done

    @property
    def lost(self) -> int:
        return self.ticks_lost + self.frames_lost

    def ticks(self, ticks: Ticks, symbols: Sequence[str], news: Sequence[Placed] = ()) -> None:
        """A block of packed ticks, which is not to be written to any more, and what was told between them;
        ``symbols`` may grow later."""
        tape = self._ticks
        if tape is None or not (len(ticks) or news):
            return
        self.ticks_taken += len(ticks)
        size = ticks.nbytes + len(news) * _NEWS_BYTES
        if not self._hand_over(size, lambda: tape.write(ticks, symbols, news)):
            self.ticks_lost += len(ticks)

    def know(self, specs: Sequence[InstrumentSpec], *, later: bool = False) -> None:
        """Instruments whose grids are known, or known better, from here on; ``later`` as of ``TickTape``."""
        tape = self._ticks
        if tape is not None and specs:
            self._hand_over(len(specs) * _NEWS_BYTES, lambda: tape.know(specs, later=later))

    def taker(self, venue: str) -> Callable[[Frame], None]:
        """What takes the frames of a venue: see ``Tap``."""
        assert self._new_frames is not None
        self._frames[venue] = self._new_frames(venue)
        gathered = self._gathered[venue] = []

        def take(frame: Frame) -> None:
            gathered.append(frame)
            self._gathered_bytes += len(frame.raw or "") + _FRAME_BYTES
            if self._gathered_bytes > _GATHERED:
                self.flush()

        return take

    def flush(self, now_ns: int = 0) -> None:
        """Hand over what was gathered, and have written what has waited: call it every second or so."""
        tape = self._ticks
        if tape is not None and now_ns:
            self._hand_over(0, lambda: tape.flush(now_ns))
        for venue, gathered in self._gathered.items():
            if gathered:
                frames = list(gathered)
                gathered.clear()
                self._give(self._frames[venue], frames)
        self._gathered_bytes = 0

    def _give(self, tape: FrameTape, frames: list[Frame]) -> None:
        self.frames_taken += len(frames)
        size = sum(len(frame.raw or "") + _FRAME_BYTES for frame in frames)
        if not self._hand_over(size, lambda: tape.write(frames)):
            self.frames_lost += len(frames)

    def _hand_over(self, size: int, work: Callable[[], None]) -> bool:
        if self.error or self._handed - self._done > self._most_pending:
            return False
        self._handed += size
        self._jobs.put((size, work))
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            size, work = job
            if not self.error:
                try:
                    work()
                except TapeError as error:
                    self.error = str(error)
                except Exception as error:  # our own bug: told as what it is, and no reason to end the desk
                    self.error = f"recording failed ({type(error).__name__}: {error})"
            self._done += size
        closing: list[TickTape | FrameTape] = list(self._frames.values())
        for tape in closing if self._ticks is None else [*closing, self._ticks]:
            try:
                tape.close()
            except TapeError as error:
                self.error = self.error or str(error)

    def close(self, within_s: float = CLOSE_S) -> None:
        """Write what is pending, and end every tape. A disk that hangs is not waited for longer than that."""
        if self._thread.is_alive():
            self.flush()
            self._jobs.put(None)
            self._thread.join(within_s)
            if self._thread.is_alive():
                self.error = self.error or f"the disk hangs: after {within_s:g} s the end is not written"


_GATHERED = 1 << 20
"""Bytes of frames gathered before they are handed over, at most."""
