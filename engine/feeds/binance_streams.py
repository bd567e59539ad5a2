"""Frames of Binance's market streams to events, of spot and of USD-M futures alike.

A trade's ``m`` is "the buyer is the maker": then the taker sold. Spot's bookTicker has no time of its own,
its ``event_ns`` is ours. What the futures call trades outside of the market (``X``: insurance fund, or ids
spent on nothing, at price 0) is no trade.

https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import msgspec

from engine.events import Candle, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Price, TradeId
from engine.feeds.binance_book import MAX_MS, MS, BookDecoder, Size, Time, Traded, Update, time_ns
from engine.text import clean

PRINT, BOOK_TICKER, UNUSED, DEPTH, AGGREGATE, BAR = 1, 2, 3, 4, 5, 6
"""Kinds of streams."""
INTERVALS = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200,
    "4h": 14_400, "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
"""Seconds of a bar, by the venue's name for it."""
_COMBINED = '{"stream":"'
_MOST_STREAMS = 4096
_EVENTS = {
    "trade": PRINT,
    "aggTrade": AGGREGATE,
    "bookTicker": BOOK_TICKER,
    "depthUpdate": DEPTH,
    "kline": BAR,
}


class _Trade(msgspec.Struct, gc=False):
    s: str
    t: TradeId
    p: Price
    q: Traded
    T: Time
    m: bool
    X: Literal["MARKET"] = "MARKET"


class _Aggregate(msgspec.Struct, gc=False):
    s: str
    a: TradeId
    p: Price
    q: Traded
    T: Time
    m: bool


class _BookTicker(msgspec.Struct, gc=False):
    s: str
    b: Price
    B: Traded
    a: Price
    A: Traded
    T: Time = 0


class _Bar(msgspec.Struct, gc=False):
    t: Time
    i: str
    o: Price
    c: Price
    h: Price
    l: Price  # noqa: E741, the venue's name
    v: Size
    n: TradeId
    x: bool


class _Kline(msgspec.Struct, gc=False):
    s: str
    E: Time
    k: _Bar


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _AggregateFrame(msgspec.Struct, gc=False):
    data: _Aggregate


class _BookTickerFrame(msgspec.Struct, gc=False):
    data: _BookTicker


class _UpdateFrame(msgspec.Struct, gc=False):
    data: Update


class _KlineFrame(msgspec.Struct, gc=False):
    data: _Kline


class _Any(msgspec.Struct):
    """The fields by which a frame of unknown shape is recognised."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    u: int | None = None
    b: msgspec.Raw = msgspec.Raw()
    code: int | None = None
    msg: str = ""
    error: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


class _Outside(msgspec.Struct, gc=False):
    s: str
    t: TradeId
    X: str = "MARKET"


class _OutsideFrame(msgspec.Struct, gc=False):
    data: _Outside


class _OneSided(msgspec.Struct, gc=False):
    b: Size
    B: Size
    a: Size
    A: Size


class _OneSidedFrame(msgspec.Struct, gc=False):
    data: _OneSided


_trade_frame = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_aggregate_frame = msgspec.json.Decoder(_AggregateFrame, strict=False).decode
_book_ticker_frame = msgspec.json.Decoder(_BookTickerFrame, strict=False).decode
_update_frame = msgspec.json.Decoder(_UpdateFrame).decode
_kline_frame = msgspec.json.Decoder(_KlineFrame, strict=False).decode
_outside_frame = msgspec.json.Decoder(_OutsideFrame).decode
_one_sided_frame = msgspec.json.Decoder(_OneSidedFrame, strict=False).decode
_any = msgspec.json.Decoder(_Any).decode
_ERRORS = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def kind_of(stream: str) -> int:
    """By a stream's name, as in ``btcusdt@depth@100ms``."""
    channel, _, speed = stream.partition("@")[2].partition("@")
    if channel == "depth":
        return DEPTH
    if speed:
        return UNUSED
    if channel.startswith("kline_"):
        return BAR if channel[6:] in INTERVALS else UNUSED
    return {"trade": PRINT, "aggTrade": AGGREGATE, "bookTicker": BOOK_TICKER}.get(channel, UNUSED)


