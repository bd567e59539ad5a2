"""The desk has a processor for itself while nobody crowds it, and does without where there is none."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from typing import Any

import pytest

from engine import processor
from engine.wiring import own_processor
from engine.wiring.own_processor import AGAIN_S, CROWDED, LOOKS, Crowding, OwnProcessor

S = 10**9


class Looks:
    def __init__(self) -> None:
        self.now = self.waited = 0
        self.crowding = Crowding(0, 0)

    def after(self, seconds: float, share: float) -> bool:
        """Of which the loop waited that share."""
        self.now += round(seconds * S)
        self.waited += round(seconds * share * S)
        return self.crowding.look(self.waited, self.now)


def test_it_shares_when_it_is_crowded_for_long_enough_and_tries_again() -> None:
    looks = Looks()
    assert [looks.after(1, 0.5) for _ in range(LOOKS - 1)] == [False] * (LOOKS - 1)
    assert not looks.after(1, CROWDED / 2), "a look without it begins anew"
    assert [looks.after(1, 0.5) for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    assert looks.after(2 * AGAIN_S - 1, 0.0), "soon after the start: for twice as long"
    assert not looks.after(1, 0.5), "tried again"
    assert [looks.after(1, 0.5) for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    assert looks.after(4 * AGAIN_S - 1, 0.0) and not looks.after(1, 0.0)
    assert not looks.after(10 * AGAIN_S, 0.0)
    assert [looks.after(1, 0.5) for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    assert looks.after(AGAIN_S - 1, 0.0) and not looks.after(1, 0.0), "it was sound for long"


@pytest.mark.parametrize("refused", [True, False])
def test_without_one_the_desk_says_so_once_and_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refused: bool
) -> None:
    def take() -> None:
        if refused:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(processor, "take", take)
    before = os.sched_getaffinity(0)
    kept: list[Coroutine[Any, Any, None]] = []
    own = OwnProcessor(kept.append)
    with caplog.at_level(logging.INFO, "engine"):
        own()
        assert isinstance(own._place, processor.Shared), "it keeps off those of other desks"
        own.end()
    for work in kept:
        work.close()
    assert len(kept) == 1 and own._place is None and os.sched_getaffinity(0) == before
    why = (
        "the system refuses one of its own (Operation not permitted)" if refused else "there is none to spare"
    )
    assert caplog.messages == [f"the desk shares its processor: {why}"]


@pytest.mark.usefixtures("two_processors")
async def test_the_loop_shares_its_processor_while_it_is_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    crowded = False
    monkeypatch.setattr(own_processor, "LOOK_S", 0.01)
    monkeypatch.setattr(Crowding, "look", lambda self, waited, now: crowded)
    tasks: list[asyncio.Task[None]] = []
    own = OwnProcessor(lambda work: tasks.append(asyncio.create_task(work)))
    try:
        own()
        number = os.sched_getaffinity(0)
        assert len(number) == 1 and processor.owned(before) >= number
        anywhere = before - processor.owned(before) | number
        for crowded, mask in ((True, anywhere), (False, number)):  # noqa: B007 - the look tells it
            async with asyncio.timeout(10):
                while os.sched_getaffinity(0) != mask:
                    await asyncio.sleep(0.01)
            assert processor.owned(number) == number, "all else keeps off meanwhile"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        own.end()
    assert os.sched_getaffinity(0) == before and not processor.owned(number)


async def _given_back(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(10):
        while not any("given back" in line for line in caplog.messages):
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("two_processors")
async def test_where_the_system_refuses_to_share_the_processor_is_given_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(own: processor.Own, shares: bool) -> None:
        raise OSError(22, "Invalid argument")

    before = os.sched_getaffinity(0)
    monkeypatch.setattr(own_processor, "LOOK_S", 0.01)
    monkeypatch.setattr(Crowding, "look", lambda self, waited, now: True)
    monkeypatch.setattr(processor.Own, "share", refuse)
    tasks: list[asyncio.Task[None]] = []
    own = OwnProcessor(lambda work: tasks.append(asyncio.create_task(work)))
    try:
        with caplog.at_level(logging.INFO, "engine"):
            own()
            number = os.sched_getaffinity(0)
            await _given_back(caplog)
        assert caplog.messages[-1].endswith("is given back: the system refuses (Invalid argument)")
        assert not processor.owned(number) and number < os.sched_getaffinity(0)
        assert len(tasks) == 2, "it keeps off what other desks have, from then on"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        own.end()
    assert os.sched_getaffinity(0) == before


async def test_without_file_descriptors_it_looks_again_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    def spread(place: processor.Shared) -> None:
        nonlocal looks
        looks += 1
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(own_processor, "LOOK_S", 0.01)
    monkeypatch.setattr(processor.Shared, "spread", spread)
    monkeypatch.setattr(processor, "take", lambda: None)
    tasks: list[asyncio.Task[None]] = []
    own = OwnProcessor(lambda work: tasks.append(asyncio.create_task(work)))
    own()
    try:
        async with asyncio.timeout(10):
            while looks < 3:
                await asyncio.sleep(0.01)
        assert not tasks[0].done()
        assert caplog.messages == ["the desk's threads stay on their processors: Too many open files"]
    finally:
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        own.end()
