"""Looking into the registry: one thread for however many ask, and no answer older than its question."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from engine.errors import ModelError
from engine.wiring.registry_looks import MOST_WAITING, RegistryLooks

WAIT_S = 30.0


class Held:
    """A registry that is held until it is let go of; each look gives its number."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = 0

    def look(self) -> int:
        self.begun += 1
        number = self.begun
        assert self.free.wait(WAIT_S)
        return number

    async def until_begun(self, count: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.begun < count:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)


async def test_the_loops_threads_stay_free_however_many_ask() -> None:
    held, looks = Held(), RegistryLooks()
    asked = [asyncio.create_task(looks.ask("all", held.look)) for _ in range(100)]
    await held.until_begun(1)
    asked += [asyncio.create_task(looks.ask("all", held.look)) for _ in range(100)]
    async with asyncio.timeout(WAIT_S):
        assert await asyncio.gather(*(asyncio.to_thread(lambda: 1) for _ in range(20))) == [1] * 20
    assert held.begun == 1
    held.free.set()
    assert await asyncio.gather(*asked) == [1] * 100 + [2] * 100


async def test_an_answer_is_not_older_than_its_question() -> None:
    held, looks = Held(), RegistryLooks()
    before = asyncio.create_task(looks.ask("all", held.look))
    await held.until_begun(1)
    after = asyncio.create_task(looks.ask("all", held.look))
    held.free.set()
    assert (await before, await after) == (1, 2)


async def test_too_many_questions_are_refused_and_those_who_wait_are_answered() -> None:
    held, looks = Held(), RegistryLooks()
    first = asyncio.create_task(looks.ask("first", held.look))
    await held.until_begun(1)
    others = [asyncio.create_task(looks.ask(str(number), held.look)) for number in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(ModelError, match="too many ask"):
        await looks.ask("one more", held.look)
    again = asyncio.create_task(looks.ask("0", held.look))
    others[1].cancel()  # who has gone keeps nobody else from an answer
    held.free.set()
    answers = await asyncio.gather(first, *others, again, return_exceptions=True)
    assert isinstance(answers.pop(2), asyncio.CancelledError) and answers.pop() == answers[1]
    assert sorted(map(int, answers)) == [1, 2, *range(4, MOST_WAITING + 2)]  # type: ignore[call-overload]


async def test_a_refusal_reaches_all_who_asked_and_the_next_look_is_taken() -> None:
    def refused() -> int:
        raise ModelError("it is in use")

    looks = RegistryLooks()
    asked = await asyncio.gather(*(looks.ask("all", refused) for _ in range(3)), return_exceptions=True)
    assert [str(one) for one in asked] == ["it is in use"] * 3
    assert await looks.ask("all", lambda: 7) == 7
