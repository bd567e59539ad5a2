"""A capture run through the real adapter of its venue: is the adapter right?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from engine.events import BookStatus, Candle, Depth, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.book import Book
from engine.feeds.checking.best import BestCheck, allowed
from engine.feeds.checking.coverage import Coverage, is_book, native_of
from engine.feeds.checking.report import CheckReport, Counting, Line, TickerResult
from engine.feeds.checking.rest_rows import RestRows
from engine.feeds.checking.sequence import Ids, Sequence
from engine.feeds.cuts import Cuts
from engine.feeds.decoder import VenueDecoder
from engine.feeds.registry import VENUES, ids_rise
from engine.feeds.timestamps import MAX_NS
from engine.symbols import resolve
from engine.text import clean

_FLUSH_NS = 100_000_000
_OPEN = 16
"""Connections that are open side by side, at most."""
_MOST_HELD = 1000
_NAMES = [
    re.compile(rf'"(?:{keys})"\s*:\s*"([^"]{{1,60}})"')
    for keys in ("event", "stream|topic|channel", "e|type|op|method|T")
]
_NAME_V1 = re.compile(r'"([a-z]{2,20}(?:-\d+)?)"\s*,\s*"[^"]{1,40}"\s*\]\s*$')
_BARE_TICKER = re.compile(r'\s*\{\s*"u"\s*:\s*\d+\s*,\s*"s"\s*:\s*"[^"]{1,40}"\s*,\s*"b"')
"""Binance's best bid and offer names itself only in a combined stream."""
_BEGINS = {"coinbase-advanced": re.compile(r'"sequence_num"\s*:\s*0\s*[,}]')}
"""What only the first frame of a connection says: not every recorder notes where one begins."""
_REQUEST = re.compile(r'\s*\{\s*"(?:action|method)"\s*:\s*"[a-z_]+"\s*,\s*"(?:key|params|trades|data)"')


