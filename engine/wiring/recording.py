"""Tapes of what arrives, written while the desk runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.config import RecordConfig
from engine.events import NS, GridChange
from engine.feeds.base import InstrumentSpec
from engine.feeds.news import Placed
from engine.feeds.packing import Ticks
from engine.feeds.recorder import CLOSE_S, FrameTape, Recorder, TickTape
from engine.feeds.tap import Tap
from engine.feeds.tape_files import TapeFolder
from engine.instruments import Instrument

FLUSH_S = 2.0
"""What has arrived is handed over so often at least."""
_TOLD_NS = 60 * NS


class Recorded(Protocol):
    """Where what arrives comes through: a desk's intake, or what stands for it."""

    @property
    def symbols(self) -> list[str]:
        """By index."""

    @property
    def grids(self) -> list[Instrument]:
        """The instruments, by index."""

    def record(self, on_block: Callable[[Ticks, list[Placed]], None]) -> None:
        """From now on hand over what comes, in blocks, which are the taker's own."""

    def cut(self) -> None:
        """Hand over what is gathered."""


class Recording:
    """Off when neither ticks nor frames are asked for. ``alert`` takes a level and a sentence."""

    def __init__(
        self,
        config: RecordConfig,
        state_dir: Path,
        intake: Recorded,
        *,
        clock: Callable[[], int],
        alert: Callable[[str, str], None],
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._alert = alert
        self._told_lost = 0
        self._told_ns = 0
        self._told_error = ""
        self._told: dict[str, Instrument] = {}
        """Whose grids are on the tape."""
        self._recorder: Recorder | None = None
        self._config = config
        if not (config.ticks or config.frames):
            return
        folder = Path(config.dir).expanduser() if config.dir else state_dir / "tapes"
        most_bytes = int(config.max_gb * 1e9)
        ticks = TapeFolder(folder, "ticks", ".tape", most_bytes=most_bytes)
        self._recorder = Recorder(
            TickTape(ticks) if config.ticks else None,
            lambda venue: FrameTape(
                TapeFolder(folder, f"frames-{venue}", ".jsonl.gz", most_bytes=most_bytes),
                venue,
            ),
        )

    @property
    def state(self) -> str:
        """``on`` while tapes are written, ``failed`` when their end was not wanted; "" without tapes."""
        if self._recorder is None:
            return ""
        return "failed" if self._recorder.error else "on"

    @property
    def taped(self) -> tuple[int, int, int] | None:
        """Bytes that are not written yet, bytes that are, and how many ticks and frames are on no tape; None
        without tapes."""
        recorder = self._recorder
        return None if recorder is None else (recorder.pending, recorder.size, recorder.lost)

    def start(self) -> None:
        """What has come into the intake before is history, and on no tape."""
        if self._recorder is not None and self._config.ticks:
            self._intake.record(self._take)

    def tap(self, venue: str) -> Tap | None:
        """For the feed of ``venue``, when its frames are recorded."""
        if self._recorder is None or not self._config.frames:
            return None
        return Tap(self._recorder.taker(venue), self._clock)

    def _take(self, ticks: Ticks, news: list[Placed]) -> None:
        assert self._recorder is not None
        changed = {event.symbol for _, event in news if isinstance(event, GridChange)}
        new = [one for one in self._intake.grids if self._told.get(one.symbol) is not one]
        in_place = [one for one in new if one.symbol in changed and one.symbol in self._told]
        self._recorder.know([_spec(one) for one in new if one not in in_place])
        self._told |= {one.symbol: one for one in new}
        self._recorder.ticks(ticks, self._intake.symbols, news)
        self._recorder.know([_spec(one) for one in in_place], later=True)

    async def run(self) -> None:
        """Hand over in time, and tell of what is lost, until cancelled."""
        while self._recorder is not None:
            await asyncio.sleep(FLUSH_S)
            self._intake.cut()
            self._recorder.flush(self._clock())
            self._tell(self._recorder)

    def _tell(self, recorder: Recorder) -> None:
        if recorder.error and recorder.error != self._told_error:
            self._told_error = recorder.error
            self._alert("error", f"recording ends: {recorder.error}")
        lost, now_ns = recorder.lost, self._clock()
        if lost > self._told_lost and not recorder.error and now_ns - self._told_ns >= _TOLD_NS:
            more, self._told_lost, self._told_ns = lost - self._told_lost, lost, now_ns
            self._alert("warning", f"the disk does not follow: {more:,} ticks or frames are not on the tape")

    async def close(self, within_s: float = CLOSE_S) -> None:
        """Write what is pending, and end the tapes; a disk that hangs is not waited for longer than that."""
        if self._recorder is not None:
            self._intake.cut()
            await asyncio.to_thread(self._recorder.close, within_s)
            self._tell(self._recorder)


def _spec(one: Instrument) -> InstrumentSpec:
    """Also a grid that is assumed: a desk that plays the tape decides on the same."""
    return InstrumentSpec(
        one.symbol, one.tick_size, one.lot_size, one.min_notional, one.quote_currency, one.max_quantity
    )
