"""Books against the venue's own best bid and offer, told by another channel of the same capture.

Two rules, by what the venue tells:

- *by number* (Binance): tickers and books are numbered in one sequence. A book that holds the updates up to
  ``u`` is compared with the last ticker that is not younger than ``u``, prices and sizes.
- *by neighbour* (Coinbase, Kraken, OKX): tickers carry no number, come by a channel of their own before or
  after the book's message, and tell of moments that lie between two messages of a book that is told in
  batches. A ticker agrees when each of its prices lies within the best prices of its side of the book, from a
  second before it to a second after. A symbol's first ticker on a connection is of the past: not compared.

A share of 99.9 % must agree; in a small capture one comparison may fail, if there are ten or more.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from engine.events import NS
from engine.feeds.book import Best, Book
from engine.feeds.checking.coverage import BOOK_KINDS, native_of

WINDOW_NS = NS
"""So long before and after a ticker its book is looked at, by receive time."""
_TURNS = 32
"""Messages of a symbol's book on either side of a ticker, at most: a capture may tell no times."""
SHARE = 0.999
_SMALL = 10
_WAITING = 1024
"""Of a symbol: tickers whose next book messages are still to come, books that a ticker may still follow."""


class Told(NamedTuple):
    """A venue's best bid and offer; a size that it does not tell is NaN, a number that it has not -1."""

    native: str
    best: Best
    number: int = -1
    ns: int = 0
    """When it was received."""


def allowed(compared: int) -> int:
    """How many of so many comparisons may fail."""
    return max(int(compared * (1 - SHARE) + 1e-9), 1 if compared >= _SMALL else 0)


class Comparison:
    """Counts comparisons of one connection; ``differed`` of them did not agree."""

    def __init__(self) -> None:
        self.compared = 0
        self.differed = 0

    def ticker(self, told: Told) -> None:
        """The venue told its best bid and offer."""
        raise NotImplementedError

    def book(self, native: str, best: Best | None, number: int, ns: int) -> None:
        """A book changed; ``best`` None: it is lost."""
        raise NotImplementedError

    def begin(self, native: str) -> None:
        """A book begins anew by the socket, as after a subscription."""

    def end(self) -> None:
        """The capture is over."""


class ByNumber(Comparison):
    """See the rule above."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, deque[Told]] = {}
        """The newest tickers: a book's message may come after younger ones."""
        self._books: dict[str, deque[tuple[int, Best]]] = {}

    def ticker(self, told: Told) -> None:
        self._settle(told.native, told.number)
        self._told.setdefault(told.native, deque(maxlen=_WAITING)).append(told)

    def book(self, native: str, best: Best | None, number: int, ns: int) -> None:
        books = self._books.setdefault(native, deque(maxlen=_WAITING))
        if best is None:
            books.clear()
        else:
            books.append((number, best))

    def end(self) -> None:
        for native in self._books:
            self._settle(native, None)

    def _settle(self, native: str, number: int | None) -> None:
        """Compare the books older than ``number``: no ticker to come is of their time."""
        books, tickers = self._books.get(native), self._told.get(native, ())
        while books and (number is None or books[0][0] < number):
            held, best = books.popleft()
            last = next((one for one in reversed(tickers) if one.number <= held), None)
            if last is not None:
                self.compared += 1
                self.differed += not _same(last.best, best)


class _Waiting:
    """A ticker, and the best prices of its book so far: lowest and highest, a side each."""

    __slots__ = ("best", "bounds", "ns", "turns")

    def __init__(self, best: Best, ns: int) -> None:
        self.best = best
        self.ns = ns
        self.turns = 0
        self.bounds = [math.inf, -math.inf, math.inf, -math.inf]

    def saw(self, book: Best) -> None:
        bounds = self.bounds
        bounds[0], bounds[1] = min(bounds[0], book[0]), max(bounds[1], book[0])
        bounds[2], bounds[3] = min(bounds[2], book[2]), max(bounds[3], book[2])

    @property
    def agrees(self) -> bool:
        lowest_bid, highest_bid, lowest_ask, highest_ask = self.bounds
        return lowest_bid <= self.best[0] <= highest_bid and lowest_ask <= self.best[2] <= highest_ask


