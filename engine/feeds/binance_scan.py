"""Rows of a Binance capture straight to packed ticks (compiled), ten times as fast as decode and pack.

The scanner knows one byte layout: that of the frames as Binance sends them, in rows without a space. What
differs from it by a byte is not read but left to the decoder, so the ticks are those that the decoder gives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.events import MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS
from engine.feeds.binance import BinanceDecoder
from engine.feeds.binance_book import MAX_MS, MS
from engine.feeds.binance_streams import BOOK_TICKER, PRINT, UNUSED
from engine.feeds.timestamps import MAX_NS
from engine.kernels import part, unlocked, warm
from engine.ticks import BACKFILLED, QUOTE, TICK, TRADE, pack_tick

Array = npt.NDArray[Any]

CAPACITY = 8192
"""Ticks of a block, at most."""

_SLOTS = 4096
_NAME = 64
"""Longest name of a stream that is learned."""
_NATIVE = 32


def _text(literal: str) -> Array:
    """A back tick stands for a quote of the row, a quote for an escaped one of the frame inside."""
    return np.frombuffer(literal.replace('"', '\\"').replace("`", '"').encode(), np.uint8)


_ROW = _text("{`t`:")
_FRAME = _text(',`ch`:`ws`,`raw`:`{"stream":"')
_SYMBOL = _text(',"s":"')
_BOOK = _text('","data":{"u":')
_BID = _text('","b":"')
_BID_SIZE = _text('","B":"')
_ASK = _text('","a":"')
_ASK_SIZE = _text('","A":"')
_BOOK_END = _text('"}}`}\n')
_PRINT = _text('","data":{"e":"trade","E":')
_ID = _text('","t":')
_PRICE = _text(',"p":"')
_SIZE = _text('","q":"')
_TIME = _text('","T":')
_MAKER = _text(',"m":')
_MARK = _text(',"M":')
_PRINT_END = _text("}}`}\n")
_TRUE, _FALSE = _text("true"), _text("false")
_END = _text("`}\n")

_INTEGERS = 10 ** np.arange(19, dtype=np.int64)
_ROOM = (1 << 53) // _INTEGERS
"""Below these, a number can be shifted by so many digits and stay exact."""
_POWERS = np.array([float(10**exponent) for exponent in range(23)])
_EXACT = 1 << 53
_MOST = 1e15
"""Of a price; larger ones are the decoder's to refuse."""
_LAST_DIGIT = MAX_NS // 10
_QUOTE_MARK, _BACKSLASH, _DOT, _ZERO = b'"\\.0'

_READ = frozenset({PRINT, BOOK_TICKER, UNUSED})
"""Kinds of streams; books, bars and aggregated trades are the decoder's."""
_STREAM = np.dtype([("length", "<i4"), ("kind", "<i4"), ("symbol", "<i4"), ("native_length", "<i4")])


@part
def _after(text: Any, at: int, literal: Any) -> int:
    """The place behind ``literal``; -1 when it does not stand here."""
    if at < 0 or at + len(literal) > len(text):
        return -1
    for offset in range(len(literal)):
        if text[at + offset] != literal[offset]:
            return -1
    return at + len(literal)


@part
def _after_name(text: Any, at: int, name: Any, length: int) -> int:
    if at < 0 or at + length > len(text):
        return -1
    for offset in range(length):
        if text[at + offset] != name[offset]:
            return -1
    return at + length


