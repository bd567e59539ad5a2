"""Does a strategy know the future? Change what comes after a moment, and what was said before must stay.

Signals are compared to the last bit. A strategy that passes may still be wrong; one that fails has seen what
it could not have seen, or does not say the same twice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import Signal
from engine.ticks import QUOTE, TRADE

Ticks = npt.NDArray[np.void]
Change = Literal["turned", "scrambled", "removed"]
CHANGES: Mapping[Change, str] = {
    "turned": "every later rise made a fall, every fall a rise",
    "scrambled": "later prices in another order",
    "removed": "nothing later at all",
}


class Said(msgspec.Struct, frozen=True, gc=False):
    """One signal of a run."""

    signal: Signal
    between_bars: bool
    """Its strategy speaks at ticks too, also at the first one of a bar; else at the close of bars alone."""

    def before(self, cut_ns: int) -> bool:
        """Whether it was said without the ticks from ``cut_ns`` on."""
        return self.signal.ns < cut_ns or (self.signal.ns == cut_ns and not self.between_bars)


class Finding(msgspec.Struct, frozen=True):
    """Why a strategy does not pass."""

    kind: Literal["future", "unsteady", "reads"]
    told: str
    """One line."""
    cut_ns: int = 0
    """From there on the data was changed; 0: it was not."""
    change: str = ""
    expected: Signal | None = None
    """The first signal that differs, as the unchanged data gives it; None: there it is silent."""
    got: Signal | None = None


class LookAhead(msgspec.Struct, frozen=True):
    """What a test came to."""

    strategies: tuple[str, ...]
    signals: int
    """That the unchanged data gives."""
    symbols: tuple[str, ...]
    first_ns: int
    last_ns: int
    cuts: tuple[int, ...]
    runs: int
    findings: tuple[Finding, ...]
    adjusted: tuple[str, ...] = ()
    """Symbols whose splits and dividends are taken out backwards: no other future changes those."""

    @property
    def passed(self) -> bool:
        return not self.findings


def first_difference(
    base: Sequence[Said], other: Sequence[Said], cut_ns: int | None = None
) -> tuple[Signal | None, Signal | None] | None:
    """The first signals that are not the same, of those before ``cut_ns`` (None: of all); None: all are."""
    left = [one.signal for one in base if cut_ns is None or one.before(cut_ns)]
    right = [one.signal for one in other if cut_ns is None or one.before(cut_ns)]
    for at in range(max(len(left), len(right))):
        expected = left[at] if at < len(left) else None
        got = right[at] if at < len(right) else None
        if expected is None or got is None or _bits(expected) != _bits(got):
            return expected, got
    return None


def _bits(signal: Signal) -> tuple[str, str, int, bytes, str]:
    numbers = struct.pack("<dd", signal.score, signal.confidence)
    return signal.source, signal.symbol, signal.ns, numbers, signal.reason


def cuts(times: Sequence[int], said: Sequence[Said], count: int) -> list[int]:
    """So many moments at most: half of them right after signals, where a look ahead has had an effect, the
    others evenly apart. ``times``: where bars begin, or ticks are."""
    inner = sorted(set(times))[1:]
    if not inner:
        return []
    even = count - count // 2
    chosen = {inner[len(inner) * n // even] for n in range(even)}
    spoken = sorted({one.signal.ns for one in said})
    inner_times = np.array(inner, np.int64)
    at_or_after = [int(at) for at in np.searchsorted(inner_times, spoken, side="left") if at < len(inner)]
    after = [inner[at] for at in at_or_after if inner[at] not in chosen]
    fits = min(count // 2, len(after))
    chosen.update(after[len(after) * n // fits] for n in range(fits))
    return sorted(chosen)


class Changer:
    """Changes ticks from ``cut_ns`` on. Given blocks in order of time, it remembers the last prices."""

    def __init__(self, cut_ns: int, change: Change, seed: int) -> None:
        self.cut_ns = cut_ns
        self.change = change
        self._random = np.random.default_rng((seed, cut_ns))
        self.seed = seed
        self._last: dict[int, float] = {}
        self._indices: dict[str, int] = {}

    def index(self, symbol: str) -> int:
        """A number for the symbol, in blocks that have none yet."""
        return self._indices.setdefault(symbol, len(self._indices))

    def seen(self, index: int, price: float) -> None:
        """The last price before the cut, so far."""
        self._last[index] = price

    def __call__(self, ticks: Ticks) -> Ticks:
        """A block of its own; ``ticks`` stays as it is."""
        start = int(np.searchsorted(ticks["recv_ns"], self.cut_ns, side="left"))
        self._remember(ticks[:start])
        if self.change == "removed":
            return ticks[:start].copy()
        changed = ticks.copy()
        later = changed[start:]
        for symbol in np.unique(later["symbol"]).tolist():
            mine = later["symbol"] == symbol
            if self.change == "turned":
                self._turn(later, symbol, mine)
            else:
                self._scramble(later, mine)
        return changed

    def _remember(self, ticks: Ticks) -> None:
        for symbol in np.unique(ticks["symbol"]).tolist():
            prints = ticks[(ticks["symbol"] == symbol) & (ticks["kind"] == TRADE)]
            if len(prints):
                self.seen(symbol, float(prints["a"][-1]))

    def _turn(self, later: Ticks, symbol: int, mine: npt.NDArray[np.bool_]) -> None:
        prints = np.flatnonzero(mine & (later["kind"] == TRADE))
        quotes = np.flatnonzero(mine & (later["kind"] == QUOTE))
        if symbol not in self._last:
            first = later[prints[0]]["a"] if len(prints) else later[quotes[0]]["a"]
            self._last[symbol] = float(first)
        square = self._last[symbol] ** 2
        later["a"][prints] = square / later["a"][prints]
        bid, ask = later["a"][quotes].copy(), later["b"][quotes].copy()
        later["a"][quotes], later["b"][quotes] = square / ask, square / bid
        later["b"][prints] *= 0.5 + self._random.random(len(prints))

    def _scramble(self, later: Ticks, mine: npt.NDArray[np.bool_]) -> None:
        """Prices and sizes of each kind among themselves; times stay."""
        for kind, fields in ((TRADE, ("a", "b")), (QUOTE, ("a", "b", "c", "d"))):
            rows = np.flatnonzero(mine & (later["kind"] == kind))
            order = self._random.permutation(len(rows))
            for field in fields:
                later[field][rows] = later[field][rows[order]]


def told(signal: Signal | None) -> str:
    """A signal in a line."""
    if signal is None:
        return "nothing"
    numbers = f"score {signal.score!r}, confidence {signal.confidence!r}"
    return f"{signal.source} {signal.symbol}, {numbers}: {signal.reason}"


Again = Callable[[Changer | None], list[Said]]
"""Runs the strategies over the data, changed or not, and tells what they said."""


def look(
    run: Again,
    base: Sequence[Said],
    moments: Sequence[int],
    *,
    seed: int = 0,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Finding]:
    """What differs from ``base``: at most one finding of each kind of change, the first of them."""
    found: list[Finding] = []
    note("running over the same data again")
    differs = first_difference(base, run(None))
    if differs is not None:
        text = "two runs over the same data differ: it depends on the clock, on chance or on what it kept"
        found.append(Finding("unsteady", text, 0, "", *differs))
        return found  # nothing else can be told apart from that
    todo = [(change, cut_ns) for change in CHANGES for cut_ns in moments]
    caught: set[str] = set()
    for done, (change, cut_ns) in enumerate(todo):
        if done % len(moments) == 0:
            note(f"part {done // len(moments) + 1} of {len(CHANGES)}: {CHANGES[change]}")
        if change not in caught:
            differs = first_difference(base, run(Changer(cut_ns, change, seed)), cut_ns)
            if differs is not None:
                caught.add(change)
                found.append(Finding("future", CHANGES[change], cut_ns, change, *differs))
        progress((done + 1) / len(todo))
    return found
