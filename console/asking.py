"""What is not on the stream is asked for while somebody sees it, one question at a time.

A slow line has one answer on its way, never a queue of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from textual import work

from console.link_protocol import LinkState
from console.screens.account import AccountScreen
from console.screens.risk import RiskScreen
from console.trading import TradingApp
from engine.errors import LinkError

ACCOUNT_S = LIMITS_S = LATENCY_S = 2.0
CURVE_S = 5.0
AFTER_FILL_S = 0.5
"""What rests on positions is asked for sooner once one has changed: the totals beside it are of before."""
_OF_POSITIONS = frozenset({"account", "limits"})


class Question(NamedTuple):
    name: str
    """Where ``DeskView`` keeps the answer, and what ``DeskScreen.sees`` is asked for."""
    every_s: float
    ask: Callable[[], Awaitable[Any]]


class AskingApp(TradingApp):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._asked_at: dict[str, float] = {}
        self._asking = ""
        """The question on its way; "": none."""
        self._unanswered: set[str] = set()
        """Those that had no answer when they were asked last."""
        self._held: dict[str, str] = {}
        self._overtaken: set[str] = set()
        """Those whose last answer is of other positions than are shown."""

    def questions(self) -> tuple[Question, ...]:
        link = self.link
        return (
            Question("account", ACCOUNT_S, link.account),
            Question("limits", LIMITS_S, link.limits),
            Question("curve", CURVE_S, lambda: link.equity(self.desk.curve_points)),
            Question("latency", LATENCY_S, link.latency),
        )

    def begin_with_desk(self) -> None:
        super().begin_with_desk()
        self.workers.cancel_group(self, "asking")
        self._asked_at.clear()
        self._unanswered.clear()
        self._asking = ""

    def ask_anew(self) -> None:
        """Another engine may answer now."""
        self._asked_at.clear()
        self.ask_what_is_due()

    def ask_what_is_due(self) -> None:
        """The one that has waited longest."""
        # These dialogs cover the panes, and ask for themselves.
        covered = isinstance(self.screen, (AccountScreen, RiskScreen))
        if self._asking or self.view.link is not LinkState.UP or covered:
            return
        held = {symbol: row.quantity for symbol, row in self.view.positions.items()}
        if held != self._held:
            self._held = held
            self._overtaken |= _OF_POSITIONS
        now = time.monotonic()
        waits = {
            one: now - self._asked_at.get(one.name, -math.inf)
            for one in self.questions()
            if self.desk.sees(one.name)
        }
        every = {one: AFTER_FILL_S if one.name in self._overtaken else one.every_s for one in waits}
        due = [one for one, waited in waits.items() if waited >= every[one]]
        if due:
            chosen = max(due, key=lambda one: waits[one] / every[one])
            self._overtaken.discard(chosen.name)
            self._asking, self._asked_at[chosen.name] = chosen.name, now
            self._take_answer(chosen)

    @work(group="asking")
    async def _take_answer(self, question: Question) -> None:
        view = self.view  # another desk may be shown when the answer comes
        try:
            view.take(question.name, await question.ask())
            self._unanswered.discard(question.name)
        except LinkError:
            # Of a line that was just cut, what is known stays, dimmed; it is not asked for again.
            if question.name in self._unanswered:
                view.take(question.name, None)  # shown as not known
            self._unanswered.add(question.name)
        finally:
            if view is self.view:
                self._asking = ""
