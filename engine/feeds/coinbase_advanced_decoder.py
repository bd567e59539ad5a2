"""Frames of Coinbase Advanced Trade's market data socket: ``market_trades``, ``ticker``, ``l2_data``,
``candles``, ``heartbeats``, ``subscriptions``, errors.

Protocol: https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels.
``sequence_num`` counts every message of the connection, acks and heartbeats included: a hole in it may have
swallowed anything, so all books are wrong, and all channels that hold a state are subscribed anew: their
snapshots mend the books and show, by the trades' ids, what was missed. Trade ids rise by one per product; a
trade's ``side`` is the maker's, as it is on Coinbase Exchange (MarketTrade in
https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/advanced-trade-asyncapi.json). Bars have five
minutes and are never said to be closed: a bar's successor closes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec

from engine.events import NS, Candle, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Amount, Price, Traded, TradeId
from engine.feeds.candles import RunningCandles
from engine.feeds.coinbase_advanced_rest import VENUE, Seconds
from engine.feeds.coinbase_rest import taker
from engine.feeds.decoder import VenueDecoder
from engine.feeds.ticker_check import DISAGREES, TickerCheck
from engine.feeds.timestamps import rfc3339_ns
from engine.text import clean

_HEAD = '{"channel":"'
_BOOK_HEAD = '{"channel":"l2_data"'
_SEQUENCE = re.compile(r'"sequence_num":(\d{1,18})[,}]')
_NAN = float("nan")
CANDLES_S = 300
"""What a bar of the channel ``candles`` covers."""

Sequence = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))]


class _Trade(msgspec.Struct, gc=False):
    product_id: str
    trade_id: TradeId
    price: Price
    size: Traded
    time: str
    side: str = ""


class _TradesEvent(msgspec.Struct, gc=False):
    type: str
    trades: list[_Trade] = []


class _Trades(msgspec.Struct, gc=False):
    sequence_num: Sequence
    events: list[_TradesEvent]


class _Change(msgspec.Struct, gc=False):
    side: str
    price_level: str
    new_quantity: str


class _BookEvent(msgspec.Struct, gc=False):
    type: str
    product_id: str
    updates: list[_Change] = []


class _Books(msgspec.Struct, gc=False):
    sequence_num: Sequence
    events: list[_BookEvent]
    timestamp: str


class _Ticker(msgspec.Struct, gc=False):
    product_id: str
    best_bid: Amount = 0.0
    best_ask: Amount = 0.0
    best_bid_quantity: Amount = _NAN
    best_ask_quantity: Amount = _NAN


class _TickerEvent(msgspec.Struct, gc=False):
    tickers: list[_Ticker] = []


class _Tickers(msgspec.Struct, gc=False):
    sequence_num: Sequence
    events: list[_TickerEvent]
    timestamp: str


class _Bar(msgspec.Struct, gc=False):
    product_id: str
    start: Seconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount


class _BarsEvent(msgspec.Struct, gc=False):
    candles: list[_Bar] = []


class _Bars(msgspec.Struct, gc=False):
    sequence_num: Sequence
    events: list[_BarsEvent]
    timestamp: str


class _Any(msgspec.Struct):
    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: Sequence | None = None


_any = msgspec.json.Decoder(_Any).decode
_trades = msgspec.json.Decoder(_Trades, strict=False).decode
_books = msgspec.json.Decoder(_Books).decode
_tickers = msgspec.json.Decoder(_Tickers, strict=False).decode
_bars = msgspec.json.Decoder(_Bars, strict=False).decode

_UNUSED = frozenset({"status", "user", "ticker_batch", "futures_balance_summary"})


def frame(kind: str, channel: str, natives: Iterable[str] = ()) -> str:
    """``kind`` "subscribe" or "unsubscribe"; one channel a frame."""
    body: dict[str, object] = {"type": kind, "channel": channel}
    products = list(natives)
    if products:
        body["product_ids"] = products
    return msgspec.json.encode(body).decode()


class AdvancedDecoder(VenueDecoder):
    """Quotes are the top of the books: the ticker tells of trades only. It quotes where no book is wanted,
    and on tapes where none was recorded."""

    venue = VENUE

    def __init__(
        self,
        natives: Iterable[str] | None = None,
        *,
        book_levels: int = BOOK_LEVELS,
        candles: bool = False,
    ) -> None:
        super().__init__(natives, book_levels=book_levels, book_quotes=book_levels > 0)
        self._stateful = [
            "market_trades",
            *(["level2"] if book_levels else []),
            *(["candles"] if candles else []),
        ]
        self._next = -1
        """The sequence number that comes next; -1: whichever."""
        self._late = -2
        """The last number that was no news."""
        self._candles = RunningCandles()
        self.check = TickerCheck()

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        text = ""
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            channel = text[12 : text.find('"', 12)] if text.startswith(_HEAD) else _any(text).channel
            if channel == "l2_data":
                books = _books(text)
                fresh = self._count(books.sequence_num, recv_ns, out)
                event_ns = rfc3339_ns(books.timestamp)
                for event in books.events if fresh else ():
                    self._book(event, event_ns, recv_ns, out)
            elif channel == "market_trades":
                trades = _trades(text)
                self._count(trades.sequence_num, recv_ns, out)
                self._prints(trades, recv_ns, out)
            elif channel == "ticker":
                tickers = _tickers(text)
                if self._count(tickers.sequence_num, recv_ns, out):
                    self._quotes(tickers, recv_ns, out)
            elif channel == "candles":
                bars = _bars(text)
                if self._count(bars.sequence_num, recv_ns, out):
                    self._grow(bars, recv_ns, out)
            else:
                self._control(text, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)
            self._unread(text, recv_ns, out)

    def _count(self, number: int, recv_ns: int, out: list[MarketEvent]) -> bool:
        """Note a sequence number. False: this message, or a later one, was here before."""
        expected = self._next
        if number == expected or expected < 0:
            self._next, self._late = number + 1, -2
            return True
        if number == 0 and self._open:
            self._restart(recv_ns, out)
        elif number > expected:
            self.sequence_gaps += 1
            self._missed(f"missed {number - expected} messages", recv_ns, out)
        elif number == self._late + 1:
            # Not one that was overtaken, but a run of them: it is the count that was wrong.
            self.sequence_gaps += 1
            self._missed("is of a count that started over", recv_ns, out)
        else:
            self._late = number
            return False
        self._next, self._late = number + 1, -2
        return True

    def _restart(self, recv_ns: int, out: list[MarketEvent]) -> None:
        """A tape of several connections: what was known of the last one is known no more."""
        self._candles.clear()
        for symbol in self._symbols.values():
            if self.books.get(symbol) is not None:
                self.books.fail(symbol, "belongs to a connection that has ended", recv_ns, out)

    def _missed(self, why: str, recv_ns: int, out: list[MarketEvent]) -> None:
        self._candles.clear()
        for native, symbol in self._symbols.items():
            if self.books.get(symbol) is not None:
                self.books.fail(symbol, why, recv_ns, out)
                self.troubles[native] = f"{clean(native, 40)} book {why}: asking for a new snapshot"
        if self._open:
            return
        if self.asking.wrong("", recv_ns):
            self._ask_due(recv_ns)
        else:
            self.reconnect = f"{why}, again and again"

    def _unread(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """A message that came and could not be read: what it held is missing. Its number is believed where
        it is the one that was expected; else the next message shows a hole."""
        found = _SEQUENCE.search(text)
        if found is not None and int(found[1]) == self._next:
            self._next += 1
        if text.startswith(_BOOK_HEAD):
            live = [one for one, symbol in self._symbols.items() if self.books.get(symbol) is not None]
            told = [one for one in self._symbols if f'"{one}"' in text] or live
            for native in [one for one in told if one in live]:
                self.book_wrong(native, "missed an update that could not be read", recv_ns, out)

    def _prints(self, told: _Trades, recv_ns: int, out: list[MarketEvent]) -> None:
        """The newest come first. What comes late or twice is told apart by its id further on."""
        for event in told.events:
            old = event.type == "snapshot"
            for one in reversed(event.trades):
                symbol = self._symbol(one.product_id)
                event_ns = rfc3339_ns(one.time)
                if symbol:
                    side = taker(one.side)
                    out.append(Trade(symbol, one.trade_id, one.price, one.size, side, event_ns, recv_ns, old))

    def _quotes(self, told: _Tickers, recv_ns: int, out: list[MarketEvent]) -> None:
        event_ns = rfc3339_ns(told.timestamp)
        for event in told.events:
            for tick in event.tickers:
                symbol = self._symbol(tick.product_id)
                bid, ask = tick.best_bid, tick.best_ask
                if not bid or not ask:
                    self.skipped += 1  # nobody is on one of the sides
                elif self.books.get(symbol) is not None:
                    if not self.check.ticker(symbol, bid, ask, event_ns):
                        self.book_wrong(tick.product_id, DISAGREES, recv_ns, out)
                elif symbol and (not self._book_levels or (self._open and symbol not in self.books.broken)):
                    sizes = tick.best_bid_quantity, tick.best_ask_quantity
                    out.append(Quote(symbol, bid, sizes[0], ask, sizes[1], event_ns, recv_ns))

    def _grow(self, told: _Bars, recv_ns: int, out: list[MarketEvent]) -> None:
        event_ns = rfc3339_ns(told.timestamp)
        rows = sorted((bar for event in told.events for bar in event.candles), key=lambda bar: bar.start)
        for bar in rows:
            symbol = self._symbol(bar.product_id)
            if symbol:
                ohlcv = bar.open, bar.high, bar.low, bar.close, bar.volume
                candle = Candle(symbol, CANDLES_S, bar.start * NS, *ohlcv, False, event_ns, recv_ns)
                self._candles.push(candle, out)

    def _book(self, event: _BookEvent, event_ns: int, recv_ns: int, out: list[MarketEvent]) -> None:
        native = event.product_id
        symbol = self._symbol(native)
        book = self.books.get(symbol)
        snapshot = event.type == "snapshot"
        if not symbol or (book is None and not snapshot):
            return  # never subscribed, or its snapshot is still on the way
        bids = [(one.price_level, one.new_quantity) for one in event.updates if one.side == "bid"]
        asks = [(one.price_level, one.new_quantity) for one in event.updates if one.side in ("offer", "ask")]
        if len(bids) + len(asks) != len(event.updates):
            raise ValueError("a level of neither side of a book")
        if snapshot or book is None:
            try:
                book = self.books.begin(symbol, bids, asks)
            except ValueError:
                self.book_wrong(native, "carries a level that is no number", recv_ns, out)
                raise
            self.check.begin(symbol, event_ns)
        else:
            book.apply(bids, asks)
        if not self.books.changed(symbol, event_ns, recv_ns, out):
            self.ask_anew(native, "is crossed", recv_ns)
            return
        if self.troubles:
            self.troubles.pop(native, None)
        if not self.check.changed(symbol, event_ns, book.best()):
            self.book_wrong(native, DISAGREES, recv_ns, out)

    def book_frames(self, native: str) -> list[str]:
        """ "" for all that is known by what came before."""
        channels, natives = (["level2"], [native]) if native else (self._stateful, list(self._symbols))
        kinds = ("unsubscribe", "subscribe")
        return [frame(kind, channel, natives) for channel in channels for kind in kinds]

    def _control(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        told = _any(text)
        if told.sequence_num is not None:
            self._count(told.sequence_num, recv_ns, out)
        if told.channel == "heartbeats":
            self.heartbeats += 1
        elif told.channel == "subscriptions":
            self.acks += 1
        elif told.channel in _UNUSED:
            self.skipped += 1
        elif told.type == "error":
            self._error(told.message, recv_ns, out)
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _error(self, message: str, recv_ns: int, out: list[MarketEvent]) -> None:
        why = clean(message, 100) or "no reason given"
        self.acks += 1
        words = re.split(r"[\s,:\[\]\"']+", message)
        native = next((word for word in words[:20] if word in self._symbols), "")
        self.refuse(native, why, recv_ns, out, book=self._book_levels > 0)
