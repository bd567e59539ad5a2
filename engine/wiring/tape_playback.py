"""A tape on the live engine: how it is played, what a person may ask of that, and beginning anew.

Forward, whatever is skipped is decided upon. Backward there is no way but to begin anew: the engine ends as
it does when it is stopped, its journal of this replay is removed, and a fresh one runs unpaced to the time
that was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.api.playback_protocol import PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.errors import StoreError, TapeError
from engine.events import NS
from engine.feeds.packing import Ticks
from engine.feeds.playback import LEAST_SPEED, MOST_SPEED, Playback, PlayState
from engine.feeds.tape import Tape
from engine.feeds.tape_feed import TapeFeed
from engine.feeds.tape_span import tape_span
from engine.store.read import DATABASE
from engine.text import clean

_MOST_BY_S = 1e9


class Begin(msgspec.Struct, frozen=True):
    """How a tape's desk begins."""

    speed: float = 1.0
    """Times real time; infinity: as fast as it goes."""
    paused: bool = False
    goal_ns: int = 0
    """Up to here it first runs unpaced; 0: nowhere."""
    last_ns: int = 0
    """Of the tape's last event, where that is known; else 0."""
    rewinds: int = 0


class TapePlayback:
    """``clock``: ns, only measured against itself. ``rewind`` is called when the desk must begin anew."""

    def __init__(
        self,
        tape: Tape,
        begin: Begin,
        bar_ns: int,
        clock: Callable[[], int],
        rewind: Callable[[Begin], None],
        take_ticks: Callable[[Ticks, Sequence[str]], None] | None = None,
    ) -> None:
        self._tape = tape
        self._begin = begin
        self._clock = clock
        self._rewind = rewind
        self._last_ns = begin.last_ns
        self._stopped = False
        self._rewinding = False
        self._playback = Playback(begin.speed, paused=begin.paused, bar_ns=bar_ns)
        if begin.goal_ns:
            self._playback.seek(begin.goal_ns, clock())
        self.feed = TapeFeed(tape, self._playback, clock, take_ticks)

    async def measure(self) -> None:
        """Find the tape's end, on a thread: a compressed one is read for it."""
        if self._last_ns:
            return
        try:
            self._last_ns = await asyncio.to_thread(self._measure)
        finally:
            self._stopped = True

    def _measure(self) -> int:
        paths, named = self._tape.paths, self._tape.named
        spans = [tape_span(path, named, stopped=lambda: self._stopped) for path in paths]
        return max(span.to_ns for span in spans)

    def row(self) -> PlaybackRow:
        playback, speed = self._playback, self._playback.speed
        ended = playback.state is PlayState.ENDED
        return PlaybackRow(
            state=playback.state.value,
            speed=0.0 if math.isinf(speed) else speed,
            at_ns=playback.at_ns(self._clock()),
            first_ns=playback.first_ns,
            last_ns=playback.last_ns if ended else self._last_ns,
            goal_ns=playback.goal_ns,
            rewinds=self._begin.rewinds,
            cut=ended and self._tape.truncated,
        )

    def text(self, now_ns: int) -> str:
        """Name, speed and the time that the desk has reached; one line."""
        names = ", ".join(path.name for path in self._tape.paths)
        return f"{names} {_speed(self._playback.speed)} at {_when(now_ns)}"

    def stands(self) -> str:
        """Why nothing comes of the market, one line; "" while it goes on."""
        if self._playback.state is PlayState.PAUSED:
            return "the tape is paused, and with it the market: it answers when the tape is played on"
        if self._playback.state is PlayState.ENDED:
            return "the tape is at its end, and so is the market: nothing answers any more"
        return ""

    # --- what is asked for -----------------------------------------------------------------------

    def change(self, patch: PlaybackPatch) -> str:
        """All of the patch, or nothing; what it came to, one line. Raises TapeError."""
        if self._rewinding:
            raise TapeError("the desk begins anew from the tape's start: try again in a moment")
        speed = self._checked_speed(patch.speed)
        wheres = [patch.step, patch.to_ns, patch.by_s, patch.to_share]
        if sum(where is not None for where in wheres) > 1:
            raise TapeError("one of a step, a time, a distance or a share")
        goal_ns = self._goal(patch)
        now, playback = self._clock(), self._playback
        if playback.state is PlayState.ENDED and (patch.step or (patch.state and goal_ns is None)):
            raise TapeError("the tape is at its end: seek back, or open another")
        if speed is not None:
            playback.set_speed(speed, now)
        if patch.state == "playing":
            playback.play(now)
        elif patch.state == "paused":
            playback.pause(now)
        told = self._seek(goal_ns, now) if goal_ns is not None else self._step(patch, now)
        self.feed.look()
        return told or self._told(patch.speed is not None and patch.state is None)

    def _step(self, patch: PlaybackPatch, now: int) -> str:
        several = "" if patch.count == 1 else "s"
        if patch.step == "event":
            self._playback.step_events(patch.count, now)
            return f"{patch.count} event{several} on"
        if patch.step == "frame":
            self._playback.step_frame(now)
            return "one frame on"
        if patch.step == "bar":
            self._playback.step_bars(patch.count, now)
            return f"{patch.count} bar{several} on"
        return ""

    def _seek(self, goal_ns: int, now: int) -> str:
        playback = self._playback
        at_ns = playback.at_ns(now)
        if goal_ns < at_ns:
            self._rewinding = True
            self._rewind(self._anew(goal_ns))
            return (
                f"back to {_when(goal_ns)}: the desk begins anew from the tape's start and runs there; what "
                "was ordered and set by hand in this replay is gone"
            )
        if playback.state is PlayState.ENDED:
            raise TapeError("the tape is at its end: seek back, or open another")
        playback.seek(goal_ns, now)
        return f"to {_when(goal_ns)}, deciding on all that lies between"

    def _anew(self, goal_ns: int) -> Begin:
        playback = self._playback
        return Begin(
            playback.speed,
            playback.stands,  # at its end it has stopped playing only because nothing comes
            goal_ns if goal_ns > playback.first_ns else 0,
            playback.last_ns if playback.state is PlayState.ENDED else self._last_ns,
            self._begin.rewinds + 1,
        )

    def _goal(self, patch: PlaybackPatch) -> int | None:
        playback, last_ns = self._playback, self.row().last_ns
        if patch.to_ns is None and patch.by_s is None and patch.to_share is None:
            return None
        if not playback.first_ns:
            raise TapeError("nothing of the tape is read yet: try again in a moment")
        first_ns = playback.first_ns
        if patch.to_ns is not None:
            if patch.to_ns < first_ns or (last_ns and patch.to_ns > last_ns):
                end = _when(last_ns) if last_ns else "an end that is not known yet"
                raise TapeError(
                    f"{_when(patch.to_ns)} is not on the tape, which goes from {_when(first_ns)} to {end}"
                )
            return patch.to_ns
        if patch.by_s is not None:
            if not abs(patch.by_s) <= _MOST_BY_S:
                raise TapeError("that far no tape goes")
            goal = playback.at_ns(self._clock()) + round(patch.by_s * NS)
            return max(first_ns, min(goal, last_ns) if last_ns else goal)
        if not last_ns:
            raise TapeError("the tape's end is not known (yet): seek to a time, or some seconds on")
        assert patch.to_share is not None
        return first_ns + round((last_ns - first_ns) * patch.to_share)

    def _checked_speed(self, speed: float | None) -> float | None:
        if speed is None:
            return None
        if speed == 0:
            return math.inf
        if not LEAST_SPEED <= speed <= MOST_SPEED:
            raise TapeError(f"speed {speed:g}: {LEAST_SPEED:g} to {MOST_SPEED:g} times real time, or max")
        return speed

    def _told(self, only_speed: bool) -> str:
        playback = self._playback
        if only_speed:
            return f"speed {_speed(playback.speed)}"
        at = _when(playback.at_ns(self._clock())) if playback.first_ns else "the tape's start"
        if playback.state is PlayState.PAUSED:
            return f"paused at {at}"
        return f"{playback.state.value} {_speed(playback.speed)} from {at}"


def forget_journal(state_dir: Path) -> None:
    """Remove what a tape's desk has journaled: the next one begins anew. Raises StoreError."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        try:
            with contextlib.suppress(FileNotFoundError):
                (state_dir / name).unlink()
        except OSError as error:
            raise StoreError(f"cannot remove {state_dir / name}: {clean(error.strerror or error)}") from None


def _speed(speed: float) -> str:
    return "max" if math.isinf(speed) else f"{speed:g}×"


def _when(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S}"
