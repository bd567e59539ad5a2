"""Alerts of a live desk: what becomes of one that fires, and what is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.alert_rule import PRICES, AlertRule, checked, words
from engine.alerts.book import AlertBook
from engine.alerts.watched import AlertState, Watched
from engine.api.alert_protocol import SOURCE, AlertReply, AlertRow
from engine.api.protocol import Reply
from engine.errors import AlertError, OrderError, TickdeskError
from engine.feeds import base
from engine.text import clean
from engine.wiring.alert_sight import DeskSight
from engine.wiring.tickets import find

if TYPE_CHECKING:
    from engine.wiring.desk import Desk
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine.desk")

SETTING = "alerts"


class Alerts:
    """``look`` is called by the engine's timer. ``keep`` keeps a setting, a JSON-able value."""

    def __init__(
        self, desk: Desk, feeds: Callable[[], Sequence[base.Watched]], *, keep: Callable[[str, object], None]
    ) -> None:
        self._desk, self._feeds, self._keep = desk, feeds, keep
        self.book = AlertBook()
        self._sight = DeskSight(desk, feeds)
        self._armed: tuple[str, ...] = ()

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """The rules of earlier runs. One that cannot be read is left out, and said so."""
        kept = settings.get(SETTING)
        states = []
        for one in kept if isinstance(kept, list) else ():
            try:
                state = msgspec.convert(one, AlertState)
                state.rule = checked(state.rule)
                states.append(state)
            except (TickdeskError, ValueError) as error:  # msgspec's errors are ValueErrors
                log.warning("an alert of the setting %s is not taken up: %s", SETTING, clean(error))
        self.book.take_up(states)
        self._armed = self.book.armed()

    def look(self) -> None:
        if not self.book.active or not self._desk.trading_enabled:
            self._sight.forget()
            return
        self._sight.begin(self.book.symbols())
        fired = self.book.look(self._desk.now_ns, self._sight)
        for one in fired:
            self._desk.alert("warning", SOURCE, clean(one.text, 300))
        if fired or self.book.armed() != self._armed:
            self._save()

    def _save(self) -> None:
        self._armed = self.book.armed()
        self._keep(SETTING, msgspec.to_builtins(self.book.kept()))

    # --- commands --------------------------------------------------------------------------------

    def add(self, rule: AlertRule) -> str:
        """Returns its id. Raises AlertError."""
        rule = checked(rule)
        if rule.symbol:
            try:
                rule = msgspec.structs.replace(rule, symbol=find(self._desk, rule.symbol).symbol)
            except OrderError as error:
                raise AlertError(str(error)) from None
        if rule.what == "feed" and rule.source:
            venues = sorted({feed.venue for feed in self._feeds()})
            if rule.source not in venues:
                raise AlertError(f"no feed is called {rule.source}: there is {', '.join(venues) or 'none'}")
        id = self.book.add(rule, self._desk.now_ns)
        self._save()
        return id

    def switch(self, id: str, on: bool) -> AlertRule:
        rule = self.book.switch(id, on, self._desk.now_ns)
        self._save()
        return rule

    def remove(self, id: str) -> AlertRule:
        rule = self.book.remove(id)
        self._save()
        return rule


class LiveAlerts:
    """Implements ``engine.api.alert_port.AlertPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    @property
    def _alerts(self) -> Alerts:
        self._engine.writing.refuse_when_failed()
        return self._engine.alerts

    def rows(self) -> tuple[AlertRow, ...]:
        return tuple(_row(one) for one in self._engine.alerts.book.watched())

    def add(self, rule: AlertRule, who: str) -> AlertReply:
        id = self._alerts.add(rule)
        one = next(row for row in self.rows() if row.id == id)
        log.info("alert %s of %s: %s", id, who, one.text)
        waits = " · if it is there already, the next time it gets there" if one.rule.what in PRICES else ""
        return AlertReply(True, f"alert {id}: {one.text}{waits}", id)

    def switch(self, id: str, on: bool, who: str) -> Reply:
        rule = self._alerts.switch(id, on)
        log.info("alert %s is %s by %s", id, "on" if on else "off", who)
        return Reply(True, f"alert {id} is {'on' if on else 'off'}: {words(rule)}")

    def remove(self, id: str, who: str) -> Reply:
        rule = self._alerts.remove(id)
        log.info("alert %s is removed by %s", id, who)
        return Reply(True, f"alert {id} is removed: {words(rule)}")


def _row(one: Watched) -> AlertRow:
    state = one.state
    now = one.now if state.on else None
    return AlertRow(
        state.id,
        state.rule,
        words(state.rule),
        state.on,
        state.armed,
        state.fired,
        state.last_ns,
        now,
        one.stale and now is not None,
    )
