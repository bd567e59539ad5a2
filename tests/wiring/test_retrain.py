"""Scheduled training: by the engine's clock, what was missed once, never two at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from engine.api.model_protocol import TrainingOrder
from engine.config import RetrainConfig, load
from engine.errors import ConfigError, ModelError
from engine.events import NS
from engine.wiring.retrain import SETTING, Retrain
from engine.wiring.take_up import SCHEDULE

NIGHT = 1_700_006_400 * NS
"""A Wednesday, 00:00 UTC."""
assert NIGHT % (86_400 * NS) == 0
HOUR, DAY = 3600 * NS, 86_400 * NS


class Runs:
    """In place of the training run."""

    def __init__(self) -> None:
        self.started: list[tuple[TrainingOrder, str]] = []
        self.next_ns = 0
        self.busy = False

    def start(self, order: TrainingOrder, who: str) -> str:
        if self.busy:
            raise ModelError("a training run is at work")
        self.started.append((order, who))
        return "starts"


class Night:
    """A schedule, and its clock."""

    def __init__(self, config: RetrainConfig, now_ns: int, kept: dict[str, Any] | None = None) -> None:
        self.runs, self.now_ns, self.kept = Runs(), now_ns, dict(kept or {})
        self.looks = 0
        retrain = Retrain(
            config,
            self.runs,  # type: ignore[arg-type]
            clock=self._clock,
            keep=self.kept.__setitem__,
            settle_s=0.0,
            look_s=0.001,
        )
        self.task = asyncio.get_running_loop().create_task(retrain.run(dict(self.kept)))

    def _clock(self) -> int:
        self.looks += 1
        return self.now_ns

    async def look(self, now_ns: int | None = None) -> None:
        """Let it look at the clock a few times."""
        self.now_ns = self.now_ns if now_ns is None else now_ns
        looks, deadline = self.looks, time.monotonic() + 20.0
        while self.looks < looks + 5 and not self.task.done():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_night_s_training_starts_at_its_time() -> None:
    config = RetrainConfig(at="02:30", then="activate", horizon=5, bar_s=60.0, days_of_bars=30.0)
    night = Night(config, NIGHT)
    await night.look()
    assert not night.runs.started and night.runs.next_ns == NIGHT + 2 * HOUR + HOUR // 2
    await night.look(NIGHT + 2 * HOUR + HOUR // 2)
    assert night.runs.started == [
        (TrainingOrder(then="activate", horizon=5, bar_s=60.0, days=30.0), SCHEDULE),
    ]
    assert night.runs.next_ns == NIGHT + DAY + 2 * HOUR + HOUR // 2
    assert night.kept == {SETTING: night.now_ns}
    await night.end()


@pytest.mark.parametrize(
    ("kept_ns", "runs"),
    [(NIGHT - 30 * DAY, 1), (NIGHT - 1, 1), (NIGHT + 5 * HOUR, 0), (None, 0), (NIGHT + DAY, 0)],
    ids=["long ago", "last night", "this night", "never", "in the future"],
)
async def test_what_was_missed_is_made_up_for_once(kept_ns: int | None, runs: int) -> None:
    now_ns = NIGHT + 9 * HOUR
    night = Night(RetrainConfig(at="02:30"), now_ns, {} if kept_ns is None else {SETTING: kept_ns})
    await night.look()
    assert len(night.runs.started) == runs
    assert night.runs.next_ns == NIGHT + DAY + 2 * HOUR + HOUR // 2
    await night.look(now_ns + HOUR)
    assert len(night.runs.started) == runs
    await night.end()


async def test_a_sleep_of_the_machine_is_made_up_for_once() -> None:
    night = Night(RetrainConfig(every_s=600.0), NIGHT + 1)
    await night.look()
    await night.look(NIGHT + 10 * HOUR)
    assert len(night.runs.started) == 1 and night.runs.next_ns == NIGHT + 10 * HOUR + 600 * NS
    await night.end()


async def test_none_starts_beside_another() -> None:
    night = Night(RetrainConfig(every_s=600.0), NIGHT + 1)
    night.runs.busy = True
    await night.look(NIGHT + 600 * NS)
    night.runs.busy = False
    await night.look(NIGHT + 1199 * NS)
    assert not night.runs.started  # that time is over
    await night.look(NIGHT + 1200 * NS)
    assert len(night.runs.started) == 1
    await night.end()


@pytest.mark.parametrize("kept", ["soon", -5, 1.5, None, {"at": 1}])
async def test_a_damaged_setting_is_as_none(kept: object) -> None:
    night = Night(RetrainConfig(at="02:30"), NIGHT + 9 * HOUR, {SETTING: kept})
    await night.look()
    assert not night.runs.started
    await night.end()


async def test_without_a_schedule_nothing_runs() -> None:
    night = Night(RetrainConfig(), NIGHT)
    await asyncio.wait([night.task], timeout=10.0)
    assert night.task.done() and night.runs.next_ns == 0 and not night.kept


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["models.retrain.every_s=600", 'models.retrain.at="02:30"'], "both say when"),
        (["models.retrain.every_s=600", 'models.retrain.days=["mon"]'], "goes with models.retrain.at"),
        (["models.retrain.every_s=5"], "every_s"),
        (['models.retrain.model="my.py"'], "model"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(overrides=settings, environ={})
