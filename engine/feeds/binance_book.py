"""The books of Binance: a stream of differences that is put onto a snapshot asked for by REST.

Spot: the ids of two updates in a row touch (``U`` follows the last ``u``). USD-M futures: each update names
the one before it (``pu``). Both come before the snapshot does, and are held until then; what does not follow
on what is known makes the book wrong, and it is begun anew.

https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from engine.events import MarketEvent
from engine.feeds.base import BOOK_LEVELS
from engine.feeds.book import Book, Text
from engine.feeds.decoder import VenueDecoder
from engine.feeds.timestamps import MAX_NS

MS = 1_000_000
MAX_MS = MAX_NS // MS
_MICROS = 10**14
"""Times from here on are microseconds, which the venue tells where it is asked to."""
Time = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // 1000)]
Id = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS)]
Size = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
Traded = Annotated[float, msgspec.Meta(gt=0, le=1e18)]
"""A quantity that changed hands, or stands in a book."""

SNAPSHOT_LEVELS = 500
"""A side, of a snapshot that is asked for: the most that the venues give at a moderate price."""
MOST_BOOKS = 2048
"""Of one decoder: more symbols than this are no venue's, but made up."""
MOST_HELD = 200_000
"""Levels that are held for snapshots that have not come, of all symbols together."""
MOST_OLDER = 50
"""Updates, ten a second, that are older than the book before that is no coincidence."""


class Update(msgspec.Struct, gc=False):
    """A ``depthUpdate``; ``pu`` is -1 on spot, which has none."""

    s: str
    E: Time
    U: Id
    u: Id
    b: list[Text]
    a: list[Text]
    pu: Annotated[int, msgspec.Meta(ge=-1, le=MAX_NS)] = -1


class _Snapshot(msgspec.Struct, rename="camel", gc=False):
    last_update_id: Id
    bids: list[Text]
    asks: list[Text]
    T: Time = 0


_snapshot = msgspec.json.Decoder(_Snapshot).decode


def time_ns(told: int) -> int:
    """A time as the venue tells it, in ms or us. Raises ValueError beyond 2262."""
    if told <= MAX_MS:
        return told * MS
    if told < _MICROS:
        raise ValueError("a time outside of 1970 to 2262")
    return told * 1000


class _Sync:
    """How far the book of one symbol is known."""

    __slots__ = ("ask_edge", "asked", "bid_edge", "fresh", "held", "last", "older")

    def __init__(self) -> None:
        self.last = -1
        """The id of the last update in the book, -1: there is none."""
        self.fresh = False
        """Nothing was put onto the snapshot yet."""
        self.asked = False
        self.older = 0
        """Updates in a row that the book is further than, though it had come up with the stream."""
        self.held: deque[Update] = deque()
        """What came since it was asked for."""
        self.bid_edge = self.ask_edge = math.inf
        """Keys of the snapshot's last levels, inf where it told all: what is further is not known."""

    def follows(self, update: Update) -> bool:
        """Whether nothing is missing between the book and ``update``."""
        if update.pu < 0:
            return self.last >= update.U - 1
        return update.pu <= self.last if self.fresh else update.pu == self.last


