"""OKX v5: channels ``trades``, ``bbo-tbt``, ``books`` and bars; ``tickers`` and ``books5`` of tapes.

Protocol: https://www.okx.com/docs-v5/en/#order-book-trading-market-data.

- ``books``: 400 levels a side, a snapshot and then changes. Each message names the one before it
  (``prevSeqId``, -1 on a snapshot); nothing changed for a while: both ids are equal; a ``seqId`` below
  ``prevSeqId`` starts the count over, and the chain holds all the same. Until June 2026 a checksum came too,
  now always 0: CRC32, signed, over the best 25 levels, ``bid:size:ask:size:…``.
- ``trades`` sums up what one order took at one price: ``count`` trades, of which ``tradeId`` is the last. Ids
  rise by one per trade, so a message that is missing shows; REST tells the single trades. The first message
  after a subscription may be a trade of long ago: it is marked as backfilled.
- Sizes of spot are base units. Those of swaps and futures are contracts: told in base units as soon as the
  venue's instruments are known (of a capture: told at its head). Before, quotes are told without sizes, and
  trades and depths not at all. The books keep contracts.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from engine.events import Candle, Depth, Gap, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Price, Traded, TradeId
from engine.feeds.book import Book, Text
from engine.feeds.contract import Contract
from engine.feeds.decoder import VenueDecoder
from engine.feeds.okx_sums import Sums
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

MS = 1_000_000
Millis = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // MS)]
DEPTH = 400
_CHECKED = 25
_OPERATIONS = 400
"""Of the 480 (un)subscriptions an hour that a connection is allowed: a new one begins with as many."""
_CONFIRM = 8
"""Of a bar: where it says whether it is final; captures of old end before."""
_OLD_NS = 10_000_000_000
"""How old the first trade of a connection is that happened before it."""
_UNSIZED = "contracts"
"""Key of what is told of them: no symbol."""
_HEAD = '{"arg":{"channel":"'
_ARG = re.compile(r'\{"arg":\{"channel":"([^"]*)","instId":"([^"]*)"')
_CHANGES = frozenset({"books", "books-l2-tbt", "books50-l2-tbt"})
_ACKS = frozenset({"subscribe", "unsubscribe", "login", "channel-conn-count"})
_NAMED = re.compile(r"\binstId:([^,\s]+)")
"""Whose subscription is refused: only the text says it."""
INTERVALS = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1H": 3600, "2H": 7200, "4H": 14_400,
    "1D": 86_400, "1Dutc": 86_400,
}  # fmt: skip
"""Seconds by the venue's name of a bar."""


class _Arg(msgspec.Struct):
    channel: str = ""
    instId: str = ""


class _Print(msgspec.Struct, gc=False):
    instId: str
    tradeId: TradeId
    px: Price
    sz: Traded
    side: str
    ts: Millis
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class _Prints(msgspec.Struct):
    data: list[_Print]


class _Levels(msgspec.Struct):
    asks: list[list[str]]
    bids: list[list[str]]
    ts: Millis
    checksum: int = 0
    seqId: int | None = None
    prevSeqId: int | None = None


class _Books(msgspec.Struct):
    arg: _Arg
    data: list[_Levels]
    action: str = ""


class _Ticker(msgspec.Struct):
    instId: str
    askPx: str
    askSz: str
    bidPx: str
    bidSz: str
    ts: Millis


class _Tickers(msgspec.Struct):
    data: list[_Ticker]


class _Bars(msgspec.Struct):
    arg: _Arg
    data: list[list[str]]


class _Any(msgspec.Struct):
    event: str = ""
    code: str = ""
    msg: str = ""
    arg: _Arg | None = None


_prints = msgspec.json.Decoder(_Prints, strict=False).decode
_books = msgspec.json.Decoder(_Books, strict=False).decode
_tickers = msgspec.json.Decoder(_Tickers, strict=False).decode
_bars = msgspec.json.Decoder(_Bars).decode
_any = msgspec.json.Decoder(_Any).decode
number = msgspec.json.Decoder(Price, strict=False).decode


