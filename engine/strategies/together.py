"""The scans of a set's strategies, all in one compiled call at a bar boundary: to call each takes longer than
what it does.

A strategy that may not see every symbol, or that has no scan, goes on by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.feature_table import FeatureTable
from engine.strategies.entry import Entry
from engine.strategies.scan import GROW, PARAMETERS, SCANS, ChannelScan, Integers, Scan, scan_all
from engine.strategies.scanned import scan_of


class Together:
    """The scans of the entries that it is made of."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.order: list[tuple[int, Entry]] = []
        """All entries, each with the number of its scan; -1: it goes on by itself."""
        self._scans: list[tuple[int, Scan]] = []
        for entry in entries:
            scan = _scan_of(entry)
            number = -1 if scan is None else SCANS.index(entry.kind.name)
            self.order.append((number, entry))
            if scan is not None:
                self._scans.append((number, scan))
        self._by_number = dict(self._scans)
        self.alone = any(number < 0 for number, _ in self.order)
        """Whether one of them goes on by itself."""
        self._wanted = sum(1 << number for number in self._by_number)
        self._asked = np.zeros((len(SCANS), PARAMETERS))
        self._places = np.zeros((len(SCANS) + 1, 3), np.int64)
        self._memories: list[tuple[Scan, Integers]] = []
        self._found = np.zeros((len(SCANS), 0), np.bool_)
        self._passed: list[Scan] = []
        self._gather()

    def __call__(self, table: FeatureTable) -> int:
        """Numbers, as bits, of the scans that let something through: see ``passed``."""
        for scan in self._passed:
            scan.settle()
        self._passed = []
        for scan, memory in self._memories:
            if scan.memory is not memory:
                self._gather()
                break
        count = len(table.indices)
        if self._found.shape[1] != count:
            self._found = np.zeros((len(SCANS), count), np.bool_)
        spoke = self._run(table)
        if spoke == GROW:
            for _, scan in self._scans:
                scan.make_room(int(table.indices.max()) + 1)
            self._gather()
            spoke = self._run(table)
        return spoke

    def passed(self, number: int, table: FeatureTable) -> list[int]:
        """The positions that a scan let through at the call just now; they must be looked at."""
        positions: list[int] = self._found[number].nonzero()[0].tolist()
        scan = self._by_number[number]
        scan.let_through(table, positions)
        self._passed.append(scan)
        return positions

    def _run(self, table: FeatureTable) -> int:
        return scan_all(
            table.values,
            table.indices,
            table.bars,
            table.ns,
            self._wanted,
            self._asked,
            self._places,
            self._found,
        )

    def _gather(self) -> None:
        """Where the memories are, which are kept for as long as that is told.

        The one that keeps ranges has no more room than the others: where one of them has none, it has none
        either, and no bar is taken for one of those before it when all are asked again.
        """
        room = next((len(scan.memory) for _, scan in self._scans if isinstance(scan, ChannelScan)), 0)
        self._memories = []
        for number, scan in self._scans:
            _, parameters, memory = scan.seen_from_outside(room)
            self._asked[number, : len(parameters)] = parameters
            self._places[number] = memory.ctypes.data, len(memory), 0
            self._memories.append((scan, memory))
            if isinstance(scan, ChannelScan):
                self._places[len(SCANS)] = scan.ranges.ctypes.data, *scan.ranges.shape[:2]


def _scan_of(entry: Entry) -> Scan | None:
    """The scan of a shipped strategy that may see every symbol."""
    if entry.origin or entry.symbols or entry.kind.name not in SCANS:
        return None
    return scan_of(entry.strategy)
