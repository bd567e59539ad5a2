"""Frames of Kraken's v2 market data socket: channels ``trade``, ``book`` (its top as quotes), ``ticker``,
``ohlc``, ``heartbeat``, ``status``, acks and errors.

Protocol: https://docs.kraken.com/api/docs/websocket-v2/book, …/trade, …/ticker, …/ohlc, …/status; the
checksum is in ``kraken_book``. Symbols are ``BTC/USD``. Trade ids rise by one per
symbol; a trade snapshot is history, so its trades are marked as backfilled. A bar is never said to be
closed: its successor closes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from engine.events import NS, Candle, FeedState, FeedStatus, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Amount, Price, Traded, TradeId
from engine.feeds.candles import RunningCandles
from engine.feeds.decoder import VenueDecoder
from engine.feeds.kraken_book import Checksum
from engine.feeds.timestamps import rfc3339_ns
from engine.text import clean

DEPTHS = (10, 25, 100, 500, 1000)
"""Levels a side that can be subscribed."""
_HEAD = '{"channel":"'
_BOOK_HEAD = '{"channel":"book"'
_SYMBOL = re.compile(r'"symbol":"([^"]{1,40})"')
_SEARCHED = 100_000
"""Characters of an unreadable frame that are searched for the symbols it speaks of."""
_MAINTENANCE_S = 5.0
_PASSING = ("msg rate", "rate limit", "temporar", "unavailable", "busy", "internal error")
"""Words of errors that are of the moment, not of the symbol."""
INTERVALS_MIN = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)


class _Print(msgspec.Struct, gc=False):
    symbol: str
    side: str
    price: Price
    qty: Traded
    trade_id: TradeId
    timestamp: str


class _Trades(msgspec.Struct, gc=False):
    type: str
    data: list[_Print]


class _Level(msgspec.Struct, gc=False):
    price: msgspec.Raw
    qty: msgspec.Raw


class _Levels(msgspec.Struct):
    symbol: str
    bids: list[_Level] = []
    asks: list[_Level] = []
    checksum: int | None = None
    timestamp: str = ""


class _Books(msgspec.Struct):
    type: str
    data: list[_Levels]


class _Tick(msgspec.Struct, gc=False):
    symbol: str
    bid: Price
    bid_qty: Amount
    ask: Price
    ask_qty: Amount
    timestamp: str = ""


class _Ticks(msgspec.Struct):
    data: list[_Tick]


class _Bar(msgspec.Struct, gc=False):
    symbol: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    interval_begin: str
    interval: int
    trades: int = -1


class _Bars(msgspec.Struct):
    data: list[_Bar]
    timestamp: str = ""


class _Status(msgspec.Struct):
    system: str


class _Statuses(msgspec.Struct):
    data: list[_Status]


class _AckResult(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = 0


class _Any(msgspec.Struct):
    channel: str = ""
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    result: _AckResult | None = None
    time_out: str = ""


_any = msgspec.json.Decoder(_Any).decode
_trades = msgspec.json.Decoder(_Trades).decode
_books = msgspec.json.Decoder(_Books).decode
_ticks = msgspec.json.Decoder(_Ticks).decode
_bars = msgspec.json.Decoder(_Bars).decode
_statuses = msgspec.json.Decoder(_Statuses).decode


def offered(levels: int) -> int:
    """The smallest depth on offer that holds ``levels`` a side."""
    return next((depth for depth in DEPTHS if depth >= levels), DEPTHS[-1])


def frame(method: str, channel: str, natives: Iterable[str], **more: object) -> str:
    """``method`` ("subscribe", "unsubscribe") of a channel."""
    params = {"channel": channel, "symbol": list(natives), **more}
    return msgspec.json.encode({"method": method, "params": params}).decode()


class KrakenDecoder(VenueDecoder):
    """Frames of the v2 market data socket. Keeps the books, to check them and to quote their top."""

    venue = "kraken"

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels, book_quotes=book_levels > 0)
        self._subscribed = offered(book_levels)
        self._depths: dict[str, int] = {}
        """By native symbol: as acknowledged, else as its largest snapshot suggests."""
        self._checksums: dict[str, Checksum] = {}
        self._candles = RunningCandles()
        self._told_ns = 0
        """The newest time that the venue told of a book, or in an ack."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        text = ""
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            channel = text[12 : text.find('"', 12)] if text.startswith(_HEAD) else _any(text).channel
            if channel == "book":
                books = _books(text)
                for levels in books.data:
                    bids = [(bytes(one.price).decode(), bytes(one.qty).decode()) for one in levels.bids]
                    asks = [(bytes(one.price).decode(), bytes(one.qty).decode()) for one in levels.asks]
                    event_ns = self._dated(levels.timestamp, recv_ns)
                    native, snapshot = levels.symbol, books.type == "snapshot"
                    self._book(native, snapshot, (bids, asks), levels.checksum, event_ns, recv_ns, out)
            elif channel == "trade":
                prints = _trades(text)
                old = prints.type == "snapshot"
                for one in prints.data:
                    side = 1 if one.side == "buy" else -1 if one.side == "sell" else 0
                    event_ns = rfc3339_ns(one.timestamp)
                    symbol = self._symbol(one.symbol)
                    if symbol:
                        out.append(
                            Trade(symbol, one.trade_id, one.price, one.qty, side, event_ns, recv_ns, old)
                        )
            elif channel == "ticker":
                for tick in _ticks(text).data:
                    event_ns = rfc3339_ns(tick.timestamp) if tick.timestamp else recv_ns
                    best = tick.bid, tick.bid_qty, tick.ask, tick.ask_qty
                    self._ticker(tick.symbol, best, event_ns, recv_ns, out)
            elif channel == "ohlc":
                self._bars(_bars(text), recv_ns, out)
            elif channel == "heartbeat":
                self.heartbeats += 1
            elif channel == "status":
                for status in _statuses(text).data:
                    self._system(status.system, recv_ns, out)
            else:
                self._control(text, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)
            if text.startswith(_BOOK_HEAD):
                self._unread(_SYMBOL.findall(text[:_SEARCHED]), recv_ns, out)

    def _dated(self, timestamp: str, recv_ns: int) -> int:
        """Snapshots may come without a time: they are not older than what was told before, and our clock may
        be ahead of what is told after."""
        if timestamp:
            event_ns = rfc3339_ns(timestamp)
            self._told_ns = max(self._told_ns, event_ns)
            return event_ns
        return self._told_ns or recv_ns

    def _unread(self, natives: list[str], recv_ns: int, out: list[MarketEvent]) -> None:
        """An update of some of these books could not be read: those are wrong, or all when none is known."""
        known = [native for native in dict.fromkeys(natives) if native in self._symbols]
        for native in known or list(self._symbols):
            if self.books.get(self._symbols[native]) is not None:
                self.book_wrong(native, "missed an update that could not be read", recv_ns, out)

    def _ticker(
        self,
        native: str,
        best: tuple[float, float, float, float],
        event_ns: int,
        recv_ns: int,
        out: list[MarketEvent],
    ) -> None:
        """A quote, unless the symbol's book quotes: the ticker of another moment is no better."""
        symbol = self._symbol(native)
        if self.books.get(symbol) is not None or symbol in self.books.broken:
            self.skipped += 1
        elif symbol:
            out.append(Quote(symbol, *best, event_ns, recv_ns))

    def _bars(self, bars: _Bars, recv_ns: int, out: list[MarketEvent]) -> None:
        told_ns = rfc3339_ns(bars.timestamp) if bars.timestamp else 0
        found = []
        for bar in bars.data:
            if bar.interval not in INTERVALS_MIN:
                raise ValueError(f"not an interval of bars: {bar.interval}")
            open_ns, interval_s = rfc3339_ns(bar.interval_begin), 60 * bar.interval
            symbol = self._symbol(bar.symbol)
            event_ns = told_ns or open_ns + interval_s * NS
            ohlc = bar.open, bar.high, bar.low, bar.close
            if symbol:
                found.append(
                    Candle(
                        symbol, interval_s, open_ns, *ohlc, bar.volume, False, event_ns, recv_ns, bar.trades
                    )
                )
        for candle in sorted(found, key=lambda one: one.open_ns):
            self._candles.push(candle, out)

    def _control(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        told = _any(text)
        if told.error or not told.success:
            self._refused(told, recv_ns, out)
        elif told.method == "pong":
            self.heartbeats += 1
        elif told.method:
            self.acks += 1
            self._dated(told.time_out, recv_ns)
            result = told.result
            book = told.method == "subscribe" and result is not None and result.channel == "book"
            if book and result and result.depth in DEPTHS and self._symbol(result.symbol):
                self._depths[result.symbol] = result.depth
        elif told.channel:
            self.skipped += 1
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _refused(self, told: _Any, recv_ns: int, out: list[MarketEvent]) -> None:
        """An error is of one symbol, the others go on; one without a symbol is of the venue as a whole."""
        self.acks += 1
        why = clean(told.error, 100) or "no reason given"
        small = why.lower()
        if told.method != "subscribe" or "already subscribed" in small:
            self.skipped += 1  # what is not subscribed cannot be unsubscribed: as was wanted
        elif any(word in small for word in _PASSING):
            self.reconnect = f"the venue could not subscribe: {why}"
            self.reconnect_delay_s = _MAINTENANCE_S
        else:
            self.refuse(told.symbol, why, recv_ns, out, book=self._book_levels > 0)

    def _system(self, system: str, recv_ns: int, out: list[MarketEvent]) -> None:
        self.acks += 1
        if system != "online":
            self.reconnect_delay_s = _MAINTENANCE_S
            detail = self.troubles[""] = f"the venue's system is in {clean(system, 40)}"
            out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))
        elif self.troubles.pop("", ""):
            out.append(FeedStatus(self.venue, FeedState.UP, "the venue's system is online again", recv_ns))

    def _book(
        self,
        native: str,
        snapshot: bool,
        sides: tuple[list[tuple[str, str]], list[tuple[str, str]]],
        checksum: int | None,
        event_ns: int,
        recv_ns: int,
        out: list[MarketEvent],
    ) -> None:
        """A snapshot replaces the book as a whole, whenever it comes. Raises ValueError, the book then told
        to be wrong, for levels that are none."""
        symbol = self._symbol(native)
        book = self.books.get(symbol)
        if not symbol or (book is None and not snapshot):
            return  # its snapshot is still on the way
        try:
            if snapshot or book is None:
                book = self.books.begin(symbol, *sides, self._depth(native, max(map(len, sides))))
                self._checksums[native] = Checksum()
            else:
                book.apply(*sides)
            right = checksum is None or self._checksums[native].of(book) == checksum
        except (ValueError, ArithmeticError):
            self.book_wrong(native, "carries a level that is no number", recv_ns, out)
            raise
        if not right:
            self.mismatches += 1
            self.book_wrong(native, "does not match the venue's checksum", recv_ns, out)
            return
        self.checksums += checksum is not None
        if not self.books.changed(symbol, event_ns, recv_ns, out):
            self.ask_anew(native, "is crossed", recv_ns)
        elif self.troubles:
            self.troubles.pop(native, None)

    def _depth(self, native: str, levels: int) -> int:
        depth = self._depths.get(native, 0)
        if depth < levels:
            # Not acknowledged: a capture that begins later, or was made by something else.
            depth = self._depths[native] = max(offered(levels), 0 if self._open else self._subscribed)
        return depth

    def book_frames(self, native: str) -> list[str]:
        depth = self._subscribed
        return [frame(method, "book", [native], depth=depth) for method in ("unsubscribe", "subscribe")]
