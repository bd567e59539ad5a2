"""The columns of a tape's block made rows again in one pass (compiled), for ``columns``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import part, real_at, unlocked, warm, word_at
from engine.ticks import TICK

PLAIN = 0
DELTA = 1
DELTA_BYTES = 2
"""Differences, their first bytes together, then their second ones, and so on: high bytes hardly change."""
BEFORE_RECEIPT = 3
"""How long before ``recv_ns``."""
SCALED = 16
"""From here on: whole numbers of 10 ** -(code - SCALED)."""

assert TICK.fields is not None and TICK.names is not None
# Columns lie one after the other in the order of the fields, which have no room between them.
_AT = {name: TICK.fields[name][1] for name in TICK.names}
assert all(_AT[name] == sum(TICK[one].itemsize for one in _AT if _AT[one] < _AT[name]) for name in _AT)
_EVENT, _ID, _SYMBOL, _KIND = _AT["event_ns"], _AT["trade_id"], _AT["symbol"], _AT["kind"]
_REJECT, _AGGRESSOR, _FLAGS = _AT["reject"], _AT["aggressor"], _AT["flags"]
_A, _B, _C, _D = _AT["a"], _AT["b"], _AT["c"], _AT["d"]


@part
def _number(column: int, count: int, at: int, code: int, before: Any, received: Any) -> Any:
    """A whole number of 64 bits; ``before``: the one of the row above."""
    if code == DELTA_BYTES:
        difference: Any = np.int64(0)
        for byte in range(8):
            difference |= (word_at(column + byte * count + at) & 0xFF) << (8 * byte)
        return before + difference
    value = word_at(column + 8 * at)
    if code == DELTA:
        return before + value
    return received - value if code == BEFORE_RECEIPT else value


@part
def _real(column: int, at: int, scale: float) -> Any:
    """``scale`` 0: as it is."""
    if scale == 0.0:
        return real_at(column + 8 * at)
    return word_at(column + 8 * at) / scale


@unlocked
def make_rows(raw: int, count: int, codes: Any, scales: Any, symbols: int, rows: Any) -> bool:
    """Write ``rows`` (TICK) from the columns at the address ``raw``.

    ``codes``: of the first three columns; ``scales``: of the last four, 0 where they are no whole numbers.
    False when a tick is of none of the ``symbols``.
    """
    received: Any = np.int64(0)
    happened = trade_id = received
    sound: Any = True
    for at in range(count):
        row = rows[at]
        received = _number(raw, count, at, codes[0], received, 0)
        happened = _number(raw + _EVENT * count, count, at, codes[1], happened, received)
        trade_id = _number(raw + _ID * count, count, at, codes[2], trade_id, 0)
        row.recv_ns, row.event_ns, row.trade_id = received, happened, trade_id
        symbol = np.int32(word_at(raw + _SYMBOL * count + 4 * at) & 0xFFFFFFFF)
        sound &= 0 <= symbol < symbols
        row.symbol = symbol
        row.kind = np.uint8(word_at(raw + _KIND * count + at) & 0xFF)
        row.reject = np.uint8(word_at(raw + _REJECT * count + at) & 0xFF)
        row.aggressor = np.int8(word_at(raw + _AGGRESSOR * count + at) & 0xFF)
        row.flags = np.uint8(word_at(raw + _FLAGS * count + at) & 0xFF)
        row.a = _real(raw + _A * count, at, scales[0])
        row.b = _real(raw + _B * count, at, scales[1])
        row.c = _real(raw + _C * count, at, scales[2])
        row.d = _real(raw + _D * count, at, scales[3])
    return bool(sound)


def rows_of(raw: bytes, offset: int, count: int, codes: bytes, symbols: int) -> npt.NDArray[Any] | None:
    """``make_rows`` of bytes, from ``offset`` on; ``codes`` of all columns, sound ones."""
    _load_kernels()
    scales = np.array([10.0 ** (code - SCALED) if code >= SCALED else 0.0 for code in codes[-4:]])
    rows = np.empty(count, TICK)
    address = np.frombuffer(raw, np.uint8).ctypes.data + offset
    sound = make_rows(address, count, np.array(list(codes[:3]), np.int64), scales, symbols, rows)
    return rows if sound else None


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""
    warm(_exercise, "column_kernel", report, shown="tape")


@cache
def _load_kernels() -> None:
    compile_kernels()


def _exercise() -> None:
    make_rows(0, 0, np.zeros(3, np.int64), np.zeros(4), 0, np.zeros(0, TICK))
