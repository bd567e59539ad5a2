"""Whose bars are loaded, and who can be asked for them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import Config
from engine.errors import ConfigError
from engine.feeds.sources.collection import VENUE as POLLED
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.source import Source
from engine.text import clean
from engine.wiring.history_load import Target


def targets(config: Config, sources: Sources, only: Sequence[str] = ()) -> list[Target]:
    """The symbols of live feeds and of the collection, each with who has its bars.

    ``only``: these of them, as the engine calls them or by their canonical name; another canonical name is
    looked for with the sources. Raises ConfigError for one that is none of these.
    """
    found = {
        f"{venue}:{native}": _of_venue(sources, venue, native)
        for venue, feed in config.feeds.items()
        if feed.enabled
        for native in feed.symbols
    }
    found.update((f"{POLLED}:{name}", tuple(sources.knowing(name))) for name in config.collection.symbols)
    if not only:
        return [Target(symbol, choices) for symbol, choices in found.items()]
    return [_chosen(found, name, sources) for name in dict.fromkeys(only)]


def _of_venue(sources: Sources, venue: str, native: str) -> tuple[tuple[Source, str], ...]:
    source = sources.of_venue(venue)
    return () if source is None else ((source, native),)


def _chosen(found: dict[str, tuple[tuple[Source, str], ...]], name: str, sources: Sources) -> Target:
    for symbol in (name, f"{POLLED}:{name}"):
        if symbol in found:
            return Target(symbol, found[symbol])
    venue, colon, native = name.partition(":")
    choices = _of_venue(sources, venue, native) if colon else tuple(sources.knowing(name))
    if not choices:
        raise ConfigError(
            f"nobody has bars of {clean(name, 60)}: write venue:NATIVE as in binance:BTCUSDT, a canonical "
            "name as in AAPL, or add it to collection.symbols"
        )
    return Target(name if colon else f"{POLLED}:{name}", choices)
