"""The sources that the desk can ask, and in which order. Adding one: its module, and its line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from engine.config import CollectionConfig, PollingConfig
from engine.errors import ConfigError
from engine.events import FeedState
from engine.feeds.base import FeedStats
from engine.feeds.ccxt_feed import exchange_maker
from engine.feeds.registry import CCXT, VENUES
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.ccxt_candles import CcxtCandles
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.rest_source import RestSource, Surroundings
from engine.feeds.sources.source import Source
from engine.feeds.sources.twelve_data import TwelveData
from engine.feeds.sources.venue_candles import VenueCandles
from engine.feeds.sources.yahoo import Yahoo
from engine.text import clean

SERVICES: dict[str, Callable[[PollingConfig, Surroundings], RestSource]] = {
    Yahoo.name: Yahoo,
    Polygon.name: Polygon,
    TwelveData.name: TwelveData,
    AlphaVantage.name: AlphaVantage,
}
"""Of equal priority those that are asked first come first: by how much they allow."""
KEYS = {source.name: source.variable for source in (Yahoo, Polygon, TwelveData, AlphaVantage)}
"""The environment variable of each one's key, "" for none."""


class Unusable:
    """Stands in feed health for a source that cannot be used as configured."""

    def __init__(self, name: str, why: str) -> None:
        self.venue = f"source:{name}"
        self.stats = FeedStats(state=FeedState.DOWN, detail=why)


class Sources:
    """All sources of a configuration, each opened once: whoever asks shares its budget.

    A source that is named in ``collection.sources`` is used if it is enabled. When none is named, Yahoo is,
    and every service whose key the environment holds. A venue's own bars are asked for where it is named,
    and by ``of_venue`` for the symbols of its feed.
    """

    def __init__(
        self, config: CollectionConfig, around: Surroundings, rest_urls: Mapping[str, str] | None = None
    ) -> None:
        """``rest_urls``: of venues, where their feeds' differ from the venues' own.

        Raises ConfigError for a name that is none; what cannot be used is told in ``unusable``.
        """
        self._config = config
        self._rest_urls = rest_urls or {}
        self._around = around
        self._opened: dict[str, RestSource] = {}
        self._by_ccxt: dict[str, CcxtCandles] = {}
        self.unusable: list[Unusable] = []
        known = [*SERVICES, *sorted(VENUES)]
        for name in config.sources:
            if name not in known:
                raise ConfigError(
                    f"collection.sources.{clean(name, 40)}: no such source; there are {', '.join(known)}"
                )
        self.ordered: Sequence[Source] = self._order()
        """The first is asked first."""

    def _order(self) -> list[RestSource]:
        config, environ = self._config, self._around.environ
        named = [name for name, source in config.sources.items() if source.enabled]
        if not config.sources:
            named = [name for name, variable in KEYS.items() if not variable or environ.get(variable)]
        places = [*sorted(VENUES), *SERVICES]
        opened = [source for name in sorted(named, key=places.index) if (source := self._open(name))]
        return sorted(opened, key=lambda source: source.priority)

    def _open(self, name: str) -> RestSource | None:
        source = self._opened.get(name)
        if source is not None or any(row.venue == f"source:{name}" for row in self.unusable):
            return source
        config = self._config.sources.get(name, PollingConfig())
        if not config.rest_url:
            config = replace(config, rest_url=self._rest_urls.get(name, ""))
        try:
            make = SERVICES.get(name)
            source = VenueCandles(name, config, self._around) if make is None else make(config, self._around)
        except ConfigError as error:
            self.unusable.append(Unusable(name, str(error)))
            return None
        self._opened[name] = source
        return source

    def of_venue(self, venue: str) -> Source | None:
        """The REST bars of one of VENUES, or of a venue of ccxt's; None when the configuration switches them
        off, or has no key, and without ccxt."""
        if venue.startswith(CCXT):
            return self._open_ccxt(venue)
        config = self._config.sources.get(venue)
        if venue not in VENUES or (config is not None and not config.enabled):
            return None
        return self._open(venue)

    def _open_ccxt(self, venue: str) -> CcxtCandles | None:
        source = self._by_ccxt.get(venue)
        if source is None and not any(row.venue == f"source:{venue}" for row in self.unusable):
            try:
                source = CcxtCandles(venue, exchange_maker(venue), self._around.clock)
            except ConfigError as error:
                self.unusable.append(Unusable(venue, str(error)))
                return None
            self._by_ccxt[venue] = source
        return source

    def knowing(self, canonical: str) -> list[tuple[Source, str]]:
        """Who can be asked for a canonical name, in order, each with its own spelling of it."""
        found = [(source, source.native_of(canonical)) for source in self.ordered]
        return [(source, native) for source, native in found if native]

    @property
    def watched(self) -> Mapping[str, RestSource | CcxtCandles | Unusable]:
        """All of them, for feed health, by row."""
        rows: list[RestSource | CcxtCandles | Unusable] = [
            *self._opened.values(),
            *self._by_ccxt.values(),
            *self.unusable,
        ]
        return {row.venue: row for row in rows}

    async def close(self) -> None:
        opened: list[Source] = [*self._opened.values(), *self._by_ccxt.values()]
        for source in opened:
            await source.close()
