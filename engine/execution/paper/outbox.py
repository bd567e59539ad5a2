"""Reports on their way back to the desk: what happened together arrives together, in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

import msgspec

from engine.events import Fill, Funding, OrderChange, OrderEvent

Report = OrderEvent | OrderChange | Fill | Funding


class Parcel(msgspec.Struct, gc=False):
    due_ns: int
    reports: list[Report]


class Outbox:
    """By symbol, first in, first out: a report never overtakes another of its symbol."""

    def __init__(self) -> None:
        self.parcels: dict[str, deque[Parcel]] = {}
        """Only to be read."""

    def put(self, symbol: str, reports: list[Report], due_ns: int) -> None:
        parcels = self.parcels.setdefault(symbol, deque())
        if parcels:
            due_ns = max(due_ns, parcels[-1].due_ns)
        parcels.append(Parcel(due_ns, reports))

    def take(self, symbol: str, now_ns: int) -> list[Report]:
        """What has arrived."""
        parcels = self.parcels.get(symbol)
        found: list[Report] = []
        while parcels and parcels[0].due_ns <= now_ns:
            found += parcels.popleft().reports
        if parcels is not None and not parcels:
            del self.parcels[symbol]
        return found

    def due_ns(self, symbol: str) -> int | None:
        parcels = self.parcels.get(symbol)
        return parcels[0].due_ns if parcels else None

    def any(self, symbol: str) -> bool:
        return symbol in self.parcels

    def symbols(self) -> Collection[str]:
        return self.parcels.keys()

    def reports(self) -> list[Report]:
        """All that the desk does not have yet."""
        return [
            report for parcels in self.parcels.values() for parcel in parcels for report in parcel.reports
        ]

    def state(self) -> dict[str, list[Parcel]]:
        return {symbol: list(parcels) for symbol, parcels in self.parcels.items()}

    def restore(self, state: Mapping[str, Sequence[Parcel]]) -> None:
        self.parcels = {symbol: deque(parcels) for symbol, parcels in state.items() if parcels}
