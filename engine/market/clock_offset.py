"""How far our clock and a venue's are apart, and how long its data is on its way, from what arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from engine.events import NS, MarketEvent, Quote, Trade
from engine.instruments import Instruments, venue_of

SAMPLES = 256
RECENT_S = 5
AT_LEAST = 4
"""The offset is judged by the trades of so many seconds, and by no fewer than so many seconds with a trade in
them: what one stall held up comes all at once, and says nothing of what comes next."""
PATIENCE_S = 30
"""A venue that quoted for so long without a trade tells no time to judge it by."""


class _Least:
    """The least of the recent numbers, kept as they come: an order that waits only reads it."""

    __slots__ = ("_seconds", "value")

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()
        """(when, least of it), seconds in which something came."""
        self.value = 0
        """Of no meaning before the first."""

    def add(self, number: int, recv_ns: int) -> None:
        seconds, second = self._seconds, recv_ns // NS
        if seconds and seconds[-1][0] == second:
            if number < seconds[-1][1]:
                seconds[-1] = second, number
                self.value = min(self.value, number)
            return
        seconds.append((second, number))
        while len(seconds) > AT_LEAST and seconds[0][0] <= second - RECENT_S:
            seconds.popleft()
        self.value = min(least for _, least in seconds)


class ClockOffset:
    """Per venue the least of the recent ``recv_ns - event_ns``: the offset plus the shortest way here.

    Delay only ever adds, so the minimum is the best one-way estimate (as in NTP's clock filter). Far below
    zero, the venue's clock is ahead of ours; far above, ours is ahead or everything is late. It is that of
    some seconds: by more of them a line that falls behind would look like one that does not. Trades alone
    are samples: a quote carries no time of its own on some venues, and on others that of a trade long past.
    """

    def __init__(self) -> None:
        self._samples: dict[str, _Least] = {}
        self._delays: dict[str, deque[int]] = {}
        """The newest samples as they came."""
        self._quoted: dict[str, tuple[int, int]] = {}
        """When the venue's first and newest quote were received."""

    def note_batch(self, events: Sequence[MarketEvent]) -> None:
        """What one socket read held, in order: its newest trade carries its venue's time; a quote only says
        that the venue lives."""
        quote: Quote | None = None
        for event in reversed(events):
            if isinstance(event, Trade):
                if not event.backfilled:
                    self.note(venue_of(event.symbol), event.event_ns, event.recv_ns)
                return
            if quote is None and isinstance(event, Quote):
                quote = event
        if quote is not None:
            self.note_quote(venue_of(quote.symbol), quote.recv_ns)

    def note(self, venue: str, event_ns: int, recv_ns: int) -> None:
        """A live trade with the venue's own time."""
        samples = self._samples.get(venue)
        if samples is None:
            samples = self._samples[venue] = _Least()
            self._delays[venue] = deque(maxlen=SAMPLES)
        samples.add(recv_ns - event_ns, recv_ns)
        self._delays[venue].append(recv_ns - event_ns)

    def note_quote(self, venue: str, recv_ns: int) -> None:
        """A live quote: it only says that the venue is heard."""
        first, _ = self._quoted.get(venue, (recv_ns, 0))
        self._quoted[venue] = first, recv_ns

    def latency_ns(self, venue: str) -> tuple[int, int] | None:
        """(median, 99th percentile) of the newest delays above the least of them; None while it is unknown.

        The way itself cannot be told from the clocks' offset: this is what comes on top of the fastest.
        """
        delays = self._delays.get(venue)
        if not delays:
            return None
        rising = sorted(delays)
        least, last = rising[0], len(rising) - 1
        return rising[last // 2] - least, rising[last * 99 // 100] - least

    def skew_ns(self, venue: str) -> int | None:
        """The estimate; None while it is unknown.

        0 for a venue that has quoted for 30 s and never traded: there is no clock to disagree with, and a
        market that is quoted alone would be denied for ever. Its data's age is judged on its own.
        """
        samples = self._samples.get(venue)
        if samples is not None:
            return samples.value
        first, newest = self._quoted.get(venue, (0, 0))
        return 0 if newest - first >= PATIENCE_S * NS else None

    def late(self, most_ns: int) -> dict[str, int]:
        """The venues that are behind by more than ``most_ns``, and by how much: what they tell is late, or
        our clock is ahead of theirs. Which of both cannot be told."""
        return {venue: one.value for venue, one in self._samples.items() if one.value > most_ns}


class Lateness:
    """Of the symbols of an engine, by index. ``most_ns()``: what is still in time."""

    def __init__(self, clocks: ClockOffset, instruments: Instruments, most_ns: Callable[[], int]) -> None:
        self._clocks = clocks
        self._instruments = instruments
        self._most_ns = most_ns

    def late_ns(self, index: int) -> int:
        """0 when its venue's data comes in time."""
        late = self._clocks.late(self._most_ns())
        return late.get(self._instruments[index].venue, 0) if late else 0

    def late(self) -> list[int]:
        """The symbols whose venue's data does not."""
        late = self._clocks.late(self._most_ns())
        return [one.index for one in self._instruments if one.venue in late] if late else []
