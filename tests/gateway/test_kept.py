"""Answers that are kept for a moment: asked for once, and again before they are too old for anybody."""

from __future__ import annotations

import asyncio

import pytest

from engine.gateway.engine_lines import Answer
from engine.gateway.kept import AHEAD, KEEP_S, KeptAnswers
from engine.gateway.refusal import Refused, away

AT = "/v1/orders"


class Engine:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.asked = 0
        self.refuses = False
        self.answers = asyncio.Event()
        self.kept = KeptAnswers(lambda: self.now_s)

    async def ask(self) -> Answer:
        self.asked += 1
        number = self.asked
        await self.answers.wait()
        if self.refuses:
            raise away()
        return Answer(200, {}, str(number).encode())

    async def get(self) -> bytes:
        return (await self.kept.get(AT, self.ask)).body

    def now(self) -> bytes | None:
        found = self.kept.now(AT)
        return None if found is None else found.content


async def test_however_many_ask_the_engine_is_asked_once() -> None:
    engine = Engine()
    asking = [asyncio.create_task(engine.get()) for _ in range(5)]
    await asyncio.sleep(0)
    asking.pop().cancel()
    engine.answers.set()
    assert await asyncio.gather(*asking) == [b"1"] * 4 and engine.asked == 1
    engine.now_s = KEEP_S * AHEAD * 0.9
    assert engine.now() == b"1" and await engine.get() == b"1" and engine.asked == 1
    engine.now_s = KEEP_S
    assert engine.now() is None and await engine.get() == b"2"


async def test_who_asks_late_is_answered_and_the_next_need_not_wait() -> None:
    engine = Engine()
    engine.answers.set()
    await engine.get()
    engine.answers.clear()
    engine.now_s = KEEP_S * AHEAD
    assert engine.now() == b"1" and await engine.get() == b"1" and engine.now() == b"1"
    await asyncio.sleep(0)
    assert engine.asked == 2, "once"
    engine.answers.set()
    await asyncio.sleep(0.01)
    engine.now_s = KEEP_S * 1.5
    assert engine.now() == b"2" and engine.asked == 2


async def test_an_engine_that_went_meanwhile_is_told_when_the_answer_is_too_old() -> None:
    engine = Engine()
    engine.answers.set()
    await engine.get()
    engine.now_s, engine.refuses = KEEP_S * AHEAD, True
    assert await engine.get() == b"1"
    await asyncio.sleep(0.01)
    assert engine.asked == 2 and await engine.get() == b"1"
    engine.now_s = KEEP_S
    with pytest.raises(Refused):
        await engine.get()


async def test_what_is_asked_ahead_of_a_change_is_not_kept_after_it() -> None:
    engine = Engine()
    engine.answers.set()
    await engine.get()
    engine.answers.clear()
    engine.now_s = KEEP_S * AHEAD
    assert engine.now() == b"1"
    engine.kept.forget()
    engine.answers.set()
    await asyncio.sleep(0.01)
    assert engine.now() is None and await engine.get() == b"3"
