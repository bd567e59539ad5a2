"""What a desk keeps between runs beside its journal: settings of its own, and taking them up again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.errors import TickdeskError
from engine.portfolio.day import LEDGER_DAY, DayState
from engine.wiring.absence import LAST, Absence
from engine.wiring.order_restore import STATE
from engine.wiring.trading import Trading

log = logging.getLogger("engine.desk")

TRAILING = "exits:trailing"
"""Name of a setting."""


def forget(name: str, value: object) -> None:
    """Keep no setting: a replay starts from the configuration alone."""


class Kept:
    """``keep(name, value)`` keeps a setting, a JSON-able value."""

    def __init__(self, trading: Trading, absence: Absence, keep: Callable[[str, object], None]) -> None:
        self._trading = trading
        self._absence = absence
        self._keep = keep
        self._venue: object = None

    def sweep(self) -> None:
        """Every few seconds: all of it."""
        if self._keep is forget:
            return
        self._keep(LEDGER_DAY, msgspec.to_builtins(self._trading.ledger.day_state()))
        self._keep(TRAILING, self._trading.watch.trailing())
        self.orders()

    def orders(self) -> None:
        """What the next run needs of the orders beside the journal, and when this one was alive."""
        if self._keep is forget:
            return
        venue = self._trading.paper.state()
        if venue != self._venue:
            self._venue = venue
            self._keep(STATE, venue)
        self._keep(LAST, self._absence.kept())

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """The day's start, the equity's peak, what positions were worth, and the best price of each."""
        if LEDGER_DAY in settings:
            try:
                self._trading.ledger.restore_day(msgspec.convert(settings[LEDGER_DAY], DayState))
            except (TickdeskError, ValueError) as error:  # msgspec's errors are ValueErrors
                log.warning("setting %s is not taken up: %s", LEDGER_DAY, error)
        # Until they are quoted again: the day's loss is judged before that.
        self._trading.ledger.restore_marks(self._absence.marks())
        best: dict[str, tuple[int, float]] = {}
        if TRAILING in settings:
            try:
                best = msgspec.convert(settings[TRAILING], dict[str, tuple[int, float]])
            except ValueError as error:
                log.warning("setting %s is not taken up: %s", TRAILING, error)
        anew = self._trading.watch.take_up(best)
        if anew:
            self._absence.say(
                f"trailing stops start anew from the entry, their best was not kept: {', '.join(anew)}"
            )
