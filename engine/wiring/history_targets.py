"""Whose bars are loaded, and who can be asked for them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import Config
from engine.errors import AmbiguousSymbolError, ConfigError, SymbolError
from engine.feeds.registry import VENUES
from engine.feeds.sources.collection import VENUE as POLLED
from engine.feeds.sources.registry import Sources
from engine.symbols import find, name_of, resolve, round_the_clock
from engine.text import clean
from engine.wiring.history_load import Target


def targets(config: Config, sources: Sources, only: Sequence[str] = ()) -> list[Target]:
    """The symbols of live feeds and of the collection, each with who has its bars.

    ``only``: these of them, in any spelling that orders take; another name is looked for with the venue that
    it names, or with the sources. Raises ConfigError for one that is none of these, or more than one.
    """
    found = {
        f"{venue}:{native}": _of_venue(config, sources, venue, native)
        for venue, feed in config.feeds.items()
        if feed.enabled
        for native in feed.symbols
    }
    for name in config.collection.symbols:
        found[f"{POLLED}:{name}"] = _polled(sources, name)
    if not only:
        return list(found.values())
    return [_chosen(found, name, config, sources) for name in dict.fromkeys(only)]


def _polled(sources: Sources, name: str) -> Target:
    return Target(f"{POLLED}:{name}", tuple(sources.knowing(name)), fills=round_the_clock(name))


def _of_venue(config: Config, sources: Sources, venue: str, native: str) -> Target:
    """A share's venue tells no dividends: the services do. What lies before a venue's reach is asked of
    whoever knows the instrument by its canonical name."""
    symbol = f"{venue}:{native}"
    source = sources.of_venue(venue)
    choices = () if source is None else ((source, native),)
    name = name_of(symbol, config.symbols)
    others = [one for one in sources.knowing(name) if one[0] is not source] if name else []
    share = bool(name) and "/" not in name
    told = [one for one in others if one[0].name not in VENUES] if share else []
    return Target(symbol, choices, tuple(told), tuple(others), round_the_clock(name))


def _chosen(found: dict[str, Target], name: str, config: Config, sources: Sources) -> Target:
    try:
        return found[find(name, found, config.symbols)]
    except AmbiguousSymbolError:
        raise
    except SymbolError:
        venue, colon, native = name.partition(":")
    if colon:
        target = _of_venue(config, sources, venue, resolve(venue, native, config.symbols))
    else:
        target = _polled(sources, name)
    if not target.choices:
        raise ConfigError(
            f"nobody has bars of {clean(name, 60)}: write venue:NATIVE as in binance:BTCUSDT, a canonical "
            "name as in AAPL, or add it to collection.symbols"
        )
    return target
