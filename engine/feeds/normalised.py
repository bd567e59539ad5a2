"""Normalised tapes: one JSON line per tick, already in the desk's terms.

Trades ``{"ts", "px", "sz"}`` with ``id`` and ``side`` (the taker's) where known; TAQ files hold ``"k":
"T"`` trades and ``"k": "Q"`` quotes of single exchanges (``ex``), from which the national best bid and
offer is built. ``ts`` is ns UTC and stands for both times. The symbol is ``tape:<NAME>``, the name is in
the file's.

What the desk writes itself says more: ``sym`` the symbol, ``recv`` the time of receipt (``ts`` is then the
venue's), ``back`` whether it was fetched after a cut; its quotes are a best bid and offer already. Beside
ticks it writes ``"k": "G"`` gaps (``id`` to ``last``), ``"B"`` books that became wrong, or right (``live``),
and ``"X"`` frames that could not be read, each with ``why``. Of grids it says nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from engine.events import BookStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

_NAN = float("nan")
_MOST_SYMBOLS = 100_000
_SIDES = {"buy": 1, "sell": -1}
_NAME = re.compile(r"(?:[A-Z0-9]+[-/.])*[A-Z0-9]*[A-Z][A-Z0-9]*")


class _Line(msgspec.Struct, gc=False):
    ts: Annotated[int, msgspec.Meta(ge=0, le=MAX_NS)]
    k: str = "T"
    id: Annotated[int, msgspec.Meta(ge=-1, le=MAX_NS)] = -1
    side: str = ""
    px: float = _NAN
    sz: float = _NAN
    ex: str = ""
    bp: float = _NAN
    bs: float = _NAN
    ap: float = _NAN
    as_: float = msgspec.field(default=_NAN, name="as")
    sym: str = ""
    recv: Annotated[int, msgspec.Meta(ge=0, le=MAX_NS)] = 0
    back: bool = False
    last: Annotated[int, msgspec.Meta(ge=-1, le=MAX_NS)] = -1
    live: bool = False
    top: bool = False
    """Its quotes are the top of the book."""
    why: str = ""
    text: str = ""


_line = msgspec.json.Decoder(_Line).decode


def symbol_of(path: Path) -> str:
    """``us_stock_AMZN_trades_20120621.jsonl.gz`` -> ``tape:AMZN``: the first part in capitals, else the
    stem."""
    stem = path.name.partition(".")[0]
    name = next((part for part in stem.split("_") if _NAME.fullmatch(part)), stem)
    return f"tape:{name}"


class NationalBest:
    """The best bid and offer over the last quotes of several exchanges."""

    def __init__(self) -> None:
        self._bids: dict[str, tuple[float, float]] = {}
        self._asks: dict[str, tuple[float, float]] = {}

    def update(self, line: _Line) -> tuple[float, float, float, float] | None:
        """(bid, size, ask, size) after an exchange's quote; None while a side is empty. Price 0 withdraws a
        side.

        Sizes at the same price add up.
        """
        _put(self._bids, line.ex, line.bp, line.bs)
        _put(self._asks, line.ex, line.ap, line.as_)
        if not self._bids or not self._asks:
            return None
        bid = max(price for price, _ in self._bids.values())
        ask = min(price for price, _ in self._asks.values())
        bid_size = sum(size for price, size in self._bids.values() if price == bid)
        ask_size = sum(size for price, size in self._asks.values() if price == ask)
        return bid, bid_size, ask, ask_size


def _put(side: dict[str, tuple[float, float]], exchange: str, price: float, size: float) -> None:
    if price > 0 and size > 0 and math.isfinite(price):
        side[exchange] = (price, size)
    else:
        side.pop(exchange, None)


class NormalisedDecoder:
    """Lines of one normalised tape, all of one symbol."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._best = NationalBest()
        self.ns = 0
        """Time of the last line that was read."""
        self._names: dict[str, str] = {}

    @staticmethod
    def readable(line: bytes) -> bool:
        """Whether ``line`` is a tick of such a tape."""
        try:
            tick = _line(line)
        except (msgspec.MsgspecError, UnicodeError):
            return False
        return tick.px == tick.px if tick.k == "T" else tick.k in "QGBX"

    def decode(self, line: bytes, out: list[MarketEvent]) -> bool:
        """Append the event of one line; False when it is none. A quote that leaves a side empty gives no
        event."""
        try:
            tick = _line(line)
        except (msgspec.MsgspecError, UnicodeError):
            return False
        symbol, recv_ns = self._name(tick.sym), tick.recv or tick.ts
        if tick.k == "T" and tick.px == tick.px and tick.sz == tick.sz:
            side = _SIDES.get(tick.side, 0)
            out.append(Trade(symbol, tick.id, tick.px, tick.sz, side, tick.ts, recv_ns, tick.back))
        elif tick.k == "Q" and tick.sym:
            if tick.bp != tick.bp or tick.ap != tick.ap:
                return False
            out.append(Quote(symbol, tick.bp, tick.bs, tick.ap, tick.as_, tick.ts, recv_ns))
        elif tick.k == "Q":
            best = self._best.update(tick)
            if best is not None:
                out.append(Quote(self._symbol, *best, tick.ts, tick.ts))
        elif not self._news(tick, symbol, out):
            return False
        self.ns = recv_ns
        return True

    def _news(self, tick: _Line, symbol: str, out: list[MarketEvent]) -> bool:
        why = clean(tick.why, 200)
        if tick.k == "G":
            out.append(Gap(symbol, tick.id, tick.last, why, tick.ts))
        elif tick.k == "B":
            out.append(BookStatus(symbol, tick.live, why, tick.top, tick.ts))
        elif tick.k == "X":
            out.append(Malformed(symbol, clean(tick.text, 120), why, tick.ts))
        else:
            return False
        return True

    def _name(self, sym: str) -> str:
        if not sym:
            return self._symbol
        name = self._names.get(sym)
        if name is None:
            name = clean(sym, 80)
            if len(self._names) < _MOST_SYMBOLS:
                self._names[sym] = name
        return name