class FeedCheck(Counting):
    """Rows in, report out. One capture each; sans-IO."""

    def __init__(self, venue: str, file: str = "") -> None:
        """``venue`` is one of the registry's."""
        super().__init__(venue, file)
        self._entry = VENUES[venue]
        self._venue = venue
        self._rest = RestRows(self._entry)
        self._held: dict[str, str] = {}
        """Native -> the newest REST snapshot that no book wanted yet."""
        self._ids: dict[str, Ids] = {}
        """By symbol, over all connections: what one lost another may bring."""
        self._cuts = Cuts()
        self._last_ns = 0
        self._now = _Connection(self._venue)
        """The one that the row in hand belongs to."""
        self._number = 0
        self._connections = {0: self._now}
        self._over: list[_Connection] = []

    def _connect(self, number: int) -> None:
        """A new connection; one of the same number is over, others may go on beside it."""
        known = self._connections.get(number)
        if known is not None and not known.frames:
            return  # nothing has come by it yet
        if known is not None:
            self._end(number, known)
        self._connections[number] = _Connection(self._venue)
        while len(self._connections) > _OPEN:
            self._over.append(self._connections.pop(next(iter(self._connections))))

    def _end(self, number: int, connection: _Connection) -> None:
        self._over.append(connection)
        if number:  # else the capture does not tell connections apart
            self._cuts.ended(number, connection.heard_ns)

    def row(self, row: Line) -> None:
        """One row, counted already."""
        if row.t is not None and 0 <= row.t <= MAX_NS:
            self._last_ns = row.t
        if not row.ch and row.src:
            self._sample(row)
        elif row.ch == "open":
            self._connect(row.conn)
            self._cuts.opened(row.conn, row.url, self._last_ns)
        elif row.ch == "ws":
            if row.raw is None:
                self._malformed("not a row", "", "a frame without its text")
                return
            if row.conn not in self._connections:
                self._connect(row.conn)
            if self._venue in _BEGINS and _BEGINS[self._venue].search(row.raw[-200:] + row.raw[:400]):
                self._connect(row.conn)
            self._now = self._connections[row.conn]
            self._now.heard_ns = self._last_ns
            self._cuts.heard(row.conn, self._last_ns)
            self._number = row.conn
            self._frame(row.raw)
        elif row.ch == "http" and row.raw is not None:
            self._reply(row.url, row.raw)
        elif row.ch == "close":
            ended = self._connections.pop(row.conn, None)
            if ended is not None:
                self._end(row.conn, ended)
        elif row.ch not in ("http", "tx"):
            self._malformed("not a row", f"ch {row.ch}", "neither ws, http, tx, open nor close")

    # --- the socket ---

    def _frame(self, raw: str) -> None:
        decoder, out, kind = self._now.decoder, list[MarketEvent](), channel(raw)
        self._now.frames += 1
        malformed, gaps, skipped = decoder.malformed, decoder.sequence_gaps, decoder.skipped
        holes = self._now.sequence.holes(kind, raw)
        decoder.decode(raw, self._last_ns, out)
        why = _misread(out) if decoder.malformed > malformed else ""
        if why:
            self._malformed(kind, raw, why)
            return
        self._count(kind, used=decoder.skipped == skipped)
        self.report.skipped += decoder.skipped - skipped
        if holes:
            self.report.sequence_gaps += 1
            noticed = decoder.sequence_gaps > gaps or decoder.reconnect or _broke(out)
            live = kind.startswith(("book", "orderbook", "depth")) and not len(decoder.books)
            self.report.undetected_gaps += not (noticed or live)
        elif decoder.sequence_gaps > gaps:
            self.report.sequence_gaps += decoder.sequence_gaps - gaps
        self._take(out)
        while decoder.spent:
            symbol, trade_id = decoder.spent.popleft()
            self._ids.setdefault(symbol, Ids()).add(trade_id)
        self._now.best.frame(kind, raw, self._last_ns)
        if is_book(kind, raw) and decoder.skipped == skipped:
            self._now.cover(raw)
        self._after()

    def _after(self) -> None:
        """What a live connection would do after a frame."""
        now = self._now
        now.decoder.outbox.clear()
        now.decoder.reconnect = ""
        now.note_wanted()
        for native in [native for native in now.wanted if native in self._held]:
            self._snapshot(now, native, self._held.pop(native))
        if not 0 <= self._last_ns - now.flushed_ns < _FLUSH_NS:
            now.flushed_ns = self._last_ns
            out: list[MarketEvent] = []
            now.decoder.flush(self._last_ns, out)
            self._take(out)

    def _snapshot(self, connection: _Connection, native: str, raw: str) -> None:
        del connection.wanted[native]
        decoder, out = connection.decoder, list[MarketEvent]()
        malformed = decoder.malformed
        decoder.book_snapshot(native, raw.encode(), self._last_ns, out)
        if decoder.malformed > malformed:
            self._malformed("rest:book", raw, "it cannot be decoded")
        self._take(out)
        connection.best.snapshot(native, raw, self._last_ns)
        if connection.has(native):
            connection.coverage.whole(native)
        connection.note_wanted()

    # --- REST ---

    def _reply(self, url: str, raw: str) -> None:
        reply = self._rest.read(url, raw, self._last_ns)
        if not reply.kind:
            self.report.skipped += 1
            return
        if reply.error:
            self._malformed(f"rest:{reply.kind}", raw, reply.error)
            return
        self._count(f"rest:{reply.kind}")
        if reply.kind == "book":
            asking = [one for one in self._connections.values() if reply.native in one.wanted]
            for connection in asking:
                self._snapshot(connection, reply.native, raw)
            if not asking and (reply.native in self._held or len(self._held) < _MOST_HELD):
                self._held[reply.native] = raw
        elif reply.kind == "trades":
            self._take(list(reply.events), repeats=True)

    # --- samples ---

    def _sample(self, row: Line) -> None:
        """A message by itself: each gets a decoder that knows of no other."""
        self.report.samples = True
        if row.raw is None:
            self._malformed("not a row", "", "a sample without its text")
            return
        name = row.kind or "sample"
        if name.startswith(("http", "rest")) or row.url:
            self._sample_reply(name, row)
            return
        if "request" in name or _REQUEST.match(row.raw):
            self.report.skipped += 1  # what a client sends
            return
        decoder, out = self._entry.decoder(), list[MarketEvent]()
        decoder.decode(row.raw, self._last_ns, out)
        why = _misread(out) if decoder.malformed else ""
        if why:
            self._malformed(name, row.raw, why)
            return
        self._count(name, used=not decoder.skipped)
        self.report.skipped += decoder.skipped
        self.report.events = _added(self.report.events, out)

    def _sample_reply(self, name: str, row: Line) -> None:
        assert row.raw is not None
        try:
            msgspec.json.decode(row.raw)
        except msgspec.MsgspecError as error:
            self._malformed(name, row.raw, error)
            return
        reply = self._rest.guess(name, row.raw, self._last_ns)
        if reply.kind:
            self._count(f"rest:{reply.kind}")
            self.report.events = _added(self.report.events, reply.events)
        else:
            self.report.skipped += 1

    # --- counting ---

    def _take(self, events: list[MarketEvent], *, repeats: bool = False) -> None:
        for event in events:
            if isinstance(event, Trade):
                if event.trade_id >= 0:
                    ids = self._ids.setdefault(event.symbol, Ids())
                    self.report.duplicates += not ids.add(event.trade_id) and not repeats
                if not (repeats or ids_rise(self._venue)):  # else the ids tell what is missing
                    self.report.cuts += self._cuts.trade(event, self._number) is not None
            elif isinstance(event, Gap):
                self.report.trade_gaps += 1
                if 0 <= event.first_id <= event.last_id:
                    self.report.trades_missing += event.last_id - event.first_id + 1
        if not repeats:
            self.report.events = _added(self.report.events, events)

    def finish(self, *, truncated: bool) -> CheckReport:
        """The report, once all rows are in."""
        report, ticker = self.report, TickerResult()
        built, never = set[str](), Counter[str]()
        if ids_rise(self._venue):
            report.trade_gaps += sum(ids.gaps for ids in self._ids.values())
            report.trades_missing += sum(ids.missing for ids in self._ids.values())
        for connection in (*self._over, *self._connections.values()):
            decoder, compared = connection.decoder, connection.best.result
            compared.end()
            report.checksums_ok += decoder.checksums
            report.checksums_bad += decoder.mismatches
            report.crossed += decoder.books.crossed
            report.books_broken += decoder.books.resyncs
            report.unchecked += connection.coverage.after_fault
            built |= connection.coverage.built
            never += connection.coverage.never_built()
            ticker.compared += compared.compared
            ticker.equal += compared.compared - compared.differed
        if ticker.compared:
            ticker.rule, ticker.allowed = self._now.best.rule, allowed(ticker.compared)
        report.ticker = ticker
        report.books_built = len(built)
        report.unjudged = {clean(native, 40): count for native, count in never.items() if native not in built}
        return super().finish(truncated=truncated)


