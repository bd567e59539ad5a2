"""Stored bars to Parquet: one file a symbol and length of bars, of bars shorter than a day one a day.

    DIR/symbol=poll%3AAAPL/86400s.parquet
    DIR/symbol=binance%3ABTCUSDT/date=2025-01-31/60s.parquet

Symbols are written as in a URL, which readers of such folders undo. Prices are the very floats that are
stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import numpy as np

from engine.errors import ConfigError, StoreError
from engine.events import NS
from engine.store.bar import Provenance
from engine.store.bars_period import read_period
from engine.store.bars_read import BarReader, Bars
from engine.text import clean
from engine.whole_file import whole_bytes

_DAY_S = 86_400
_DAY_NS = _DAY_S * NS
_PRICES = ("open", "high", "low", "close", "volume", "vwap")
_NAMES = np.array([provenance.name.lower() for provenance in sorted(Provenance)])


By = Literal["symbol", "day"]


class Exported(NamedTuple):
    bars: int
    files: int


def export(
    reader: BarReader,
    folder: Path,
    *,
    symbols: Sequence[str] = (),
    since_ns: int = 0,
    until_ns: int = (1 << 62),
    adjust: bool = False,
    by: By | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Write all days that ``since_ns <= t < until_ns`` touches, whole, of ``symbols`` (none: all).

    ``adjust``: prices and volumes adjusted for splits and dividends, see ``adjust.py``. ``by``: what has a
    file of its own; None: the symbol, of bars shorter than a day each day. A file is there whole or as it was
    before. Raises ConfigError without polars; StoreError: an unknown symbol, a folder that cannot be written,
    or one that holds the same bars in the other layout: who reads the folder would have each twice.
    """
    _polars()
    known = reader.series()
    unknown = sorted(set(symbols) - {symbol for symbol, _ in known})
    if unknown:
        raise StoreError(
            f"no bars are stored of {clean(', '.join(unknown), 100)}: `tickdesk history list` shows of what"
        )
    since_ns, until_ns = since_ns // _DAY_NS * _DAY_NS, -(-until_ns // _DAY_NS) * _DAY_NS
    count = files = 0
    for symbol, interval_s in known:
        if symbols and symbol not in symbols:
            continue
        bars = read_period(reader, symbol, interval_s, since_ns, until_ns, adjust=adjust)
        count += len(bars)
        daily = interval_s < _DAY_S if by is None else by == "day"
        files += _write(bars, folder / f"symbol={quote(symbol, safe='')}", daily=daily)
        note(f"{symbol}: {len(bars):,} bars")
    return Exported(count, files)


def _write(bars: Bars, folder: Path, *, daily: bool) -> int:
    """A file, or one a day; returns how many."""
    name = f"{bars.interval_s}s.parquet"
    other = folder / name if daily else next(folder.glob(f"date=*/{name}"), None)
    if other is not None and other.exists():
        raise StoreError(
            f"{other} holds these bars already, in the other layout: choose another folder, or remove it"
        )
    if not daily:
        if len(bars):
            _write_file(bars, folder / name)
        return int(len(bars) > 0)
    days = bars.open_ns // _DAY_NS
    starts = np.flatnonzero(np.diff(days, prepend=-1)) if len(days) else np.zeros(0, np.int64)
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        date = datetime.fromtimestamp(int(days[start]) * _DAY_S, UTC).date()
        _write_file(bars.part(slice(int(start), int(stop))), folder / f"date={date}" / name)
    return len(starts)


def _write_file(bars: Bars, path: Path) -> None:
    columns: dict[str, Any] = {
        "open_ns": bars.open_ns,
        **{name: bars.values[:, at] for at, name in enumerate(_PRICES)},
        "trades": bars.trades,
        "filled": bars.provenance == Provenance.FILLED,
        "provenance": _NAMES[bars.provenance],
        "source": np.array([*bars.sources, ""])[bars.source],
        "interval_s": np.full(len(bars), bars.interval_s),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = BytesIO()  # what fails at writing is told as such, and not by the library
        _polars().DataFrame(columns).write_parquet(packed, compression="zstd")
        whole_bytes(path, packed.getbuffer(), for_others=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or clean(error, 80)}; choose another folder"
        ) from error


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise ConfigError("Parquet needs the polars library: pip install 'tickdesk[parquet]'") from None
    return polars