class ByNeighbour(Comparison):
    """See the rule above."""

    def __init__(self) -> None:
        super().__init__()
        self._books: dict[str, deque[tuple[int, Best]]] = {}
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._begun: set[str] = set()
        self._last_ns = 0

    def begin(self, native: str) -> None:
        if self._books.get(native):
            self._begun.discard(native)

    def ticker(self, told: Told) -> None:
        self._last_ns = max(self._last_ns, told.ns)
        books = self._books.get(told.native)
        first = told.native not in self._begun
        self._begun.add(told.native)
        if first or not books:
            return
        waiting = _Waiting(told.best, told.ns)
        for ns, best in reversed(books):
            waiting.saw(best)
            if ns < told.ns - WINDOW_NS:
                break  # the one that stood when the window began
        if waiting.agrees:
            self.compared += 1
        else:
            self._waiting.setdefault(told.native, deque(maxlen=_WAITING)).append(waiting)

    def book(self, native: str, best: Best | None, number: int, ns: int) -> None:
        self._last_ns = max(self._last_ns, ns)
        books = self._books.setdefault(native, deque(maxlen=_TURNS))
        waiting = self._waiting.pop(native, None)
        if best is None:
            books.clear()
            return
        books.append((ns, best))
        for one in waiting or ():
            one.turns += 1
            in_time = ns <= one.ns + WINDOW_NS and one.turns <= _TURNS
            if in_time:
                one.saw(best)
            if in_time and not one.agrees:
                self._waiting.setdefault(native, deque(maxlen=_WAITING)).append(one)
                continue
            self.compared += 1
            self.differed += not one.agrees

    def end(self) -> None:
        """A book that did not change any more was no better a second later."""
        late = [
            one for waiting in self._waiting.values() for one in waiting if one.ns + WINDOW_NS < self._last_ns
        ]
        self.compared += len(late)
        self.differed += len(late)


def _same(ticker: Best, book: Best) -> bool:
    return all(math.isnan(told) or told == known for told, known in zip(ticker, book, strict=True))


# --- what the venues' own tickers say, read apart from the adapters ---


class _BinanceData(msgspec.Struct):
    s: str
    u: int
    b: Any = None
    B: str = ""
    a: Any = None
    A: str = ""


class _BinanceFrame(msgspec.Struct):
    data: _BinanceData | None = None


class _BinanceSnapshot(msgspec.Struct):
    lastUpdateId: int


class _CoinbaseTicker(msgspec.Struct):
    product_id: str
    best_bid: str
    best_ask: str
    best_bid_size: str = "nan"
    best_ask_size: str = "nan"


class _AdvancedTicker(msgspec.Struct):
    product_id: str
    best_bid: str
    best_ask: str
    best_bid_quantity: str = "nan"
    best_ask_quantity: str = "nan"


class _AdvancedEvent(msgspec.Struct):
    tickers: list[_AdvancedTicker] = []


class _AdvancedFrame(msgspec.Struct):
    events: list[_AdvancedEvent]


class _KrakenTicker(msgspec.Struct):
    symbol: str
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float


class _KrakenFrame(msgspec.Struct):
    data: list[_KrakenTicker]


class _KrakenV1(msgspec.Struct):
    a: list[Any]
    b: list[Any]


class _OkxTicker(msgspec.Struct):
    instId: str
    bidPx: str
    bidSz: str
    askPx: str
    askSz: str


class _OkxFrame(msgspec.Struct):
    data: list[_OkxTicker]


_binance = msgspec.json.Decoder(_BinanceFrame)
_binance_snapshot = msgspec.json.Decoder(_BinanceSnapshot)
_binance_bare = msgspec.json.Decoder(_BinanceData)
_coinbase = msgspec.json.Decoder(_CoinbaseTicker)
_advanced = msgspec.json.Decoder(_AdvancedFrame)
_kraken = msgspec.json.Decoder(_KrakenFrame)
_kraken_v1 = msgspec.json.Decoder(tuple[int, _KrakenV1, str, str])
_okx = msgspec.json.Decoder(_OkxFrame)


def _best(bid: str, bid_size: str, ask: str, ask_size: str) -> Best:
    return float(bid), float(bid_size or "nan"), float(ask), float(ask_size or "nan")


def _binance_data(raw: str) -> _BinanceData:
    """Of a combined stream, or of one by itself."""
    return _binance.decode(raw).data or _binance_bare.decode(raw)


