"""What Coinbase Exchange's REST answers: products, ticker, trades, bars.

https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles,
…/get-product-trades, …/get-product-ticker, …/get-all-known-trading-pairs. A trade's ``side`` is the maker's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import msgspec

from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Amount, InstrumentSpec, Price, Request, TradeId
from engine.feeds.candles import settled
from engine.feeds.timestamps import MAX_NS, rfc3339_ns
from engine.text import clean

PAGE = 1000
"""Trades a page."""
BARS = 300
"""Bars a page."""
_INTERVALS_S = (60, 300, 900, 3600, 21600, 86400)
_NAN = float("nan")

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // NS)]


class _Product(msgspec.Struct):
    id: str
    quote_currency: str
    quote_increment: Decimal
    base_increment: Decimal
    min_market_funds: Decimal = Decimal(0)


class _Trade(msgspec.Struct):
    trade_id: TradeId
    side: str
    size: Amount
    price: Price
    time: str


class _Ticker(msgspec.Struct):
    bid: Price
    ask: Price
    time: str


_products = msgspec.json.Decoder(list[_Product], strict=False).decode
_trades = msgspec.json.Decoder(list[_Trade], strict=False).decode
_ticker = msgspec.json.Decoder(_Ticker, strict=False).decode
_bars = msgspec.json.Decoder(list[tuple[Seconds, Price, Price, Price, Price, Amount]], strict=False).decode


def taker(maker_side: str) -> int:
    """+1 or -1: what the taker did when the maker's side was ``maker_side``; 0 when that is neither."""
    return 1 if maker_side in ("sell", "SELL") else -1 if maker_side in ("buy", "BUY") else 0


def path(native: str) -> str:
    return f"/products/{quote(native, safe='')}"


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of a ``/products`` reply. Raises ValueError when it is none."""
    return [
        InstrumentSpec(
            symbol=f"coinbase:{clean(product.id, 40)}",
            tick_size=product.quote_increment.normalize(),
            lot_size=product.base_increment.normalize(),
            min_notional=product.min_market_funds,
            quote_currency=clean(product.quote_currency, 20),
        )
        for product in _products(body)
        if product.quote_increment > 0 and product.base_increment > 0
    ]


def read_quote(native: str, body: str | bytes, recv_ns: int) -> Quote:
    """The ticker tells no sizes; its time is the last trade's, so the quote's time is ours."""
    tick = _ticker(body)
    return Quote(f"coinbase:{native}", tick.bid, _NAN, tick.ask, _NAN, recv_ns, recv_ns)


def read_trades(native: str, body: str | bytes, recv_ns: int) -> list[Trade]:
    """In order of id. Raises ValueError for what is no page of trades."""
    symbol = f"coinbase:{native}"
    return [
        Trade(symbol, row.trade_id, row.price, row.size, taker(row.side), rfc3339_ns(row.time), recv_ns)
        for row in sorted(_trades(body), key=lambda row: row.trade_id)
    ]


def candles_request(native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
    """Both ends are included by the venue, which refuses more than a page."""
    if interval_s not in _INTERVALS_S:
        return None
    first = -(-start_ns // (interval_s * NS)) * interval_s
    last = min(-(-end_ns // (interval_s * NS)), first // interval_s + BARS) * interval_s - interval_s
    times = (("start", _iso(first)), ("end", _iso(max(first, last))))
    return Request(f"{path(native)}/candles", (("granularity", str(interval_s)), *times))


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, MAX_NS // NS), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_candles(native: str, interval_s: int, body: str | bytes, recv_ns: int) -> list[Candle]:
    """In order of time; the venue tells the newest first, and leaves out those without a trade. Raises
    ValueError for what is no page of bars."""
    symbol = f"coinbase:{native}"
    rows = sorted(_bars(body), key=lambda row: row[0])
    newest_ns = rows[-1][0] * NS if rows else 0
    return [
        Candle(
            symbol,
            interval_s,
            at * NS,
            opened,
            high,
            low,
            close,
            volume,
            settled(at * NS, interval_s, newest_ns, recv_ns),
            (at + interval_s) * NS,
            recv_ns,
            source="coinbase",
        )
        for at, low, high, opened, close, volume in rows
    ]
