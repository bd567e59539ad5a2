"""OKX's REST, and how its socket is subscribed.

Protocol: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments and
#order-book-trading-market-data. Limits a client keeps to: 3 connects a second, 480 (un)subscriptions an hour
and connection, 20 requests in 2 s for most of the REST; a socket that is idle for 30 s is closed. Bars come
on a socket of their own, at ``/ws/v5/business``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import Candle, Quote, Trade
from engine.feeds.base import Amount, InstrumentSpec, Price, Request, Traded, TradeId, UnreachableError
from engine.feeds.contract import Contract
from engine.feeds.okx import MS, Millis, OkxDecoder, frame, kind, read_bar
from engine.feeds.okx_sums import Sums
from engine.feeds.rest import SaidNoError
from engine.feeds.venue import NativeVenue, chosen
from engine.text import clean

_BARS = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1H", 14_400: "4H", 86_400: "1Dutc"}
_PAGE = 100
_RECENT = 500
_BATCH = 100
"""Channels of one subscription: a frame may hold 64 KiB."""
_ASK_LATER = frozenset({"50001", "50004", "50005", "50011", "50013", "50026", "50040", "50061"})
_INVERSE_LOT = Decimal("0.00000001")
"""Base units: what one inverse contract is in them goes with the price."""


class _Instrument(msgspec.Struct):
    instId: str
    tickSz: str
    lotSz: str
    quoteCcy: str = ""
    maxLmtSz: str = ""
    ctVal: str = ""
    ctMult: str = ""
    ctType: str = ""


class _Reply(msgspec.Struct):
    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class _RestTrade(msgspec.Struct):
    tradeId: TradeId
    px: Price
    sz: Traded
    side: str
    ts: Millis


class _RestTicker(msgspec.Struct):
    bidPx: Price
    bidSz: Amount
    askPx: Price
    askSz: Amount
    ts: Millis


_reply = msgspec.json.Decoder(_Reply).decode
_instruments = msgspec.json.Decoder(list[_Instrument]).decode
_rest_trades = msgspec.json.Decoder(list[_RestTrade], strict=False).decode
_rest_tickers = msgspec.json.Decoder(list[_RestTicker], strict=False).decode
_rest_bars = msgspec.json.Decoder(list[list[str]]).decode


def _data(body: str | bytes) -> msgspec.Raw:
    reply = _reply(body)
    if reply.code == "0":
        return reply.data
    detail = f"okx: {clean(reply.msg, 100)} ({clean(reply.code, 10)})"
    if reply.code in _ASK_LATER:
        raise UnreachableError(detail, 2.0)
    raise SaidNoError(detail)


def _decimal(text: str) -> Decimal:
    """0 for what is none."""
    try:
        number = Decimal(text or 0)
    except ArithmeticError:
        return Decimal(0)
    return number if number.is_finite() and number > 0 else Decimal(0)


def _specs(entries: Iterable[_Instrument]) -> Iterator[InstrumentSpec]:
    for entry in entries:
        tick, lot, most = _decimal(entry.tickSz), _decimal(entry.lotSz), _decimal(entry.maxLmtSz)
        spot = kind(entry.instId) == "SPOT"
        if not spot:
            value = _decimal(entry.ctVal) * (_decimal(entry.ctMult) or 1)
            lot, most = lot * value, most * value
            if entry.ctType == "inverse":
                lot, most = _INVERSE_LOT, Decimal(0)
        if tick > 0 and lot > 0:
            yield InstrumentSpec(
                symbol=f"okx:{clean(entry.instId, 40)}",
                tick_size=tick.normalize(),
                lot_size=lot.normalize(),
                min_notional=Decimal(0),
                quote_currency=clean(entry.quoteCcy or entry.instId.split("-")[1], 20),
                max_quantity=most.normalize(),
            )


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All spot pairs, swaps and futures of an ``instruments`` reply, quantities in base units. Raises
    ValueError when it is none."""
    return list(_specs(entry for entry in _instruments(_data(body)) if kind(entry.instId)))


def read_contracts(body: str | bytes) -> dict[str, Contract]:
    """What one contract is of each swap and future of such a reply. Raises ValueError when it is none."""
    return dict(_contracts(_instruments(_data(body))))


def _contracts(entries: Iterable[_Instrument]) -> Iterator[tuple[str, Contract]]:
    for entry in entries:
        value = float(_decimal(entry.ctVal) * (_decimal(entry.ctMult) or 1))
        if kind(entry.instId) != "SPOT" and value > 0:
            yield entry.instId, Contract(value, entry.ctType == "inverse")


