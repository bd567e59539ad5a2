"""Bybit v5, spot and linear contracts: topics ``publicTrade``, ``orderbook``, ``kline``.

Protocol: https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook, …/trade and …/kline.

- Books: a snapshot, then deltas, each with ``u`` one above the one before (the rule is written down at
  https://bybit-exchange.github.io/docs/v5/sbe/market/level-50). A new snapshot, or ``u`` = 1, replaces all.
- Level 1 sends snapshots only, again after 3 s without a change: it is the quote. Years ago contracts told
  changes of it.
- Trade ids are numbers on spot and UUIDs on contracts: the latter are told folded to 63 bits. Either way they
  only tell trades apart. Block trades do not come from the book: they are skipped.
- Sizes are base units, on spot and on linear contracts.
- One topic that is wrong has the venue refuse all of its frame: the others are asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

import msgspec

from engine.events import Candle, Gap, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, Amount, Price, Traded
from engine.feeds.book import MOST, Level, Text
from engine.feeds.decoder import VenueDecoder
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

MS = 1_000_000
Millis = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // MS)]
_HEAD = '{"topic":"'
_MAX_ID = (1 << 63) - 1
INTERVALS = {
    "1": 60, "3": 180, "5": 300, "15": 900, "30": 1800, "60": 3600, "120": 7200, "240": 14_400,
    "360": 21_600, "720": 43_200, "D": 86_400,
}  # fmt: skip
"""Seconds by the venue's name of a bar."""
_WORD = re.compile(r"[A-Za-z0-9-]+")
TOPICS = 10
"""Of one subscription at most: what spot allows."""


class _Print(msgspec.Struct, gc=False):
    s: str
    i: str
    p: Price
    v: Traded
    S: str
    T: Millis
    BT: bool = False


class _Prints(msgspec.Struct):
    data: list[_Print]


class _Levels(msgspec.Struct):
    s: str
    b: list[Text]
    a: list[Text]
    u: int


class _Book(msgspec.Struct):
    topic: str
    type: str
    ts: Millis
    data: _Levels
    cts: Millis = 0


class _Bar(msgspec.Struct):
    start: Millis
    interval: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    confirm: bool


class _Bars(msgspec.Struct):
    topic: str
    ts: Millis
    data: list[_Bar]


class _Any(msgspec.Struct):
    topic: str = ""
    op: str = ""
    req_id: str = ""
    success: bool | None = None
    ret_msg: str = ""
    retMsg: str = ""


_prints = msgspec.json.Decoder(_Prints, strict=False).decode
_book = msgspec.json.Decoder(_Book, strict=False).decode
_bars = msgspec.json.Decoder(_Bars, strict=False).decode
_any = msgspec.json.Decoder(_Any).decode


def frame(operation: str, topics: Iterable[str], request: str = "") -> str:
    """``operation`` ("subscribe", "unsubscribe") of ``topics``; its answer names ``request``."""
    named = {"req_id": request} if request else {}
    return msgspec.json.encode({**named, "op": operation, "args": list(topics)}).decode()


def batches(topics: Sequence[str]) -> dict[str, Sequence[str]]:
    """As many topics to a frame as the venue takes, by the frame's id."""
    starts = range(0, len(topics), TOPICS)
    return {str(number): topics[start : start + TOPICS] for number, start in enumerate(starts, 1)}


def depth_of(levels: int) -> str:
    """Of the books that are subscribed, so that ``levels`` a side can be published."""
    return "50" if levels <= 50 else "200"


def trade_id(text: str) -> int:
    """A number of its own for each id; -1 for what is none."""
    if text.isascii() and text.isdigit() and len(text) <= 19:
        return int(text) if int(text) <= _MAX_ID else -1
    digits = text.replace("-", "")
    try:
        return (int(digits[:16], 16) ^ int(digits[16:], 16)) & _MAX_ID if len(digits) == 32 else -1
    except ValueError:
        return -1


def taker(side: str) -> int:
    return 1 if side == "Buy" else -1 if side == "Sell" else 0


def _best(levels: list[Text], before: Level | None) -> Level | None:
    """Of a side of level 1: what is told of it now, or was before (old contracts' tapes tell changes)."""
    for price_text, size_text in levels:
        price, size = float(price_text), float(size_text)
        if not (0 < price <= 1e15 and 0 <= size <= 1e18):
            raise ValueError("not a best price")
        if size > 0:
            before = price, size
        elif before is not None and before[0] == price:
            before = None
    return before


