"""What Kraken's REST answers: pairs, ticker, trades, bars.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs, …/get-ohlc-data, …/get-recent-trades.
REST says XBT and XDG for BTC and DOGE, and tells errors under HTTP 200.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Amount, InstrumentSpec, Price, TradeId, UnreachableError
from engine.feeds.rest import SaidNoError
from engine.feeds.timestamps import MAX_NS, decimal_seconds_ns
from engine.text import clean

_ASK_LATER = ("EGeneral:Too many", "EGeneral:Temporary", "EGeneral:Internal", "EAPI:Rate limit", "EService:")
_LOCKOUT_S = 5.0
"""Errors that pass, and how long to leave the venue alone then."""

_OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_NEW_NAMES = {new: old for old, new in _OLD_NAMES.items()}

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // NS)]


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


class _Tick(msgspec.Struct):
    a: tuple[Price, float, Amount]
    b: tuple[Price, float, Amount]


_reply = msgspec.json.Decoder(_Reply).decode
_pair = msgspec.json.Decoder(_Pair, strict=False).decode
_tick = msgspec.json.Decoder(_Tick, strict=False).decode
_trades = msgspec.json.Decoder(
    list[tuple[Price, Amount, msgspec.Raw, str, str, str, TradeId]], strict=False
).decode
_bars = msgspec.json.Decoder(
    list[tuple[Seconds, Price, Price, Price, Price, msgspec.Raw, Amount, int]], strict=False
).decode
_seconds = msgspec.json.Decoder(Seconds, strict=False).decode


def v2_name(pair: str) -> str:
    """``XBT/USD`` -> ``BTC/USD``."""
    return _renamed(pair, _OLD_NAMES)


def rest_name(native: str) -> str:
    """``BTC/USD`` -> ``XBTUSD``, which REST takes where a pair's own short name is not known."""
    return _renamed(native, _NEW_NAMES).replace("/", "")


def _renamed(pair: str, names: dict[str, str]) -> str:
    base, _, quote = pair.partition("/")
    return f"{names.get(base, base)}/{names.get(quote, quote)}"


def _result(body: str | bytes) -> dict[str, msgspec.Raw]:
    reply = _reply(body)
    if reply.error:
        detail = f"kraken: {clean(', '.join(reply.error), 100)}"
        if any(error.startswith(_ASK_LATER) for error in reply.error):
            raise UnreachableError(detail, _LOCKOUT_S)
        raise SaidNoError(detail)
    return reply.result


def _pairs(body: str | bytes) -> dict[str, _Pair]:
    """By v2 name."""
    pairs = (_pair(raw) for raw in _result(body).values())
    return {v2_name(pair.wsname): pair for pair in pairs if "/" in pair.wsname}


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


def read_names(body: str | bytes) -> dict[str, str]:
    """v2 name -> the name by which REST wants the pair, of an ``AssetPairs`` reply."""
    return {name: pair.altname for name, pair in _pairs(body).items()}


def read_quote(native: str, body: str | bytes, recv_ns: int) -> Quote:
    """Of a ``Ticker`` reply. Raises ValueError when it is none."""
    for raw in _result(body).values():
        tick = _tick(raw)
        return Quote(f"kraken:{native}", tick.b[0], tick.b[2], tick.a[0], tick.a[2], recv_ns, recv_ns)
    raise ValueError("kraken: an empty ticker")


def read_trades(native: str, body: str | bytes, recv_ns: int) -> list[Trade]:
    """In order of id. Raises ValueError for what is no ``Trades`` reply."""
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
        for price, size, time, side, _, _, trade_id in _trades(raw)
    ]
    return sorted(trades, key=lambda trade: trade.trade_id)


def read_candles(native: str, interval_s: int, body: str | bytes, recv_ns: int) -> list[Candle]:
    """In order of time, of an ``OHLC`` reply: ``last`` tells up to which bar they are final. Raises
    ValueError when it is none."""
    symbol = f"kraken:{native}"
    result = _result(body)
    final = _seconds(result.pop("last", msgspec.Raw(b"0"))) * NS
    candles = [
        Candle(
            symbol,
            interval_s,
            at * NS,
            opened,
            high,
            low,
            close,
            volume,
            at * NS <= final,
            (at + interval_s) * NS,
            recv_ns,
            trades=count,
            source="kraken",
        )
        for raw in result.values()
        for at, opened, high, low, close, _, volume, count in _bars(raw)
    ]
    return sorted(candles, key=lambda candle: candle.open_ns)
