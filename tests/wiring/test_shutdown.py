"""The end of an engine: every step is bounded, all together are, and none keeps the next from being done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from engine.config import load
from engine.logs import LogRing
from engine.store.lock import StateLock
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.run import _on_stop
from engine.wiring.shutdown import SEAL_S, Deadline, Shutdown, Step


async def test_steps_are_done_in_order_whatever_becomes_of_each(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def well(has_s: float) -> None:
        done.append(f"well {has_s:.1f}")

    async def slow(has_s: float) -> None:
        await asyncio.sleep(10)
        done.append("never")

    async def unanswered(has_s: float) -> None:
        raise TimeoutError("3 cancels are not answered")

    async def broken(has_s: float) -> None:
        raise ZeroDivisionError("a bug")

    async def stubborn(has_s: float) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        await asyncio.sleep(0.2)
        done.append("stubborn")

    ending = Shutdown(5.0)
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        await ending.run(
            [
                Step("one", 1.0, well),
                Step("two", 0.05, slow),
                Step("three", 1.0, unanswered),
                Step("four", 1.0, broken),
                Step("five", 0.05, stubborn),
                Step("six", 1.0, well),
            ]
        )
    assert time.monotonic() - began < 0.2  # nor is one waited for that does not heed its cancellation
    assert ending.outcomes == [
        *(("one", "done"), ("two", "late"), ("three", "late"), ("four", "failed"), ("five", "late")),
        ("six", "done"),
    ]
    assert done == ["well 1.0", "well 1.0"]
    assert ending.note("seal", False) is False
    told = [one.__dict__["fields"] for one in caplog.records if "fields" in one.__dict__]
    assert [one["step"] for one in told] == ["one", "two", "three", "four", "five", "six", "seal"]
    assert told[2]["why"] == "3 cancels are not answered" and "a bug" in caplog.text
    await asyncio.sleep(0.25)


async def test_all_steps_together_are_bounded_and_leave_time_to_seal() -> None:
    given: list[float] = []

    async def slow(has_s: float) -> None:
        given.append(has_s)
        await asyncio.sleep(10)

    ending = Shutdown(SEAL_S + 0.2)
    began = time.monotonic()
    await ending.run([Step(str(n), 0.15, slow) for n in range(20)])
    assert time.monotonic() - began < 0.6
    assert sum(given) < 0.25 and len(given) == len(ending.outcomes) == 20  # each has begun at least
    assert ending.left_s() > SEAL_S / 2


def test_a_process_that_does_not_end_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    ended, codes = threading.Event(), list[int]()

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    in_time = Deadline(0.05, codes.append)
    in_time.start()
    in_time.cancel()
    late = Deadline(0.05, end)
    late.start()
    time.sleep(0.01)  # whatever the main thread does
    assert ended.wait(5.0) and codes == [1]
    assert "ended where it stands" in caplog.text


def test_an_end_by_our_own_bug_has_its_deadline_too(tmp_path: Path) -> None:
    engine, began = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None), list[str]()
    engine.on_stop = lambda: began.append("deadline")
    engine._crashed(ZeroDivisionError())
    assert began == ["deadline"] and engine.stopping.is_set()


@pytest.mark.parametrize("crash", [None, ZeroDivisionError()])
def test_who_stands_by_does_not_go_on_for_an_engine_that_was_told_to_end(
    crash: Exception | None, tmp_path: Path
) -> None:
    """However it ends; for one that failed it does."""
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    lock, deadline = StateLock.acquire(tmp_path), Deadline(5.0, lambda code: None)
    engine.on_stop = partial(_on_stop, engine, deadline, lock)
    if crash is None:
        engine.stop("the user")
    else:
        engine._crashed(crash)
    deadline.cancel()
    lock.release(in_order=False)
    heir = StateLock.wait(tmp_path)
    assert (heir is None) == (crash is None)
    if heir is not None:
        heir.release()
