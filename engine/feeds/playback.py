"""The pace of a tape that is played: which of its events are due, while it plays, stands, steps or seeks.

Times of the tape and of the clock are ns; the clock is only measured against itself. Whatever is asked for,
every event is let through once and in its order: only when differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.events import NS, MarketEvent

LEAST_SPEED, MOST_SPEED = 0.1, 1000.0
"""What a person may choose between, times real time; infinity: as fast as it goes."""


class PlayState(StrEnum):
    PLAYING = "playing"
    PAUSED = "paused"
    SEEKING = "seeking"
    """Unpaced, up to a time of the tape."""
    ENDED = "ended"


class Playback:
    """``due`` says how far a batch may be delivered now. ``speed``: times real time, infinity: unpaced.

    Raises ValueError for a speed that is none.
    """

    def __init__(self, speed: float = 1.0, *, paused: bool = False, bar_ns: int = NS) -> None:
        _check(speed)
        self.speed = speed
        self.state = PlayState.PAUSED if paused else PlayState.PLAYING
        self.first_ns = self.last_ns = 0
        """Of the first event, and of the newest that was delivered; 0 before the tape is read."""
        self.goal_ns = 0
        """Where a seek goes; 0 when there is none."""
        self._bar_ns = bar_ns
        self._next_ns: int | None = None
        self._at_ns = 0
        self._since = 0
        """By the clock: since then it plays from ``_at_ns``."""
        self._then = PlayState.PAUSED
        """What follows a seek."""
        self._through = False
        """The goal is reached by an event at or after it, which is delivered too."""
        self._events = 0
        """So many may still be stepped over."""
        self._frame_ns: int | None = None
        """The receipt of the frame that is stepped over."""
        self._frame = False

    def begin(self, first_ns: int, now: int) -> None:
        """The tape's first event is known."""
        self.first_ns = self.last_ns = self._at_ns = first_ns
        self._next_ns, self._since = first_ns, now

    def end(self) -> None:
        """Nothing comes any more."""
        self._halt(PlayState.ENDED, self.last_ns)
        self._next_ns = None

    @property
    def unpaced(self) -> bool:
        """Whether it runs as fast as it goes."""
        return self.state is PlayState.SEEKING or (self.state is PlayState.PLAYING and math.isinf(self.speed))

    @property
    def stands(self) -> bool:
        """Whether it is paused, or will be when its seek is there."""
        return (self._then if self.state is PlayState.SEEKING else self.state) is PlayState.PAUSED

    def at_ns(self, now: int) -> int:
        """The time reached on the tape: it goes on through quiet stretches, and waits for what is late."""
        if self.state is PlayState.PLAYING and not self.unpaced and self._next_ns is not None:
            return max(min(self._reached(now), self._next_ns), self.last_ns)
        return max(self._at_ns, self.last_ns)

    # --- what is asked for -----------------------------------------------------------------------

    def play(self, now: int) -> None:
        """Go on from where it stands; a seek plays on when it is there."""
        if self.state is PlayState.SEEKING:
            self._then = PlayState.PLAYING
        elif self.state is PlayState.PAUSED:
            self._go(self._at_ns, now)

    def pause(self, now: int) -> None:
        """Stand where it is; a seek ends there."""
        if self.state is not PlayState.ENDED:
            self._halt(PlayState.PAUSED, self.at_ns(now))

    def set_speed(self, speed: float, now: int) -> None:
        """From here on, without a jump. Raises ValueError."""
        _check(speed)
        at_ns = self.at_ns(now)
        self.speed = speed
        if self.state is PlayState.PLAYING:
            self._go(at_ns, now)

    def step_events(self, count: int, now: int) -> None:
        """Stand, and let the next ``count`` events through."""
        self.pause(now)
        self._events = count

    def step_frame(self, now: int) -> None:
        """Stand, and let through what came at one instant: what one frame or batch held."""
        self.pause(now)
        self._frame = True

    def step_bars(self, count: int, now: int) -> None:
        """Stand when ``count`` more bars have closed: behind the first event after the last one's end."""
        at_ns = self.at_ns(now)
        self.pause(now)
        if self.state is not PlayState.ENDED:
            self._seek((at_ns // self._bar_ns + count) * self._bar_ns, PlayState.PAUSED, through=True)

    def seek(self, goal_ns: int, now: int) -> None:
        """Run unpaced up to ``goal_ns``, which lies ahead; then play on, or stand, as before."""
        if self.state is PlayState.ENDED:
            return
        then = self._then if self.state is PlayState.SEEKING else self.state
        self.pause(now)
        self._seek(goal_ns, then, through=False)

    def _seek(self, goal_ns: int, then: PlayState, *, through: bool) -> None:
        self.state, self.goal_ns, self._then, self._through = PlayState.SEEKING, goal_ns, then, through

    def _go(self, at_ns: int, now: int) -> None:
        self._halt(PlayState.PLAYING, at_ns)
        self._since = now

    def _halt(self, state: PlayState, at_ns: int) -> None:
        self.state, self._at_ns = state, at_ns
        self.goal_ns = self._events = 0
        self._frame, self._frame_ns = False, None

    # --- what is due -----------------------------------------------------------------------------

    def due(self, events: Sequence[MarketEvent], start: int, now: int) -> int:
        """Those from ``start`` up to the result are to be delivered now. There is at least one left."""
        if self.state is PlayState.PLAYING and self.unpaced:
            end = len(events)  # nothing is looked at one by one
        else:
            self._next_ns = events[start].recv_ns
            end = self._due(events, start, now)
        if end > start:
            self.last_ns = max(self.last_ns, events[end - 1].recv_ns)
            if end < len(events):
                self._next_ns = events[end].recv_ns
            if self.state is PlayState.PAUSED:
                self._at_ns = max(self._at_ns, self.last_ns)
        return end

    def passes(self, recv_ns: npt.NDArray[np.int64]) -> int:
        """How many of the ticks of these receipts are due at once, unpaced; they count as delivered."""
        if not self.unpaced:
            return 0
        count = len(recv_ns)
        if self.state is PlayState.SEEKING:
            beyond = np.flatnonzero(recv_ns > self.goal_ns - self._through)
            count = int(beyond[0]) if len(beyond) else count
        if count:
            self.last_ns = max(self.last_ns, int(recv_ns[count - 1]))
        return count

    def _due(self, events: Sequence[MarketEvent], start: int, now: int) -> int:
        if self.state is PlayState.PLAYING:
            return len(events) if self.unpaced else _up_to(events, start, self._reached(now))
        if self.state is PlayState.SEEKING:
            end = _up_to(events, start, self.goal_ns - self._through)
            if end == start:
                self._arrive(now)
                end = self._due(events, start, now)
            return end
        if self._events:
            end = min(start + self._events, len(events))
            self._events -= end - start
            return end
        return self._frame_end(events, start) if self._frame else start

    def _arrive(self, now: int) -> None:
        """Everything before the goal was delivered."""
        at_ns, through = self.goal_ns, self._through
        if self._then is PlayState.PLAYING:
            self._go(at_ns, now)
        else:
            self._halt(PlayState.PAUSED, self.last_ns if through else at_ns)
            self._frame = through

    def _frame_end(self, events: Sequence[MarketEvent], start: int) -> int:
        """A frame may be spread over two batches."""
        if self._frame_ns is None:
            self._frame_ns = events[start].recv_ns
        end = start
        while end < len(events) and events[end].recv_ns == self._frame_ns:
            end += 1
        if end < len(events):
            self._frame, self._frame_ns = False, None
        return end

    def _reached(self, now: int) -> int:
        return self._at_ns + int((now - self._since) * self.speed)

    def wait_s(self, next_ns: int, now: int) -> float | None:
        """Until an event of ``next_ns`` is due; None: not before something is asked for."""
        if self.state is not PlayState.PLAYING:
            return None
        if self.unpaced:
            return 0.0
        return max(0.0, (next_ns - self._reached(now)) / self.speed / NS)


def _up_to(events: Sequence[MarketEvent], start: int, until_ns: int) -> int:
    end = start
    while end < len(events) and events[end].recv_ns <= until_ns:
        end += 1
    return end


def _check(speed: float) -> None:
    if not speed > 0:
        raise ValueError("a speed is above 0")
