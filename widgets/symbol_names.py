"""What a symbol is called on the screen: ``BTCUSDT``, or ``bybit:BTCUSDT`` where the desk has another one."""

from __future__ import annotations

from collections.abc import Iterable

from widgets import figures

_venues: dict[str, set[str]] = {}
"""By native name. Of the process: pure functions of rows ask, and a name that is once whole stays whole."""
_known: set[str] = set()
_shared: set[str] = set()


def learn(symbols: Iterable[str]) -> None:
    """There are ``symbols``."""
    for symbol in symbols:
        if symbol not in _known:
            _known.add(symbol)
            venue, native = figures.symbol_parts(symbol)
            venues = _venues.setdefault(native, set())
            venues.add(venue)
            if len(venues) > 1:
                _shared.add(native)


def short_name(symbol: str) -> str:
    """Without its venue, as long as that is enough to tell it from all others."""
    native = figures.symbol_parts(symbol)[1]
    return symbol if native in _shared else native


def told_apart() -> int:
    """How many names are shared: what was made with fewer may call two symbols the same."""
    return len(_shared)


def forget() -> None:
    """As at the start of a process."""
    for known in (_venues, _known, _shared):
        known.clear()
