"""What one client has been sent of the market that it watches: a few numbers, so that nothing can grow."""

from __future__ import annotations

from engine.api.hub import encode
from engine.api.market_port import Book, MarketPort
from engine.api.market_protocol import MarketFrame, Watch
from engine.slices import Work

_NOTHING = Book((), (), False, None, "", "", False)


class MarketConflator:
    """Frames of one client; a client that takes none for a while is sent what is newest then."""

    def __init__(self, port: MarketPort) -> None:
        self._port = port
        self._watch = Watch()
        self._anew = True
        self._book = _NOTHING
        self._generation = self._revision = self._trades = self._fills = 0
        """What this client was told of, by the port's numbers."""

    @property
    def anew(self) -> bool:
        """Another market than before is to be told, in full."""
        return self._anew and bool(self._watch.symbol)

    def watch(self, watch: Watch) -> None:
        self._watch = watch
        self._anew = True

    def encoding(self) -> Work[bytes]:
        """``making``, encoded; empty while there is nothing."""
        frame = yield from self.making()
        if frame is None:
            return b""
        yield
        return encode(frame)

    def making(self) -> Work[MarketFrame | None]:
        """What this client does not know yet; None while that is nothing."""
        watch, port = self._watch, self._port
        symbol = watch.symbol
        if not symbol:
            return None
        book = port.book(symbol)
        full = self._anew or book.known != self._book.known
        yield
        if full:
            self._forget()
        bars = yield from port.bars(symbol, watch.interval_s, self._generation, self._revision)
        yield
        if bars.generation != self._generation and not full:
            full = True
            self._forget()
            bars = yield from port.bars(symbol, watch.interval_s, 0, 0)
            yield
        count, trades = port.trades(symbol, self._trades)
        yield
        missed = 0 if full else max(0, count - self._trades - len(trades))
        filled, fills = port.fills(symbol, self._fills)
        if not (full or bars.rows or trades or fills or book != self._book):
            return None
        self._anew, self._book = self._watch is not watch, book
        self._generation, self._revision = bars.generation, bars.revision
        self._trades, self._fills = count, filled
        return MarketFrame(
            full=full,
            symbol=symbol,
            ns=port.now_ns(),
            interval_s=bars.interval_s,
            bids=book.bids,
            asks=book.asks,
            depth=book.depth,
            book_age_ms=book.age_ms,
            book_fault=book.fault,
            tick_size=book.tick_size,
            known=book.known,
            trades=trades,
            missed_trades=missed,
            indicators=bars.indicators,
            bars=bars.rows,
            fills=fills,
        )

    def _forget(self) -> None:
        self._book = _NOTHING
        self._generation = self._revision = self._trades = self._fills = 0
