"""Work in slices: others go first between two of them, and it comes to the same as at once."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from engine import slices
from engine.slices import Work, at_once, in_slices


def steps(count: int, took_s: float = 0.0) -> Work[list[int]]:
    done: list[int] = []
    for number in range(count):
        until = time.perf_counter() + took_s
        while time.perf_counter() < until:
            pass
        done.append(number)
        yield
    return done


async def test_comes_to_the_same_in_slices_as_at_once() -> None:
    spent: list[int] = []
    assert await in_slices(steps(50), spent.append) == at_once(steps(50)) == list(range(50))
    assert len(spent) == 1 and spent[0] > 0
    assert await in_slices(steps(0)) == []


async def test_what_a_socket_brings_is_answered_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_NS", 1)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    answered: list[int] = []
    done: list[int] = []

    async def answer() -> None:
        while await asyncio.get_running_loop().sock_recv(ours, 1):
            await asyncio.sleep(0)  # as the feeds: read, then decided on in the loop's next turn
            answered.append(len(done))

    def work() -> Work[None]:
        for number in range(5):
            theirs.send(b".")
            done.append(number)
            yield

    reader = asyncio.create_task(answer())
    await in_slices(work())
    theirs.close()
    await reader
    ours.close()
    assert answered == [1, 2, 3, 4, 5], "each before the next slice"


async def test_an_error_of_the_work_is_told_to_who_waits() -> None:
    def work() -> Work[None]:
        yield
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        await in_slices(work())