class BookDecoder(VenueDecoder):
    """The part of Binance's decoders that keeps books.

    Levels beyond the snapshot's last are known only once they change. So a new snapshot is wanted, while the
    book stays right, as soon as the market has moved near to its edge; a book that is beyond it is wrong.
    """

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels)
        self._margin = max(2 * book_levels, 20)
        self._syncs: dict[str, _Sync] = {}
        self._held = 0
        if book_levels:
            for native in self._symbols:
                self._ask(native, self._sync(self._symbols[native]))

    def book_snapshot(self, native: str, body: bytes | str, recv_ns: int, out: list[MarketEvent]) -> None:
        symbol = self._symbol(native) if self._book_levels else ""
        sync = self._sync(symbol) if symbol else None
        if sync is None:
            return
        try:
            snapshot = _snapshot(body)
            event_ns = time_ns(snapshot.T)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
            self.malform(body, error, recv_ns, out)
            if sync.asked:
                self._want(native)
            return
        later = [update for update in sync.held if update.u > snapshot.last_update_id]
        known = _Sync()
        known.last, known.fresh = snapshot.last_update_id, True
        # Nobody asked for it, or it is old: the book is further.
        behind = not known.follows(later[0]) if later else sync.last > known.last
        if behind:
            if sync.asked:
                self._want(native)
            return
        self._begin(native, symbol, sync, snapshot, later, event_ns, recv_ns, out)

    def _begin(
        self,
        native: str,
        symbol: str,
        sync: _Sync,
        snapshot: _Snapshot,
        later: Sequence[Update],
        event_ns: int,
        recv_ns: int,
        out: list[MarketEvent],
    ) -> None:
        self._release(sync)
        sync.asked = False
        try:
            book = self.books.begin(symbol, snapshot.bids, snapshot.asks)
        except ValueError as error:
            self.malform(native, error, recv_ns, out)
            self._fail(native, sync, "its snapshot cannot be read", recv_ns, out)
            return
        sync.last, sync.fresh, sync.older = snapshot.last_update_id, True, 0
        sync.bid_edge, sync.ask_edge = _edge(snapshot.bids, -1.0), _edge(snapshot.asks, 1.0)
        for number, update in enumerate(later):
            if update.u > sync.last and not self._put(native, sync, book, update, recv_ns, out):
                for rest in later[number + 1 :]:
                    self._hold(sync, rest)
                return
        if later:
            event_ns = time_ns(later[-1].E)
        self._changed(native, symbol, sync, book, event_ns or recv_ns, recv_ns, out)

    def _update(self, update: Update, recv_ns: int, out: list[MarketEvent]) -> None:
        """A difference from the stream."""
        native = update.s
        symbol = self._symbol(native) if self._book_levels else ""
        if not symbol:
            self.skipped += not self._book_levels
            return
        event_ns = time_ns(update.E)
        sync = self._syncs.get(symbol)
        if sync is None:
            sync = self._sync(symbol)
            if sync is None:
                return
            self._ask(native, sync)
        if sync.asked:
            self._hold(sync, update)
        if sync.last < 0:
            return
        if update.u <= sync.last:
            # One comes twice; so many are of a count that started over, or that a wrong number set ahead. On
            # a tape they may be what another connection told, too.
            sync.older += not (sync.fresh or self._open)
            if sync.older > MOST_OLDER:
                self.sequence_gaps += 1
                self._fail(native, sync, "is of a count that started over", recv_ns, out)
                self._hold(sync, update)
            return
        book = self.books.get(symbol)
        if book is not None and self._put(native, sync, book, update, recv_ns, out):
            self._changed(native, symbol, sync, book, event_ns, recv_ns, out)

    def _put(
        self,
        native: str,
        sync: _Sync,
        book: Book,
        update: Update,
        recv_ns: int,
        out: list[MarketEvent],
    ) -> bool:
        """Put a new update onto the book; False when the book is wrong now."""
        if not sync.follows(update):
            self.sequence_gaps += not sync.fresh
            reason = "its snapshot is older than the stream" if sync.fresh else "updates were missed"
            self._fail(native, sync, reason, recv_ns, out)
            self._hold(sync, update)
            return False
        try:
            book.apply(update.b, update.a)
        except ValueError as error:
            self.malform(native, error, recv_ns, out)
            self._fail(native, sync, "an update cannot be read", recv_ns, out)
            return False
        sync.last, sync.fresh, sync.older = update.u, False, 0
        return True

    def _changed(
        self,
        native: str,
        symbol: str,
        sync: _Sync,
        book: Book,
        event_ns: int,
        recv_ns: int,
        out: list[MarketEvent],
    ) -> None:
        for side, edge in ((book.bids, sync.bid_edge), (book.asks, sync.ask_edge)):
            if edge == math.inf:
                continue
            keys = side.first(self._margin)
            if len(keys) == self._margin and keys[-1] <= edge:
                continue
            self._ask(native, sync)
            shown = keys[: self._book_levels]
            if not self._open and (len(shown) < self._book_levels or shown[-1] > edge):
                self.book_wrong(native, "has moved beyond what its snapshot told", recv_ns, out)
                sync.last = -1  # what is held goes onto the snapshot that is asked for
                return
        if not self.books.changed(symbol, event_ns, recv_ns, out):
            self.ask_anew(native, "is crossed", recv_ns)
            self._begin_anew(native, sync)
            return
        if self.troubles:
            self.troubles.pop(native, None)
        self.books.flush(recv_ns, out)  # other symbols': also where no clock runs, as on a tape

    def _fail(self, native: str, sync: _Sync, reason: str, recv_ns: int, out: list[MarketEvent]) -> None:
        self.book_wrong(native, reason, recv_ns, out)
        self._begin_anew(native, sync)

    def _begin_anew(self, native: str, sync: _Sync) -> None:
        sync.last, sync.older = -1, 0
        self._release(sync)
        self._ask(native, sync)

    def _sync(self, symbol: str) -> _Sync | None:
        """None for one symbol too many."""
        sync = self._syncs.get(symbol)
        if sync is None:
            if len(self._syncs) >= MOST_BOOKS:
                self.unsubscribed += 1
                return None
            sync = self._syncs[symbol] = _Sync()
        return sync

    def _ask(self, native: str, sync: _Sync | None) -> None:
        if sync is not None and not sync.asked:
            sync.asked = True
            self._want(native)

    def _want(self, native: str) -> None:
        if native not in self.wanted:
            self.wanted.append(native)

    def _hold(self, sync: _Sync, update: Update) -> None:
        """The oldest go when all is full: a snapshot that comes late is young all the same."""
        sync.held.append(update)
        self._held += _size(update)
        while self._held > MOST_HELD and sync.held:
            self._held -= _size(sync.held.popleft())

    def _release(self, sync: _Sync) -> None:
        self._held -= sum(map(_size, sync.held))
        sync.held.clear()


def _size(update: Update) -> int:
    """An empty one takes room as well."""
    return len(update.b) + len(update.a) + 2


def _edge(levels: list[Text], sign: float) -> float:
    """See ``_Sync.bid_edge``."""
    return sign * float(levels[-1][0]) if len(levels) >= SNAPSHOT_LEVELS else math.inf


def depth_native(url: str) -> str:
    """The symbol whose book a REST request of a capture asked for; "" when it asked for something else."""
    path, _, query = url.partition("?")
    if not path.endswith("/depth"):
        return ""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "symbol":
            return value
    return ""
