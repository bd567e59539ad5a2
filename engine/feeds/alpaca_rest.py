"""Alpaca's data REST, and how its stream is subscribed: with keys, over one connection.

Protocol: https://docs.alpaca.markets/reference/stocktrades-1, …/stockbars, …/stocklatestquotes-1,
…/stocksnapshots-1 and …/get-v2-assets. Limits of the free plan: one connection, 30 channels of trades and
quotes, 200 requests a minute. US equities trade in steps of 0.01, below one dollar of 0.0001 (SEC rule 612),
and here in whole shares.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from engine.alpaca_keys import KEY, SECRET, Keys, keys_of
from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import NS, Candle, Quote, Trade
from engine.feeds.alpaca import AlpacaDecoder, is_price, shares, trade_id
from engine.feeds.base import Amount, InstrumentSpec, Price, Request, Traded, TradeId
from engine.feeds.candles import settled
from engine.feeds.timestamps import rfc3339_ns
from engine.feeds.venue import NativeVenue, chosen
from engine.text import clean

TRADING_URL = "https://paper-api.alpaca.markets"
TEST_SYMBOL = "FAKEPACA"
"""Of the stream …/v2/test, which runs at all hours."""
_HOSTS = ("alpaca.markets",)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BARS = {
    60: "1Min", 300: "5Min", 900: "15Min", 1800: "30Min", 3600: "1Hour", 14_400: "4Hour", 86_400: "1Day",
}  # fmt: skip
_BATCH = 200
"""Symbols of one subscription: a message may hold 16 KiB."""
_RECENT, _PAGE = 1000, 10_000
_VOID = frozenset({"canceled", "incorrect"})
_CENT, _SUB_CENT = Decimal("0.01"), Decimal("0.0001")


class _Asset(msgspec.Struct):
    symbol: str
    status: str = "active"


class _Last(msgspec.Struct):
    p: Price


class _Snapshot(msgspec.Struct):
    latestTrade: _Last | None = None


class _RestTrade(msgspec.Struct):
    t: str
    p: Price
    s: Traded
    i: TradeId = -1
    x: str = ""
    u: str = ""
    c: list[str] | None = None
    z: str = ""


class _RestTrades(msgspec.Struct):
    trades: dict[str, list[_RestTrade]] | None = None


class _RestQuote(msgspec.Struct):
    t: str
    bp: Amount
    bs: Amount
    ap: Amount
    as_: Amount = msgspec.field(name="as")


class _RestQuotes(msgspec.Struct):
    quotes: dict[str, _RestQuote]


class _RestBar(msgspec.Struct):
    t: str
    o: Price
    h: Price
    l: Price  # noqa: E741 (the venue's name)
    c: Price
    v: Amount
    n: int = -1


class _RestBars(msgspec.Struct):
    bars: dict[str, list[_RestBar]] | None = None


_assets = msgspec.json.Decoder(list[_Asset]).decode
_snapshots = msgspec.json.Decoder(dict[str, _Snapshot | None]).decode
_rest_trades = msgspec.json.Decoder(_RestTrades).decode
_rest_quotes = msgspec.json.Decoder(_RestQuotes).decode
_rest_bars = msgspec.json.Decoder(_RestBars).decode


def _spec(symbol: str, price: float) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=f"alpaca:{clean(symbol, 40)}",
        tick_size=_SUB_CENT if 0 < price < 1 else _CENT,
        lot_size=Decimal(1),
        min_notional=Decimal(0),
        quote_currency="USD",
    )


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All active ones of an ``assets`` reply. Raises ValueError when it is none."""
    return [_spec(asset.symbol, 0.0) for asset in _assets(body) if asset.status == "active"]


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%dT%H:%M:%S}.{ns % NS:09d}Z"


