"""Frames of Coinbase Exchange's market data feed: ``matches``, ``ticker``, ``heartbeat``, ``level2_batch``.

Protocol: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels. A match's ``side`` is the maker's:
the taker did the opposite. Trade ids rise by one per product. ``last_match`` is the last trade before the
subscription: history, so it is marked as backfilled. Books have no sequence numbers: what shows that one is
wrong is that it is crossed, or keeps disagreeing with the ticker. Heartbeats tell the last trade of each
product: one that never came is noticed by them even where nothing follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from engine.events import MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Amount, Price, Traded, TradeId
from engine.feeds.coinbase_rest import taker
from engine.feeds.decoder import VenueDecoder
from engine.feeds.ticker_check import DISAGREES, TickerCheck
from engine.feeds.timestamps import rfc3339_ns
from engine.text import clean

_HEAD = '{"type":"'
_BOOK_HEADS = ('{"type":"l2update"', '{"type":"snapshot"')
_PRODUCT = re.compile(r'"product_id":"([^"]{1,40})"')
_NAN = float("nan")
_PATIENCE = 2
"""Heartbeats that may tell of a trade before it is believed to be lost: channels race."""
_ASK_AGAIN = 30
"""Heartbeats until it is asked for once more."""


class _Match(msgspec.Struct, gc=False):
    product_id: str
    trade_id: TradeId
    price: Price
    size: Traded
    side: str
    time: str


class _Ticker(msgspec.Struct, gc=False):
    product_id: str
    time: str
    best_bid: Amount
    best_ask: Amount
    best_bid_size: Amount = _NAN
    best_ask_size: Amount = _NAN


class _Snapshot(msgspec.Struct, gc=False):
    product_id: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: str = ""


class _Update(msgspec.Struct, gc=False):
    product_id: str
    changes: list[tuple[str, str, str]]
    time: str = ""


class _Heartbeat(msgspec.Struct, gc=False):
    product_id: str
    last_trade_id: TradeId


class _Any(msgspec.Struct):
    type: str
    message: str = ""
    reason: str = ""


_match = msgspec.json.Decoder(_Match, strict=False).decode
_ticker = msgspec.json.Decoder(_Ticker, strict=False).decode
_snapshot = msgspec.json.Decoder(_Snapshot).decode
_update = msgspec.json.Decoder(_Update).decode
_heartbeat = msgspec.json.Decoder(_Heartbeat, strict=False).decode
_any = msgspec.json.Decoder(_Any).decode

_UNUSED = frozenset({"status", "received", "open", "done", "change", "activate", "auction", "rfq_match"})


def frame(kind: str, natives: Iterable[str], channels: Iterable[str]) -> str:
    """``kind`` "subscribe" or "unsubscribe"."""
    body = {"type": kind, "product_ids": list(natives), "channels": list(channels)}
    return msgspec.json.encode(body).decode()


def channels(book_levels: int) -> list[str]:
    return ["matches", "ticker", "heartbeat", *(["level2_batch"] if book_levels else [])]


class _Awaited:
    """Trades of one product: the last that came, and one that a heartbeat tells of and that did not."""

    __slots__ = ("beats", "last_id", "missed_id")

    def __init__(self, last_id: int) -> None:
        self.last_id = last_id
        self.missed_id = -1
        self.beats = 0


class CoinbaseDecoder(VenueDecoder):
    """Quotes are the top of the books: the ticker tells of trades only, and its first one of a trade that may
    be long past. It quotes where no book is wanted, and on tapes where none was recorded."""

    venue = "coinbase"

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels, book_quotes=book_levels > 0)
        self._awaited: dict[str, _Awaited] = {}
        self.check = TickerCheck()
        self._told_ns = 0
        """The newest time that the venue told of a book."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        text = ""
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # Every frame names its type first; one that does not is decoded twice, no worse.
            kind = text[9 : text.find('"', 9)] if text.startswith(_HEAD) else _any(text).type
            if kind == "l2update":
                self._change(_update(text), recv_ns, out)
            elif kind == "match" or kind == "last_match":
                match = _match(text)
                symbol = self._symbol(match.product_id)
                side, event_ns = taker(match.side), rfc3339_ns(match.time)
                old = kind == "last_match"
                if symbol:
                    self._came(match.product_id, match.trade_id)
                    out.append(
                        Trade(symbol, match.trade_id, match.price, match.size, side, event_ns, recv_ns, old)
                    )
            elif kind == "ticker":
                self._tick(_ticker(text), recv_ns, out)
            elif kind == "heartbeat":
                self.heartbeats += 1
                self._beat(_heartbeat(text))
            elif kind == "snapshot":
                self._begin(_snapshot(text), recv_ns, out)
            elif kind in _UNUSED:
                self.skipped += 1
            else:
                self._control(text, kind, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)
            if text.startswith(_BOOK_HEADS):
                self._unread(_PRODUCT.search(text), recv_ns, out)

    def _tick(self, tick: _Ticker, recv_ns: int, out: list[MarketEvent]) -> None:
        symbol, event_ns = self._symbol(tick.product_id), rfc3339_ns(tick.time)
        bid, ask = tick.best_bid, tick.best_ask
        if not symbol:
            return
        if not bid or not ask:
            self.skipped += 1  # nobody is on one of the sides
            return
        if self.books.get(symbol) is not None:
            if not self.check.ticker(symbol, bid, ask, event_ns):
                self.book_wrong(tick.product_id, DISAGREES, recv_ns, out)
        elif not self._book_levels or (self._open and symbol not in self.books.broken):
            out.append(Quote(symbol, bid, tick.best_bid_size, ask, tick.best_ask_size, event_ns, recv_ns))

    def _begin(self, told: _Snapshot, recv_ns: int, out: list[MarketEvent]) -> None:
        native = told.product_id
        symbol = self._symbol(native)
        # Without a time it is not older than what was told before, and our clock may be ahead of the venue's.
        event_ns = rfc3339_ns(told.time) if told.time else self._told_ns or recv_ns
        if not symbol:
            return
        try:
            self.books.begin(symbol, told.bids, told.asks)
        except ValueError:
            self.book_wrong(native, "carries a level that is no number", recv_ns, out)
            raise
        self.check.begin(symbol, event_ns)
        self._changed(native, symbol, event_ns, recv_ns, out)

    def _change(self, told: _Update, recv_ns: int, out: list[MarketEvent]) -> None:
        native = told.product_id
        symbol = self._symbol(native)
        book = self.books.get(symbol)
        if book is None:
            return  # never subscribed, or its snapshot is still on the way
        event_ns = rfc3339_ns(told.time) if told.time else recv_ns
        for side, price, quantity in told.changes:
            if side == "buy":
                book.bids.set((price, quantity))
            elif side == "sell":
                book.asks.set((price, quantity))
            else:
                raise ValueError(f"not a side of a book: {side[:40]}")
        book.apply((), ())
        self._told_ns = max(self._told_ns, event_ns)
        self._changed(native, symbol, event_ns, recv_ns, out)

    def _changed(self, native: str, symbol: str, event_ns: int, recv_ns: int, out: list[MarketEvent]) -> None:
        if not self.books.changed(symbol, event_ns, recv_ns, out):
            self.ask_anew(native, "is crossed", recv_ns)
            return
        if self.troubles:
            self.troubles.pop(native, None)
        book = self.books.get(symbol)
        if book is not None and not self.check.changed(symbol, event_ns, book.best()):
            self.book_wrong(native, DISAGREES, recv_ns, out)

    def _unread(self, found: re.Match[str] | None, recv_ns: int, out: list[MarketEvent]) -> None:
        """An update could not be read: its book is wrong, or all are when it is not known whose it was."""
        known = [found[1]] if found is not None and found[1] in self._symbols else list(self._symbols)
        for native in known:
            if self.books.get(self._symbols[native]) is not None:
                self.book_wrong(native, "missed an update that could not be read", recv_ns, out)

    def book_frames(self, native: str) -> list[str]:
        return [frame(kind, [native], ["level2_batch"]) for kind in ("unsubscribe", "subscribe")]

    def _came(self, native: str, trade_id: int) -> None:
        awaited = self._awaited.get(native)
        if awaited is None:
            self._awaited[native] = _Awaited(trade_id)
        elif trade_id > awaited.last_id:
            awaited.last_id = trade_id

    def _beat(self, beat: _Heartbeat) -> None:
        """A trade that heartbeats tell of and that does not come is lost: to subscribe anew brings it, as the
        last match, and shows what is missing before it."""
        if not self._symbol(beat.product_id):
            return
        awaited = self._awaited.get(beat.product_id)
        if awaited is None or beat.last_trade_id <= awaited.last_id:
            return
        if awaited.missed_id <= awaited.last_id:
            awaited.missed_id, awaited.beats = beat.last_trade_id, 0
            return
        awaited.beats += 1
        if awaited.beats == _PATIENCE:
            self.sequence_gaps += 1
        if not self._open and awaited.beats % _ASK_AGAIN == _PATIENCE:
            kinds = ("unsubscribe", "subscribe")
            self.outbox += [frame(kind, [beat.product_id], ["matches"]) for kind in kinds]

    def _control(self, text: str, kind: str, recv_ns: int, out: list[MarketEvent]) -> None:
        told = _any(text)
        if kind == "subscriptions":
            self.acks += 1
        elif kind == "error":
            self._error(told, recv_ns, out)
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _error(self, told: _Any, recv_ns: int, out: list[MarketEvent]) -> None:
        """A subscription fails as a whole for one product: the others are subscribed again without it."""
        why = clean(f"{told.message}: {told.reason}" if told.reason else told.message, 100)
        words = told.reason.split()
        native = next((word for word in words[:8] if word in self._symbols), "")
        self.acks += 1
        first = native not in self.refused
        self.refuse(native, why, recv_ns, out, book=self._book_levels > 0)
        if native and first and not self._open:
            others = [one for one in self._symbols if one not in self.refused]
            if others:
                self.outbox.append(frame("subscribe", others, channels(self._book_levels)))