class Okx(NativeVenue):
    """The venue: trades, best bid and offer, books."""

    name = "okx"
    ws_url = "wss://ws.okx.com:8443/ws/v5/public"
    rest_url = "https://www.okx.com"
    rest_per_s = 8.0
    subscribe_per_s = 10.0
    heartbeats = True
    ping_frame = "ping"
    connect_gap_s = 0.7
    channels: tuple[str, ...] = ("trade", "quote", "book")
    consecutive_ids = False
    """Of its socket, which sums trades up: its decoder tells what is missing."""

    def __init__(self, config: FeedConfig) -> None:
        """Raises ConfigError for a symbol that is no spot pair, swap or future."""
        super().__init__(config)
        for native in self.natives:
            if not kind(native):
                raise ConfigError(
                    f"feeds.okx.symbols: {clean(native, 40)} is no spot pair, swap or future; write it like "
                    "BTC-USDT, BTC-USDT-SWAP or BTC-USD-261225"
                )
        self.ping_s = min(20.0, config.silence_s / 3)
        self._contracts: dict[str, Contract] = {}
        self._sums = Sums()
        self._learned: list[InstrumentSpec] = []

    def decoder(self) -> OkxDecoder:
        return OkxDecoder(
            self.natives,
            book_levels=self.book_levels,
            contracts=self._contracts,
            sums=self._sums,
        )

    def connect_url(self, base: str) -> str:
        return base

    def data(self) -> list[str]:
        """The venue's channels that are wanted of each symbol."""
        return ["trades", "bbo-tbt", *(["books"] if self.book_levels else [])]

    def subscribe(self) -> list[str]:
        wanted = [(channel, native) for native in self.natives for channel in self.data()]
        return [frame("subscribe", wanted[start : start + _BATCH]) for start in range(0, len(wanted), _BATCH)]

    def acknowledgements(self) -> int:
        """Each channel of each symbol by itself."""
        return len(self.natives) * len(self.data())

    def _kinds(self) -> list[str]:
        return sorted({kind(native) for native in self.natives})

    def _instruments(self, of: str) -> Request:
        return Request("/api/v5/public/instruments", (("instType", of),))

    def before_instruments(self) -> tuple[Request, ...]:
        """An answer holds instruments of one kind."""
        self._learned.clear()
        return tuple(self._instruments(of) for of in self._kinds()[1:])

    def learn(self, body: bytes) -> None:
        entries = [entry for entry in _instruments(_data(body)) if entry.instId in self.natives]
        self._contracts.update(_contracts(entries))
        self._learned += _specs(entries)

    def instruments_request(self) -> Request:
        return self._instruments(self._kinds()[0])

    def all_instruments_request(self) -> None:
        return None

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        self.learn(body)
        return chosen(self.name, self.natives, self._learned)

    def _base_units(self, native: str, size: float, price: float) -> float:
        """NaN where nobody knows yet what a contract is."""
        contract = self._contracts.get(native)
        if contract is not None:
            return contract.base_units(size, price)
        return size if kind(native) == "SPOT" else math.nan

    def quote_request(self, native: str) -> Request:
        return Request("/api/v5/market/ticker", (("instId", native),))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        for tick in _rest_tickers(_data(body)):
            bid, ask = tick.bidPx, tick.askPx
            bid_size = self._base_units(native, tick.bidSz, bid)
            ask_size = self._base_units(native, tick.askSz, ask)
            return Quote(f"okx:{native}", bid, bid_size, ask, ask_size, tick.ts * MS, recv_ns)
        raise ValueError("okx: an empty ticker")

    def recent_request(self, native: str) -> Request | None:
        return Request("/api/v5/market/trades", (("instId", native), ("limit", str(_RECENT))))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        """Without those that the socket told in a sum; none where nobody knows yet what a contract is."""
        if kind(native) != "SPOT" and native not in self._contracts:
            return []
        rows = sorted(_rest_trades(_data(body)), key=lambda row: row.tradeId)
        told = self._sums.parts(native, (row.tradeId for row in rows))
        return [
            Trade(
                f"okx:{native}",
                row.tradeId,
                row.px,
                self._base_units(native, row.sz, row.px),
                1 if row.side == "buy" else -1 if row.side == "sell" else 0,
                row.ts * MS,
                recv_ns,
            )
            for row in rows
            if row.tradeId not in told
        ]

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        bar = _BARS.get(interval_s)
        if bar is None:
            return None
        start_ms = -(-start_ns // MS)
        end_ms = min(-(-end_ns // MS), start_ms + _PAGE * interval_s * 1000)
        # Both ends are exclusive, and ``after`` is the later one.
        span = (("before", str(start_ms - 1)), ("after", str(end_ms)))
        params = (("instId", native), ("bar", bar), *span, ("limit", str(_PAGE)))
        return Request("/api/v5/market/history-candles", params)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        rows = _rest_bars(_data(body))
        bars = [read_bar(f"okx:{native}", native, interval_s, row, recv_ns) for row in rows]
        return sorted(bars, key=lambda bar: bar.open_ns)


class OkxBars(Okx):
    """Its bars."""

    channels: tuple[str, ...] = ("candle",)

    def __init__(self, config: FeedConfig, first: Okx) -> None:
        """``first`` is the other connection, which alone learns what contracts are; REST's quotes count in
        them here, too."""
        super().__init__(config)
        self._contracts = first._contracts

    def decoder(self) -> OkxDecoder:
        return OkxDecoder(self.natives, book_levels=0)

    def connect_url(self, base: str) -> str:
        return base.rstrip("/").removesuffix("/public") + "/business"

    def data(self) -> list[str]:
        return ["candle1m"]

    def recent_request(self, native: str) -> None:
        """The other connection's."""
        return None


def parts(config: FeedConfig) -> Sequence[Okx]:
    """What a feed of the venue consists of, a connection each."""
    first = Okx(config)
    return (first, OkxBars(config, first)) if config.candles else (first,)
