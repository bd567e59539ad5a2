"""All strategies by name, and the set that runs them: switches, weights, symbols, faults."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from engine.errors import ConfigError
from engine.events import FeatureRow, Signal
from engine.strategies.base import Strategy
from engine.strategies.golden_cross import GoldenCross
from engine.strategies.mean_reversion import MeanReversion
from engine.strategies.model import Model
from engine.strategies.rapid_rise import RapidRise
from engine.strategies.trend import Trend
from engine.text import clean

STRATEGIES: dict[str, type[Strategy]] = {
    RapidRise.name: RapidRise,
    GoldenCross.name: GoldenCross,
    Trend.name: Trend,
    MeanReversion.name: MeanReversion,
    Model.name: Model,
}


MAX_WEIGHT = 100.0

_S = TypeVar("_S", bound=msgspec.Struct)


class StrategyState(msgspec.Struct, frozen=True, gc=False):
    """One strategy as the screen shows it."""

    name: str
    description: str
    enabled: bool
    weight: float
    signals: int
    """Emitted since start."""
    last_ns: int
    """When it last emitted; 0: never."""
    error: str
    """Why it was disabled by a fault, one line; "" otherwise."""


class StrategyFault(Exception):
    """A strategy returned something that is no valid signal of its own."""


class _Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every strategy's section of the configuration may hold beside its own parameters."""

    enabled: bool = True
    weight: Annotated[float, Meta(gt=0, le=MAX_WEIGHT)] = 1.0
    symbols: tuple[str, ...] = ()


class _Entry:
    """One strategy with its switches and counters."""

    __slots__ = ("enabled", "error", "kind", "last_ns", "params", "signals", "strategy", "symbols")

    def __init__(self, kind: type[Strategy], params: Strategy.Params, enabled: bool, symbols: frozenset[str]):
        self.kind = kind
        self.params = params
        self.enabled = enabled
        self.symbols = symbols
        self.strategy = kind(params)
        self.signals = 0
        self.last_ns = 0
        self.error = ""


_OnRow = Callable[[FeatureRow], Signal | None]


