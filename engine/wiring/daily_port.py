"""The daily runs as the API tells them, and what they ask a running desk for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.api.daily_protocol import DailyDetail, DailyRow, HistoryRow, ScoredPlan
from engine.api.protocol import Reply
from engine.errors import NotReadyError
from engine.slices import in_slices
from engine.wiring.daily_rows import daily_details, daily_rows
from engine.wiring.target_plan import planning

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine.history")


class LiveDaily:
    """Implements ``engine.api.daily_port.DailyPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    async def runs(self, limit: int) -> tuple[DailyRow, ...]:
        return await asyncio.to_thread(daily_rows, self._engine.options.state_dir, limit)

    async def day(self, day: str) -> tuple[DailyDetail, ...]:
        return await asyncio.to_thread(daily_details, self._engine.options.state_dir, day)

    async def plan_targets(self, scores: Mapping[str, float]) -> ScoredPlan:
        if not self._engine.ready:
            raise NotReadyError
        return await in_slices(planning(self._engine.desk, scores))

    def history(self) -> HistoryRow:
        bars = self._engine.bars
        return HistoryRow(False, False, 0) if bars is None else bars.row()

    def load_history(self, who: str) -> Reply:
        bars = self._engine.bars
        if bars is None or not bars.row().enabled:
            return Reply(False, "no bars are loaded here: no venue or source has any of these symbols")
        log.info("a load of history is asked for by %s", who)
        bars.load_now()
        return Reply(True, "a load begins: /v1/history tells how far it is")
