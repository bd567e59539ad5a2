"""The limits as configured and as changed live: by scope, within hard ranges, folded from the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from engine.config import OWN_LIMITS, AccountConfig, RiskConfig
from engine.errors import ConfigError
from engine.events import LimitChange
from engine.risk.limit_kinds import KINDS, LimitKind, hard_range, hard_text, loosens, shown
from engine.risk.limits import DESK, STRATEGY, SYMBOL, Limits
from engine.text import clean

REDUCE, HALT = "daily_loss_reduce_pct", "daily_loss_halt_pct"


class LimitStanding(NamedTuple):
    """One limit as it stands."""

    scope: str
    name: str
    value: float
    default: float | None
    """What the configuration says; None: the scope has none of its own there."""
    hard: str
    """The range within which it can be changed live."""
    unit: str
    about: str


class LimitBook:
    """Holds the ``Limits`` in force and changes them.

    A change is checked (``propose``) and taken (``apply``) apart, so that what loosens can be made durable
    first. ``on_change`` is called after each change.
    """

    def __init__(self, config: RiskConfig, account: AccountConfig) -> None:
        self._config = config
        self._configured: dict[str, dict[str, float]] = {}
        for prefix, own in ((STRATEGY, config.strategies), (SYMBOL, config.symbols)):
            for name, limits in own.items():
                self._configured[prefix + name] = {key: float(value) for key, value in limits.items()}
        self._live: dict[tuple[str, str], float] = {}
        self.limits = Limits(config, account)
        self.on_change: Callable[[], None] = lambda: None
        self._take()

    # --- changing

    def set(self, scope: str, name: str, value: float | None, who: str, ns: int) -> LimitChange | None:
        """``propose`` and ``apply`` in one; the caller journals what is returned. None: nothing changes.

        Raises ConfigError, one line that says what is allowed, and changes nothing.
        """
        change = self.propose(scope, name, value, who, ns)
        if change is not None:
            self.apply(change)
        return change

    def propose(self, scope: str, name: str, value: float | None, who: str, ns: int) -> LimitChange | None:
        """The change that a person asks for, checked and not made. None: it is so already.

        ``value`` None: back to the configuration's, or to the scope above. Raises ConfigError when the limit
        is unknown or the value beyond its hard range.
        """
        change = self._proposed(scope, name, value, who, ns)
        self._check_losses(scope, name, self.configured(scope, name) if value is None else float(value))
        return change

    def _proposed(self, scope: str, name: str, value: float | None, who: str, ns: int) -> LimitChange | None:
        kind = self._kind(scope, name)
        before = self.value(scope, name)
        configured = self.configured(scope, name)
        after = configured if value is None else float(value)
        if value is not None:
            hard = hard_range(kind, configured)
            if not hard.holds(float(value)):
                raise ConfigError(f"{name} of {clean(scope, 80)} must be {hard}, not {float(value):g}")
        if after == before and ((scope, name) in self._live) == (value is not None):
            return None
        told = "" if value is None else shown(float(value))
        return LimitChange(scope, name, "" if before is None else shown(before), told, who, ns)

    def loosens(self, change: LimitChange) -> bool:
        """Whether more would be allowed by it than is now: it should be durable before it is applied."""
        after = float(change.value) if change.value else self.configured(change.scope, change.name)
        return loosens(KINDS[change.name], self.value(change.scope, change.name), after)

    def apply(self, change: LimitChange) -> None:
        """Put a proposed change in force."""
        key = change.scope, change.name
        if change.value:
            self._live[key] = float(change.value)
        else:
            self._live.pop(key, None)
        self._take()

    def restore(self, change: LimitChange) -> str:
        """Take up a journaled change, in the journal's order; "" when it is in force, else why it is not.

        What the configuration does not allow any more (it may have been edited since) is left at the
        configuration's; a change of another scope than those here is not for this book.
        """
        if not change.scope.startswith((STRATEGY, SYMBOL)) and change.scope != DESK:
            return ""
        self._live.pop((change.scope, change.name), None)
        try:
            value = float(change.value) if change.value else None
            # Not as a pair: one of two may have been on its way when the other tightened. See ``value``.
            self._proposed(change.scope, change.name, value, change.who, change.ns)
        except (ConfigError, ValueError) as error:
            self._take()
            return f"{clean(change.name, 40)} of {clean(change.scope, 80)} is as configured: {clean(error)}"
        self.apply(change)
        return ""

    # --- reading

    def value(self, scope: str, name: str) -> float | None:
        """In force for the scope; None where it has none of its own.

        The loss of the day that reduces is never above the one that halts: the tighter holds.
        """
        value = self._set(scope, name)
        if scope == DESK and name == REDUCE:
            assert value is not None
            return min(value, self._set(DESK, HALT) or value)
        return value

    def _set(self, scope: str, name: str) -> float | None:
        live = self._live.get((scope, name))
        return self.configured(scope, name) if live is None else live

    def live(self) -> list[tuple[str, str]]:
        """(scope, name) of what was changed live."""
        return list(self._live)

    def configured(self, scope: str, name: str) -> float | None:
        """What the configuration says; None where it says nothing of the scope."""
        if scope == DESK:
            return float(getattr(self._config, name))
        return self._configured.get(scope, {}).get(name)

    def rows(self) -> list[LimitStanding]:
        """All limits of the desk, then those that strategies and symbols have of their own."""
        found = [self._standing(DESK, kind) for kind in KINDS.values()]
        scopes = dict.fromkeys([*self._configured, *(scope for scope, _ in self._live if scope != DESK)])
        for scope in scopes:
            found += [
                self._standing(scope, KINDS[name])
                for name in OWN_LIMITS
                if self.value(scope, name) is not None
            ]
        return found

    def _standing(self, scope: str, kind: LimitKind) -> LimitStanding:
        value, default = self.value(scope, kind.name), self.configured(scope, kind.name)
        assert value is not None
        hard = hard_text(kind, default)
        return LimitStanding(scope, kind.name, value, default, hard, kind.unit, kind.about)

    def _kind(self, scope: str, name: str) -> LimitKind:
        own = any(scope.startswith(prefix) and len(scope) > len(prefix) for prefix in (STRATEGY, SYMBOL))
        if scope != DESK and not own:
            raise ConfigError(
                f"no scope {clean(scope, 80)}: it is desk, strategy:<name>, symbol:<symbol> or exits"
            )
        allowed = OWN_LIMITS if own else tuple(KINDS)
        if name not in allowed:
            raise ConfigError(f"no limit {clean(name, 40)} of {clean(scope, 80)}: {', '.join(allowed)}")
        return KINDS[name]

    def _check_losses(self, scope: str, name: str, after: float | None) -> None:
        pair = (REDUCE, HALT)
        if scope == DESK and name in pair:
            reduce, halt = (after if one == name else self.value(DESK, one) for one in pair)
            assert reduce is not None and halt is not None
            if reduce > halt:
                raise ConfigError(f"daily_loss_reduce_pct {reduce:g} must not be above the halt's {halt:g}")

    def _take(self) -> None:
        """Put what is configured and changed in force."""
        desk: dict[str, Any] = {}
        own = {scope: dict(limits) for scope, limits in self._configured.items()}
        for (scope, name), value in self._live.items():
            if scope == DESK:
                whole = isinstance(getattr(self._config, name), int)
                desk[name] = int(value) if whole else value
            else:
                own.setdefault(scope, {})[name] = value
        desk[REDUCE] = self.value(DESK, REDUCE)
        self.limits.take(msgspec.structs.replace(self._config, **desk), own)
        self.on_change()
