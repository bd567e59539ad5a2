"""Kraken v2: channels ``trade`` and ``book`` (top of it as quotes), ``ticker`` where subscribed, and REST.

Protocol: https://docs.kraken.com/api/docs/websocket-v2/book and .../trade; the checksum is in
``kraken_book``. Symbols are ``BTC/USD``; REST still says XBT and XDG for BTC and DOGE. Trade ids rise by
one per symbol; a trade snapshot is history, so its trades are marked as backfilled.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.config import FeedConfig
from engine.events import FeedState, FeedStatus, MarketEvent, Quote, Trade
from engine.feeds.base import (
    BOOK_LEVELS,
    Fetch,
    InstrumentSpec,
    NativeVenue,
    Request,
    TradeId,
    UnreachableError,
    VenueDecoder,
    chosen,
)
from engine.feeds.kraken_book import Book
from engine.feeds.timestamps import decimal_seconds_ns, rfc3339_ns
from engine.text import clean

DEPTH = 10
_DEPTHS = (10, 25, 100, 500, 1000)
_HEAD = '{"channel":"'
_MAINTENANCE_S = 5.0
_ASK_LATER = ("EGeneral:Too many", "EGeneral:Temporary", "EAPI:Rate limit", "EService:")
_LOCKOUT_S = 5.0
"""REST errors that pass, told with HTTP 200, and how long to leave the venue alone then."""
_RESYNCS = 5
"""Failed resubscriptions of a book in a row before the socket is replaced."""


class _Print(msgspec.Struct, gc=False):
    symbol: str
    side: str
    price: float
    qty: float
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
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float
    timestamp: str = ""


class _Ticks(msgspec.Struct):
    data: list[_Tick]


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
    result: _AckResult | None = None


_any = msgspec.json.Decoder(_Any).decode
_trades = msgspec.json.Decoder(_Trades).decode
_books = msgspec.json.Decoder(_Books).decode
_ticks = msgspec.json.Decoder(_Ticks).decode
_statuses = msgspec.json.Decoder(_Statuses).decode


def book_frame(method: str, natives: tuple[str, ...]) -> str:
    """``method`` ("subscribe", "unsubscribe") of the book channel."""
    params = {"channel": "book", "symbol": list(natives), "depth": DEPTH}
    return msgspec.json.encode({"method": method, "params": params}).decode()


class KrakenDecoder(VenueDecoder):
    """Frames of the v2 market data socket. Keeps the books, to check them and to quote their top."""

    venue = "kraken"

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels, book_quotes=True)
        self._depths: dict[str, int] = {}
        self._books: dict[str, Book] = {}
        self._broken: dict[str, int] = {}
        """Native symbol -> resubscriptions since its book was last right."""
        self._best: dict[str, tuple[float, float, float, float]] = {}

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            channel = text[12 : text.find('"', 12)] if text.startswith(_HEAD) else _any(text).channel
            if channel == "book":
                frame = _books(text)
                for levels in frame.data:
                    self._book(levels, frame.type == "snapshot", recv_ns, out)
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
                    symbol = self._symbol(tick.symbol)
                    if symbol:
                        out.append(
                            Quote(symbol, tick.bid, tick.bid_qty, tick.ask, tick.ask_qty, event_ns, recv_ns)
                        )
            elif channel == "heartbeat":
                self.heartbeats += 1
            elif channel == "status":
                self._status(_statuses(text).data, recv_ns, out)
            else:
                self._control(text, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)

    def _control(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        frame = _any(text)
        if frame.error or not frame.success:
            self.malform(text, f"venue error: {frame.error}", recv_ns, out)
        elif frame.method:
            self.acks += 1
            result = frame.result
            book = frame.method == "subscribe" and result is not None and result.channel == "book"
            if book and result and result.depth > 0 and self._symbol(result.symbol):
                self._depths[result.symbol] = result.depth
        elif frame.channel:
            self.skipped += 1
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _status(self, statuses: list[_Status], recv_ns: int, out: list[MarketEvent]) -> None:
        self.acks += 1
        for status in statuses:
            if status.system != "online":
                self.reconnect_delay_s = _MAINTENANCE_S
                detail = self.troubles[""] = f"the venue's system is in {clean(status.system, 40)}"
                out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))
            elif self.troubles.pop("", ""):
                out.append(
                    FeedStatus(self.venue, FeedState.UP, "the venue's system is online again", recv_ns)
                )

    def _book(self, levels: _Levels, snapshot: bool, recv_ns: int, out: list[MarketEvent]) -> None:
        native = levels.symbol
        symbol = self._symbol(native)
        if not symbol:
            return
        asks = [(bytes(one.price).decode(), bytes(one.qty).decode()) for one in levels.asks]
        bids = [(bytes(one.price).decode(), bytes(one.qty).decode()) for one in levels.bids]
        if snapshot:
            # A snapshot replaces the book as a whole, whenever it comes.
            book = self._books[native] = Book(self._depth(native, max(len(asks), len(bids))))
            self._best.pop(native, None)
        else:
            known = self._books.get(native)
            if known is None:
                return  # its snapshot is still on the way
            book = known
        try:
            book.apply(asks, bids)
        except ValueError:
            self._resync(native, "carries a level that is no number", recv_ns, out)
            raise
        if levels.checksum is not None:
            if book.checksum() != levels.checksum:
                self.mismatches += 1
                self._resync(native, "does not match the venue's checksum", recv_ns, out)
                return
            self.checksums += 1
        if book.crossed:
            self._resync(native, "is crossed", recv_ns, out)
            return
        if self._broken.pop(native, 0):
            self.troubles.pop(native, None)
            out.append(
                FeedStatus(self.venue, FeedState.UP, f"{clean(native, 40)} book is right again", recv_ns)
            )
        best = book.best()
        if best is not None and best != self._best.get(native):
            self._best[native] = best
            event_ns = rfc3339_ns(levels.timestamp) if levels.timestamp else recv_ns
            out.append(Quote(symbol, *best, event_ns, recv_ns))

    def _depth(self, native: str, levels: int) -> int:
        """As acknowledged, else the smallest depth on offer that holds the snapshot."""
        return self._depths.get(native) or next((depth for depth in _DEPTHS if depth >= levels), levels)

    def _resync(self, native: str, why: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """Throw a wrong book away and ask for it anew: no quote comes from it until its next snapshot."""
        self._books.pop(native, None)
        self._best.pop(native, None)
        tries = self._broken[native] = self._broken.get(native, 0) + 1
        if tries > _RESYNCS:
            self.reconnect = f"the book of {clean(native, 40)} stays wrong"
        else:
            self.outbox += [book_frame("unsubscribe", (native,)), book_frame("subscribe", (native,))]
        detail = self.troubles[native] = f"{clean(native, 40)} book {why}: asking for a new snapshot"
        out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))


class _Pair(msgspec.Struct):
    altname: str
    pair_decimals: int
    lot_decimals: int
    wsname: str = ""
    tick_size: Decimal = Decimal(0)
    costmin: Decimal = Decimal(0)


class _Reply(msgspec.Struct):
    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


class _RestTick(msgspec.Struct):
    a: tuple[float, float, float]
    b: tuple[float, float, float]


_reply = msgspec.json.Decoder(_Reply).decode
_pair = msgspec.json.Decoder(_Pair, strict=False).decode
_rest_tick = msgspec.json.Decoder(_RestTick, strict=False).decode
_rest_trades = msgspec.json.Decoder(
    list[tuple[float, float, msgspec.Raw, str, str, str, TradeId]], strict=False
).decode

_OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_NEW_NAMES = {new: old for old, new in _OLD_NAMES.items()}


def _renamed(pair: str, names: dict[str, str]) -> str:
    base, _, quote = pair.partition("/")
    return f"{names.get(base, base)}/{names.get(quote, quote)}"


def _result(body: str | bytes) -> dict[str, msgspec.Raw]:
    reply = _reply(body)
    if reply.error:
        detail = f"kraken: {clean(', '.join(reply.error), 100)}"
        if any(error.startswith(_ASK_LATER) for error in reply.error):
            raise UnreachableError(detail, _LOCKOUT_S)
        raise ValueError(detail)
    return reply.result


def _pairs(body: str | bytes) -> dict[str, _Pair]:
    """By v2 name."""
    pairs = (_pair(raw) for raw in _result(body).values())
    return {_renamed(pair.wsname, _OLD_NAMES): pair for pair in pairs if "/" in pair.wsname}


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of an ``AssetPairs`` reply. Raises ValueError when it is none."""
    return [
        InstrumentSpec(
            symbol=f"kraken:{clean(name, 40)}",
            tick_size=(pair.tick_size or Decimal(1).scaleb(-pair.pair_decimals)).normalize(),
            lot_size=Decimal(1).scaleb(-pair.lot_decimals),
            min_notional=pair.costmin,
            quote_currency=clean(name.partition("/")[2], 20),
        )
        for name, pair in _pairs(body).items()
    ]


