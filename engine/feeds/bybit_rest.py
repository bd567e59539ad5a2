"""Bybit's REST, and how its sockets are subscribed.

Protocol: https://bybit-exchange.github.io/docs/v5/market/instrument, …/kline, …/recent-trade, …/tickers.
Limits a client keeps to: 500 connects in 5 min, a ping every 20 s, 10 topics a subscription on spot, 600
requests in 5 s (HTTP 403 when it asked more: leave it alone for 10 min).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Amount, InstrumentSpec, Price, Request, Traded, UnreachableError
from engine.feeds.bybit import (
    INTERVALS,
    MS,
    BybitDecoder,
    BybitLinearDecoder,
    Millis,
    batches,
    depth_of,
    frame,
    taker,
    trade_id,
)
from engine.feeds.candles import settled
from engine.feeds.rest import SaidNoError
from engine.feeds.venue import NativeVenue, chosen
from engine.text import clean

_BARS = {interval_s: name for name, interval_s in INTERVALS.items()}
_PAGE = 1000
_ASK_LATER = frozenset({10000, 10006, 10016, 10018, 10429})
_MOST = 20_000
"""Characters of all topics of a connection: the venue's limit is 21,000."""


class _Lot(msgspec.Struct):
    basePrecision: Decimal = Decimal(0)
    qtyStep: Decimal = Decimal(0)
    minOrderAmt: Decimal = Decimal(0)
    minNotionalValue: Decimal = Decimal(0)
    maxOrderQty: Decimal = Decimal(0)
    maxLimitOrderQty: Decimal = Decimal(0)


class _Tick(msgspec.Struct):
    tickSize: Decimal = Decimal(0)


class _Instrument(msgspec.Struct):
    symbol: str
    quoteCoin: str
    lotSizeFilter: _Lot
    priceFilter: _Tick


class _Reply(msgspec.Struct):
    retCode: int
    retMsg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


class _Instruments(msgspec.Struct):
    rows: list[_Instrument] = msgspec.field(name="list")
    nextPageCursor: str | None = ""


class _RestTrade(msgspec.Struct):
    execId: str
    price: Price
    size: Traded
    side: str
    time: Millis
    isBlockTrade: bool = False


class _RestTrades(msgspec.Struct):
    rows: list[_RestTrade] = msgspec.field(name="list")


class _RestTick(msgspec.Struct):
    bid1Price: Price
    bid1Size: Amount
    ask1Price: Price
    ask1Size: Amount


class _RestTicks(msgspec.Struct):
    rows: list[_RestTick] = msgspec.field(name="list")


_Row = tuple[Millis, Price, Price, Price, Price, Amount, str]


class _RestBars(msgspec.Struct):
    rows: list[_Row] = msgspec.field(name="list")


_reply = msgspec.json.Decoder(_Reply).decode
_instruments = msgspec.json.Decoder(_Instruments, strict=False).decode
_rest_trades = msgspec.json.Decoder(_RestTrades, strict=False).decode
_rest_ticks = msgspec.json.Decoder(_RestTicks, strict=False).decode
_rest_bars = msgspec.json.Decoder(_RestBars, strict=False).decode


def _result(body: str | bytes) -> msgspec.Raw:
    reply = _reply(body)
    if reply.retCode == 0:
        return reply.result
    detail = f"bybit: {clean(reply.retMsg, 100)} ({reply.retCode})"
    if reply.retCode in _ASK_LATER:
        raise UnreachableError(detail, 1.0)
    raise SaidNoError(detail)


