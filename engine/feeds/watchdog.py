"""Is a connected socket still worth having? Judged by data, because an open socket proves nothing.

- no data for the silence limit: stale;
- stale and no heartbeat within the limit either: dead, replace the socket;
- stale with heartbeats (or pongs, where a venue has none): a quiet market as far as anyone can tell, so the
  socket is kept, but not for ever: heartbeats are not data, and after six limits it is replaced;
- one channel silent for thirty limits while another flows: dead.

The last two limits double each time they are reached, so that a quiet pair is not restarted over and over;
the one on heartbeats alone up to sixteen times, because then nothing at all flows.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from engine.events import NS

_WITH_HEARTBEATS = 6
_CHANNEL = 30


class Health(Enum):
    LIVE = "live"
    STALE = "stale"
    DEAD = "dead"


class Verdict(NamedTuple):
    health: Health
    reason: str


class Watchdog:
    """Sans-IO. All times are ns of one monotonic clock; ``silence_ns`` is the limit on silence."""

    def __init__(self, silence_ns: int, channels: tuple[str, ...] = ("trade", "quote")) -> None:
        self._silence_ns = silence_ns
        self._limits = dict.fromkeys(channels, _CHANNEL * silence_ns)
        self._seen: dict[str, int] = {}
        self._data_ns = self._beat_ns = 0
        self._beats_only_ns = _WITH_HEARTBEATS * silence_ns
        self._beats_only_most_ns = 16 * self._beats_only_ns

    def silent_ns(self, now_ns: int) -> int:
        """For how long no data came."""
        return now_ns - self._data_ns

    def connected(self, now_ns: int) -> None:
        """A new socket: silence is counted from here."""
        self._data_ns = self._beat_ns = now_ns
        self._seen = dict.fromkeys(self._limits, now_ns)

    def data(self, channel: str, now_ns: int) -> None:
        self._data_ns = now_ns
        self._seen[channel] = now_ns

    def heartbeat(self, now_ns: int) -> None:
        self._beat_ns = now_ns

    def check(self, now_ns: int) -> Verdict:
        silent_ns = self.silent_ns(now_ns)
        if silent_ns <= self._silence_ns:
            return self._check_channels(now_ns)
        reason = f"no data for {silent_ns / NS:.1f} s"
        if now_ns - self._beat_ns > self._silence_ns:
            return Verdict(Health.DEAD, reason)
        if silent_ns > self._beats_only_ns:
            self._beats_only_ns = min(2 * self._beats_only_ns, self._beats_only_most_ns)
            return Verdict(Health.DEAD, f"{reason}, heartbeats only")
        return Verdict(Health.STALE, f"{reason}, the venue's heartbeat goes on")

    def _check_channels(self, now_ns: int) -> Verdict:
        for channel, limit_ns in self._limits.items():
            silent_ns = now_ns - self._seen[channel]
            if silent_ns > limit_ns:
                self._limits[channel] = 2 * limit_ns
                return Verdict(Health.DEAD, f"no {channel} for {silent_ns / NS:.1f} s while other data flows")
        return Verdict(Health.LIVE, "")
