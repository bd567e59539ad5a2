"""From the address of the desk's row to its arrays (compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from engine.features.state import BAR_SLOTS, BAR_WIDTH, DESK, ENTRY, EXTREMES, ROW_FIELDS, STATE
from engine.kernels import part, pointer
from engine.ticks import TICK

assert STATE.fields is not None
_ROW = STATE.itemsize
_FIELDS, _FIELDS_AT = len(ROW_FIELDS), STATE.fields[ROW_FIELDS[0]][1]


@part
def desk_at(address: int) -> Any:
    """The row of DESK there."""
    return carray(pointer(address), 1, DESK)[0]


@part
def ticks_at(address: int, count: int) -> Any:
    return carray(pointer(address), count, TICK)


@part
def rows_of(desk: Any) -> Any:
    return carray(pointer(desk.state), desk.rows, STATE)


@part
def fields_of(desk: Any) -> Any:
    """The float fields of the first row."""
    return carray(pointer(desk.state + _FIELDS_AT), _FIELDS, np.float64)


@part
def fields_at(desk: Any, index: int) -> Any:
    """The float fields of a row."""
    return carray(pointer(desk.state + index * _ROW + _FIELDS_AT), _FIELDS, np.float64)


@part
def bars_of(desk: Any) -> Any:
    return carray(pointer(desk.bars), (desk.rows, BAR_SLOTS, BAR_WIDTH), np.float64)


@part
def marks_of(desk: Any) -> Any:
    return carray(pointer(desk.marks), (desk.rows, BAR_SLOTS, BAR_WIDTH), np.float64)


@part
def ring_of(desk: Any) -> Any:
    return carray(pointer(desk.ring), desk.entries, ENTRY)


@part
def runs_of(desk: Any) -> Any:
    """The ring again, as the extremes of runs."""
    return carray(pointer(desk.ring), desk.entries, EXTREMES)