class _Connection:
    """One of a capture, and what checks it."""

    def __init__(self, venue: str) -> None:
        self.decoder: VenueDecoder = VENUES[venue].decoder()
        self.sequence = Sequence(venue)
        self.best = BestCheck(venue, self._book)
        self.coverage = Coverage()
        self.frames = 0
        self.heard_ns = 0
        self.flushed_ns = 0
        self.wanted: dict[str, None] = {}
        """Books that wait for a REST snapshot."""
        self._venue = venue

    def note_wanted(self) -> None:
        self.wanted.update(dict.fromkeys(self.decoder.wanted))
        self.decoder.wanted.clear()

    def cover(self, raw: str) -> None:
        """Note whether the book that a frame tells of could take it."""
        native = native_of(raw)
        self.coverage.message(native, self.has(native))

    def has(self, native: str) -> bool:
        return self._book(native) is not None

    def _book(self, native: str) -> Book | None:
        books, usual = self.decoder.books, resolve(self._venue, native, {})
        return books.get(f"{self._venue}:{native}") or books.get(f"{self._venue}:{usual}")


def _misread(events: list[MarketEvent]) -> str:
    """Why a frame could not be decoded; "" where the adapter read it, and it was the venue's complaint."""
    errors = [event.error for event in events if isinstance(event, Malformed)]
    bad = [error for error in errors if not error.startswith("venue error")]
    return bad[0] or "it cannot be decoded" if bad else "" if errors else "it cannot be decoded"


def _broke(events: list[MarketEvent]) -> bool:
    return any(isinstance(event, BookStatus) and not event.live for event in events)


_EVENTS: dict[type, str] = {Trade: "trades", Quote: "quotes", Candle: "candles", Depth: "books", Gap: "gaps"}


def _added(counts: dict[str, int], events: Iterable[MarketEvent]) -> dict[str, int]:
    for event in events:
        name = _EVENTS.get(type(event))
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    return counts


def channel(raw: str) -> str:
    """The venue's own name of a message's channel, without its symbol."""
    found, head = None, raw[:400]
    if not raw.startswith("[") or '"T"' in raw[:40]:
        found = next((match for name in _NAMES if (match := name.search(head)) is not None), None)
    if found is None and _BARE_TICKER.match(head):
        return "bookTicker"
    if found is None:
        found = _NAME_V1.search(raw[-80:])
        return found[1] if found is not None else "message"
    name = found[1]
    if "@" in name:
        return name.split("@")[1]
    return name.partition(".")[0]
