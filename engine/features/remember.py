"""What a feature engine remembers, as bytes, and another one that goes on from there to the bit.

Of a symbol: its row and the live part of its window, and its closed bars by chunks, since few of them change.
Whoever takes it up must have the same ``LAYOUT`` and configuration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from engine.features.engine import FeatureEngine
from engine.features.memory import desk_at, ring_of, rows_of, runs_of
from engine.features.state import BAR_SLOTS, BAR_WIDTH, BARS_KEPT, DESK, ENTRY, RUN, STATE
from engine.features.window import extend_run
from engine.kernels import kernel, pointer, warm

LAYOUT = hashlib.sha256(
    repr((STATE.descr, DESK.descr, ENTRY.descr, RUN, BAR_SLOTS, BAR_WIDTH)).encode()
).hexdigest()[:12]
"""Of another one the bytes mean something else."""
CHUNK_BARS = 16
_HERE = ("rows", "state", "bars", "marks", "entries", "ring", "count")
"""Fields of the desk's row that are the engine's own."""
_CHUNK_BYTES = 2 * CHUNK_BARS * BAR_WIDTH * 8


@kernel
def tell_window(index: int, out: int, address: int) -> int:
    """Write the live part of a symbol's window to ``out``; 0: only count. Returns the words."""
    desk = desk_at(address)
    s, ring = rows_of(desk)[index], ring_of(desk)
    count = 3 * (s.tail - s.head)
    if out == 0:
        return int(count)
    numbers, reals = carray(pointer(out), count, np.int64), carray(pointer(out), count, np.float64)
    mask, at = s.capacity - 1, 0
    for position in range(s.head, s.tail):
        entry = ring[s.offset + (position & mask)]
        numbers[at], reals[at + 1], reals[at + 2] = entry.ns, entry.price, entry.size
        at += 3
    return int(count)


@kernel
def take_window(index: int, source: int, address: int) -> None:
    """The reverse, into the room that the symbol's row has."""
    desk = desk_at(address)
    s, ring, runs = rows_of(desk)[index], ring_of(desk), runs_of(desk)
    count = 3 * (s.tail - s.head)
    numbers, reals = carray(pointer(source), count, np.int64), carray(pointer(source), count, np.float64)
    mask, at = s.capacity - 1, 0
    for position in range(s.head, s.tail):
        entry = ring[s.offset + (position & mask)]
        entry.ns, entry.price, entry.size = numbers[at], reals[at + 1], reals[at + 2]
        extend_run(s, runs, position, entry.price)
        at += 3


class Remembered:
    """Tells what an engine remembers, and from the second time on only what changed."""

    def __init__(self, engine: FeatureEngine) -> None:
        self._engine = engine
        self._rows: list[bytes] = []
        self._bars: list[int] = []

    def forget(self) -> None:
        """What was told was not kept: tell all of it again."""
        self._rows.clear()
        self._bars.clear()

    def changes(self) -> dict[str, bytes]:
        """By name: ``desk``, ``s:<index>`` and ``b:<index>:<chunk>``."""
        engine = self._engine
        found: dict[str, bytes] = {}
        if not len(engine):
            return found
        for index in range(len(engine)):
            held = engine.held(index)
            row = held.state.tobytes()
            if index == len(self._rows):
                self._rows.append(b"")
                self._bars.append(0)
            if row == self._rows[index]:
                continue
            self._rows[index] = row
            found[f"s:{index}"] = row + _window(engine, index)
            bars = int(held.state["bar_count"][0])
            for chunk in _chunks(self._bars[index], bars):
                slots = slice(chunk * CHUNK_BARS, (chunk + 1) * CHUNK_BARS)
                found[f"b:{index}:{chunk}"] = held.bars[slots].tobytes() + held.marks[slots].tobytes()
            self._bars[index] = bars
        desk = engine.held(0).desk.copy()
        for name in _HERE:
            desk[name] = 0
        found["desk"] = desk.tobytes()
        return found


def take_up(engine: FeatureEngine, told: Mapping[str, bytes]) -> None:
    """Go on where another engine was: this one has its symbols, in its order, and saw nothing yet.

    Raises ValueError for what cannot be that: this engine is of no use then.
    """
    if not len(engine):
        return
    for index in range(len(engine)):
        _take_symbol(engine, index, told)
    (desk,) = np.frombuffer(_part(told, "desk", DESK.itemsize), DESK)
    own = engine.held(0).desk
    for name in DESK.names or ():
        if name not in _HERE:
            own[name] = desk[name]


def _take_symbol(engine: FeatureEngine, index: int, told: Mapping[str, bytes]) -> None:
    name = f"s:{index}"
    body = told.get(name, b"")
    if len(body) < STATE.itemsize:
        raise ValueError(f"{name} is cut off")
    row = np.frombuffer(body[: STATE.itemsize], STATE).copy()
    capacity = int(row["capacity"][0])
    length = int(row["tail"][0] - row["head"][0])
    if not (0 < capacity <= 1 << 30 and capacity & (capacity - 1) == 0):
        raise ValueError(f"{name}: no window holds {capacity} trades")
    if not 0 <= length <= capacity:
        raise ValueError(f"{name}: a window of {capacity} trades holds no {length}")
    row["offset"] = engine.make_room(index, capacity)
    engine.held(index).state[:] = row
    words = np.frombuffer(body[STATE.itemsize :], np.int64)
    if len(words) != tell_window(index, 0, engine.address):
        raise ValueError(f"{name}: its window is cut off")
    take_window(index, words.ctypes.data, engine.address)
    held = engine.held(index)
    for chunk in _chunks(0, int(row["bar_count"][0])):
        slots = slice(chunk * CHUNK_BARS, (chunk + 1) * CHUNK_BARS)
        values = np.frombuffer(_part(told, f"b:{index}:{chunk}", _CHUNK_BYTES), np.float64)
        held.bars[slots], held.marks[slots] = values.reshape(2, CHUNK_BARS, BAR_WIDTH)


def _part(told: Mapping[str, bytes], name: str, size: int) -> bytes:
    body = told.get(name, b"")
    if len(body) != size:
        raise ValueError(f"{name} has {len(body)} bytes of {size}")
    return body


def _window(engine: FeatureEngine, index: int) -> bytes:
    words = np.empty(tell_window(index, 0, engine.address), np.int64)
    if len(words):
        tell_window(index, words.ctypes.data, engine.address)
    return words.tobytes()


def _chunks(before: int, now: int) -> Iterator[int]:
    """The chunks of a ring of bars that the bars from number ``before`` up to ``now`` lie in."""
    if now - before >= BARS_KEPT:
        yield from range(BARS_KEPT // CHUNK_BARS)
    elif now > before:
        places = range(before // CHUNK_BARS, (now - 1) // CHUNK_BARS + 1)
        yield from {place % (BARS_KEPT // CHUNK_BARS) for place in places}


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""

    def exercise() -> None:
        from engine.config import FeaturesConfig

        engine = FeatureEngine(FeaturesConfig(), capacity=1)
        index = engine.add_symbol("")
        words = np.zeros(1, np.int64)
        tell_window(index, words.ctypes.data, engine.address)
        take_window(index, words.ctypes.data, engine.address)

    warm(exercise, "remember", report)
