"""The columns of a block of packed ticks as bytes: each is packed by what market data is like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.ticks import TICK

_DELTAS_V1 = ("recv_ns", "event_ns", "trade_id")

# How a column is packed; from _SCALED on: whole numbers of 10 ** -(code - _SCALED).
_PLAIN = 0
_DELTA = 1
_DELTA_BYTES = 2
"""Differences, their first bytes together, then their second ones, and so on: high bytes hardly change."""
_BEFORE_RECEIPT = 3
"""How long before ``recv_ns``."""
_SCALED = 16
_MOST_DIGITS = 9
_EXACT = float(1 << 53)
_SAMPLE = 256

Ticks = npt.NDArray[Any]
"""One-dimensional array of ``engine.ticks.TICK``."""


def packed(rows: Ticks, name: str) -> tuple[int, bytes]:
    """A column's code and bytes."""
    column = np.ascontiguousarray(rows[name])
    if name == "recv_ns":
        return _DELTA_BYTES, _by_bytes(np.diff(column, prepend=np.int64(0)))
    if name == "event_ns":
        return _BEFORE_RECEIPT, (rows["recv_ns"] - column).tobytes()
    if name == "trade_id":
        return _DELTA, np.diff(column, prepend=np.int64(0)).tobytes()
    if column.dtype == np.float64:
        return _scaled(column)
    return _PLAIN, column.tobytes()


def _by_bytes(column: npt.NDArray[np.int64]) -> bytes:
    return column.view(np.uint8).reshape(-1, 8).T.tobytes()


def _scaled(column: npt.NDArray[np.float64]) -> tuple[int, bytes]:
    """As whole numbers where each value is a short decimal, which is what venues send: they pack better."""
    for digits in range(_MOST_DIGITS + 1):
        if _whole(column[:_SAMPLE], digits) is not None:
            whole = _whole(column, digits)
            if whole is not None:
                return _SCALED + digits, whole.tobytes()
    return _PLAIN, column.tobytes()


def _whole(column: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.int64] | None:
    """The column times 10 ** digits; None where that loses anything, be it a NaN or the sign of a zero."""
    scale = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(column * scale)
        exact = (np.abs(whole) < _EXACT) & (whole / scale == column) & ~(np.signbit(column) & (column == 0.0))
    return whole.astype(np.int64) if bool(exact.all()) else None


CODES_V1 = bytes(_DELTA if name in _DELTAS_V1 else _PLAIN for name in TICK.names or ())


def unpacked(raw: bytes, codes: bytes, offset: int, count: int) -> Ticks | None:
    """The block's rows; None when a code is not known."""
    rows = np.empty(count, TICK)
    for code, name in zip(codes, TICK.names or (), strict=True):
        kind = TICK[name]
        whole = np.dtype("<i8") if code >= _SCALED else kind
        column = np.frombuffer(raw, whole, count, offset)
        offset += count * kind.itemsize
        if code == _PLAIN:
            rows[name] = column
        elif code == _DELTA:
            rows[name] = np.cumsum(column)
        elif code == _DELTA_BYTES and kind.itemsize == 8:
            turned = np.frombuffer(raw, np.uint8, count * 8, offset - count * 8).reshape(8, count).T
            rows[name] = np.cumsum(np.ascontiguousarray(turned).view("<i8").ravel())
        elif code == _BEFORE_RECEIPT and name == "event_ns":
            rows[name] = rows["recv_ns"] - column
        elif _SCALED <= code <= _SCALED + _MOST_DIGITS and kind == np.float64:
            rows[name] = column / 10.0 ** (code - _SCALED)
        else:
            return None
    return rows
