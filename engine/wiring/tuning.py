"""What a person changes at run time: strategies and the blend's weights. Kept for the next start, and told.

Every change is an alert with who asked, so that the journal says who set which number when.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.config import BlendWeights
from engine.errors import ConfigError, TickdeskError
from engine.strategies.reload import Reloaded
from engine.text import clean
from engine.wiring.signals import Signals
from engine.wiring.trading import Trading

log = logging.getLogger("engine.desk")

STRATEGY = "strategy:"
"""Name of a setting; a strategy's name follows."""
REPEATER = "repeater:"
"""The same: why the strategy was switched off for repeating itself; "" once a person switched it on."""
WEIGHTS = "weights"

Alert = Callable[[str, str, str], None]
"""alert(level, source, text)."""


class Tuning:
    """Changes strategies and weights of one desk. ``keep`` stores a setting by name, JSON-able."""

    def __init__(
        self,
        weights: BlendWeights,
        signals: Signals,
        trading: Trading,
        *,
        keep: Callable[[str, object], None],
        alert: Alert,
        on_change: Callable[[], None],
        symbol: Callable[[str, str], str] = lambda key, text: text,
    ) -> None:
        """``symbol(key, text)`` is the desk's name of what a person wrote there; it raises ConfigError.
        ``on_change`` is called whenever a strategy's switch or parameters may have changed."""
        self.weights = weights
        self._signals = signals
        self._trading = trading
        self._keep = keep
        self._alert = alert
        self._on_change = on_change
        self._symbol = symbol
        self.on_switched: Callable[[str, str], None] = lambda name, who: None
        """on_switched(name, who), when a strategy was switched on or off in the name of somebody."""
        self._changed: dict[str, dict[str, Any]] = {}
        """By strategy, what was ever changed by hand: what was not follows the configuration."""
        self._reweighed: dict[str, float] = {}

    # --- strategies ---

    def set_strategy(self, name: str, patch: StrategyPatch, who: str = "") -> str:
        """Change a strategy, all of ``patch`` or nothing, and keep it. Returns its state in one line.

        Told as an alert in the name of ``who``, unless that is "". Raises ConfigError.
        """
        before = self._section(name)
        if patch.symbols is not None:
            key = f"strategies.{name}.symbols"
            named = tuple(dict.fromkeys(self._symbol(key, text) for text in patch.symbols))
            patch = msgspec.structs.replace(patch, symbols=named)
        given = {key: value for key in _SWITCHES if (value := getattr(patch, key)) is not None}
        # First of all: a strategy that is changed and changed back has forgotten when it last spoke.
        self._signals.strategies.check(name, given, patch.params or {})
        try:
            self._apply(name, patch)
        except ConfigError:
            self._undo(name, before)
            raise
        self._remember(name, patch)
        self._on_change()
        text = self._told(name, before)
        if who:
            self._alert("info", who, text)
            if patch.enabled is not None:
                self.on_switched(name, who)
        return text

    def stop_repeater(self, name: str, reason: str) -> None:
        """Switch a strategy off that sends the same order again and again, until a person switches it on."""
        self._keep(f"{REPEATER}{name}", reason)
        self.set_strategy(name, StrategyPatch(enabled=False))

    def _section(self, name: str) -> dict[str, Any]:
        strategies = self._signals.strategies
        strategies.enabled(name)  # raises for an unknown one
        return strategies.settings()[name]

    def _apply(self, name: str, patch: StrategyPatch) -> None:
        strategies = self._signals.strategies
        if patch.params:
            strategies.set_params(name, patch.params)
        if patch.symbols is not None:
            strategies.set_symbols(name, patch.symbols)
        if patch.budget_pct is not None:
            strategies.set_budget(name, patch.budget_pct)
        if patch.weight is not None:
            strategies.set_weight(name, patch.weight)
        if patch.enabled is not None:
            strategies.set_enabled(name, patch.enabled)
            if patch.enabled and self._trading.gate.enable(name):
                self._keep(f"{REPEATER}{name}", "")
        if not strategies.enabled(name):
            self._signals.drop_source(name)
        elif patch.symbols:
            self._signals.drop_source(name, frozenset(patch.symbols))

    def _undo(self, name: str, before: Mapping[str, Any]) -> None:
        now = self._section(name)
        own = {key: value for key, value in before.items() if key not in _SWITCHES and now[key] != value}
        with contextlib.suppress(ConfigError):  # what was in force cannot be refused
            self._apply(
                name,
                StrategyPatch(
                    params=own or None,
                    symbols=tuple(before["symbols"]) if now["symbols"] != before["symbols"] else None,
                    budget_pct=before["budget_pct"],
                    weight=before["weight"],
                ),
            )

    def _remember(self, name: str, patch: StrategyPatch) -> None:
        kept = self._changed.setdefault(name, {})
        for key in _SWITCHES:
            value = getattr(patch, key)
            if value is not None:
                kept[key] = value
        if patch.params:
            kept["params"] = {**kept.get("params", {}), **patch.params}
        self._keep(f"{STRATEGY}{name}", dict(kept))

    def _told(self, name: str, before: Mapping[str, Any]) -> str:
        """``trend on, weight 2 (weight 1 → 2)``: the state, and each value that was changed."""
        now = self._section(name)
        text = f"{name} {'on' if now['enabled'] else 'off'}, weight {now['weight']:g}"
        changes = [
            f"{key} {_shown(before.get(key))} → {_shown(value)}"
            for key, value in now.items()
            if key != "enabled" and before.get(key) != value
        ]
        return clean(f"{text} ({', '.join(changes)})" if changes else text, 300)

    def reload_strategies(self, who: str) -> Reloaded:
        """Read the users' strategy files again; returns what happened."""
        strategies = self._signals.strategies
        before = strategies.kinds()
        told = strategies.reload()
        after = strategies.kinds()
        for name in sorted(before.keys() - after.keys()):
            self._signals.drop_source(name)
        for name, kept in sorted(self._changed.items()):
            # One that has come back, or anew: what was set by hand holds for it too. The others go on as they
            # are: one that a fault switched off stays off.
            if before.get(name) is not after.get(name):
                self._take_up_strategy(name, kept)
        self._on_change()
        self._alert("info" if told.whole else "warning", who, f"strategies: {told.text}")
        return told

    # --- weights ---

    def set_weights(self, patch: WeightsPatch, who: str = "") -> str:
        """Change percents of the blend by family, and keep them. Raises ConfigError."""
        changes = {key: value for key, value in msgspec.structs.asdict(patch).items() if value is not None}
        for family, value in changes.items():
            if not (math.isfinite(value) and 0.0 <= value <= MAX_WEIGHT):
                raise ConfigError(f"weights.{family}: must be 0 to {MAX_WEIGHT:g}, not {value:g}")
        before = self.weights
        wanted = msgspec.structs.replace(before, **changes)
        if not sum(msgspec.structs.astuple(wanted)) > 0.0:
            raise ConfigError("weights: at least one must be above 0")
        self.weights = wanted
        self._signals.set_weights(wanted)
        self._reweighed.update(changes)
        self._keep(WEIGHTS, dict(self._reweighed))
        parts = [
            f"{family.replace('_', ' ')} {getattr(before, family):g} → {value:g}"
            for family, value in changes.items()
            if getattr(before, family) != value
        ]
        text = f"weights: {', '.join(parts) or 'as they were'}"
        if who:
            self._alert("info", who, text)
        return text

    # --- start ---

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """Take up what an earlier run kept. What cannot be is logged, and nothing else comes of it."""
        for name, value in sorted(settings.items()):
            if name.startswith(REPEATER):  # before its strategy's, by the alphabet
                if value:
                    self._trading.gate.disable(name.removeprefix(REPEATER), clean(str(value), 200))
            elif name.startswith(STRATEGY):
                self._take_up_strategy(name.removeprefix(STRATEGY), value)
            elif name == WEIGHTS:
                try:
                    self.set_weights(msgspec.convert(value, WeightsPatch))
                except (TickdeskError, ValueError) as error:  # msgspec's errors are ValueErrors
                    log.warning("setting %s is not taken up: %s", name, clean(error))

    def _take_up_strategy(self, name: str, value: object) -> None:
        told = clean(name, 60)
        try:
            patch = msgspec.convert(value, StrategyPatch)
        except ValueError as error:
            log.warning("setting %s%s is not taken up: %s", STRATEGY, told, clean(error))
            return
        # What its file does not take, or cannot while it is away, is kept for when it does.
        self._changed[name] = {**msgspec.to_builtins(value)}
        if name not in self._signals.strategies.settings():
            log.warning("%s has settings, but there is no strategy of that name", told)
            return
        try:
            self.set_strategy(name, patch)
        except TickdeskError:
            # One that is off, or has a budget, must not be on without one for a parameter's sake.
            for part in _parts(patch):
                try:
                    self.set_strategy(name, part)
                except TickdeskError as error:
                    log.warning("a part of setting %s%s is not taken up: %s", STRATEGY, told, clean(error))


MAX_WEIGHT = 1000.0
_SWITCHES = ("enabled", "weight", "symbols", "budget_pct")


def _parts(patch: StrategyPatch) -> Iterator[StrategyPatch]:
    """Each of its values by itself; whether it is on comes last."""
    for key in reversed(_SWITCHES[1:]):
        if (value := getattr(patch, key)) is not None:
            yield StrategyPatch(**{key: value})
    for key, value in (patch.params or {}).items():
        yield StrategyPatch(params={key: value})
    if patch.enabled is not None:
        yield StrategyPatch(enabled=patch.enabled)


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value)) or "all"
    return f"{value:g}" if isinstance(value, float) else str(value)
