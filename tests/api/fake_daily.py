"""Daily runs made up for the API."""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.daily_protocol import (
    DailyDetail,
    DailyOrderRow,
    DailyRow,
    DailyStepRow,
    HistoryRow,
    OrderSize,
    ScoredPlan,
)
from engine.api.protocol import Reply
from engine.api.trading_protocol import TargetPlan, TargetRow

DAY = "2026-11-20"
RUN = DailyRow(
    *(DAY, "daily", "paper", False, "failed", "orders: stale", 1, 2),
    (
        DailyStepRow("data", "done", 1, 1, 2, "12 bars of 2 symbols", ""),
        DailyStepRow("orders", "failed", 2, 2, 3, "stale", "start it again while the market is open"),
    ),
)
ORDER = DailyOrderRow(
    *(1, 1, f"daily:{DAY}:1", "add", "sim:A", "buy", "1.5", "done", "td-1", "1.5", "100", "filled", 1, 2, 3)
)
PLAN = ScoredPlan(
    *("0123456789ab", 7, {"sim:A": 0.02}),
    TargetPlan((TargetRow("sim:A", 0.02, 1.0, "0", "2", "0", "2", "", ""),), "200"),
    *((OrderSize("sim:A", "1.5", "0.01"),), False),
)


class FakeDaily:
    """Implements ``DailyPort``."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    async def runs(self, limit: int) -> tuple[DailyRow, ...]:
        self._asked.append(("daily runs", limit))
        return (RUN,)

    async def day(self, day: str) -> tuple[DailyDetail, ...]:
        self._asked.append(("daily", day))
        return (DailyDetail(RUN, (ORDER,), ("Net P&L: 12",)),) if day == DAY else ()

    async def plan_targets(self, scores: Mapping[str, float]) -> ScoredPlan:
        self._asked.append(("plan targets", dict(scores)))
        return PLAN

    def history(self) -> HistoryRow:
        return HistoryRow(True, False, 3, 2, 2, stored=12, faults={"sim:A": "no source has it"})

    def load_history(self, who: str) -> Reply:
        self._asked.append(("load history", who))
        return Reply(True, "a load begins")
