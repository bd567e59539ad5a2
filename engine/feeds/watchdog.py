"""Is a connected socket still worth having? Judged by data, because an open socket proves nothing.

- no data for the silence limit: stale;
- stale and no heartbeat within the limit either: dead, cut it;
- stale with heartbeats (or pongs, where a venue has none): a quiet market as far as anyone can tell, so the
  socket is kept, but not believed for ever: heartbeats are not data, and after six limits it is doubtful;
- one channel silent for thirty limits while another flows, and for ten times its longest silence so far:
  doubtful.

A doubtful socket is kept until a second one is found to deliver more. The last two limits double each time
they are reached, so that a quiet pair is not asked about over and over; the one on heartbeats alone up to
sixteen times, because then nothing at all flows.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from engine.events import NS

_WITH_HEARTBEATS = 6
_CHANNEL = 30
_LONGEST = 10
CHANNELS = ("trade", "quote", "book", "candle")


class Health(Enum):
    LIVE = "live"
    STALE = "stale"
    DOUBTFUL = "doubtful"
    DEAD = "dead"


class Verdict(NamedTuple):
    health: Health
    reason: str
    silent: bool = False
    """No data came for longer than the limit."""


class Patience:
    """What was learned of a venue's silences: outlives its connections. ``silence_ns`` is the limit."""

    def __init__(self, silence_ns: int, channels: tuple[str, ...] = CHANNELS[:2]) -> None:
        """``channels`` are those subscribed."""
        self.silence_ns = silence_ns
        self.channels_ns = dict.fromkeys(channels, _CHANNEL * silence_ns)
        self.longest_ns = dict.fromkeys(channels, 0)
        self.beats_only_ns = _WITH_HEARTBEATS * silence_ns
        self._beats_only_most_ns = 16 * self.beats_only_ns

    def doubted_beats(self) -> None:
        self.beats_only_ns = min(2 * self.beats_only_ns, self._beats_only_most_ns)

    def doubted(self, channel: str) -> None:
        self.channels_ns[channel] *= 2


class Watchdog:
    """Of one connection. Sans-IO. All times are ns of one monotonic clock."""

    def __init__(self, patience: Patience, now_ns: int) -> None:
        """``now_ns``: silence is counted from here."""
        self._patience = patience
        self._data_ns = self._beat_ns = now_ns
        self._seen = dict.fromkeys(patience.channels_ns, now_ns)

    def silent_ns(self, now_ns: int) -> int:
        """For how long no data came."""
        return now_ns - self._data_ns

    def data(self, channel: str, now_ns: int) -> None:
        self._data_ns = now_ns
        seen_ns = self._seen.get(channel)
        if seen_ns is not None:
            longest_ns = self._patience.longest_ns
            if now_ns - seen_ns > longest_ns[channel]:
                longest_ns[channel] = now_ns - seen_ns
            self._seen[channel] = now_ns

    def heartbeat(self, now_ns: int) -> None:
        self._beat_ns = now_ns

    def check(self, now_ns: int) -> Verdict:
        patience, silent_ns = self._patience, self.silent_ns(now_ns)
        if silent_ns <= patience.silence_ns:
            return self._check_channels(now_ns)
        reason = f"no data for {silent_ns / NS:.1f} s"
        if now_ns - self._beat_ns > patience.silence_ns:
            return Verdict(Health.DEAD, reason, True)
        if silent_ns > patience.beats_only_ns:
            patience.doubted_beats()
            return Verdict(Health.DOUBTFUL, f"{reason}, heartbeats only", True)
        return Verdict(Health.STALE, f"{reason}, the venue's heartbeat goes on", True)

    def _check_channels(self, now_ns: int) -> Verdict:
        patience = self._patience
        for channel, limit_ns in patience.channels_ns.items():
            silent_ns = now_ns - self._seen[channel]
            if silent_ns > max(limit_ns, _LONGEST * patience.longest_ns[channel]):
                patience.doubted(channel)
                reason = f"no {channel} for {silent_ns / NS:.1f} s while other data flows"
                return Verdict(Health.DOUBTFUL, reason)
        return Verdict(Health.LIVE, "")
