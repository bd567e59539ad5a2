"""Scheduled training runs, ``[models.retrain]``: by the engine's clock, and what was missed once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from engine.api.model_protocol import TrainingOrder
from engine.automation.parts import PeriodicTrigger
from engine.automation.schedule import next_due
from engine.config import RetrainConfig
from engine.errors import ModelError
from engine.events import NS
from engine.wiring.take_up import SCHEDULE
from engine.wiring.training_run import TrainingRun

log = logging.getLogger("engine.models")

SETTING = "models:retrain"
LOOK_S = 15.0
"""The clock may jump, after a sleep of the machine."""
SETTLE_S = 60.0
"""After the engine's start, before what was missed is made up for."""


def trigger_of(config: RetrainConfig) -> PeriodicTrigger | None:
    """None: nothing is scheduled."""
    if config.every_s is None and config.at is None:
        return None
    every_s = None if config.every_s is None else round(config.every_s)
    return PeriodicTrigger(every_s=every_s, at=config.at or "", days=config.days)


class Retrain:
    """Starts runs when they are due. Times that passed while the engine was down, or slept, count as one;
    while a run is at work none is started."""

    def __init__(
        self,
        config: RetrainConfig,
        run: TrainingRun,
        *,
        clock: Callable[[], int],
        keep: Callable[[str, object], None],
        settle_s: float = SETTLE_S,
        look_s: float = LOOK_S,
    ) -> None:
        """``keep(name, value)`` keeps a setting for the next start."""
        self._trigger = trigger_of(config)
        self._order = TrainingOrder(
            bar_s=config.bar_s,
            horizon=config.horizon,
            days=config.days_of_bars,
            model=config.model,
            then=config.then,
        )
        self._run = run
        self._clock = clock
        self._keep = keep
        self._settle_s = settle_s
        self._look_s = look_s

    async def run(self, settings: Mapping[str, Any]) -> None:
        """Until canceled; at once when nothing is scheduled. ``settings``: what was kept."""
        trigger = self._trigger
        if trigger is None:
            return
        last_ns = self._last(settings)
        self._run.next_ns = max(next_due(trigger, last_ns), self._clock() + int(self._settle_s * NS))
        await asyncio.sleep(self._settle_s)
        while True:
            due_ns, now_ns = next_due(trigger, last_ns), self._clock()
            self._run.next_ns = due_ns
            if now_ns < due_ns:
                await asyncio.sleep(min(self._look_s, (due_ns - now_ns) / NS))
                continue
            last_ns = now_ns
            self._keep(SETTING, last_ns)
            self._start()

    def _last(self, settings: Mapping[str, Any]) -> int:
        """Since when nothing was due: the last time that was seen to; at the first start, now."""
        now_ns, kept = self._clock(), settings.get(SETTING)
        if isinstance(kept, int) and 0 < kept <= now_ns:
            return kept
        self._keep(SETTING, now_ns)
        return now_ns

    def _start(self) -> None:
        try:
            self._run.start(self._order, SCHEDULE)
        except ModelError as error:
            log.warning("no scheduled training this time: %s", error)
