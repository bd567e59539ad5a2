"""All rules of a desk: made, switched, removed, looked at, kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.alert_rule import MOST_RULES, OF_PRICES, AlertRule, checked
from engine.alerts.sight import Sight
from engine.alerts.watched import AlertState, Watched
from engine.errors import AlertError, UnknownAlertError


class Fired(NamedTuple):
    id: str
    text: str


class AlertBook:
    """At most ``MOST_RULES``, in the order in which they were made."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._watched)

    def watched(self) -> list[Watched]:
        return list(self._watched.values())

    def symbols(self) -> set[str]:
        """Whose prices the rules that are on look at."""
        rules = (one.rule for one in self._watched.values() if one.state.on)
        return {rule.symbol for rule in rules if rule.what in OF_PRICES}

    @property
    def active(self) -> bool:
        """Whether there is anything to look at."""
        return any(one.state.on for one in self._watched.values())

    def armed(self) -> tuple[str, ...]:
        """The ids of the rules that may fire."""
        return tuple(id for id, one in self._watched.items() if one.state.armed)

    def add(self, rule: AlertRule, now_ns: int) -> str:
        """Returns its id. Raises AlertError: it cannot be, or there are too many."""
        rule = checked(rule)
        if len(self._watched) >= MOST_RULES:
            raise AlertError(f"{MOST_RULES} alerts are as many as there can be: remove one")
        self._number += 1
        state = AlertState(f"a{self._number}", rule)
        self._put(state).begin(now_ns)
        return state.id

    def switch(self, id: str, on: bool, now_ns: int) -> AlertRule:
        """Raises UnknownAlertError."""
        one = self._get(id)
        if on and not one.state.on:
            one.begin(now_ns)
        one.state.on = on
        return one.rule

    def remove(self, id: str) -> AlertRule:
        """Raises UnknownAlertError."""
        rule = self._get(id).rule
        del self._watched[id]
        return rule

    def look(self, now_ns: int, sight: Sight) -> list[Fired]:
        """The rules that came true since the last look."""
        on = [one for one in self._watched.values() if one.state.on]
        return [Fired(one.state.id, said) for one in on if (said := one.look(now_ns, sight))]

    def kept(self) -> list[AlertState]:
        return [one.state for one in self._watched.values()]

    def take_up(self, states: Iterable[AlertState]) -> None:
        """What an earlier run kept: what is armed stays so, and tells what happened meanwhile."""
        for state in states:
            if len(self._watched) < MOST_RULES and state.id not in self._watched:
                self._put(state)

    def _put(self, state: AlertState) -> Watched:
        one = self._watched[state.id] = Watched(state)
        if state.id[1:].isdecimal():
            self._number = max(self._number, int(state.id[1:]))
        return one

    def _get(self, id: str) -> Watched:
        one = self._watched.get(id)
        if one is None:
            raise UnknownAlertError(
                f"no alert is called {id[:20]}: `tickdesk alerts list` tells which there are"
            )
        return one
