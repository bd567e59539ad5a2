"""What the decoders of all venues have in common: symbols let in, books asked for anew, frames that cannot be
read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Set

from engine.events import NS, FeedState, FeedStatus, Malformed, MarketEvent
from engine.feeds.asking import Asking
from engine.feeds.base import BOOK_LEVELS
from engine.feeds.books import Books
from engine.text import clean

MOST_SYMBOLS = 20_000
"""Of a tape: more than this are no venue's, but made up."""

UNANSWERED_NS = 30 * NS
"""A snapshot that was asked for over the socket comes by then, or not at all."""


class VenueDecoder:
    """Common part of the socket decoders: notes for the connection, and malformed frames.

    The connection reads and clears ``outbox`` (frames to send), ``wanted`` (books whose snapshot REST must
    bring) and ``reconnect`` (why a new socket is needed, "" when it is not) after each frame.
    """

    venue = ""

    def __init__(
        self,
        natives: Iterable[str] | None = None,
        *,
        book_levels: int = BOOK_LEVELS,
        book_quotes: bool = False,
    ) -> None:
        """``natives`` are the symbols subscribed, in the venue's spelling: no other is let in, and nothing
        grows with what a venue makes up. None, for a tape: all are. ``book_quotes``: quotes are the top of
        the books, because the venue has no better channel for them.
        """
        self.books = Books(book_levels, quotes=book_quotes)
        self._book_levels = book_levels
        self._symbols = {native: self._name(native) for native in natives or ()}
        self._open = natives is None
        self.unsubscribed = 0
        """Messages of symbols that were never subscribed: dropped."""
        self.acks = 0
        self.heartbeats = 0
        self.skipped = 0
        """Well-formed frames of channels that the desk does not use."""
        self.malformed = 0
        self.reconnect = ""
        self.reconnect_delay_s = 0.0
        """The least wait that the venue asks for before that reconnect."""
        self.outbox: list[str] = []
        self.wanted: list[str] = []
        """Native symbols whose book needs a snapshot by REST: see ``book_snapshot``."""
        self.sequence_gaps = 0
        """Messages that were missed, by the venue's own sequence numbers, each a run of them."""
        self.checksums = 0
        """Books found equal to the venue's checksum."""
        self.mismatches = 0
        """Books that were not."""
        self.troubles: dict[str, str] = {}
        """What is wrong now, a line each, by native symbol; "" stands for the venue as a whole."""
        self.refused: set[str] = set()
        """Native symbols, of those known, that the venue refused: nothing is expected of them."""
        self.spent: deque[tuple[str, int]] = deque(maxlen=1024)
        """(symbol, id): the last trade ids that the venue gave to what is no trade of the market; without
        them holes would be seen in its ids."""
        self.asking = Asking()
        """By native symbol, books; "" stands for whatever a venue asks for as a whole."""
        self._waiting: dict[str, int] = {}
        """Native symbols without a book that is right -> since when."""

    @property
    def natives(self) -> Set[str]:
        """Symbols of which it was told, as the venue spells them."""
        return self._symbols.keys()

    @property
    def refused_symbols(self) -> set[str]:
        return {self._symbols[native] for native in self.refused}

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """See Decoder."""
        raise NotImplementedError

    def book_snapshot(self, native: str, body: bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """REST's answer for one of ``wanted``. Never raises; one that cannot be used is wanted again.

        Venues whose socket brings the snapshots never want one.
        """

    def flush(self, now_ns: int, out: list[MarketEvent]) -> None:
        """Called a few times a second: append what was held back and is due."""
        self.books.flush(now_ns, out)
        if not self._open:
            self._ask_due(now_ns)
            self._wait(now_ns, out)

    def _wait(self, now_ns: int, out: list[MarketEvent]) -> None:
        """A snapshot that the socket does not bring is asked for, and not on this socket for ever."""
        asks = self._book_levels and type(self).book_frames is not VenueDecoder.book_frames
        if not asks or self.books.kept >= len(self._symbols):
            self._waiting.clear()
            return
        for native, symbol in self._symbols.items():
            if native in self.refused or self.books.get(symbol) is not None:
                self._waiting.pop(native, None)
            elif now_ns - self._waiting.setdefault(native, now_ns) > UNANSWERED_NS:
                if symbol in self.books.broken:
                    self.reconnect = f"no new snapshot of the book of {clean(native, 40)} came"
                else:
                    del self._waiting[native]
                    self.book_wrong(native, "never came", now_ns, out)

    def refuse(self, native: str, why: str, recv_ns: int, out: list[MarketEvent], *, book: bool) -> None:
        """The venue refused a subscription: of one symbol, whose ``book`` was to come, or "" for any."""
        known = native in self._symbols
        detail = f"the venue refused {clean(native, 40) or 'a request'}: {why}"
        self.troubles[native if known else ""] = detail
        if known:
            self.refused.add(native)
            if book and self.books.get(self._symbols[native]) is None:
                self.books.fail(self._symbols[native], f"was refused: {why}", recv_ns, out)
        out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))

    def book_frames(self, native: str) -> list[str]:
        """What to send so that the socket brings the snapshot of a book anew."""
        return []

    def book_wrong(self, native: str, why: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """The book of ``native``, a known symbol, is wrong: tell, and ask for a new snapshot."""
        self.books.fail(self._symbols[native], why, recv_ns, out)
        self.ask_anew(native, why, recv_ns)

    def ask_anew(self, native: str, why: str, recv_ns: int) -> None:
        """Of a book that ``books`` already counts as broken. A tape has nobody to ask."""
        name = clean(native, 40)
        self.troubles[native] = f"{name} book {why}: asking for a new snapshot"
        if self._open:
            return
        if self.asking.wrong(native, recv_ns):
            self._ask_due(recv_ns)
        else:
            self.reconnect = f"the book of {name} stays wrong"

    def _ask_due(self, now_ns: int) -> None:
        for native in self.asking.due(now_ns):
            if self._symbols.get(native, "") in self.books.broken or not native:
                self.outbox += self.book_frames(native)

    def _symbol(self, native: str) -> str:
        """The symbol of ``native``; "" when it was never subscribed."""
        symbol = self._symbols.get(native)
        if symbol is None:
            if not self._open or len(self._symbols) >= MOST_SYMBOLS:
                self.unsubscribed += 1
                return ""
            symbol = self._symbols.setdefault(native, self._name(native))
        return symbol

    def _name(self, native: str) -> str:
        return f"{self.venue}:{clean(native, 40)}"

    def malform(self, raw: str | bytes, error: object, recv_ns: int, out: list[MarketEvent]) -> None:
        """Append a Malformed event for ``raw``."""
        self.malformed += 1
        text = raw[:480].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[:480]
        out.append(Malformed(self.venue, clean(text, 120), clean(error, 120), recv_ns))
