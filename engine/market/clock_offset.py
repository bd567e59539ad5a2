"""How far our clock and a venue's are apart, and how long its data is on its way, from what arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from engine.events import NS, MarketEvent, Quote, Trade
from engine.instruments import venue_of

SAMPLES = 256
PATIENCE_S = 30
"""A venue that quoted for so long without a trade tells no time to judge it by."""


class _Least:
    """The least of the newest ``SAMPLES`` numbers, kept as they come: an order that waits only reads it."""

    __slots__ = ("_added", "_rising", "value")

    def __init__(self) -> None:
        self._added = 0
        self._rising: deque[tuple[int, int]] = deque()
        """(how many came before, number): those that no later one undercuts, rising."""
        self.value = 0
        """Of no meaning before the first."""

    def add(self, number: int) -> None:
        rising, added = self._rising, self._added
        while rising and rising[-1][1] >= number:
            rising.pop()
        rising.append((added, number))
        if rising[0][0] <= added - SAMPLES:
            rising.popleft()
        self._added = added + 1
        self.value = rising[0][1]


class ClockOffset:
    """Per venue the least of the newest ``recv_ns - event_ns``: the offset plus the shortest way here.

    Delay only ever adds, so the minimum is the best one-way estimate (as in NTP's clock filter). Far below
    zero, the venue's clock is ahead of ours; far above, ours is ahead or everything is late. Trades alone
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
        samples.add(recv_ns - event_ns)
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