def frame(operation: str, channels: Iterable[tuple[str, str]]) -> str:
    """``operation`` ("subscribe", "unsubscribe") of (channel, native symbol)."""
    args = [{"channel": channel, "instId": native} for channel, native in channels]
    return msgspec.json.encode({"op": operation, "args": args}).decode()


def kind(native: str) -> str:
    """SPOT (BTC-USDT), SWAP (BTC-USDT-SWAP), FUTURES (BTC-USD-261225); "" for what the desk does not take."""
    parts = native.split("-")
    if not all(parts):
        return ""
    if len(parts) == 2:
        return "SPOT"
    if len(parts) == 3:
        return "SWAP" if parts[2] == "SWAP" else "FUTURES" if parts[2].isdigit() else ""
    return ""


def checksum(book: Book) -> int:
    """As the venue counts it."""
    bids, asks = book.bids, book.asks
    parts: list[str] = []
    for at in range(_CHECKED):
        for side in (bids, asks):
            if at < len(side.keys):
                parts += side.levels[side.keys[at]]
    unsigned = zlib.crc32(":".join(parts).encode())
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


def read_bar(symbol: str, native: str, interval_s: int, row: list[str], recv_ns: int) -> Candle:
    """A row of bars, of socket and REST alike. Raises ValueError for what is none."""
    if len(row) < 7:
        raise ValueError("a bar of too few figures")
    open_ns = int(row[0]) * MS
    if not 0 <= open_ns <= MAX_NS - interval_s * 10**9:
        raise ValueError("a bar outside of 1970 to 2262")
    first, high, low, close = (number(f'"{text}"') for text in row[1:5])
    # Contracts come with their amount of base currency beside them, spot with that of the quote currency.
    volume = float(row[5] if kind(native) == "SPOT" else row[6])
    if not 0 <= volume < 1e18:
        raise ValueError("not a volume")
    closed = len(row) > _CONFIRM and row[_CONFIRM] == "1"
    event_ns = open_ns + interval_s * 10**9 if closed else recv_ns
    return Candle(symbol, interval_s, open_ns, first, high, low, close, volume, closed, event_ns, recv_ns)


def _texts(levels: list[list[str]]) -> list[Text]:
    return [(level[0], level[1]) for level in levels]


def _best(level: list[str]) -> tuple[float, float]:
    price, size = float(level[0]), float(level[1])
    if not (0 < price <= 1e15 and 0 <= size <= 1e18):
        raise ValueError("not a best price")
    return price, size