class StreamDecoder(BookDecoder):
    """Frames of the market streams, combined or single."""

    prints: ClassVar[int] = PRINT
    """The kind of stream that is subscribed for trades: the other tells the same ones in its own way."""

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels)
        self._kinds: dict[str, int] = {}
        self._told_by: dict[str, int] = {}
        """On a tape, by symbol: the kind of its first trade, the only one that is taken."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # The combined envelope names its stream first: one slice picks the type to decode straight into.
            kind = self._kinds.get(text[11 : text.find('"', 11)], 0) if text.startswith(_COMBINED) else 0
            if kind == BOOK_TICKER:
                self._quote(text, recv_ns, out)
            elif kind == PRINT:
                self._print(text, recv_ns, out)
            elif kind == DEPTH:
                self._update(_update_frame(text).data, recv_ns, out)
            elif kind:
                self._take(kind, text, recv_ns, out)
            else:
                self._generic(text, recv_ns, out)
        except _ERRORS as error:
            self.malform(raw, error, recv_ns, out)

    def _quote(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            quote = _book_ticker_frame(text).data
        except msgspec.ValidationError:
            _one_sided_frame(text)  # else it is malformed
            self.skipped += 1
            return
        symbol = self._symbols.get(quote.s) or self._symbol(quote.s)
        if symbol:
            event_ns = time_ns(quote.T) if quote.T else recv_ns
            out.append(Quote(symbol, quote.b, quote.B, quote.a, quote.A, event_ns, recv_ns))

    def _print(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            trade = _trade_frame(text).data
        except msgspec.ValidationError:
            outside = _outside_frame(text).data
            if outside.X == "MARKET":
                raise
            symbol = self._symbol(outside.s)
            if symbol and self._tells(symbol, PRINT):
                self.spent.append((symbol, outside.t))
            return
        symbol = self._symbols.get(trade.s) or self._symbol(trade.s)
        if symbol and self._tells(symbol, PRINT):
            event_ns = trade.T * MS if trade.T <= MAX_MS else time_ns(trade.T)
            side = -1 if trade.m else 1
            out.append(Trade(symbol, trade.t, trade.p, trade.q, side, event_ns, recv_ns))

    def _take(self, kind: int, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """A frame, or what stands for one, that holds ``data`` of a known kind."""
        if kind == BOOK_TICKER:
            self._quote(text, recv_ns, out)
        elif kind == PRINT:
            self._print(text, recv_ns, out)
        elif kind == DEPTH:
            self._update(_update_frame(text).data, recv_ns, out)
        elif kind == AGGREGATE:
            trade = _aggregate_frame(text).data
            symbol = self._symbol(trade.s)
            if symbol and self._tells(symbol, AGGREGATE):
                side = -1 if trade.m else 1
                out.append(Trade(symbol, trade.a, trade.p, trade.q, side, time_ns(trade.T), recv_ns))
        elif kind == BAR:
            self._bar(_kline_frame(text).data, recv_ns, out)
        else:
            self.skipped += 1

    def stream(self, frame: str) -> tuple[str, int]:
        """(stream, kind) of a combined frame whose stream was decoded before; ("", 0) of any other."""
        stream = frame[11 : frame.find('"', 11)] if frame.startswith(_COMBINED) else ""
        kind = self._kinds.get(stream, 0)
        if kind == DEPTH and not self._book_levels:
            return stream, UNUSED
        if kind == PRINT and not self._tells(self._name(stream.partition("@")[0].upper()), PRINT):
            return stream, UNUSED
        return (stream, kind) if kind else ("", 0)

    def _tells(self, symbol: str, kind: int) -> bool:
        """Whether trades of ``symbol`` are taken from streams of this kind: none is to count twice."""
        told_by = self._told_by.setdefault(symbol, kind) if self._open else self.prints
        if told_by == kind:
            return True
        self.skipped += 1
        return False

    def _generic(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """Any frame whose stream is new, or that is no combined frame: acks, errors, single streams."""
        frame = _any(text)
        if frame.stream:
            kind = kind_of(frame.stream)
            if text.startswith(f'{_COMBINED}{frame.stream}"') and len(self._kinds) < _MOST_STREAMS:
                self._kinds[frame.stream] = kind
            inner = _any(frame.data)
            if inner.e == "serverShutdown":
                self._shut_down()
            else:
                self._take(kind, text, recv_ns, out)
        elif frame.code is not None or len(frame.error):
            error = frame.msg or bytes(frame.error).decode("utf-8", "replace")
            self.refuse("", clean(error, 100), recv_ns, out, book=False)
        elif frame.e == "serverShutdown":
            self._shut_down()
        elif frame.e or frame.u is not None:
            bare = BOOK_TICKER if not frame.e and len(frame.b) else _EVENTS.get(frame.e, UNUSED)
            self._take(bare, f'{{"data":{text}}}', recv_ns, out)
        elif len(frame.id):
            self.acks += 1
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _shut_down(self) -> None:
        self.reconnect = "the venue announced a server shutdown"

    def _bar(self, told: _Kline, recv_ns: int, out: list[MarketEvent]) -> None:
        bar = told.k
        interval_s = INTERVALS.get(bar.i)
        symbol = self._symbol(told.s)
        if symbol and interval_s is not None:
            out.append(
                Candle(
                    symbol, interval_s, time_ns(bar.t), bar.o, bar.h, bar.l, bar.c, bar.v, bar.x,
                    time_ns(told.E), recv_ns, bar.n,
                )
            )  # fmt: skip
        elif symbol:
            self.skipped += 1
