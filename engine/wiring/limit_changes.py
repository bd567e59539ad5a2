"""Limits changed while the desk runs: what tightens works at once, what loosens when it is durable, for as
long as the engine runs: the next start goes by the configuration where that is tighter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.events import Alert, LimitChange
from engine.features.engine import FeatureEngine
from engine.risk.limit_book import LimitBook
from engine.risk.limit_kinds import shown
from engine.risk.limits import DESK
from engine.text import clean
from engine.wiring import exit_limits
from engine.wiring.exit_limits import ExitLimits
from engine.wiring.order_journal import Commit

START = "start"
"""``who`` of what a start changes."""


class _Kept(Protocol):
    """``LimitBook`` or ``ExitLimits``."""

    def value(self, scope: str, name: str) -> float | None: ...

    def propose(
        self, scope: str, name: str, value: float | None, who: str, ns: int
    ) -> LimitChange | None: ...

    def loosens(self, change: LimitChange) -> bool: ...

    def apply(self, change: LimitChange) -> None: ...

    def live(self) -> list[tuple[str, str]]: ...

    def configured(self, scope: str, name: str) -> float | None: ...

    def restore(self, change: LimitChange) -> str: ...


class LimitChanges:
    """Changes the limits of risk and the distances of exits, for a person."""

    def __init__(self, features: FeatureEngine, book: LimitBook, exits: ExitLimits, commit: Commit) -> None:
        self._features = features
        self._book = book
        self._exits = exits
        self._commit = commit
        self._loosening: dict[tuple[str, str], LimitChange] = {}
        """On their way to the disk; each is dropped by a later change of the same limit."""
        self._refused: dict[tuple[str, str], str] = {}
        """Values of the journal that are not in force."""

    def set(
        self, scope: str, name: str, value: float | None, who: str, done: Callable[[], None] = lambda: None
    ) -> LimitChange | None:
        """Change a limit; ``done`` is called when the change is durable. None: it is so already.

        ``value`` None: back to the configuration's, or to the scope above. Raises ConfigError, and changes
        nothing, for an unknown limit or a value beyond its range.
        """
        now = self._features.now_ns
        key, kept = (scope, name), self._kept(scope)
        proposed = kept.propose(scope, name, value, who, now)
        standing = kept.value(scope, name)
        overtaken = self._loosening.get(key)
        if overtaken is not None:
            del self._loosening[key]
            if proposed is None:
                # The journal says looser by now, or soon: what stands must be its last word.
                told = "" if value is None or standing is None else shown(standing)
                proposed = LimitChange(scope, name, overtaken.value, told, who, now)
        if proposed is None:
            return None
        if kept.loosens(proposed):
            self._loosen(proposed, done)
        else:
            kept.apply(proposed)
            self._commit((proposed,), done)
        return proposed

    def value(self, scope: str, name: str) -> float | None:
        """What is in force in the scope itself; None: it has none of its own."""
        return self._kept(scope).value(scope, name)

    def configured(self, scope: str, name: str) -> float | None:
        """What the configuration says of the scope itself."""
        return self._kept(scope).configured(scope, name)

    def _loosen(self, change: LimitChange, done: Callable[[], None]) -> None:
        key = change.scope, change.name
        self._loosening[key] = change

        def durable() -> None:
            if self._loosening.get(key) is change:
                del self._loosening[key]
                self._kept(change.scope).apply(change)
            done()

        self._commit((change,), durable)

    def restore(self, change: LimitChange) -> str:
        """Take up a journaled change, in the journal's order; "" or why it is not in force."""
        refused, key = self._kept(change.scope).restore(change), (change.scope, change.name)
        if refused and change.value:
            self._refused[key] = change.value
        else:
            self._refused.pop(key, None)
        return refused

    def settle(self, now_ns: int) -> None:
        """Once the journal is taken up: what was loosened live beyond the configuration ends with the run
        that it was loosened in, since the file may say tighter by now. All that differs is told.
        """
        stays, ended, changes = [], [], []
        for kept in (self._book, self._exits):
            for scope, name in kept.live():
                value, configured = kept.value(scope, name), kept.configured(scope, name)
                if value is None or value == configured:
                    continue
                told = _told(scope, name, shown(value), configured)
                back = LimitChange(scope, name, shown(value), "", START, now_ns)
                if kept.loosens(back):
                    stays.append(told)
                else:
                    kept.apply(back)
                    changes.append(back)
                    ended.append(told)
        for (scope, name), text in self._refused.items():
            changes.append(LimitChange(scope, name, text, "", START, now_ns))
            ended.append(f"{_where(scope, name)} {clean(text, 40)}")
        self._refused.clear()
        parts = [f"limits changed live: {', '.join(stays)}"] if stays else []
        if ended:
            parts.append(f"no longer in force, the configuration holds: {', '.join(ended)}")
        if parts:
            alert = Alert("warning" if ended else "info", "limits", clean("; ".join(parts), 1000), now_ns)
            self._commit((*changes, alert), lambda: None)

    def _kept(self, scope: str) -> _Kept:
        return self._exits if scope == exit_limits.SCOPE else self._book


def _told(scope: str, name: str, value: str, configured: float | None) -> str:
    return (
        f"{_where(scope, name)} {value} (configuration {'none' if configured is None else shown(configured)})"
    )


def _where(scope: str, name: str) -> str:
    return clean(name if scope == DESK else f"{scope} {name}", 120)