def _read(body: str | bytes, venue: str) -> list[InstrumentSpec]:
    specs = []
    for entry in _instruments(_result(body)).rows:
        lot, tick = entry.lotSizeFilter, entry.priceFilter.tickSize
        step = lot.basePrecision or lot.qtyStep
        if tick > 0 and step > 0:
            specs.append(
                InstrumentSpec(
                    symbol=f"{venue}:{clean(entry.symbol, 40)}",
                    tick_size=tick.normalize(),
                    lot_size=step.normalize(),
                    min_notional=lot.minOrderAmt or lot.minNotionalValue,
                    quote_currency=clean(entry.quoteCoin, 20),
                    max_quantity=(lot.maxLimitOrderQty or lot.maxOrderQty).normalize(),
                )
            )
    return specs


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of an ``instruments-info`` reply of spot. Raises ValueError when it is none."""
    return _read(body, Bybit.name)


def read_linear_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """The same of linear contracts."""
    return _read(body, BybitLinear.name)


class Bybit(NativeVenue):
    """The venue, spot."""

    name = "bybit"
    category = "spot"
    ws_url = "wss://stream.bybit.com/v5/public/spot"
    rest_url = "https://api.bybit.com"
    rest_per_s = 10.0
    subscribe_per_s = 5.0
    heartbeats = True
    ping_frame = '{"op":"ping"}'
    connect_gap_s = 1.3
    """500 connects in 5 minutes are allowed per IP, to both of its feeds:
    https://bybit-exchange.github.io/docs/v5/rate-limit"""
    consecutive_ids = False
    recent_page = 60

    def __init__(self, config: FeedConfig) -> None:
        """Raises ConfigError for more symbols than a connection carries."""
        super().__init__(config)
        self.ping_s = min(20.0, config.silence_s / 3)
        self._learned: list[InstrumentSpec] = []
        """Of the pages before the last."""
        self._cursors: set[str] = set()
        if sum(map(len, self._topics())) > _MOST:
            raise ConfigError(
                f"feeds.{self.name}.symbols names {len(self.natives)}: one connection does not carry so many"
            )

    def decoder(self) -> BybitDecoder:
        return BybitDecoder(self.natives, book_levels=self.book_levels, asked=batches(self._topics()))

    def connect_url(self, base: str) -> str:
        return base

    def _topics(self) -> list[str]:
        kinds = ["publicTrade", "orderbook.1"]
        if self.book_levels:
            kinds.append(f"orderbook.{depth_of(self.book_levels)}")
        if self.candles:
            kinds.append("kline.1")
        return [f"{kind}.{native}" for native in self.natives for kind in kinds]

    def subscribe(self) -> list[str]:
        return [frame("subscribe", topics, request) for request, topics in batches(self._topics()).items()]

    def _request(self, what: str, *params: tuple[str, str]) -> Request:
        return Request(f"/v5/market/{what}", (("category", self.category), *params))

    def instruments_request(self) -> Request:
        self._learned.clear()
        self._cursors.clear()
        return self._request("instruments-info", ("limit", str(_PAGE)))

    def all_instruments_request(self) -> None:
        return None

    def more_instruments(self, body: bytes) -> Request | None:
        """Contracts are more than a page; a cursor that comes again would lead round for ever."""
        page = _instruments(_result(body))
        cursor = page.nextPageCursor or ""
        if not cursor or not page.rows or cursor in self._cursors:
            return None
        self._cursors.add(cursor)
        return self._request("instruments-info", ("limit", str(_PAGE)), ("cursor", cursor))

    def learn(self, body: bytes) -> None:
        self._learned += _read(body, self.name)

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, [*self._learned, *_read(body, self.name)])

    def quote_request(self, native: str) -> Request:
        return self._request("tickers", ("symbol", native))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        for tick in _rest_ticks(_result(body)).rows:
            best = tick.bid1Price, tick.bid1Size, tick.ask1Price, tick.ask1Size
            return Quote(f"{self.name}:{native}", *best, recv_ns, recv_ns)
        raise ValueError("bybit: an empty ticker")

    def recent_request(self, native: str) -> Request:
        return self._request("recent-trade", ("symbol", native), ("limit", str(self.recent_page)))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        """In order of time: the venue tells the newest first."""
        symbol = f"{self.name}:{native}"
        rows = [row for row in reversed(_rest_trades(_result(body)).rows) if not row.isBlockTrade]
        trades = [
            Trade(
                symbol,
                trade_id(row.execId),
                row.price,
                row.size,
                taker(row.side),
                row.time * MS,
                recv_ns,
            )
            for row in rows
        ]
        return sorted(trades, key=lambda trade: trade.event_ns)

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        bar = _BARS.get(interval_s)
        if bar is None:
            return None
        # Both ends are inclusive, and of a longer span the venue tells the last bars.
        start_ms = -(-start_ns // MS)
        end_ms = min(-(-end_ns // MS), start_ms + _PAGE * interval_s * 1000) - 1
        span = (("start", str(start_ms)), ("end", str(end_ms)), ("limit", str(_PAGE)))
        return self._request("kline", ("symbol", native), ("interval", bar), *span)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        rows = sorted(_rest_bars(_result(body)).rows)
        newest_ns = rows[-1][0] * MS if rows else 0
        candles = []
        for start, first, high, low, close, volume, _ in rows:
            open_ns = start * MS
            closed = settled(open_ns, interval_s, newest_ns, recv_ns)
            event_ns = open_ns + interval_s * NS if closed else recv_ns
            figures = first, high, low, close, volume, closed, event_ns
            candles.append(Candle(f"{self.name}:{native}", interval_s, open_ns, *figures, recv_ns))
        return candles


class BybitLinear(Bybit):
    """The venue, linear contracts: perpetuals and futures settled in USDT or USDC."""

    name = "bybit-linear"
    category = "linear"
    ws_url = "wss://stream.bybit.com/v5/public/linear"
    recent_page = 1000

    def decoder(self) -> BybitDecoder:
        return BybitLinearDecoder(self.natives, book_levels=self.book_levels, asked=batches(self._topics()))