@part
def _integer(text: Any, at: int) -> tuple[int, int]:
    """(place behind, value) of a JSON integer of 63 bits; place -1: it is none."""
    if at < 0:
        return -1, 0
    first = at
    value = 0
    while at < len(text):
        digit = int(text[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if value >= _LAST_DIGIT:
            return -1, 0
        value = value * 10 + digit
        at += 1
    if at == first or (text[first] == _ZERO and at - first > 1):
        return -1, 0
    return at, value


@part
def _decimal(text: Any, at: int) -> tuple[int, float]:
    """(place behind, value) of decimal text; place -1: not plain, or not exact in one division.

    A whole number below 2**53 over a power of ten up to 10**22 are both exact in float64, and IEEE division
    rounds once: the value is the nearest to the text, as ``float`` gives it.
    """
    if at < 0:
        return -1, 0.0
    first = at
    whole = 0
    while at < len(text):
        digit = int(text[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        whole = whole * 10 + digit
        at += 1
        if whole >= _EXACT:
            return -1, 0.0
    if at == first or at == len(text) or (text[first] == _ZERO and at - first > 1):
        return -1, 0.0
    if text[at] != _DOT:
        return at, float(whole)
    at += 1
    first = at
    decimals = zeros = 0
    while at < len(text):
        digit = int(text[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if digit == 0:
            zeros += 1
        else:
            decimals += zeros + 1
            if decimals > 22 or zeros > 14:
                return -1, 0.0
            if whole >= _ROOM[zeros + 1]:
                return -1, 0.0
            whole = whole * _INTEGERS[zeros + 1] + digit
            zeros = 0
        at += 1
    if at == first:
        return -1, 0.0
    return at, float(whole) / _POWERS[decimals]


@part
def _flag(text: Any, at: int) -> tuple[int, bool]:
    after = _after(text, at, _TRUE)
    if after >= 0:
        return after, True
    return _after(text, at, _FALSE), False


@part
def _plain(text: Any, at: int) -> int:
    """The place behind a row whose frame is skipped; -1 when it has more than ASCII and escaped quotes."""
    while at < len(text):
        char = text[at]
        if char == _QUOTE_MARK:
            return _after(text, at, _END)
        if char == _BACKSLASH:
            at += 1
            if at == len(text) or text[at] != _QUOTE_MARK:
                return -1
        elif char < 0x20 or char > 0x7E:
            return -1
        at += 1
    return -1


@part
def _slot(text: Any, at: int, length: int, streams: Any, names: Any) -> int:
    """The slot of a stream's name in the table, or the free one where it belongs."""
    mixed = 0x811C9DC5
    for offset in range(length):
        mixed = ((mixed ^ int(text[at + offset])) * 0x01000193) & 0xFFFFFFFF  # FNV-1a
    slot = (mixed ^ mixed >> 15) & (_SLOTS - 1)
    while streams[slot].length != 0:
        if streams[slot].length == length and _after_name(text, at, names[slot], length) >= 0:
            break
        slot = (slot + 1) & (_SLOTS - 1)
    return slot


@part
def _book_ticker(text: Any, at: int, s: Any, native: Any, tick: Any) -> int:
    at, _ = _integer(text, _after(text, at, _BOOK))
    at = _after_name(text, _after(text, at, _SYMBOL), native, s.native_length)
    at, bid = _decimal(text, _after(text, at, _BID))
    at, bid_size = _decimal(text, _after(text, at, _BID_SIZE))
    at, ask = _decimal(text, _after(text, at, _ASK))
    at, ask_size = _decimal(text, _after(text, at, _ASK_SIZE))
    at = _after(text, at, _BOOK_END)
    if not (0.0 < bid <= _MOST and 0.0 < ask <= _MOST and bid_size > 0.0 and ask_size > 0.0):
        return -1
    tick.event_ns = tick.recv_ns
    tick.trade_id = -1
    tick.kind = QUOTE
    tick.aggressor = 0
    tick.a, tick.b, tick.c, tick.d = bid, ask, bid_size, ask_size
    return at


@part
def _print(text: Any, at: int, s: Any, native: Any, tick: Any) -> int:
    at, _ = _integer(text, _after(text, at, _PRINT))
    at = _after_name(text, _after(text, at, _SYMBOL), native, s.native_length)
    at, trade_id = _integer(text, _after(text, at, _ID))
    at, price = _decimal(text, _after(text, at, _PRICE))
    at, size = _decimal(text, _after(text, at, _SIZE))
    at, millis = _integer(text, _after(text, at, _TIME))
    at, maker = _flag(text, _after(text, at, _MAKER))
    at, _ = _flag(text, _after(text, at, _MARK))
    at = _after(text, at, _PRINT_END)
    if millis > MAX_MS or not 0.0 < price <= _MOST or size <= 0.0:
        return -1
    tick.event_ns = millis * MS
    tick.trade_id = trade_id
    tick.kind = TRADE
    tick.aggressor = -1 if maker else 1  # the buyer is the maker: then the taker sold
    tick.a, tick.b, tick.c, tick.d = price, size, 0.0, 0.0
    return at


@unlocked
def _scan(
    text: Any, start: int, streams: Any, names: Any, natives: Any, ticks: Any, used: int, last_ns: int
) -> tuple[int, int, int, int]:
    """Read rows from ``start`` on: (place of the first one not read, ticks used, rows read, last time)."""
    at = start
    rows = 0
    while at < len(text) and used < len(ticks):
        after, recv_ns = _integer(text, _after(text, at, _ROW))
        after = _after(text, after, _FRAME)
        if after < 0:
            break
        end = after
        while end < len(text) and end - after <= _NAME and text[end] != _BACKSLASH:
            end += 1
        slot = _slot(text, after, end - after, streams, names)
        s = streams[slot]
        if s.length == 0:
            break
        if s.kind == BOOK_TICKER or s.kind == PRINT:
            tick = ticks[used]
            tick.recv_ns = recv_ns
            tick.symbol = s.symbol
            tick.reject = 0
            tick.flags = 0
            if s.kind == PRINT:
                after = _print(text, end, s, natives[slot], tick)
            else:
                after = _book_ticker(text, end, s, natives[slot], tick)
        else:
            after = _plain(text, end)
        if after < 0:
            break
        if s.kind == BOOK_TICKER or s.kind == PRINT:
            used += 1
        at = after
        rows += 1
        last_ns = recv_ns
    return at, used, rows, last_ns


@unlocked
def _find(name: Any, streams: Any, names: Any) -> int:
    return _slot(name, 0, len(name), streams, names)


class BinanceScanner:
    """See Scanner. ``symbols`` grows by the symbol of each event that ``add`` refuses for being its first.

    Each row of a book ends a run of ticks, and costs as much as dozens of them: with ``book_levels`` 0 they
    are passed over.
    """

    def __init__(
        self, symbols: list[str], book_levels: int = BOOK_LEVELS, *, capacity: int = CAPACITY
    ) -> None:
        _load_kernels()
        self.decoder = BinanceDecoder(book_levels=book_levels)
        self._symbols = symbols
        self._index = {symbol: index for index, symbol in enumerate(symbols)}
        self._streams = np.zeros(_SLOTS, _STREAM)
        self._names = np.zeros((_SLOTS, _NAME), np.uint8)
        self._natives = np.zeros((_SLOTS, _NATIVE), np.uint8)
        self._learned: set[str] = set()
        self._buffer = bytearray(capacity * TICK.itemsize)
        self._ticks: Array = np.frombuffer(self._buffer, TICK)
        self.used = self.rows = self.last_ns = 0

    @property
    def full(self) -> bool:
        return self.used == len(self._ticks)

    def scan(self, chunk: bytes, start: int) -> int:
        text = np.frombuffer(chunk, np.uint8)
        tables = self._streams, self._names, self._natives
        position, self.used, rows, self.last_ns = _scan(
            text, start, *tables, self._ticks, self.used, self.last_ns
        )
        self.rows += rows
        return int(position)

    def add(self, event: MarketEvent) -> bool:
        if not isinstance(event, (Trade, Quote)):
            return False
        index = self._index.get(event.symbol)
        if index is None:
            self._index[event.symbol] = len(self._symbols)
            self._symbols.append(event.symbol)
            return False
        offset = self.used * TICK.itemsize
        if isinstance(event, Quote):
            pack_tick(
                self._buffer, offset, event.recv_ns, event.event_ns, -1, index, QUOTE, 0, 0, 0,
                event.bid, event.ask, event.bid_size, event.ask_size,
            )  # fmt: skip
        else:
            flags = BACKFILLED if event.backfilled else 0
            pack_tick(
                self._buffer, offset, event.recv_ns, event.event_ns, event.trade_id, index, TRADE, 0,
                event.aggressor, flags, event.price, event.size, 0.0, 0.0,
            )  # fmt: skip
        self.used += 1
        return True

    def take(self) -> Array:
        ticks = self._ticks[: self.used].copy()
        self.used = 0
        return ticks

    def learn(self, frame: str) -> None:
        stream, kind = self.decoder.stream(frame)
        if kind not in _READ:
            return
        native = stream.partition("@")[0].upper()
        index = self._index.get(f"{self.decoder.venue}:{native}", -1)
        if not stream or stream in self._learned or (index < 0 and kind in (PRINT, BOOK_TICKER)):
            return
        if not stream.isascii() or not stream.replace("@", "").replace("_", "").isalnum():
            return
        if len(stream) > _NAME or len(native) > _NATIVE or len(self._learned) >= _SLOTS // 2:
            return
        self._learned.add(stream)
        name = np.frombuffer(stream.encode(), np.uint8)
        slot = _find(name, self._streams, self._names)
        self._names[slot, : len(stream)] = name
        self._natives[slot, : len(native)] = np.frombuffer(native.encode(), np.uint8)
        self._streams[slot] = (len(stream), kind, index, len(native))


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    warm(_exercise, "binance_scan", report)


@cache
def _load_kernels() -> None:
    compile_kernels()


def _exercise() -> None:
    streams, names = np.zeros(1, _STREAM), np.zeros((1, _NAME), np.uint8)
    text = np.frombuffer(b"", np.uint8)
    _scan(text, 0, streams, names, np.zeros((1, _NATIVE), np.uint8), np.zeros(0, TICK), 0, 0)
    _find(text, np.zeros(_SLOTS, _STREAM), names)