class OkxDecoder(VenueDecoder):
    """Frames of the public socket. ``contracts`` may be filled while it is used."""

    venue = "okx"

    def __init__(
        self,
        natives: Iterable[str] | None = None,
        *,
        book_levels: int = BOOK_LEVELS,
        contracts: Mapping[str, Contract] | None = None,
        sums: Sums | None = None,
    ) -> None:
        """``sums`` is filled here."""
        super().__init__(natives, book_levels=book_levels)
        self._contracts: Mapping[str, Contract] = contracts if contracts is not None else {}
        self._unsized = [one for one in self._symbols if kind(one) != "SPOT"] if contracts is not None else []
        """Native symbols whose contract was not known yet."""
        self._tell_unsized()
        self._sums = sums
        self._last_ids: dict[str, int] = {}
        """Native symbol -> the last trade that came."""
        self._sequence: dict[str, int | None] = {}
        """Native symbol -> ``seqId`` of the last message of its book."""
        self._sources: dict[str, str] = {}
        """Native symbol -> channel that its book is made of: a tape may hold several."""
        self._tops: set[str] = set()
        """Native symbols whose ``bbo-tbt`` has come: better than their tickers."""
        self._operations = 0

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # Data names its channel first; what does not is looked at twice, no worse.
            if text.startswith(_HEAD):
                self._data(text[19 : text.find('"', 19)], text, recv_ns, out)
            elif text == "pong":
                self.heartbeats += 1
            else:
                self._control(text, recv_ns, out)
        except (
            msgspec.MsgspecError,
            UnicodeError,
            ValueError,
            IndexError,
            ArithmeticError,
            RecursionError,
        ) as error:
            self.malform(raw, error, recv_ns, out)
            self._unread(raw[:200], recv_ns, out)

    def _unread(self, head: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """Of what the socket carries only books are wrong at once; ids tell which trades are missing."""
        found = _ARG.match(head if isinstance(head, str) else head.decode(errors="replace"))
        channel, native = found.groups() if found is not None else ("", "")
        kept = channel in _CHANGES and self._sources.get(native) == channel
        if kept and self.books.get(self._symbols[native]) is not None:
            self.book_wrong(native, "missed an update that could not be read", recv_ns, out)

    def flush(self, now_ns: int, out: list[MarketEvent]) -> None:
        start = len(out)
        super().flush(now_ns, out)
        self._scale(out, start)
        if self._unsized:
            self._tell_unsized()

    def _data(self, channel: str, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        if channel == "trades":
            for one in _prints(text).data:
                self._print(one, recv_ns, out)
        elif channel == "bbo-tbt":
            top = _books(text)
            for levels in top.data:
                self._top(top.arg.instId, levels, recv_ns, out)
        elif channel in _CHANGES or channel == "books5":
            book = _books(text)
            for levels in book.data:
                self._book(book.arg, levels, channel == "books5" or book.action == "snapshot", recv_ns, out)
        elif channel == "tickers":
            for ticker in _tickers(text).data:
                if ticker.instId not in self._tops and ticker.askPx and ticker.bidPx:
                    bid, ask = [ticker.bidPx, ticker.bidSz], [ticker.askPx, ticker.askSz]
                    self._quote(ticker.instId, bid, ask, ticker.ts, recv_ns, out)
        elif channel.startswith("candle") and channel[6:] in INTERVALS:
            bars = _bars(text)
            native, symbol = bars.arg.instId, self._symbol(bars.arg.instId)
            if symbol:
                interval_s = INTERVALS[channel[6:]]
                out += [read_bar(symbol, native, interval_s, row, recv_ns) for row in bars.data]
        else:
            _any(text)
            self.skipped += 1

    def _control(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        frame = _any(text)
        if frame.event in _ACKS:
            self.acks += 1
        elif frame.event == "notice":
            self.reconnect = f"the venue announced: {clean(frame.msg, 80)}"
        elif frame.event:
            native = named[1] if (named := _NAMED.search(frame.msg)) is not None else ""
            self.acks += native in self._symbols
            if native not in self.refused:
                why = f"{clean(frame.msg, 100)} ({clean(frame.code, 10)})"
                self.refuse(native, why, recv_ns, out, book=self._book_levels > 0)
        elif frame.arg is not None and frame.arg.channel:
            self._data(frame.arg.channel, text, recv_ns, out)
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _print(self, one: _Print, recv_ns: int, out: list[MarketEvent]) -> None:
        native, trade_id, event_ns = one.instId, one.tradeId, one.ts * MS
        symbol = self._symbol(native)
        size = self._base_units(native, one.sz, one.px)
        if not symbol or math.isnan(size):
            return
        last_id = self._last_ids.get(native)
        if one.count and last_id is not None and trade_id - one.count > last_id:
            reason = "the venue's socket did not bring them"
            out.append(Gap(symbol, last_id + 1, trade_id - one.count, reason, recv_ns))
        if one.count > 1 and self._sums is not None:
            self._sums.add(native, trade_id - one.count + 1, trade_id)
        self._last_ids[native] = trade_id if last_id is None else max(last_id, trade_id)
        side = 1 if one.side == "buy" else -1 if one.side == "sell" else 0
        old = last_id is None and recv_ns - event_ns > _OLD_NS
        out.append(Trade(symbol, trade_id, one.px, size, side, event_ns, recv_ns, old))

    def _top(self, native: str, levels: _Levels, recv_ns: int, out: list[MarketEvent]) -> None:
        if native in self._symbols:
            self._tops.add(native)
        if levels.bids and levels.asks:
            self._quote(native, levels.bids[0], levels.asks[0], levels.ts, recv_ns, out)
        else:
            self.skipped += 1  # one side is empty: there is no best bid and offer

    def _quote(
        self, native: str, bid: list[str], ask: list[str], ms: int, recv_ns: int, out: list[MarketEvent]
    ) -> None:
        symbol = self._symbol(native)
        if symbol:
            (low, bid_size), (high, ask_size) = _best(bid), _best(ask)
            bid_size = self._base_units(native, bid_size, low)
            ask_size = self._base_units(native, ask_size, high)
            out.append(Quote(symbol, low, bid_size, high, ask_size, ms * MS, recv_ns))

    def _book(self, arg: _Arg, levels: _Levels, snapshot: bool, recv_ns: int, out: list[MarketEvent]) -> None:
        native = arg.instId
        symbol = self._symbol(native)
        if not symbol:
            return
        if self._sources.setdefault(native, arg.channel) != arg.channel:
            self.skipped += 1
            return
        book = self.books.get(symbol)
        if book is None and not snapshot:
            return  # its snapshot is still on the way
        # Where the message before had an id (captures of old have none), one that names none follows nothing.
        if not snapshot and levels.prevSeqId != self._sequence.get(native):
            self.sequence_gaps += 1
            self.book_wrong(native, "misses an update", recv_ns, out)
            return
        try:
            if book is None or snapshot:
                book = self.books.begin(symbol, _texts(levels.bids), _texts(levels.asks), DEPTH)
            else:
                book.apply(_texts(levels.bids), _texts(levels.asks))
        except (ValueError, IndexError):
            self.book_wrong(native, "carries a level that is none", recv_ns, out)
            raise
        self._sequence[native] = levels.seqId
        if levels.checksum:
            if checksum(book) != levels.checksum:
                self.mismatches += 1
                self.book_wrong(native, "does not match the venue's checksum", recv_ns, out)
                return
            self.checksums += 1
        start = len(out)
        if self.books.changed(symbol, levels.ts * MS, recv_ns, out):
            self._scale(out, start)
            self.troubles.pop(native, None)
        else:
            self.ask_anew(native, "is crossed", recv_ns)

    def book_frames(self, native: str) -> list[str]:
        self._operations += 2
        if self._operations > _OPERATIONS:
            self.reconnect = "more snapshots are needed than one connection may ask for"
        wanted = ((self._sources.get(native, "books"), native),)
        return [frame("unsubscribe", wanted), frame("subscribe", wanted)]

    def _base_units(self, native: str, size: float, price: float) -> float:
        contract = self._contracts.get(native)
        if contract is None:
            return math.nan if native in self._unsized else size
        return contract.base_units(size, price)

    def _tell_unsized(self) -> None:
        self._unsized = [native for native in self._unsized if native not in self._contracts]
        self.troubles.pop(_UNSIZED, None)
        if self._unsized:
            names = clean(", ".join(self._unsized), 60)
            self.troubles[_UNSIZED] = f"no trades or sizes of {names} until instruments are known"

    def _scale(self, out: list[MarketEvent], start: int) -> None:
        """Have the depths from ``start`` on tell base units; those that cannot yet are dropped."""
        if self._contracts or self._unsized:
            told, out[start:] = out[start:], []
            for event in told:
                native = event.symbol.partition(":")[2] if type(event) is Depth else ""
                contract = self._contracts.get(native)
                if type(event) is Depth and contract is not None:
                    out.append(contract.depth(event))
                elif native not in self._unsized:
                    out.append(event)
