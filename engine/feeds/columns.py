"""The columns of a block of packed ticks as bytes: each is packed by what market data is like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.feeds.column_kernel import BEFORE_RECEIPT, DELTA, DELTA_BYTES, PLAIN, SCALED, rows_of
from engine.ticks import TICK

_DELTAS_V1 = ("recv_ns", "event_ns", "trade_id")
_MOST_DIGITS = 9
_EXACT = float(1 << 53)
_SAMPLE = 256

Ticks = npt.NDArray[Any]
"""One-dimensional array of ``engine.ticks.TICK``."""


def packed(rows: Ticks, name: str) -> tuple[int, bytes]:
    """A column's code and bytes."""
    column = np.ascontiguousarray(rows[name])
    if name == "recv_ns":
        return DELTA_BYTES, _by_bytes(np.diff(column, prepend=np.int64(0)))
    if name == "event_ns":
        return BEFORE_RECEIPT, (rows["recv_ns"] - column).tobytes()
    if name == "trade_id":
        return DELTA, np.diff(column, prepend=np.int64(0)).tobytes()
    if column.dtype == np.float64:
        return _scaled(column)
    return PLAIN, column.tobytes()


def _by_bytes(column: npt.NDArray[np.int64]) -> bytes:
    return column.view(np.uint8).reshape(-1, 8).T.tobytes()


def _scaled(column: npt.NDArray[np.float64]) -> tuple[int, bytes]:
    """As whole numbers where each value is a short decimal, which is what venues send: they pack better."""
    for digits in range(_MOST_DIGITS + 1):
        if _whole(column[:_SAMPLE], digits) is not None:
            whole = _whole(column, digits)
            if whole is not None:
                return SCALED + digits, whole.tobytes()
    return PLAIN, column.tobytes()


def _whole(column: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.int64] | None:
    """The column times 10 ** digits; None where that loses anything, be it a NaN or the sign of a zero."""
    scale = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(column * scale)
        exact = (np.abs(whole) < _EXACT) & (whole / scale == column) & ~(np.signbit(column) & (column == 0.0))
    return whole.astype(np.int64) if bool(exact.all()) else None


CODES_V1 = bytes(DELTA if name in _DELTAS_V1 else PLAIN for name in TICK.names or ())


_NUMBERS = (PLAIN, DELTA, DELTA_BYTES)


def unpacked(raw: bytes, codes: bytes, offset: int, count: int, symbols: int) -> Ticks | None:
    """The block's rows; None when a code is not known, or a tick is of none of the ``symbols``."""
    if codes[0] not in _NUMBERS or codes[1] not in (*_NUMBERS, BEFORE_RECEIPT) or codes[2] not in _NUMBERS:
        return None
    if any(codes[3:-4]) or any(code and not SCALED <= code <= SCALED + _MOST_DIGITS for code in codes[-4:]):
        return None
    return rows_of(raw, offset, count, codes, symbols)
