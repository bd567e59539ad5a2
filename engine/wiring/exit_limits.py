"""The desk-wide distances and times of exits: as configured and as changed live, folded from the journal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from engine.config import ExitsConfig
from engine.config.values import LEAST
from engine.errors import ConfigError
from engine.events import LimitChange
from engine.refusal import refused
from engine.risk.limit_kinds import LimitKind, Range, bounds_of, hard_range, hard_text, loosens, shown
from engine.text import clean

SCOPE = "exits"
"""Of their changes in the journal."""
_PERCENT, _SECONDS = "%", "s"
KINDS = {
    kind.name: kind
    for kind in (
        LimitKind("stop_loss_pct", _PERCENT, "distance of the stop from the average entry price"),
        LimitKind("take_profit_pct", _PERCENT, "distance of the target from the average entry price"),
        LimitKind(
            "trailing_stop_pct",
            _PERCENT,
            "distance of a stop that follows the best price since the entry; 0: none",
            zero_is_none=True,
            least=LEAST,
        ),
        LimitKind(
            "max_holding_s",
            _SECONDS,
            "a position older than this is closed; 0: never",
            zero_is_none=True,
            least=LEAST,
        ),
    )
}
SETTABLE = tuple(KINDS)
_BOUNDS = {name: bounds_of(ExitsConfig, name) for name in KINDS}


class ExitLimits:
    """Holds the exits in force and changes them, as ``LimitBook`` does the limits of risk."""

    def __init__(self, config: ExitsConfig) -> None:
        self._configured = self.config = config
        self._live: dict[str, float] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change."""

    def value(self, scope: str, name: str) -> float:
        """As it is now, of ``SETTABLE``. A distance is percent of the price, a time seconds."""
        value: float = getattr(self.config, name)
        return value

    def configured(self, scope: str, name: str) -> float:
        """What the configuration says."""
        value: float = getattr(self._configured, name)
        return value

    def live(self) -> list[tuple[str, str]]:
        """(scope, name) of what was changed live."""
        return [(SCOPE, name) for name in self._live]

    def hard(self, name: str) -> Range:
        """Within which it can be changed live: at most twice as loose as configured."""
        return hard_range(KINDS[name], self.configured(SCOPE, name), _BOUNDS[name])

    def hard_text(self, name: str) -> str:
        """The same in words."""
        return hard_text(KINDS[name], self.configured(SCOPE, name), _BOUNDS[name])

    def propose(self, scope: str, name: str, value: float | None, who: str, ns: int) -> LimitChange | None:
        """The change that a person asks for, checked and not made. None: it is so already.

        ``value`` None: back to the configuration's. Raises ConfigError for another name or a value out of
        range.
        """
        after = self._checked(name, value)
        if value is not None and not self.hard(name).holds(value):
            raise ConfigError(f"exits.{name} must be {self.hard(name)}, not {value:g}")
        before = self.value(scope, name)
        if getattr(after, name) == before and (name in self._live) == (value is not None):
            return None
        return LimitChange(scope, name, shown(before), "" if value is None else shown(value), who, ns)

    def loosens(self, change: LimitChange) -> bool:
        """Whether positions would be held longer by it, or at a greater loss."""
        after = float(change.value) if change.value else self.configured(change.scope, change.name)
        return loosens(KINDS[change.name], self.value(change.scope, change.name), after)

    def apply(self, change: LimitChange) -> None:
        """Put a proposed change in force, for open positions too."""
        if change.value:
            self._live[change.name] = float(change.value)
        else:
            self._live.pop(change.name, None)
        self.config = msgspec.structs.replace(self._configured, **self._live)
        self.on_change()

    def restore(self, change: LimitChange) -> str:
        """Take up a journaled change; "" when it is in force, else why it is not."""
        try:
            self._checked(change.name, float(change.value) if change.value else None)
        except (ConfigError, ValueError) as error:
            return f"{clean(change.name, 40)} of {SCOPE} is not taken up: {clean(error)}"
        self.apply(change)
        return ""

    def _checked(self, name: str, value: float | None) -> ExitsConfig:
        if name not in SETTABLE:
            raise ConfigError(f"exits.{clean(name, 40)} cannot be set; {', '.join(SETTABLE)} can")
        wanted: float = getattr(self._configured, name) if value is None else value
        if not math.isfinite(wanted):
            raise ConfigError(f"exits.{name}: {wanted} is no finite number")
        section: dict[str, Any] = {**msgspec.structs.asdict(self.config), name: wanted}
        try:
            return msgspec.convert(section, ExitsConfig, from_attributes=True)
        except msgspec.ValidationError as error:
            raise ConfigError(f"exits.{refused(error, ExitsConfig, section)}") from None
