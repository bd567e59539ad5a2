"""The desk-wide distances and times of exits: as configured and as changed live, folded from the journal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from engine.config import ExitsConfig
from engine.errors import ConfigError
from engine.events import LimitChange
from engine.risk.limit_kinds import shown
from engine.text import clean

SCOPE = "exits"
"""Of their changes in the journal."""
SETTABLE = ("stop_loss_pct", "take_profit_pct", "trailing_stop_pct", "max_holding_s")


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

    def propose(self, scope: str, name: str, value: float | None, who: str, ns: int) -> LimitChange | None:
        """The change that a person asks for, checked and not made. None: it is so already.

        ``value`` None: back to the configuration's. Raises ConfigError for another name or a value out of
        range.
        """
        after = self._checked(name, value)
        before = self.value(scope, name)
        if getattr(after, name) == before and (name in self._live) == (value is not None):
            return None
        return LimitChange(scope, name, shown(before), "" if value is None else shown(value), who, ns)

    def loosens(self, change: LimitChange) -> bool:
        """Whether positions would be held longer by it, or at a greater loss."""
        before = self.value(change.scope, change.name)
        after: float = float(change.value) if change.value else getattr(self._configured, change.name)
        return bool(before) and (not after or after > before)  # 0: no such exit

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
            raise ConfigError(f"exits.{name} = {wanted:g}: {clean(error)}") from None
