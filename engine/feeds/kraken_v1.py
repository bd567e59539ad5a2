"""Captures of Kraken, whichever protocol they were made with: v2, or the older v1, which is never used live.

v1 (https://docs.kraken.com/api/docs/websocket-v1/book, …/trade, …/ticker): data is an array ``[channel id,
data, channel name, pair]``, an update of both sides of a book has two data; whatever is no data is an object
with an ``event``. Pairs say XBT and XDG, which become BTC and DOGE here as they are in v2. Trades have no
ids. The checksum "c" comes with updates only, by the rule of ``kraken_book``.
"""

from __future__ import annotations

import msgspec

from engine.events import MarketEvent, Trade
from engine.feeds.base import Amount, Price, Traded
from engine.feeds.kraken_decoder import DEPTHS, KrakenDecoder
from engine.feeds.kraken_rest import v2_name
from engine.feeds.timestamps import decimal_seconds_ns
from engine.text import clean


class _Book(msgspec.Struct, gc=False):
    """Sides of a snapshot end in "s"."""

    a: list[list[str]] = []
    b: list[list[str]] = []
    as_: list[list[str]] | None = msgspec.field(name="as", default=None)
    bs: list[list[str]] | None = None
    c: str | None = None


class _Ticker(msgspec.Struct, gc=False):
    a: tuple[Price, float, Amount]
    b: tuple[Price, float, Amount]


class _Subscription(msgspec.Struct):
    name: str = ""
    depth: int = 0


class _Event(msgspec.Struct):
    event: str
    status: str = ""
    pair: str = ""
    error: str = msgspec.field(name="errorMessage", default="")
    subscription: _Subscription | None = None


_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_name = msgspec.json.Decoder(str).decode
_book = msgspec.json.Decoder(_Book).decode
_trades = msgspec.json.Decoder(list[tuple[Price, Traded, str, str, str, str]], strict=False).decode
_ticker = msgspec.json.Decoder(_Ticker, strict=False).decode
_event = msgspec.json.Decoder(_Event).decode


class KrakenTapeDecoder(KrakenDecoder):
    """For tapes: frames of v1 and of v2."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            if text.startswith("["):
                self._data(text, recv_ns, out)
                return
            if '"event":' in text[:400] and not text.startswith('{"channel"'):
                self._v1_event(text, recv_ns, out)
                return
        except (msgspec.MsgspecError, UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)
            return
        super().decode(text, recv_ns, out)

    def _data(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        parts = _array(text)
        if len(parts) < 4:
            raise ValueError("data without a channel and a pair")
        channel, native = _name(parts[-2]), v2_name(_name(parts[-1]))
        if channel.startswith("book"):
            try:
                self._levels([_book(part) for part in parts[1:-2]], native, recv_ns, out)
            except (msgspec.MsgspecError, ValueError):
                self._unread([native], recv_ns, out)
                raise
        elif channel == "trade":
            for price, size, seconds, side, _, _ in _trades(parts[1]):
                symbol = self._symbol(native)
                taker = 1 if side == "b" else -1 if side == "s" else 0
                if symbol:
                    out.append(Trade(symbol, -1, price, size, taker, decimal_seconds_ns(seconds), recv_ns))
        elif channel == "ticker":
            tick = _ticker(parts[1])
            best = tick.b[0], tick.b[2], tick.a[0], tick.a[2]
            self._ticker(native, best, recv_ns, recv_ns, out)
        else:
            self.skipped += 1  # spread, ohlc-…

    def _levels(self, parts: list[_Book], native: str, recv_ns: int, out: list[MarketEvent]) -> None:
        snapshot = any(part.as_ is not None or part.bs is not None for part in parts)
        bids = [level for part in parts for level in (part.bs or part.b)]
        asks = [level for part in parts for level in (part.as_ or part.a)]
        if any(len(level) not in (3, 4) for level in (*bids, *asks)):
            raise ValueError("a level without price, volume and time")
        # A level that moves up into the depth is told anew with its old time.
        times = (decimal_seconds_ns(level[2]) for level in (*bids, *asks))
        event_ns = self._told_ns = max([self._told_ns, *times]) or recv_ns
        told = [part.c for part in parts if part.c is not None]
        sides = [(level[0], level[1]) for level in bids], [(level[0], level[1]) for level in asks]
        self._book(native, snapshot, sides, int(told[-1]) if told else None, event_ns, recv_ns, out)

    def _v1_event(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        told = _event(text)
        native, subscription = v2_name(told.pair), told.subscription
        if told.event in ("heartbeat", "pong"):
            self.heartbeats += 1
            return
        if told.event == "systemStatus":
            self._system(told.status, recv_ns, out)
            return
        self.acks += 1
        if told.status == "error":
            self.refuse(native, clean(told.error, 100), recv_ns, out, book=False)
        elif subscription is not None and subscription.depth in DEPTHS and self._symbol(native):
            self._depths[native] = subscription.depth
