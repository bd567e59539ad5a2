"""Trades and quotes, as events, packed into ticks; the table of symbols grows on the way. What a tape keeps
beside them is kept at its place."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from engine.events import MarketEvent, Quote, Trade
from engine.feeds.news import News, Placed
from engine.ticks import BACKFILLED, QUOTE, TICK, TRADE, pack_tick

Ticks = npt.NDArray[np.void]
_ROW = TICK.itemsize


class Packer:
    """``symbols[i]`` is the symbol of the ticks whose ``symbol`` field is ``i``."""

    def __init__(self) -> None:
        self.symbols: list[str] = []
        self._index: dict[str, int] = {}
        self._buffer = bytearray(1024 * _ROW)
        self._used = 0
        self._news: list[Placed] = []

    def __len__(self) -> int:
        """Ticks not taken yet."""
        return self._used // _ROW

    def add(self, events: Iterable[MarketEvent]) -> None:
        """Whatever is neither a tick nor news is left out."""
        for event in events:
            if isinstance(event, Trade):
                offset, index = self._room(event.symbol)
                pack_tick(
                    self._buffer, offset, event.recv_ns, event.event_ns, event.trade_id, index, TRADE, 0,
                    event.aggressor, BACKFILLED if event.backfilled else 0, event.price, event.size, 0.0, 0.0,
                )  # fmt: skip
            elif isinstance(event, Quote):
                offset, index = self._room(event.symbol)
                pack_tick(
                    self._buffer, offset, event.recv_ns, event.event_ns, -1, index, QUOTE, 0, 0, 0,
                    event.bid, event.ask, event.bid_size, event.ask_size,
                )  # fmt: skip
            elif isinstance(event, News):
                self._news.append((len(self), event))

    def index(self, symbol: str) -> int:
        """Of a symbol in the table, which it joins if need be."""
        index = self._index.get(symbol)
        if index is None:
            index = self._index[symbol] = len(self.symbols)
            self.symbols.append(symbol)
        return index

    def _room(self, symbol: str) -> tuple[int, int]:
        index = self.index(symbol)
        offset = self._used
        if offset == len(self._buffer):
            self._buffer += bytes(len(self._buffer))
        self._used += _ROW
        return offset, index

    def take(self) -> tuple[Ticks, list[Placed]]:
        """The ticks since the last call, an array of its own, and what was told between them."""
        ticks, news = np.frombuffer(bytes(self._buffer[: self._used]), TICK).copy(), self._news
        self._used, self._news = 0, []
        return ticks, news
