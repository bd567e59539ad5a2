"""The bars of an exchange's own REST, asked for and read by its adapter."""

from __future__ import annotations

from msgspec.structs import replace

from engine.config import FeedConfig, PollingConfig
from engine.events import NS, Candle
from engine.feeds.base import Request
from engine.feeds.registry import VENUES
from engine.feeds.rest import RefusedError
from engine.feeds.sources.budget import Limits
from engine.feeds.sources.candles import in_order
from engine.feeds.sources.rest_source import RestSource, Surroundings
from engine.feeds.venue import Venue

_SHARE = 0.5
"""Of the venue's public limit: the live feed of the same address needs the rest."""
_LATEST_BARS = 3
_LEAST_STEP = 100
"""No venue's page holds fewer bars."""
_EDGE = 5
"""Of the oldest bars that a venue tells some go while they are asked for."""


class VenueCandles(RestSource):
    """See Source. Bars are closed when the adapter says so, by the venue's word or by their successor."""

    split_adjusted = True
    """Coins are never split, and of shares such bars are asked for."""
    delay_s = 120

    def __init__(self, name: str, config: PollingConfig, around: Surroundings) -> None:
        """``name`` is one of VENUES. Raises ConfigError as the venue does."""
        self.name = name
        self._venue: Venue = VENUES[name].venue(FeedConfig(rest_url=config.rest_url))
        self.url = self._venue.rest_url
        self.limits = Limits(per_minute=max(1, int(60 * _SHARE * self._venue.rest_per_s)))
        super().__init__(config, around)

    def latest_request(self, native: str, now_ns: int) -> Request:
        minute_ns = 60 * NS
        first_ns = now_ns - now_ns % minute_ns - (_LATEST_BARS - 1) * minute_ns
        return self.bars_request(native, 60, first_ns, first_ns + (_LATEST_BARS + 1) * minute_ns)

    def parse_latest(self, symbol: str, native: str, body: bytes, recv_ns: int) -> list[Candle]:
        return in_order(self.parse_bars(symbol, native, 60, body, recv_ns))[-_LATEST_BARS:]

    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        request = self._venue.candles_request(native, interval_s, start_ns, end_ns)
        if request is None:
            raise RefusedError(f"{self.name} has no bars of {interval_s} s")
        return request

    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        bars = self._venue.parse_candles(native, interval_s, body, recv_ns)
        return [replace(bar, symbol=symbol, source=self.name) for bar in bars]

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        back = self._venue.bars_back
        step_ns = interval_s * NS
        return (now_ns // step_ns - back + _EDGE) * step_ns if back else 0

    def page_ns(self, interval_s: int, at_ns: int) -> int:
        """The venue tells as many of the first as it wants to."""
        return 1 << 62

    def next_ns(self, page: list[Candle], native: str, interval_s: int, at_ns: int, until_ns: int) -> int:
        if page:
            return max(at_ns, page[-1].open_ns) + interval_s * NS
        return at_ns + self._span_ns(native, interval_s, at_ns, until_ns)

    def _span_ns(self, native: str, interval_s: int, at_ns: int, until_ns: int) -> int:
        """What the request for ``at_ns`` to ``until_ns`` really asks for: adapters cut what their venue does
        not take, and an empty answer speaks of no more than that.
        """
        step_ns = interval_s * NS
        asked = self.bars_request(native, interval_s, at_ns, until_ns)
        low, high = _LEAST_STEP, max(_LEAST_STEP, -(-(until_ns - at_ns) // step_ns))
        while low < high:
            middle = (low + high) // 2
            shorter = min(until_ns, at_ns + middle * step_ns)
            if self.bars_request(native, interval_s, at_ns, shorter) == asked:
                high = middle
            else:
                low = middle + 1
        return low * step_ns
