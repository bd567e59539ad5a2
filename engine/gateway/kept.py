"""Answers of the engine to questions, for a moment: however many ask, it is asked a few times a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from engine.gateway.body import Body
from engine.gateway.engine_lines import Answer

KEEP_S = 0.5
AHEAD = 0.8
"""Of that time: who asks later is answered, and has the engine asked again: the next need not wait."""
MOST_KEPT = 256
MOST_BYTES = 8 * 1024 * 1024
"""Of all answers that are kept."""

Ask = Callable[[], Awaitable[Answer]]


class _Kept(NamedTuple):
    at_s: float
    answer: Answer
    ask: Ask


class KeptAnswers:
    """By address. Whoever asks while the engine is being asked the same gets that answer, too."""

    def __init__(self, clock: Callable[[], float], keep_s: float = KEEP_S) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._asking: dict[str, asyncio.Future[Answer]] = {}

    def forget(self) -> None:
        """Something was changed: what is known, and what is being asked, is of before."""
        self._kept.clear()
        self._bytes = 0
        self._asking.clear()

    def now(self, address: str) -> Body | None:
        """What is kept, where the engine answered it well; None: it is to be asked."""
        answer = self._young(address)
        return None if answer is None or answer.status != 200 else answer.shared

    async def get(self, address: str, ask: Ask) -> Answer:
        """Raises what ``ask`` does."""
        answer = self._young(address)
        # Whoever goes away does not take the answer from the others.
        return await asyncio.shield(self._asked(address, ask)) if answer is None else answer

    def _young(self, address: str) -> Answer | None:
        kept = self._kept.get(address)
        if kept is None:
            return None
        age_s = self._clock() - kept.at_s
        if age_s >= self._keep_s:
            return None
        if age_s >= self._keep_s * AHEAD:
            self._asked(address, kept.ask)
        return kept.answer

    def _asked(self, address: str, ask: Ask) -> asyncio.Future[Answer]:
        asking = self._asking.get(address)
        if asking is None:
            asking = self._asking[address] = asyncio.ensure_future(ask())
            asking.add_done_callback(lambda done: self._answered(address, ask, done))
        return asking

    def _answered(self, address: str, ask: Ask, done: asyncio.Future[Answer]) -> None:
        if self._asking.get(address) is not done:
            done.cancelled() or done.exception()  # of before a change: nobody is told it any more
            return
        del self._asking[address]
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        self._drop(self._kept.pop(address, None))
        self._kept[address] = _Kept(self._clock(), answer, ask)
        self._bytes += len(answer.body)
        while len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES:
            self._drop(self._kept.popitem(last=False)[1])

    def _drop(self, kept: _Kept | None) -> None:
        self._bytes -= 0 if kept is None else len(kept.answer.body)
