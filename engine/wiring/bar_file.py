"""``tickdesk features``: bars from a CSV file, their features into an .npz file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.errors import BarsError
from engine.feature_table import FLOAT_FIELDS
from engine.features.alpha158 import HISTORY, NAMES, WIDTH, alpha158_series
from engine.features.candles import candle_values, first_unsound
from engine.text import clean
from engine.whole_file import whole_binary

SETS = ("alpha158", "indicators")
INDICATORS: tuple[str, ...] = FLOAT_FIELDS[FLOAT_FIELDS.index("rsi") : FLOAT_FIELDS.index("window_gapped")]
"""The columns of the set ``indicators``: those of a FeatureRow that rest on closed bars."""

_PRICES = ("open", "high", "low", "close", "volume")
_TIMES = ("ts", "time", "timestamp", "date", "datetime")
_ROUNDED = 1e-6
"""So much of a price may be above the high or below the low: adjusted prices were rounded."""
_STEP = 100_000
"""Bars between two lines of progress."""

Floats = npt.NDArray[np.float64]
Note = Callable[[str], None]


class Bars(msgspec.Struct, frozen=True):
    """``rows`` (n, 6): open, high, low, close, volume, vwap, what the file leaves empty as NaN."""

    rows: Floats
    times: list[str]
    """As the file writes them; empty when it has no column of times."""
    lines: npt.NDArray[np.int64]
    """The file's line of each bar."""


def write_features(
    source: Path, which: str, out: Path, config: FeaturesConfig, note: Note
) -> tuple[int, int]:
    """Write ``out``: ``names`` (columns), ``features`` (bars, columns) float64 and, where known, ``ts``.

    ``which`` is one of SETS. Returns (bars, columns). Raises BarsError.
    """
    bars = read_bars(source, note)
    _note_impossible(bars, note)
    if which == "alpha158":
        names, features = NAMES, _alpha158(bars.rows, note)
    else:
        names, features = INDICATORS, _indicators(source, bars, config)
    _write(out, {"names": np.array(names), "features": features, "ts": np.array(bars.times, np.str_)})
    return len(features), len(names)


def _note_impossible(bars: Bars, note: Note) -> None:
    """Said, not refused: which of its values is wrong only the file's owner knows."""
    open_, high, low, close, volume, vwap = bars.rows.T
    prices = bars.rows[:, [0, 1, 2, 3, 5]]
    with np.errstate(invalid="ignore"):  # infinite values are among what is looked for
        wrong = np.isinf(bars.rows).any(axis=1) | (prices <= 0.0).any(axis=1) | (volume < 0.0)
        above, below = high * (1.0 + _ROUNDED), low * (1.0 - _ROUNDED)
        for price in (open_, close, vwap):
            wrong |= (price > above) | (price < below)
        wrong |= below > high
    count = int(wrong.sum())
    if count:
        line = bars.lines[int(wrong.argmax())]
        some = "bar of the file" if count == 1 else "bars of the file"
        note(f"{count:,} {some} cannot be, the first in line {line}: computed as written")


def _alpha158(rows: Floats, note: Note) -> Floats:
    out = np.empty((len(rows), WIDTH))
    for start in range(0, len(rows), _STEP):
        first, stop = max(0, start - HISTORY + 1), min(start + _STEP, len(rows))
        out[start:stop] = alpha158_series(rows[first:stop])[start - first :]
        if len(rows) > _STEP:
            note(f"{stop:,} of {len(rows):,} bars computed")
    return out


def _indicators(source: Path, bars: Bars, config: FeaturesConfig) -> Floats:
    unsound = first_unsound(bars.rows)
    if unsound is not None:
        raise BarsError(
            f"{source}, line {bars.lines[unsound]}: indicators need prices above 0 and a volume of 0 or more "
            "in every bar: mend the line or leave it out"
        )
    return candle_values(bars.rows, config)[:, [FLOAT_FIELDS.index(name) for name in INDICATORS]]


def _write(out: Path, arrays: dict[str, Any]) -> None:
    """All or nothing: what stood there before stays until the new file is complete."""
    try:
        with whole_binary(out, for_others=True) as file:
            np.savez(file, **{name: array for name, array in arrays.items() if array.size})
    except OSError as error:
        raise BarsError(f"cannot write {out}: {error.strerror or error}") from error


# --- reading -------------------------------------------------------------------------------------


def read_bars(source: Path, note: Note) -> Bars:
    """The file's bars, oldest first. Raises BarsError for one that cannot be read, naming the line."""
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            return _read(csv.reader(file), source, note)
    except OSError as error:
        raise BarsError(f"cannot read {source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BarsError(f"{source} is no text file (UTF-8): give a CSV file of bars") from error
    except csv.Error as error:
        raise BarsError(f"{source} is no CSV file: {clean(str(error), 100)}") from error


def _read(reader: Iterator[list[str]], source: Path, note: Note) -> Bars:
    header = [name.strip().lower() for name in next(reader, [])]
    if not header:
        raise BarsError(f"{source} is empty: its first line must name the columns {', '.join(_PRICES)}")
    missing = [name for name in _PRICES if name not in header]
    if missing:
        raise BarsError(f"{source} has no column {', '.join(missing)}: its first line must name them")
    columns = [header.index(name) if name in header else -1 for name in (*_PRICES, "vwap")]
    if columns[-1] < 0:
        note("no column vwap: what needs it is unknown, or uses the typical price (high + low + close) / 3")
    time_at = next((header.index(name) for name in _TIMES if name in header), -1)
    rows: list[list[float]] = []
    times: list[str] = []
    lines: list[int] = []
    last = -math.inf
    for line, cells in enumerate(reader, 2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise BarsError(f"{source}, line {line}: {len(cells)} values for {len(header)} columns")
        rows.append(_numbers(cells, columns, header, f"{source}, line {line}"))
        lines.append(line)
        if time_at >= 0:
            last = _later(cells[time_at], last, f"{source}, line {line}")
            times.append(clean(cells[time_at], 40))
        if len(rows) % _STEP == 0:
            note(f"{len(rows):,} bars read")
    if not rows:
        raise BarsError(f"{source} has no bars below its first line")
    return Bars(np.array(rows, np.float64), times, np.array(lines, np.int64))


def _numbers(cells: Sequence[str], columns: list[int], header: list[str], where: str) -> list[float]:
    """A bar; NaN for an empty cell."""
    row = []
    for column in columns:
        text = cells[column].strip() if column >= 0 else ""
        try:
            row.append(float(text) if text else math.nan)
        except ValueError:
            raise BarsError(f"{where}: {header[column]} is {clean(text, 40)!r}, no number") from None
    return row


def _later(text: str, last: float, where: str) -> float:
    """The time in seconds, or in the unit of a file of numbers; it must be later than ``last``."""
    try:
        value = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise BarsError(f"{where}: {clean(text, 40)!r} is no time: write ISO 8601 or a number") from None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not value > last:
        raise BarsError(f"{where}: {clean(text, 40)!r} is not after the line before: sort the bars by time")
    return value
