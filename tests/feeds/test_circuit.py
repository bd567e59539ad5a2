"""The circuit breaker: when it asks nothing, and who tries whether it may be closed."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.feeds.circuit import Circuit, OpenCircuitError


class Clock:
    """The system's, set as a test wants it."""

    def __init__(self) -> None:
        self.s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(time, "time", one)
    return one


async def fail() -> None:
    raise ValueError("no")


async def work() -> int:
    return 7


async def opened(clock: Clock) -> Circuit:
    circuit = Circuit("x", 3, 30.0)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await circuit.call(fail)
    assert circuit.open and circuit.blocked
    return circuit


async def test_it_opens_and_closes_again(clock: Clock) -> None:
    circuit = await opened(clock)
    with pytest.raises(OpenCircuitError):
        await circuit.call(work)
    clock.s += 30.5
    assert not circuit.blocked
    assert await circuit.call(work) == 7
    assert not circuit.open


async def test_one_tries_while_the_others_wait(clock: Clock) -> None:
    circuit = await opened(clock)
    clock.s += 30.5
    answer = asyncio.Event()

    async def slow() -> int:
        await answer.wait()
        return 7

    trying = asyncio.create_task(circuit.call(slow))
    await asyncio.sleep(0.01)
    assert circuit.blocked
    with pytest.raises(OpenCircuitError):
        await circuit.call(work)
    answer.set()
    assert await trying == 7 and not circuit.blocked


async def test_a_clock_that_is_set_back_keeps_it_open_no_longer(clock: Clock) -> None:
    circuit = await opened(clock)
    clock.s -= 3600.0
    assert circuit.blocked
    clock.s += 30.5
    assert not circuit.blocked
    assert await circuit.call(work) == 7


async def test_spared_errors_do_not_open_it(clock: Clock) -> None:
    circuit = Circuit("x", 3, 30.0, (ValueError,))
    for _ in range(9):
        with pytest.raises(ValueError, match="no"):
            await circuit.call(fail)
    assert not circuit.open