def _read_binance(raw: str) -> list[Told]:
    data = _binance_data(raw)
    return [Told(data.s, _best(data.b, data.B, data.a, data.A), data.u)]


def _read_coinbase(raw: str) -> list[Told]:
    told = _coinbase.decode(raw)
    best = _best(told.best_bid, told.best_bid_size, told.best_ask, told.best_ask_size)
    return [Told(told.product_id, best)]


def _read_advanced(raw: str) -> list[Told]:
    return [
        Told(
            told.product_id,
            _best(told.best_bid, told.best_bid_quantity, told.best_ask, told.best_ask_quantity),
        )
        for event in _advanced.decode(raw).events
        for told in event.tickers
    ]


def _read_kraken(raw: str) -> list[Told]:
    if raw.startswith("["):
        _, told, _, pair = _kraken_v1.decode(raw)
        return [Told(pair, _best(told.b[0], told.b[2], told.a[0], told.a[2]))]
    data = _kraken.decode(raw).data
    return [Told(one.symbol, (one.bid, one.bid_qty, one.ask, one.ask_qty)) for one in data]


def _read_okx(raw: str) -> list[Told]:
    data = _okx.decode(raw).data
    return [Told(one.instId, _best(one.bidPx, one.bidSz, one.askPx, one.askSz)) for one in data]


class _Tickers(NamedTuple):
    kinds: frozenset[str]
    """The channels that tell the best bid and offer."""
    read: Callable[[str], list[Told]]
    numbered: bool = False


_VENUES = {
    "binance": _Tickers(frozenset({"bookTicker"}), _read_binance, True),
    "binance-futures": _Tickers(frozenset({"bookTicker"}), _read_binance, True),
    "coinbase": _Tickers(frozenset({"ticker"}), _read_coinbase),
    "coinbase-advanced": _Tickers(frozenset({"ticker", "ticker_batch"}), _read_advanced),
    "kraken": _Tickers(frozenset({"ticker"}), _read_kraken),
    "okx": _Tickers(frozenset({"tickers"}), _read_okx),
}
_SNAPSHOT = re.compile(r'"(?:type|action)"\s*:\s*"snapshot"')


class BestCheck:
    """Looks at every frame of a connection after the adapter did."""

    def __init__(self, venue: str, books: Callable[[str], Book | None]) -> None:
        """``books`` gives the adapter's book of a native symbol, None while there is none that is right."""
        self._tickers = _VENUES.get(venue)
        self._books = books
        self._newest: dict[str, int] = {}
        """Number of a book's last message."""
        numbered = self._tickers is not None and self._tickers.numbered
        self.result: Comparison = ByNumber() if numbered else ByNeighbour()
        self.rule = "by number" if numbered else f"by neighbour, within {WINDOW_NS / NS:g} s"

    def frame(self, kind: str, raw: str, ns: int) -> None:
        """``kind``: the channel. What is not of the venue's own form is left alone: the adapter says so."""
        if self._tickers is None:
            return
        try:
            if kind in self._tickers.kinds:
                for told in self._tickers.read(raw):
                    self.result.ticker(told._replace(ns=ns))
            elif kind in BOOK_KINDS or kind.startswith("book"):
                native, number = self._changed(raw)
                if number < self._newest.get(native, -1):
                    return  # it is of the past, and has changed nothing
                self._newest[native] = number
                if _SNAPSHOT.search(raw[:200]):
                    self.result.begin(native)
                book = self._books(native) if native else None
                self.result.book(native, None if book is None else book.best(), number, ns)
        except (msgspec.MsgspecError, ValueError, IndexError, TypeError):
            return

    def snapshot(self, native: str, raw: str, ns: int) -> None:
        """A book began by REST, and holds what had come by the socket before."""
        book = self._books(native)
        if book is None or not isinstance(self.result, ByNumber):
            return
        try:
            begun = _binance_snapshot.decode(raw).lastUpdateId
        except msgspec.MsgspecError:
            return
        self.result.book(native, book.best(), max(begun, self._newest.get(native, 0)), ns)

    def _changed(self, raw: str) -> tuple[str, int]:
        """Whose book a frame changed, and its number."""
        if isinstance(self.result, ByNumber):
            data = _binance_data(raw)
            return data.s, data.u
        return native_of(raw), -1
