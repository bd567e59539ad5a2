"""Answers of the engine to questions, for a moment: however many ask, it is asked a few times a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from engine.gateway.body import Body
from engine.gateway.engine_lines import Answer

KEEP_S = 0.25
MOST_KEPT = 256
MOST_BYTES = 8 * 1024 * 1024
"""Of all answers that are kept."""


class KeptAnswers:
    """By address. Whoever asks while the engine is being asked the same gets that answer, too."""

    def __init__(self, clock: Callable[[], float], keep_s: float = KEEP_S) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._bytes = 0
        self._asking: dict[str, asyncio.Future[Answer]] = {}

    def forget(self) -> None:
        """Something was changed: what is known, and what is being asked, is of before."""
        self._kept.clear()
        self._bytes = 0
        self._asking.clear()

    def now(self, address: str) -> Body | None:
        """What is kept, where the engine answered it well; None: it is to be asked."""
        kept = self._kept.get(address)
        if kept is None or kept[1].status != 200 or self._clock() - kept[0] >= self._keep_s:
            return None
        return kept[1].shared

    async def get(self, address: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Raises what ``ask`` does."""
        kept = self._kept.get(address)
        if kept is not None and self._clock() - kept[0] < self._keep_s:
            return kept[1]
        asking = self._asking.get(address)
        if asking is None:
            asking = asyncio.ensure_future(ask())
            self._asking[address] = asking
            asking.add_done_callback(lambda done: self._answered(address, done))
        # Whoever goes away does not take the answer from the others.
        return await asyncio.shield(asking)

    def _answered(self, address: str, done: asyncio.Future[Answer]) -> None:
        if self._asking.get(address) is not done:
            done.cancelled() or done.exception()  # of before a change: nobody is told it any more
            return
        del self._asking[address]
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        self._drop(self._kept.pop(address, None))
        self._kept[address] = self._clock(), answer
        self._bytes += len(answer.body)
        while len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES:
            self._drop(self._kept.popitem(last=False)[1])

    def _drop(self, kept: tuple[float, Answer] | None) -> None:
        self._bytes -= 0 if kept is None else len(kept[1].body)
