"""A tape from a file of trades and quotes of somebody else's.

Every line becomes a tick, or is told with its reason: what cannot be read, and what the screen of live ticks
does not believe. Of the latter the tape keeps all: whoever plays it judges anew, as live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import BarsError, TapeError
from engine.feeds.base import InstrumentSpec
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.tape_edit import whole
from engine.instruments import assumed_grid
from engine.market.screen import REJECTS, Screen
from engine.symbols import quote_currency
from engine.text import clean
from engine.ticks import QUOTE, TICK, TRADE
from engine.wiring.bar_import import Reject
from engine.wiring.import_columns import SYMBOLS, TIMES, Line, Table, number, times_ns

PRICES = ("price", "last", "trade_price", "last_price")
SIZES = ("size", "qty", "quantity", "amount", "volume", "last_size")
SIDES = ("side", "aggressor", "taker_side", "is_buyer_maker")
IDS = ("trade_id", "id", "agg_trade_id", "tid")
BIDS, ASKS = ("bid", "bid_price", "best_bid"), ("ask", "ask_price", "best_ask")
BID_SIZES = ("bid_size", "bid_qty", "bidsize", "bid_quantity", "bid_amount")
ASK_SIZES = ("ask_size", "ask_qty", "asksize", "ask_quantity", "ask_amount")
RECEIPTS = ("recv_ns", "local_timestamp", "received")
_AT_ONCE = 65_536
_BOUGHT, _SOLD = ("buy", "b", "bid", "1", "+1"), ("sell", "s", "ask", "-1", "a")
_Tick = tuple[float, ...]
"""A row of TICK."""


class ImportedTicks(msgspec.Struct, frozen=True):
    file: str
    symbols: tuple[str, ...]
    trades: int
    quotes: int
    first_ns: int
    last_ns: int
    reasons: dict[str, int]
    rejects: tuple[Reject, ...]
    """Of these, TIME, NUMBER, COLUMNS, EMPTY and SYMBOL are not on the tape; what the screen refused is."""


def import_ticks(
    path: Path,
    out: Path,
    symbol_of: Callable[[str], str],
    *,
    outlier_pct: float,
    default_symbol: str = "",
    currency: str = "USD",
    zone: tzinfo = UTC,
    dry_run: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> ImportedTicks:
    """Write the tape ``out``. ``symbol_of``: what the desk calls an instrument that the file names;
    ``default_symbol``: whose the file is where it has no column for that; ``currency``: what those are quoted
    in whose name does not tell it, as a share's.

    Raises BarsError for a file that cannot be read, TapeError for a tape that cannot be written or is there
    already, ConfigError for a symbol that is none.
    """
    if not dry_run and out.exists():
        raise TapeError(f"{out} exists already: choose another name, or remove it")
    reading = _TickImport(path, symbol_of, default_symbol, currency, zone, outlier_pct, note)
    if dry_run:
        return reading.run(None)
    with whole(out) as part:
        return reading.run(part)


class _TickImport:
    def __init__(
        self,
        path: Path,
        symbol_of: Callable[[str], str],
        default_symbol: str,
        currency: str,
        zone: tzinfo,
        outlier_pct: float,
        note: Callable[[str], None],
    ) -> None:
        self._path = path
        self._symbol_of = symbol_of
        self._default = default_symbol
        self._currency = currency
        self._zone = zone
        self._note = note
        self._table = Table(path)
        self._indices: dict[str, int] = {}
        """By the name in the file."""
        self._symbols: list[str] = []
        self._screen = Screen(outlier_pct=outlier_pct)
        self._rejects: list[Reject] = []
        self._trades = self._quotes = 0
        self._told = 0
        """Symbols that were looked at for what they are quoted in."""
        self._first_ns = self._recv_ns = self._event_ns = 0

    def run(self, out: Path | None) -> ImportedTicks:
        columns = self._columns()
        writer: ColumnarWriter | None = None
        try:
            ticks = self._ticks(columns)
            while page := list(islice(ticks, _AT_ONCE)):
                block = self._judged(page)
                if out is not None:
                    writer = writer or ColumnarWriter(out, self._symbols)
                    writer.add_symbols(self._symbols[writer.symbols :])
                    writer.add_specs(self._new_specs(block))
                    writer.write(block)
                self._note(f"{self._trades + self._quotes:,} ticks read")
        finally:
            if writer is not None:
                writer.close()
        if not self._trades + self._quotes:
            raise BarsError(f"{self._path} has no trades or quotes below its first line")
        self._rejects.sort(key=lambda reject: reject.line)
        return ImportedTicks(
            file=self._path.name,
            symbols=tuple(self._symbols),
            trades=self._trades,
            quotes=self._quotes,
            first_ns=self._first_ns,
            last_ns=self._recv_ns,
            reasons=dict(sorted(Counter(reject.reason for reject in self._rejects).items())),
            rejects=tuple(self._rejects),
        )

    def _new_specs(self, block: npt.NDArray[np.void]) -> list[InstrumentSpec]:
        """Of the symbols that are new in the block and whose names do not tell what they are quoted in."""
        told = []
        for index in range(self._told, len(self._symbols)):
            symbol = self._symbols[index]
            prices = block["a"][(block["symbol"] == index) & (block["a"] > 0)]
            if not quote_currency(symbol.partition(":")[2]) and len(prices):
                grid = assumed_grid(float(prices[0]))
                told.append(InstrumentSpec(symbol, *grid, Decimal(0), self._currency))
        self._told = len(self._symbols)
        return told

    def _columns(self) -> list[str]:
        table = self._table
        receipt = table.column(RECEIPTS)
        # Where it tells both, the other is the venue's own time.
        event = table.column([name for name in ("event_ns", "ts_event", *TIMES) if name != receipt])
        if not (receipt or event):
            table.column(TIMES, "the time")
        price, bid = table.column(PRICES), table.column(BIDS)
        if not price and not bid:
            table.column((*PRICES, *BIDS), "a price, or a bid and an ask")
        whose = table.column(SYMBOLS)
        if not whose and not self._default:
            raise BarsError(f"{self._path} does not say whose its ticks are: say --symbols NAME")
        self._maker = table.column(SIDES) == "is_buyer_maker"
        return [
            *(event or receipt, receipt, whose),
            *(
                price,
                table.column(SIZES, "the size" if price else ""),
                table.column(SIDES),
                table.column(IDS),
            ),
            *(bid, table.column(ASKS, "the ask" if bid else "")),
            *(table.column(BID_SIZES), table.column(ASK_SIZES)),
        ]

    # --- lines to ticks ---

    def _refuse(self, line: Line, reason: str) -> None:
        self._rejects.append(Reject(line.number, 0, reason, line.text))

    def _ticks(self, columns: Sequence[str]) -> Iterator[tuple[_Tick, Line]]:
        for line in self._table.lines(columns, self._refuse):
            event, receipt, whose, price, size, side, trade_id, bid, ask, bid_size, ask_size = line.cells
            try:
                event_ns = self._event_ns = _nearest(times_ns(event, self._zone), self._event_ns)
                recv_ns = _nearest(times_ns(receipt, self._zone), self._recv_ns) if receipt else event_ns
            except (ValueError, OverflowError, OSError):
                self._refuse(line, "TIME")
                continue
            try:
                trade = (number(price), number(size)) if price else None
                quote = tuple(map(number, (bid, ask, bid_size, ask_size))) if bid or ask else None
                number_id = _identity(trade_id)
            except ValueError:
                self._refuse(line, "NUMBER")
                continue
            index = self._index(whose)
            # The tape's clock never goes back; the screen judges the venue's own times.
            self._recv_ns = recv_ns = max(recv_ns, self._recv_ns)
            self._first_ns = self._first_ns or recv_ns
            if quote is not None:
                yield (recv_ns, event_ns, -1, index, QUOTE, 0, 0, 0, *quote), line
            if trade is not None:
                taker = self._taker(side)
                yield (recv_ns, event_ns, number_id, index, TRADE, 0, taker, 0, *trade, 0.0, 0.0), line
            if quote is None and trade is None:
                self._refuse(line, "EMPTY")

    def _index(self, whose: str) -> int:
        index = self._indices.get(whose)
        if index is None:
            symbol = self._symbol_of(whose or self._default)
            if symbol not in self._symbols:
                self._symbols.append(symbol)
                # What numbers a file's ids by is not known.
                self._screen.add_symbol(ids_rise=False)
            index = self._indices[whose] = self._symbols.index(symbol)
        return index

    def _taker(self, side: str) -> int:
        """+1 the taker bought, -1 sold, 0 unknown."""
        side = side.lower()
        if self._maker:
            return {"true": -1, "1": -1, "false": 1, "0": 1}.get(side, 0)
        return 1 if side in _BOUGHT else -1 if side in _SOLD else 0

    # --- what the screen says ---

    def _judged(self, page: Sequence[tuple[_Tick, Line]]) -> npt.NDArray[np.void]:
        block = np.array([tick for tick, _ in page], TICK)
        if self._screen.check(block, 0, len(block)):
            for at in np.flatnonzero(block["reject"]).tolist():
                line = page[at][1]
                code = REJECTS[int(block["reject"][at])]
                self._rejects.append(Reject(line.number, int(block["event_ns"][at]), code, line.text))
        trades = int(np.count_nonzero(block["kind"] == TRADE))
        self._trades += trades
        self._quotes += len(block) - trades
        block["reject"] = 0
        return block


def _nearest(times: tuple[int, int], before_ns: int) -> int:
    """Of a time that comes twice where clocks are set back, the one that is nearer to the line before."""
    first_ns, again_ns = times
    return again_ns if abs(again_ns - before_ns) < abs(first_ns - before_ns) and before_ns else first_ns


def _identity(text: str) -> int:
    """-1 without one. Raises ValueError for what is no number of 64 bits."""
    number_id = int(text) if text else -1
    if not -(1 << 63) <= number_id < 1 << 63:
        raise ValueError("too large")
    return number_id


def told(found: ImportedTicks) -> str:
    """One line: what is on the tape, and what was not believed of it."""
    whys = ", ".join(f"{count:,} {reason}" for reason, count in found.reasons.items())
    names = clean(", ".join(found.symbols[:5]), 100) + (" and more" if len(found.symbols) > 5 else "")
    text = f"{found.trades:,} trades and {found.quotes:,} quotes of {names}"
    return text + (f"; not believed: {whys}" if whys else "")
