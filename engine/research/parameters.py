"""What of the configuration can be tried with other values: the type of a key, and a value in that type.

The same types check ``--set``: those of the configuration's sections, and of a strategy's own parameters.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect

from engine.config import Config, changed
from engine.errors import ConfigError
from engine.refusal import refused
from engine.strategies.base import Strategy
from engine.strategies.registry import StrategySet
from engine.strategies.settings import Switches
from engine.suggestion import did_you_mean
from engine.text import clean

Value = bool | int | float | str
Kinds = Mapping[str, type[Strategy]]

UNTRIED = frozenset(
    {
        *(
            "strategies_dir",
            "strategy_limit_ms",
            "strategy_stuck_s",
            "feeds",
            "simulated",
            "symbols",
            "collection",
            "cache",
        ),
        *("record", "brokers", "performance", "notify", "automations", "bus", "link", "api", "console"),
        *("engine", "alarms", "logging"),
    }
)
"""Sections that decide nothing in a backtest."""


class Parameter(msgspec.Struct, frozen=True):
    """One key of the configuration that takes a number, a flag or a text."""

    key: str
    kind: str
    """integer, number, flag or text."""
    type: Any
    """As msgspec checks it."""

    def value(self, text: str) -> Value:
        """What ``text`` means here. Raises ConfigError."""
        given: Any = text
        if self.kind != "text":
            given = _toml(text)
        try:
            found = msgspec.convert(given, self.type, strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(
                f"{clean(self.key, 80)}={clean(text, 40)}: {refused(error, self.type, given)}"
            ) from None
        finite = not isinstance(found, float) or math.isfinite(found)
        if not (isinstance(found, (bool, int, float, str)) and finite):
            raise ConfigError(f"{clean(self.key, 80)}={clean(text, 40)}: no value that can be tried")
        return found


def kinds_of(config: Config) -> Kinds:
    """The strategies by name, the user's with them. Raises ConfigError."""
    return StrategySet(config.strategies, Path(config.strategies_dir)).kinds()


def parameter(key: str, kinds: Kinds) -> Parameter:
    """Raises ConfigError for a key that there is not, or that holds no single value."""
    told = clean(key, 80)
    names = key.split(".")
    if names[0] in UNTRIED:
        raise ConfigError(f"{told}: nothing of [{names[0]}] changes a backtest; sweep over what decides")
    kind: Any = Config
    for place, name in enumerate(names):
        before = ".".join(names[:place])
        if place == 1 and names[0] == "strategies":
            if name not in kinds:
                raise ConfigError(f"{told}: no strategy {clean(name, 40)}{did_you_mean(name, kinds)}")
            kind = kinds[name]
        elif isinstance(kind, type) and issubclass(kind, Strategy):
            kind = _of_strategy(told, name, kind)
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = _field(told, before, name, kind)
        else:
            raise ConfigError(f"{told}: {clean(before, 60)} is a value, and has no keys")
    return Parameter(key, _kind(told, kind), kind)


def with_values(config: Config, values: Mapping[str, Value]) -> Config:
    """The configuration of one run. Raises ConfigError where the values do not go together."""
    return changed(config, values)


def _of_strategy(told: str, name: str, kind: type[Strategy]) -> Any:
    fields = {one.name: one.type for one in msgspec.structs.fields(kind.Params)}
    fields |= {one.name: one.type for one in msgspec.structs.fields(Switches)}
    if name not in fields:
        raise ConfigError(f"{told}: {kind.name} has no {clean(name, 40)}; it has {', '.join(fields)}")
    return fields[name]


def _field(told: str, before: str, name: str, kind: type[msgspec.Struct]) -> Any:
    fields = {one.name: one.type for one in msgspec.structs.fields(kind)}
    if name not in fields:
        where = f"[{before}]" if before else "the configuration"
        raise ConfigError(f"{told}: {where} has no {clean(name, 40)}{did_you_mean(name, fields)}")
    return fields[name]


def _kind(told: str, kind: Any) -> str:
    found = None if kind is Any else inspect.type_info(kind)
    if isinstance(found, inspect.UnionType):
        known = [one for one in found.types if not isinstance(one, inspect.NoneType)]
        found = known[0] if len(known) == 1 else None
    match found:
        case inspect.BoolType():
            return "flag"
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "number"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType() if all(isinstance(value, str) for value in found.values):
            return "text"
    raise ConfigError(f"{told}: is no number, flag or text: it cannot be swept")


def _toml(text: str) -> Any:
    try:
        document = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):
        return text
    return document["v"] if len(document) == 1 else text