class Kraken(NativeVenue):
    """The venue. After maintenance it wants reconnects at least 5 s apart."""

    name = "kraken"
    ws_url = "wss://ws.kraken.com/v2"
    rest_url = "https://api.kraken.com"
    rest_per_s = 1.0
    subscribe_per_s = 10.0
    heartbeats = True

    def __init__(self, config: FeedConfig) -> None:
        super().__init__(config)
        self._altnames: dict[str, str] = {}

    def decoder(self) -> KrakenDecoder:
        return KrakenDecoder(self.natives, book_levels=self.book_levels)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        params = {"channel": "trade", "symbol": list(self.natives), "snapshot": True}
        trades = msgspec.json.encode({"method": "subscribe", "params": params}).decode()
        return [trades, book_frame("subscribe", self.natives)]

    def instruments_request(self) -> Request:
        return Request("/0/public/AssetPairs")

    def all_instruments_request(self) -> None:
        return None

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        specs = chosen(self.name, self.natives, read_instruments(body), " (BTC/USD, not XBTUSD)")
        self._altnames = {name: pair.altname for name, pair in _pairs(body).items()}
        return specs

    def _pair_name(self, native: str) -> str:
        return self._altnames.get(native) or _renamed(native, _NEW_NAMES).replace("/", "")

    def quote_request(self, native: str) -> Request:
        return Request("/0/public/Ticker", (("pair", self._pair_name(native)),))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        for raw in _result(body).values():
            tick = _rest_tick(raw)
            return Quote(f"kraken:{native}", tick.b[0], tick.b[2], tick.a[0], tick.a[2], recv_ns, recv_ns)
        raise ValueError("kraken: an empty ticker")

    def recent_request(self, native: str) -> Request:
        return Request("/0/public/Trades", (("pair", self._pair_name(native)),))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        symbol = f"kraken:{native}"
        trades = [
            Trade(
                symbol,
                trade_id,
                price,
                size,
                1 if side == "b" else -1,
                decimal_seconds_ns(bytes(time).decode().strip('"')),
                recv_ns,
            )
            for pair, raw in _result(body).items()
            if pair != "last"
            for price, size, time, side, _, _, trade_id in _rest_trades(raw)
        ]
        return sorted(trades, key=lambda trade: trade.trade_id)

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Pages run from old to new, by time: ``since`` is in ns and exclusive."""
        since = since_ns - 1
        reached = -1
        while reached < last_id:
            params = (("pair", self._pair_name(native)), ("since", str(since)))
            page = self.parse_trades(native, (yield Request("/0/public/Trades", params)), recv_ns)
            if not page or page[-1].trade_id <= reached:
                return
            found += page
            reached, since = page[-1].trade_id, page[-1].event_ns
