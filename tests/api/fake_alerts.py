"""Alerts of a made-up desk."""

from __future__ import annotations

from engine.alert_rule import AlertRule, checked, words
from engine.api.alert_protocol import AlertReply, AlertRow
from engine.api.protocol import Reply
from engine.errors import UnknownAlertError


class FakeAlerts:
    """Implements ``AlertPort``, and keeps what it is given; every command is in ``asked``."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked
        self.known: dict[str, AlertRow] = {}

    def rows(self) -> tuple[AlertRow, ...]:
        return tuple(self.known.values())

    def add(self, rule: AlertRule, who: str) -> AlertReply:
        self._asked.append(("alert", rule, who))
        rule = checked(rule)
        id = f"a{len(self.known) + 1}"
        self.known[id] = AlertRow(id, rule, words(rule), True, True, 0, 0, rule.value / 2)
        return AlertReply(True, f"alert {id}: {words(rule)}", id)

    def switch(self, id: str, on: bool, who: str) -> Reply:
        self._asked.append(("switch alert", id, on, who))
        self._check(id)
        return Reply(True, f"alert {id} is {'on' if on else 'off'}")

    def remove(self, id: str, who: str) -> Reply:
        self._asked.append(("remove alert", id, who))
        self._check(id)
        del self.known[id]
        return Reply(True, f"alert {id} is removed")

    def _check(self, id: str) -> None:
        if id not in self.known:
            raise UnknownAlertError(f"no alert is called {id}")
