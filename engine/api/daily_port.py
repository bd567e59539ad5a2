"""What the API needs of the daily runs, and of what they ask for: the wiring implements it, a test fakes
it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.api.daily_protocol import DailyDetail, DailyRow, HistoryRow, ScoredPlan
from engine.api.protocol import Reply


class DailyPort(Protocol):
    async def runs(self, limit: int) -> tuple[DailyRow, ...]:
        """The newest day first. Raises StoreError."""
        ...

    async def day(self, day: str) -> tuple[DailyDetail, ...]:
        """Those of one day, newest first. Raises StoreError."""
        ...

    async def plan_targets(self, scores: Mapping[str, float]) -> ScoredPlan:
        """By these scores; none: by the newest ones of the desk's model. Raises NotReadyError."""
        ...

    def history(self) -> HistoryRow: ...

    def load_history(self, who: str) -> Reply:
        """Begin a load now, or once more after the one at work."""
        ...
