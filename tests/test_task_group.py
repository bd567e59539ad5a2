"""Who is canceled ends, whatever fails at that very moment."""

from __future__ import annotations

import asyncio
import logging

import pytest

from engine.task_group import TaskGroup


async def fail() -> None:
    raise RuntimeError("a bug")


async def begins_anew(started: list[int]) -> None:
    """What is begun again after every fault, with one in the moment in which it is canceled."""
    while True:
        started.append(len(started))
        try:
            async with TaskGroup() as group:
                await asyncio.sleep(0)
                group.create_task(fail())
                await asyncio.Event().wait()
        except* RuntimeError:
            pass
        await asyncio.sleep(0)


async def canceled_after(turns: int, task: asyncio.Task[None]) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("turns", range(12))
async def test_a_fault_at_the_moment_of_the_end_does_not_keep_it_going(turns: int) -> None:
    started: list[int] = []
    task = asyncio.create_task(begins_anew(started))
    await canceled_after(turns, task)


async def test_the_fault_is_told_where_the_cancellation_is_what_ends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        async with TaskGroup():
            try:
                await asyncio.Event().wait()
            finally:
                raise RuntimeError("a bug")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.name == "engine.tasks" and record.exc_info and "a bug" in str(record.exc_info[1].exceptions)  # type: ignore[union-attr]


async def test_without_a_cancellation_it_is_the_fault_that_is_raised() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with TaskGroup() as group:
            group.create_task(fail())
            await asyncio.Event().wait()
    assert isinstance(caught.value.exceptions[0], RuntimeError)
    async with TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0, 7))
    assert task.result() == 7


async def test_a_fault_after_the_body_is_no_cancellation() -> None:
    """The group cancels who waits for it, to end: that is its own, each time anew."""
    task = asyncio.current_task()
    assert task is not None
    for _ in range(3):
        with pytest.raises(ExceptionGroup) as caught:
            async with TaskGroup() as group:
                group.create_task(fail())
                group.create_task(asyncio.Event().wait())
        assert isinstance(caught.value.exceptions[0], RuntimeError) and not task.cancelling()
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(8))
async def test_who_is_canceled_while_it_waits_for_a_group_that_failed_ends(turns: int) -> None:
    async def again() -> None:
        while True:
            try:
                async with TaskGroup() as group:
                    group.create_task(fail())
                    group.create_task(asyncio.Event().wait())
            except* RuntimeError:
                pass
            await asyncio.sleep(0)

    task = asyncio.create_task(again())
    await canceled_after(turns, task)
