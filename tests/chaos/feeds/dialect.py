"""How a venue speaks, seen from its own side: after its documentation, not after our decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tests.chaos.feeds.truth import Change, Market, Print

Topic = tuple[str, str]
"""(channel, native symbol)."""
Reply = tuple[int, str]
"""HTTP status and body."""


class Dialect:
    """Frames are made for everyone; a link is sent those of the topics that it wants."""

    venue: ClassVar[str]
    ws_path = "/"
    natives: ClassVar[tuple[str, ...]]
    lossless_books = False
    """Nothing in its protocol shows that an update of a book was lost, so none ever is (TCP loses none)."""
    beats_s = 0.0
    """Between two heartbeats; 0: it has none."""

    def __init__(self, markets: Sequence[Market]) -> None:
        self.markets = {market.native: market for market in markets}

    def greeting(self) -> list[str]:
        return []

    def topics_of(self, query: str) -> set[Topic]:
        """What the URL subscribes."""
        return set()

    def answers(self, text: str, wanted: set[Topic]) -> list[str]:
        """To a client's frame; ``wanted`` changes with it."""
        return []

    def trade(self, market: Market, trade: Print) -> list[tuple[Topic, str]]:
        raise NotImplementedError

    def change(self, market: Market, change: Change) -> list[tuple[Topic, str]]:
        raise NotImplementedError

    def heartbeats(self, wanted: set[Topic]) -> list[str]:
        return []

    def snapshots(self, wanted: set[Topic]) -> list[str]:
        """Mid-stream, of all books that are wanted."""
        return []

    def farewell(self) -> list[str]:
        """Before the venue closes all connections."""
        return []

    def rest(self, path: str, query: dict[str, str]) -> Reply:
        raise NotImplementedError