class StrategySet:
    """Runs the enabled strategies. A fault in one disables that one and never propagates."""

    weights: dict[str, float]
    """By name, above 0. Live: ``set_weight`` changes it in place."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """``settings``: per strategy ``enabled``, ``weight``, ``symbols`` (empty = all) and its parameters.

        Raises ConfigError, one line naming the key and the fix.
        """
        for name in settings:
            if name not in STRATEGIES:
                raise ConfigError(
                    f"strategies.{clean(name, 40)}: unknown strategy; known are {', '.join(STRATEGIES)}"
                )
        self.weights = {}
        self._entries: dict[str, _Entry] = {}
        for name, kind in STRATEGIES.items():
            switches, params = _parse(name, kind, settings.get(name, {}))
            self.weights[name] = switches.weight
            self._entries[name] = _Entry(kind, params, switches.enabled, frozenset(switches.symbols))
        self._faults: list[tuple[str, str]] = []
        self._on_bar: list[tuple[_Entry, _OnRow]] = []
        self._on_rise: list[tuple[_Entry, _OnRow]] = []
        self._bind()

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every strategy's section as the configuration would write it, defaults included."""
        return {
            name: {
                "enabled": entry.enabled,
                "weight": self.weights[name],
                "symbols": sorted(entry.symbols),
                **msgspec.to_builtins(entry.params),
            }
            for name, entry in self._entries.items()
        }

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Switch a strategy. Switching on forgets its past and its fault. Raises ConfigError when unknown."""
        entry = self._entry(name)
        if enabled and not entry.enabled:
            entry.strategy = entry.kind(entry.params)
            entry.error = ""
        entry.enabled = enabled
        self._bind()

    def enabled(self, name: str) -> bool:
        """Raises ConfigError when unknown."""
        return self._entry(name).enabled

    def weight(self, name: str) -> float:
        """Raises ConfigError when unknown."""
        self._entry(name)
        return self.weights[name]

    def set_weight(self, name: str, weight: float) -> None:
        """Set a weight within the technical family. Raises ConfigError when unknown or out of (0, 100]."""
        self._entry(name)
        if not 0.0 < weight <= MAX_WEIGHT:
            raise ConfigError(f"strategies.{name}.weight: must be above 0 and at most 100, not {weight:g}")
        self.weights[name] = float(weight)

    def on_bar(self, row: FeatureRow) -> list[Signal]:
        """Signals at a bar's close; none at a filled bar, for nothing was traded in it."""
        if row.filled == 1.0:
            return []
        return self._run(self._on_bar, row)

    def on_rise(self, row: FeatureRow) -> list[Signal]:
        """Signals when the window crossed ``rise_watch`` between bar closes."""
        return self._run(self._on_rise, row)

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> list[Signal]:
        """Signals on a model's scores by symbol, normalised across symbols (mean 0, std 0.02)."""
        found: list[Signal] = []
        for entry in self._entries.values():
            if not entry.enabled or not _overrides(entry.kind, "on_scores"):
                continue
            allowed = {s: v for s, v in scores.items() if s in entry.symbols} if entry.symbols else scores
            try:
                signals = entry.strategy.on_scores(ns, allowed)
                for signal in signals:
                    self._check(entry, signal)
            except Exception as error:
                self._fault(entry, error)
            else:
                found.extend(signals)
                if signals:
                    entry.signals += len(signals)
                    entry.last_ns = ns
        return found

    def states(self) -> list[StrategyState]:
        """All strategies, in order of registration."""
        return [
            StrategyState(
                name,
                entry.kind.description,
                entry.enabled,
                self.weights[name],
                entry.signals,
                entry.last_ns,
                entry.error,
            )
            for name, entry in self._entries.items()
        ]

    def reset_counts(self) -> None:
        """Count signals from zero: those before were of a warm-up."""
        for entry in self._entries.values():
            entry.signals = entry.last_ns = 0

    def take_errors(self) -> list[tuple[str, str]]:
        """(name, traceback text) of the strategies that faults disabled since the last call, for the log."""
        taken, self._faults = self._faults, []
        return taken

    @property
    def rise_watch(self) -> tuple[float, float] | None:
        """(min change in percent, min volume in base units) to watch between bars; None when nobody asks."""
        entry = self._entries[RapidRise.name]
        if not entry.enabled or not isinstance(entry.params, RapidRise.Params):
            return None
        return entry.params.min_change_pct, entry.params.min_volume

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise ConfigError(f"unknown strategy {clean(name, 40)}; known are {', '.join(self._entries)}")
        return entry

    def _bind(self) -> None:
        """Rebuild the lists that the hot path walks: enabled strategies that define the method."""
        self._on_bar = list(self._bound("on_bar"))
        self._on_rise = list(self._bound("on_rise"))

    def _bound(self, method: str) -> Iterator[tuple[_Entry, _OnRow]]:
        for entry in self._entries.values():
            if entry.enabled and _overrides(entry.kind, method):
                yield entry, getattr(entry.strategy, method)

    def _run(self, bound: list[tuple[_Entry, _OnRow]], row: FeatureRow) -> list[Signal]:
        found: list[Signal] = []
        for entry, method in bound:
            if entry.symbols and row.symbol not in entry.symbols:
                continue
            try:
                signal = method(row)
                if signal is None:
                    continue
                self._check(entry, signal)
            except Exception as error:
                self._fault(entry, error)
            else:
                entry.signals += 1
                entry.last_ns = row.ns
                found.append(signal)
        return found

    def _check(self, entry: _Entry, signal: Signal) -> None:
        if not (-1.0 <= signal.score <= 1.0):
            raise StrategyFault(f"score {signal.score} is outside -1 to 1")
        if not (0.0 <= signal.confidence <= 1.0):
            raise StrategyFault(f"confidence {signal.confidence} is outside 0 to 1")
        if signal.ttl_ns <= 0:
            raise StrategyFault(f"ttl_ns {signal.ttl_ns} is not above 0")
        if signal.source != entry.kind.name:
            raise StrategyFault(f"source {signal.source!r} is not the strategy's name")

    def _fault(self, entry: _Entry, error: Exception) -> None:
        entry.enabled = False
        entry.error = clean(f"{type(error).__name__}: {error}")
        self._faults.append((entry.kind.name, "".join(traceback.format_exception(error))))
        self._bind()


def _overrides(kind: type[Strategy], method: str) -> bool:
    return getattr(kind, method) is not getattr(Strategy, method)


def _parse(name: str, kind: type[Strategy], section: Mapping[str, Any]) -> tuple[_Switches, Strategy.Params]:
    """Split a section into the common switches and the strategy's parameters, both checked."""
    if not isinstance(section, Mapping):
        raise ConfigError(f"strategies.{name}: must be a section of keys; write [strategies.{name}]")
    common = {key: value for key, value in section.items() if key in _Switches.__struct_fields__}
    own = {key: value for key, value in section.items() if key not in common}
    if isinstance(common.get("symbols"), str):
        # An environment variable or --set gives a single symbol as plain text.
        common["symbols"] = [common["symbols"]]
    return _convert(name, kind, common, _Switches), _convert(name, kind, own, kind.Params)


def _convert(name: str, kind: type[Strategy], values: dict[str, Any], into: type[_S]) -> _S:
    try:
        params = msgspec.convert(values, into, strict=False)
        for key in into.__struct_fields__:
            value = getattr(params, key)
            if isinstance(value, float) and not math.isfinite(value):
                raise msgspec.ValidationError(f"Expected a finite number - at `$.{key}`")
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        key = f"strategies.{name}{where.rstrip('`')}"
        known = ", ".join((*_Switches.__struct_fields__, *kind.Params.__struct_fields__))
        raise ConfigError(f"{clean(key, 80)}: {clean(what)}; its keys are {known}") from None
    return params