def _check_host(key: str, url: str, scheme: str) -> None:
    """Raises ConfigError unless ``url`` is empty, Alpaca's and encrypted, or of this machine."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise ConfigError(f"{key} is no address") from None
    if host in _LOOPBACK and parts.scheme in (scheme, f"{scheme}s"):
        return
    if parts.scheme != f"{scheme}s" or not any(host == one or host.endswith(f".{one}") for one in _HOSTS):
        raise ConfigError(f"{key}: keys are sent to {scheme}s://….alpaca.markets only")


def open_venue(config: FeedConfig) -> Alpaca:
    """With the keys of the environment. Raises ConfigError when there are none."""
    keys = keys_of(os.environ, "feeds.alpaca")
    if keys is None:
        raise ConfigError(f"feeds.alpaca needs keys: set {KEY} and {SECRET}")
    return Alpaca(config, keys)


class Alpaca(NativeVenue):
    """The venue."""

    name = "alpaca"
    ws_url = "wss://stream.data.alpaca.markets/v2/iex"
    rest_url = "https://data.alpaca.markets"
    rest_per_s = 3.0
    subscribe_per_s = 5.0
    heartbeats = False
    connect_gap_s = 2.0
    consecutive_ids = False
    single_connection = True
    channels: tuple[str, ...] = ("trade", "quote", "candle")

    def __init__(self, config: FeedConfig, keys: Keys) -> None:
        """Raises ConfigError for a host that keys must not be sent to."""
        super().__init__(config)
        _check_host("feeds.alpaca.ws_url", config.ws_url, "ws")
        _check_host("feeds.alpaca.rest_url", config.rest_url, "http")
        self._keys = keys
        source = (config.ws_url or self.ws_url).rstrip("/").rpartition("/")[2]
        self._test = source == "test"
        self._source = "iex" if self._test else source
        local = config.rest_url and urlsplit(config.rest_url).hostname in _LOOPBACK
        self._trading = config.rest_url.rstrip("/") if local else TRADING_URL
        self._prices: dict[str, float] = {}

    def decoder(self) -> AlpacaDecoder:
        return AlpacaDecoder(self.natives, subscriptions=self._subscriptions())

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        """The keys; the decoder subscribes when they were accepted."""
        return [msgspec.json.encode(self._keys.login()).decode()]

    def _subscriptions(self) -> list[str]:
        channels = ("trades", "quotes", *(("bars",) if self.candles else ()))
        return [
            msgspec.json.encode(
                {"action": "subscribe"} | dict.fromkeys(channels, self.natives[start : start + _BATCH])
            ).decode()
            for start in range(0, len(self.natives), _BATCH)
        ]

    def _request(self, path: str, *params: tuple[str, str], base: str = "") -> Request:
        return Request(path, params, base, self._keys)

    def _stocks(self, what: str, natives: tuple[str, ...], *params: tuple[str, str]) -> Request:
        wanted = ("symbols", ",".join(natives)), ("feed", self._source)
        return self._request(f"/v2/stocks/{what}", *wanted, *params)

    def before_instruments(self) -> tuple[Request, ...]:
        """Prices: the step goes with them."""
        if self._test:
            return ()
        starts = range(0, len(self.natives), _BATCH)
        return tuple(self._stocks("snapshots", self.natives[start : start + _BATCH]) for start in starts)

    def learn(self, body: bytes) -> None:
        for symbol, snapshot in _snapshots(body).items():
            if snapshot is not None and snapshot.latestTrade is not None and symbol in self.natives:
                self._prices[symbol] = snapshot.latestTrade.p

    def instruments_request(self) -> Request:
        params = ("status", "active"), ("asset_class", "us_equity")
        return self._request("/v2/assets", *params, base=self._trading)

    def all_instruments_request(self) -> Request | None:
        """Keys of a live account are refused by paper trading: what has a price is known then."""
        return None if self._test else self.before_instruments()[0]

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        if body.lstrip().startswith(b"["):
            known = {asset.symbol for asset in _assets(body) if asset.status == "active"}
        else:
            self.learn(body)
            known = set(self._prices)
        known |= {TEST_SYMBOL} if self._test else set()
        specs = [_spec(one, self._prices.get(one, 0.0)) for one in self.natives if one in known]
        return chosen(self.name, self.natives, specs, " (AAPL, BRK.B)")

    def quote_request(self, native: str) -> Request:
        return self._stocks("quotes/latest", (native,))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        quote = _rest_quotes(body).quotes.get(native)
        if quote is None or not (quote.bp and quote.ap):
            raise ValueError("alpaca: no best bid and offer")
        at = rfc3339_ns(quote.t)
        bid_size, ask_size = shares(quote.bs, at), shares(quote.as_, at)
        return Quote(f"alpaca:{native}", quote.bp, bid_size, quote.ap, ask_size, at, recv_ns)

    def recent_request(self, native: str) -> Request:
        return self._stocks("trades", (native,), ("sort", "desc"), ("limit", str(_RECENT)))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        """In order of time, without what was cancelled, and what is no price of the moment."""
        rows = (_rest_trades(body).trades or {}).get(native, [])
        trades = [
            Trade(
                f"alpaca:{native}",
                trade_id(row.i, row.x),
                row.p,
                row.s,
                0,
                rfc3339_ns(row.t),
                recv_ns,
            )
            for row in rows
            if row.u not in _VOID and is_price(row.c, row.z)
        ]
        return sorted(trades, key=lambda trade: trade.event_ns)

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        """Splits are taken out, dividends are not."""
        bar = _BARS.get(interval_s)
        if bar is None:
            return None
        span = ("start", _time(start_ns)), ("end", _time(max(start_ns, end_ns - 1)))
        form = ("timeframe", bar), ("adjustment", "split"), ("sort", "asc"), ("limit", str(_PAGE))
        return self._stocks("bars", (native,), *span, *form)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        rows = [(rfc3339_ns(row.t), row) for row in (_rest_bars(body).bars or {}).get(native, [])]
        newest_ns = max((open_ns for open_ns, _ in rows), default=0)
        candles = []
        for open_ns, row in sorted(rows, key=lambda pair: pair[0]):
            closed = settled(open_ns, interval_s, newest_ns, recv_ns)
            event_ns = open_ns + interval_s * NS if closed else recv_ns
            figures = row.o, row.h, row.l, row.c, row.v, closed, event_ns, recv_ns, row.n
            candles.append(Candle(f"alpaca:{native}", interval_s, open_ns, *figures))
        return candles
