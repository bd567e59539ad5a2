"""What a feature engine knows of its symbols: rows of features, bars, quotes, trades, and since when."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

import numpy as np

from engine.events import FeatureRow
from engine.feature_table import FeatureTable
from engine.features.consume import ASK_SIZE, BID, find_mids, refresh, refresh_one, take_closed, take_vwaps
from engine.features.desk_memory import ROW_BYTES, ROW_WORDS, DeskMemory
from engine.features.state import BARS_KEPT, CLOSE, DESK, ROW_FIELDS, STATE, Array, byte_of, word_of

_ROW_AT = byte_of(STATE, "bar_start_ns")
_read_row = struct.Struct(f"<qq{len(ROW_FIELDS)}d").unpack_from
_QUOTE_AT = byte_of(STATE, "bid")
_BAR_LIVE = byte_of(STATE, "bar_live")
_BAR_COUNT, _BAR_HIGH_AT = word_of(STATE, "bar_count"), byte_of(STATE, "bar_high")
_read_range = struct.Struct("<2d").unpack_from
_read_quote = struct.Struct("<5d").unpack_from
_DATED_QUOTE_AT = byte_of(STATE, "quote_ns")
_read_dated_quote = struct.Struct(f"<qq{_QUOTE_AT - _DATED_QUOTE_AT - 16}x5d").unpack_from
_RECV_NS, _QUOTES, _QUOTE_NS, _TRADE_NS, _LAST_SIZE, _TRADES = (
    word_of(STATE, name) for name in ("recv_ns", "quotes", "quote_ns", "trade_ns", "last_size", "tail")
)
_AGGRESSOR = byte_of(STATE, "aggressor")
_NOW, _MAX_AGE = word_of(DESK, "now_ns"), word_of(DESK, "quote_max_age_ns")
_UNKNOWN = math.nan, math.nan, math.nan, math.nan


class Readings(DeskMemory):
    """Reads the rows, and changes nothing in them but what follows from the time."""

    @property
    def updates(self) -> Array:
        """Ticks consumed so far, by symbol index. A view: copy it to compare later."""
        view: Array = self._state["updates"][: len(self._symbols)]
        return view

    def last_recv_ns(self, index: int) -> int:
        """Clock at the symbol's last consumed tick; 0 before the first."""
        return self._words[index * ROW_WORDS + _RECV_NS]

    def last_times(self, index: int) -> tuple[int, int, int]:
        """``last_recv_ns``, ``quote_ns`` and ``trade_ns`` at once."""
        words, at = self._words, index * ROW_WORDS
        return words[at + _RECV_NS], words[at + _QUOTE_NS], words[at + _TRADE_NS]

    def recv_times(self) -> Array:
        """``last_recv_ns`` of all symbols, as a view."""
        view: Array = self._state["recv_ns"][: len(self._symbols)]
        return view

    def quote_times(self) -> Array:
        """``quote_ns`` of all symbols, as a view."""
        view: Array = self._state["quote_ns"][: len(self._symbols)]
        return view

    def trade_ns(self, index: int) -> int:
        """Clock at the last trade consumed; 0 before the first."""
        return self._words[index * ROW_WORDS + _TRADE_NS]

    def trade_times(self) -> Array:
        """``trade_ns`` of all symbols, as a view."""
        view: Array = self._state["trade_ns"][: len(self._symbols)]
        return view

    def gap_times(self) -> Array:
        """Clock when trades of each symbol were last known to be missing, or told too late for its window and
        its bar; 0: never. A view."""
        view: Array = self._state["gap_ns"][: len(self._symbols)]
        return view

    def row(self, index: int) -> FeatureRow:
        """What is known of the symbol as of ``now_ns``; its quote is that of ``live_quote``."""
        symbol = self._symbols[index]
        refresh_one(index, self.address)
        values = _read_row(self._bytes, index * ROW_BYTES + _ROW_AT)
        words, at = self._words, index * ROW_WORDS
        quote_ns, trade_ns = words[at + _QUOTE_NS], words[at + _TRADE_NS]
        now = self._desk_words[_NOW]
        if trade_ns > quote_ns and now - quote_ns > self._desk_words[_MAX_AGE]:  # as by ``outdated``
            values = (*values[: 2 + BID], *_UNKNOWN, *values[3 + ASK_SIZE :])
        return FeatureRow(symbol, now, *values)

    def rows(self, indices: Iterable[int] | Array) -> list[FeatureRow]:
        """``row`` for each of ``indices``, in their order."""
        table = self.table(indices)
        return [table.row(position) for position in range(len(table))]

    def table(self, indices: Iterable[int] | Array) -> FeatureTable:
        """What is known of the symbols as of ``now_ns``, in the order of ``indices``; a copy."""
        wanted = indices if isinstance(indices, np.ndarray) else np.fromiter(indices, np.int64)
        refresh(wanted, self.address)
        now, values = self._desk_words[_NOW], self._rows[wanted]
        quote_ns, trade_ns = self._state["quote_ns"][wanted], self._state["trade_ns"][wanted]
        doubted = (trade_ns > quote_ns) & (now - quote_ns > self._desk_words[_MAX_AGE])
        values[doubted, BID : ASK_SIZE + 1] = math.nan
        return FeatureTable(
            self._symbols, wanted, now, self._bar_starts[wanted], self._bar_counts[wanted], values
        )

    def closed_table(self) -> FeatureTable:
        """``table`` of ``closed``, in one call."""
        symbols = len(self._symbols)
        indices, starts, counts = np.empty((3, symbols), np.int64)
        values = np.empty((symbols, len(ROW_FIELDS)))
        found = take_closed(indices, starts, counts, values, self.address)
        if found < symbols:
            indices, starts, counts, values = indices[:found], starts[:found], counts[:found], values[:found]
        return FeatureTable(self._symbols, indices, self._desk_words[_NOW], starts, counts, values)

    def bars(self, index: int, count: int) -> Array:
        """The last closed bars, oldest first: (<= ``count``, 6) of open, high, low, close, volume, vwap.

        At most 512 are kept.
        """
        return self._last_bars(index, count)[:, :6]

    def open_bar(self, index: int) -> tuple[int, float, float]:
        """(bars closed so far, high, low) of the open bar as it stands; NaN while it has nothing in it."""
        at = index * ROW_BYTES
        closed = self._words[index * ROW_WORDS + _BAR_COUNT]
        if not self._bytes[at + _BAR_LIVE]:
            return closed, math.nan, math.nan
        high, low = _read_range(self._bytes, at + _BAR_HIGH_AT)
        return closed, high, low

    def closes(self, index: int, count: int) -> list[float]:
        """The last closes, oldest first, at most ``count``."""
        closes: list[float] = self._last_bars(index, count)[:, CLOSE].tolist()
        return closes

    def last_vwaps(self, indices: Array) -> Array:
        """The vwap of each symbol's last closed bar; of symbols that have one."""
        vwaps = np.empty(len(indices))
        take_vwaps(indices, vwaps, self.address)
        return vwaps

    def _last_bars(self, index: int, count: int) -> Array:
        done = int(self._bar_counts[index])
        kept = min(count, done, BARS_KEPT)
        end = done & (BARS_KEPT - 1)
        bars = self._bars[index]
        if kept <= end:
            found: Array = bars[end - kept : end].copy()
            return found
        return np.concatenate((bars[BARS_KEPT + end - kept : BARS_KEPT], bars[:end]))

    def quote(self, index: int) -> tuple[float, float, float, float, float]:
        """(bid, bid size, ask, ask size, last trade); NaN where unknown."""
        bid, ask, bid_size, ask_size, last = _read_quote(self._bytes, index * ROW_BYTES + _QUOTE_AT)
        return bid, bid_size, ask, ask_size, last

    def live_quote(self, index: int) -> tuple[float, float, float, float, float]:
        """``quote`` for marks, exits and risk: its first four are NaN while the quote is outdated.

        That is: older than ``quote_max_age_s`` now, with a trade since. When nothing is newer, the quote
        stands, and only its age tells that it is old.
        """
        quote_ns, trade_ns, bid, ask, bid_size, ask_size, last = _read_dated_quote(
            self._bytes, index * ROW_BYTES + _DATED_QUOTE_AT
        )
        words = self._desk_words
        if trade_ns > quote_ns and words[_NOW] - quote_ns > words[_MAX_AGE]:  # as by ``outdated``
            return *_UNKNOWN, last
        return bid, bid_size, ask, ask_size, last

    def live_mids(self, indices: Array) -> Array:
        """The mids of ``live_quote``, float64; without a quote to be believed the last trade, NaN without."""
        mids = np.empty(len(indices))
        find_mids(indices, mids, self.address)
        return mids

    def quote_count(self, index: int) -> int:
        """Quotes consumed so far: another number means that the venue published anew."""
        return self._words[index * ROW_WORDS + _QUOTES]

    def quote_ns(self, index: int) -> int:
        """Clock at the last quote consumed; 0 before the first, and while it is doubted."""
        return self._words[index * ROW_WORDS + _QUOTE_NS]

    def last_size(self, index: int) -> float:
        """Size of the last trade; 0 before the first."""
        return self._floats[index * ROW_WORDS + _LAST_SIZE]

    def last_trade(self, index: int) -> tuple[int, float, int, int]:
        """(trades consumed so far, size of the last one, when it was consumed, its taker's side).

        Another count means a new trade; 0 before the first. The side is +1 bought, -1 sold, 0 unknown.
        """
        at = index * ROW_WORDS
        words = self._words
        side = self._bytes[index * ROW_BYTES + _AGGRESSOR]
        return words[at + _TRADES], self._floats[at + _LAST_SIZE], words[at + _TRADE_NS], side