def lines_of(events: Iterable[MarketEvent]) -> bytes:
    """Lines as the desk writes them; what is neither a tick nor news is left out."""
    lines = []
    for event in events:
        if isinstance(event, Trade):
            row: dict[str, object] = {"ts": event.event_ns, "recv": event.recv_ns, "sym": event.symbol}
            row |= {"k": "T", "id": event.trade_id, "px": event.price, "sz": event.size}
            if event.aggressor:
                row["side"] = "buy" if event.aggressor > 0 else "sell"
            if event.backfilled:
                row["back"] = True
        elif isinstance(event, Quote):
            row = {"ts": event.event_ns, "recv": event.recv_ns, "sym": event.symbol, "k": "Q"}
            sides = {"bp": event.bid, "bs": event.bid_size, "ap": event.ask, "as": event.ask_size}
            row |= {name: value for name, value in sides.items() if value == value}
        elif isinstance(event, Gap | BookStatus | Malformed):
            row = _row_of(event)
        else:
            continue
        lines.append(msgspec.json.encode(row) + b"\n")
    return b"".join(lines)


def _row_of(event: Gap | BookStatus | Malformed) -> dict[str, object]:
    row: dict[str, object] = {"ts": event.recv_ns}
    if isinstance(event, Gap):
        row |= {"sym": event.symbol, "k": "G", "id": event.first_id, "last": event.last_id}
        row |= {"why": event.reason}
    elif isinstance(event, BookStatus):
        row |= {"sym": event.symbol, "k": "B", "live": event.live, "top": event.quotes, "why": event.reason}
    else:
        row |= {"sym": event.venue, "k": "X", "text": event.excerpt, "why": event.error}
    return row