class BybitDecoder(VenueDecoder):
    """Frames of a public socket of spot."""

    venue = "bybit"

    def __init__(
        self,
        natives: Iterable[str] | None = None,
        *,
        book_levels: int = BOOK_LEVELS,
        asked: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """``asked``: the topics of each frame that subscribes, by its id."""
        super().__init__(natives, book_levels=book_levels)
        self._asked = dict(asked)
        self._requests = 0
        self._updates: dict[str, int] = {}
        """Native symbol -> ``u`` of the last message of its book."""
        self._tops: dict[str, tuple[Level | None, Level | None]] = {}
        """Symbol -> best bid and offer as of level 1."""
        self._depths: dict[str, str] = {}
        """Native symbol -> depth that its book is made of: a tape may hold several."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        topic = ""
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # Data names its topic first; what does not is looked at twice, no worse.
            topic = text[10 : text.find('"', 10)] if text.startswith(_HEAD) else ""
            self._data(topic, text, recv_ns, out) if topic else self._control(text, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)
            self._unread(topic, recv_ns, out)

    def _unread(self, topic: str, recv_ns: int, out: list[MarketEvent]) -> None:
        kind, _, rest = topic.partition(".")
        native = rest.rpartition(".")[2]
        symbol = self._symbols.get(native, "")
        if kind == "publicTrade" and symbol:
            # Nothing else would show that these trades are missing.
            out.append(Gap(symbol, -1, -1, "a message of trades cannot be read", recv_ns))
        kept = kind == "orderbook" and self._depths.get(native) == rest.partition(".")[0]
        if kept and self.books.get(symbol) is not None:
            self.book_wrong(native, "missed an update that could not be read", recv_ns, out)

    def _data(self, topic: str, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        if topic.startswith(("publicTrade.", "trade.")):
            for one in _prints(text).data:
                symbol = self._symbol(one.s)
                if symbol and not one.BT:
                    number, side, event_ns = trade_id(one.i), taker(one.S), one.T * MS
                    out.append(Trade(symbol, number, one.p, one.v, side, event_ns, recv_ns))
                self.skipped += one.BT
        elif topic.startswith("orderbook."):
            depth = topic.split(".")[1]
            if depth == "1":
                self._top(_book(text), recv_ns, out)
            elif depth.isdigit():
                self._levels(_book(text), depth, recv_ns, out)
            else:
                self.skipped += 1
        elif topic.startswith("kline."):
            self._candles(topic, text, recv_ns, out)
        else:
            self.skipped += 1
            _any(text)

    def _control(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        told = _any(text)
        if told.topic:
            self._data(told.topic, text, recv_ns, out)
        elif told.ret_msg == "pong" or told.op == "pong":
            self.heartbeats += 1
        elif told.success is False:
            self._refused(told, recv_ns, out)
        elif told.op:
            self.acks += 1
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _refused(self, told: _Any, recv_ns: int, out: list[MarketEvent]) -> None:
        """Its symbol is left out, and what else was in the frame asked for again; where it is not named, or
        nothing is wrong with it, the frame's topics one by one."""
        why = clean(told.ret_msg or told.retMsg, 100)
        topics = self._asked.pop(told.req_id, ())
        subscribed = "already subscribed" in why.lower()
        if told.op == "unsubscribe" or (subscribed and len(topics) <= 1):
            self.skipped += 1  # as was wanted
            self.acks += 1
            return
        if subscribed:  # one of them: the others may not be
            self._ask([[one] for one in topics])
            return
        native = next((word for word in _WORD.findall(why) if word in self._symbols), "")
        if not native and len(topics) == 1:
            native = topics[0].rpartition(".")[2]
        if native or not topics:
            if native not in self.refused:
                self.refuse(native, why, recv_ns, out, book=self._book_levels > 0)
            others = [one for one in topics if one.rpartition(".")[2] not in self.refused]
            self._ask([others] if others else [])
        else:
            self._ask([[one] for one in topics])

    def _ask(self, parts: Sequence[Sequence[str]]) -> None:
        """In place of what was refused."""
        self.acks += 1 - len(parts)
        for topics in parts:
            self._requests += 1
            self._asked[request := f"again-{self._requests}"] = topics
            self.outbox.append(frame("subscribe", topics, request))

    def _top(self, book: _Book, recv_ns: int, out: list[MarketEvent]) -> None:
        symbol = self._symbol(book.data.s)
        if not symbol:
            return
        if book.type == "snapshot":
            bid, ask = _best(book.data.b[:1], None), _best(book.data.a[:1], None)
        else:
            before = self._tops.get(symbol, (None, None))
            bid, ask = _best(book.data.b, before[0]), _best(book.data.a, before[1])
        self._tops[symbol] = bid, ask
        if bid is None or ask is None:
            self.skipped += 1  # a side is empty: there is no best bid and offer
        else:
            out.append(Quote(symbol, *bid, *ask, (book.cts or book.ts) * MS, recv_ns))

    def _levels(self, book: _Book, depth: str, recv_ns: int, out: list[MarketEvent]) -> None:
        native, update = book.data.s, book.data.u
        symbol = self._symbol(native)
        if not symbol:
            return
        if self._depths.setdefault(native, depth) != depth:
            self.skipped += 1
            return
        kept = self.books.get(symbol)
        try:
            if book.type == "snapshot" or update == 1:
                self.books.begin(symbol, book.data.b, book.data.a, min(int(depth), MOST))
            elif kept is None:
                return  # its snapshot is still on the way
            elif update != self._updates[native] + 1:
                self.sequence_gaps += 1
                self.book_wrong(native, "misses an update", recv_ns, out)
                return
            else:
                kept.apply(book.data.b, book.data.a)
        except ValueError:
            self.book_wrong(native, "carries a level that is none", recv_ns, out)
            raise
        self._updates[native] = update
        if not self.books.changed(symbol, (book.cts or book.ts) * MS, recv_ns, out):
            self.ask_anew(native, "is crossed", recv_ns)
        else:
            self.troubles.pop(native, None)

    def book_frames(self, native: str) -> list[str]:
        depth = self._depths.get(native) or depth_of(self._book_levels)
        topic = [f"orderbook.{depth}.{native}"]
        return [frame("unsubscribe", topic), frame("subscribe", topic)]

    def _candles(self, topic: str, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        bars = _bars(text)
        symbol = self._symbol(topic.partition(".")[2].partition(".")[2])
        for bar in bars.data if symbol else ():
            interval_s = INTERVALS.get(bar.interval)
            if interval_s is None:
                self.skipped += 1  # weeks and months are no fixed number of seconds
                continue
            prices = bar.open, bar.high, bar.low, bar.close
            told = bar.volume, bar.confirm, bars.ts * MS
            out.append(Candle(symbol, interval_s, bar.start * MS, *prices, *told, recv_ns))


class BybitLinearDecoder(BybitDecoder):
    """Frames of a public socket of linear contracts."""

    venue = "bybit-linear"
