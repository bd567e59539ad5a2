"""Tapes cut by time and symbols, and turned from one form into another. What is written is there whole or
not at all: what ended half way would look like a shorter tape."""

from __future__ import annotations

import csv
import gzip
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from msgspec.structs import replace

from engine.errors import ConfigError, SymbolError, TapeError
from engine.events import BookStatus, Gap, GridChange, Malformed
from engine.feeds.base import InstrumentSpec
from engine.feeds.capture import read_row
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.lines import LineChunks
from engine.feeds.news import News, Placed
from engine.feeds.normalised import lines_of
from engine.feeds.packing import Ticks
from engine.feeds.tape import events_of
from engine.feeds.tape_ticks import TapeTicks
from engine.symbols import resolve
from engine.text import clean
from engine.ticks import BACKFILLED, TRADE

_NAMES = re.compile(r'"(?:symbol|instId|product_id|pair|s|S)":"([^"]{1,40})"')
_NAME_V1 = re.compile(r'","([^"]{1,40})"\]$')
FORMS = (".tape", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
"""What a converted tape's name may end with, which says its form."""
_OF_MARKET = (Gap, BookStatus)
_COLUMNS = ("recv_ns", "event_ns", "symbol", "kind", "trade_id", "price", "size", "side", "bid", "bid_size")
_HEADER = (*_COLUMNS, "ask", "ask_size", "backfilled")


class Written(NamedTuple):
    """What became of a tape."""

    rows: int
    """Or ticks."""
    truncated: bool
    """The tape was cut off by a crash, or is damaged: what came before was written."""


class Out(Protocol):
    """Takes blocks of ticks under a growing table of symbols, and what was told between them."""

    def write(self, ticks: Ticks, symbols: list[str], news: Sequence[Placed]) -> None: ...

    def close(self) -> None: ...


def cut(
    path: Path, out: Path, *, from_ns: int, to_ns: int, symbols: Collection[str], venue: str | None = None
) -> Written:
    """Write what was received in ``from_ns <= t < to_ns`` of ``symbols`` (canonical, native or
    ``venue:NATIVE``; none: of all) to ``out``, in the tape's own form. Raises TapeError, also when there is
    nothing of that, and then writes no file.
    """
    _refuse_existing(path, out)
    given = {symbol.partition(":")[2] or symbol for symbol in symbols}
    ticks = TapeTicks(path, venue)
    if ticks.kind == "capture":
        natives = {_native(ticks.venue, one).upper() for one in given}
        return _cut_capture(path, out, from_ns, to_ns, natives)
    written, found = 0, False
    specs = [s for s in ticks.tape.specs if not given or _is_one_of(s.symbol, given)]
    form = ".tape" if ticks.kind == "ticks" else ".jsonl"
    with whole(out) as part_of, closing(_open(part_of, form, specs)) as writer:
        for block, news in ticks.blocks():
            wanted = (block["recv_ns"] >= from_ns) & (block["recv_ns"] < to_ns)
            if given:
                mine = [i for i, symbol in enumerate(ticks.symbols) if _is_one_of(symbol, given)]
                wanted &= np.isin(block["symbol"], mine)
            part = block[wanted]
            told = [
                (int(np.count_nonzero(wanted[:at])), event)
                for at, event in _from(news, from_ns)
                if from_ns <= event.recv_ns < to_ns and _is_told_of(event, given)
            ]
            if len(part) or told:
                writer.write(part, ticks.symbols, told)
                written += len(part)
                found = found or bool(len(part)) or any(isinstance(event, _OF_MARKET) for _, event in told)
        if not found:
            raise _nothing(path, out)
    return Written(written, ticks.tape.truncated)


def _from(news: Sequence[Placed], from_ns: int) -> list[Placed]:
    """Of what was told before, grids that were changed are still in force then."""
    return [
        (at, replace(event, recv_ns=max(event.recv_ns, from_ns)) if isinstance(event, GridChange) else event)
        for at, event in news
    ]


def _nothing(path: Path, out: Path) -> TapeError:
    return TapeError(f"nothing of {path} is of that time and those symbols: {out} is not written")


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``out`` at the end; after an error there is nothing. Raises
    TapeError where it cannot be written."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".tape-", dir=out.parent))
    except OSError as error:
        raise _unwritten(out, error) from None
    try:
        part = folder / out.name
        try:
            yield part
            part.replace(out)
        except TapeError as error:
            raise TapeError(str(error).replace(str(part), str(out))) from None
        except OSError as error:
            raise _unwritten(out, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unwritten(out: Path, error: OSError) -> TapeError:
    return TapeError(f"cannot write {out}: {clean(error.strerror or error)}")


def _native(venue: str, given: str) -> str:
    try:
        return resolve(venue, given, {})
    except SymbolError:
        return given


def _is_told_of(event: News, given: Collection[str]) -> bool:
    """Of one of those symbols, or of no symbol at all."""
    return not given or isinstance(event, Malformed) or _is_one_of(event.symbol, given)


def _is_one_of(symbol: str, given: Collection[str]) -> bool:
    venue, _, native = symbol.partition(":")
    return any(native.upper() == _native(venue, one).upper() for one in given)


def _cut_capture(path: Path, out: Path, from_ns: int, to_ns: int, natives: Collection[str]) -> Written:
    """Rows as they are. What was learned before (instruments, the connection) stays: without it the rest
    cannot be read. A book begins with the first snapshot that is inside."""
    written, found, lines = 0, False, LineChunks(path)
    with whole(out) as part, _text(part) as file:
        for line in _lines(path, lines):
            row = read_row(line)
            if row is None:
                continue
            before = row.t is not None and row.t < from_ns
            if (before and row.ch == "ws") or (row.t is not None and row.t >= to_ns):
                continue
            if row.ch == "ws":
                named = _named(row.raw or "") if natives else []
                if named and not any(name.upper() in natives for name in named):
                    continue
                found = found or not natives or bool(named)
            file.write(line if line.endswith(b"\n") else line + b"\n")
            written += 1
        if not found:
            raise _nothing(path, out)
    return Written(written, lines.truncated)


def _named(raw: str) -> list[str]:
    """The symbols that a frame speaks of."""
    return _NAMES.findall(raw) or (_NAME_V1.findall(raw[-80:]) if raw.startswith("[") else [])


def _lines(path: Path, chunks: LineChunks) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield from (line for line in chunk.splitlines(keepends=True) if not line.isspace())
    except OSError as error:
        raise TapeError(f"cannot read the tape {path}: {clean(error.strerror or error)}") from None


def convert(path: Path, out: Path, venue: str | None = None) -> Written:
    """Write a tape's ticks to ``out`` in the form that its name says; what was told between them only the
    desk's own forms hold, .tape and .jsonl. Raises TapeError, ConfigError where a form needs what is not
    installed."""
    _refuse_existing(path, out)
    form = next((form for form in sorted(FORMS, key=len, reverse=True) if out.name.endswith(form)), None)
    if form is None:
        raise TapeError(f"{out}: its name must end with one of {', '.join(FORMS)}")
    ticks, written = TapeTicks(path, venue), 0
    with whole(out) as part, closing(_open(part, form, ticks.tape.specs)) as writer:
        for block, news in ticks.blocks():
            writer.write(block, ticks.symbols, news)
            written += len(block)
    return Written(written, ticks.tape.truncated)


def _refuse_existing(path: Path, out: Path) -> None:
    if out.exists():
        raise TapeError(f"{out} exists already: choose another name, or remove it")
    if not path.exists():
        raise TapeError(f"cannot read the tape {path}: no such file")


# --- forms ---


def _text(out: Path) -> AbstractContextManager[Any]:
    return gzip.open(out, "wb", compresslevel=6) if out.name.endswith(".gz") else out.open("wb")


class _Columnar:
    def __init__(self, out: Path, specs: Sequence[InstrumentSpec]) -> None:
        self._out = out
        self._specs = specs
        self._writer: ColumnarWriter | None = None

    def write(self, ticks: Ticks, symbols: list[str], news: Sequence[Placed]) -> None:
        if self._writer is None:
            self._writer = ColumnarWriter(self._out, symbols, self._specs)
        self._writer.add_symbols(symbols[self._writer.symbols :])
        self._writer.write(ticks, news)

    def close(self) -> None:
        (self._writer or ColumnarWriter(self._out, [], self._specs)).close()


_Encode = Callable[[Ticks, list[str], Sequence[Placed]], bytes]


class _Text:
    """``encode`` gives the bytes of a block."""

    def __init__(self, out: Path, encode: _Encode, head: bytes = b"") -> None:
        self._context = _text(out)
        self._file = self._context.__enter__()
        self._encode = encode
        self._file.write(head)

    def write(self, ticks: Ticks, symbols: list[str], news: Sequence[Placed]) -> None:
        self._file.write(self._encode(ticks, symbols, news))

    def close(self) -> None:
        self._context.__exit__(None, None, None)


class _Parquet:
    """One row group a block would be small: all of it is kept until the end."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._polars = _polars()
        self._parts: list[Any] = []

    def write(self, ticks: Ticks, symbols: list[str], news: Sequence[Placed]) -> None:
        if not len(ticks):
            return  # of no rows the types cannot be told
        columns = _columns(ticks)
        frame = self._polars.DataFrame({**columns, "symbol": [symbols[i] for i in columns["symbol"]]})
        self._parts.append(frame)

    def close(self) -> None:
        if not self._parts:
            self._parts.append(self._polars.DataFrame({name: [] for name in _HEADER}))
        packed = io.BytesIO()  # what fails at writing is told as such, and not by the library
        self._polars.concat(self._parts).write_parquet(packed, compression="zstd")
        self._out.write_bytes(packed.getbuffer())


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise ConfigError("Parquet needs the polars library: pip install 'tickdesk[parquet]'") from None
    return polars


def _columns(ticks: Ticks) -> dict[str, Any]:
    """By name, as ``_HEADER`` has them; what a trade or a quote has not is NaN or empty."""
    trade = ticks["kind"] == TRADE

    def only(which: Any, values: Any) -> Any:
        return np.where(which, values, np.nan)

    sides = np.array(["sell", "", "buy"])
    return {
        "recv_ns": ticks["recv_ns"].copy(),
        "event_ns": ticks["event_ns"].copy(),
        "symbol": ticks["symbol"].tolist(),
        "kind": np.where(trade, "trade", "quote").tolist(),
        "trade_id": ticks["trade_id"].copy(),
        "price": only(trade, ticks["a"]),
        "size": only(trade, ticks["b"]),
        "side": sides[ticks["aggressor"].astype(np.int64) + 1].tolist(),
        "bid": only(~trade, ticks["a"]),
        "bid_size": only(~trade, ticks["c"]),
        "ask": only(~trade, ticks["b"]),
        "ask_size": only(~trade, ticks["d"]),
        "backfilled": (ticks["flags"] & BACKFILLED).astype(bool).tolist(),
    }


def _csv(ticks: Ticks, symbols: list[str], news: Sequence[Placed]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = _columns(ticks)
    columns["symbol"] = [symbols[i] for i in columns["symbol"]]
    listed = [columns[name] for name in _HEADER]
    plain = [column.tolist() if isinstance(column, np.ndarray) else column for column in listed]
    for row in zip(*plain, strict=True):
        writer.writerow(["" if value != value else value for value in row])
    return text.getvalue().encode()


def _open(out: Path, form: str, specs: Sequence[InstrumentSpec]) -> Out:
    if form == ".tape":
        return _Columnar(out, specs)
    if form == ".parquet":
        return _Parquet(out)
    if form.startswith(".csv"):
        return _Text(out, _csv, (",".join(_HEADER) + "\n").encode())
    return _Text(out, lambda ticks, symbols, news: lines_of(events_of(ticks, symbols, news)))
