"""Whose bars are loaded, and who can be asked for them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import Config
from engine.errors import ConfigError, SymbolError
from engine.feeds.registry import VENUES
from engine.feeds.sources.collection import VENUE as POLLED
from engine.feeds.sources.registry import Sources
from engine.symbols import canonical
from engine.text import clean
from engine.wiring.history_load import Target


def targets(config: Config, sources: Sources, only: Sequence[str] = ()) -> list[Target]:
    """The symbols of live feeds and of the collection, each with who has its bars.

    ``only``: these of them, as the engine calls them or by their canonical name; another canonical name is
    looked for with the sources. Raises ConfigError for one that is none of these.
    """
    found = {
        f"{venue}:{native}": _of_venue(config, sources, venue, native)
        for venue, feed in config.feeds.items()
        if feed.enabled
        for native in feed.symbols
    }
    for name in config.collection.symbols:
        found[f"{POLLED}:{name}"] = Target(f"{POLLED}:{name}", tuple(sources.knowing(name)))
    if not only:
        return list(found.values())
    return [_chosen(found, name, config, sources) for name in dict.fromkeys(only)]


def _of_venue(config: Config, sources: Sources, venue: str, native: str) -> Target:
    """A share's venue tells no dividends: the services do."""
    source = sources.of_venue(venue)
    choices = () if source is None else ((source, native),)
    try:
        name = canonical(venue, native, config.symbols)
    except SymbolError:
        name = "/"
    share = "/" not in name and ":" not in name
    told = [one for one in sources.knowing(name) if one[0].name not in VENUES] if share else []
    return Target(f"{venue}:{native}", choices, tuple(told))


def _chosen(found: dict[str, Target], name: str, config: Config, sources: Sources) -> Target:
    for symbol in (name, f"{POLLED}:{name}"):
        if symbol in found:
            return found[symbol]
    venue, colon, native = name.partition(":")
    if colon:
        target = _of_venue(config, sources, venue, native)
    else:
        target = Target(f"{POLLED}:{name}", tuple(sources.knowing(name)))
    if not target.choices:
        raise ConfigError(
            f"nobody has bars of {clean(name, 60)}: write venue:NATIVE as in binance:BTCUSDT, a canonical "
            "name as in AAPL, or add it to collection.symbols"
        )
    return target
