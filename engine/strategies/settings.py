"""What can be set about a strategy: the common switches and its own parameters, checked and described."""

from __future__ import annotations

import ast
import contextlib
import inspect
import math
import sys
from collections.abc import Collection, Mapping
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from engine.errors import ConfigError
from engine.refusal import refused
from engine.strategies.apart import Apart
from engine.strategies.base import Strategy
from engine.text import clean
from engine.user_module import told as told_of

MAX_WEIGHT = 100.0
_CHECK_S = 60.0
"""A user's check of parameters that takes longer is interrupted, wherever it is asked."""
_WORD = 1 << 63

ParamValue = bool | int | float | str
Kind = Literal["number", "integer", "flag", "text"]

_S = TypeVar("_S", bound=msgspec.Struct)


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every strategy's section of the configuration may hold beside its own parameters."""

    enabled: bool = True
    weight: Annotated[float, Meta(gt=0, le=MAX_WEIGHT)] = 1.0
    symbols: tuple[str, ...] = ()
    """Empty: all."""
    budget_pct: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    """Most that its positions may be worth, percent of equity; 0: no limit of its own."""


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
    budget_pct: float
    """Percent of equity; 0: no limit of its own."""
    origin: str
    """"" for a built-in one, else the file or entry point that it comes from."""


class ParamInfo(msgspec.Struct, frozen=True):
    """One parameter of a strategy, as an editor needs it."""

    name: str
    kind: Kind
    value: ParamValue
    default: ParamValue
    range: str
    """The values it takes, as text: ``> 0``, ``2 to 200``; "" when anything of its kind."""
    about: str
    """One line; "" when nothing is said."""


class StrategyInfo(msgspec.Struct, frozen=True):
    """Everything about one strategy that can be seen and changed at run time."""

    name: str
    description: str
    enabled: bool
    weight: float
    symbols: tuple[str, ...]
    budget_pct: float
    params: tuple[ParamInfo, ...]
    origin: str
    signals: int
    last_ns: int
    error: str


# --- checking ----------------------------------------------------------------------------------------


def parse(name: str, kind: type[Strategy], section: object) -> tuple[Switches, Strategy.Params]:
    """Split a section into the common switches and the strategy's parameters, both checked.

    Raises ConfigError, one line naming the key and the fix.
    """
    if not isinstance(section, Mapping):
        raise ConfigError(f"strategies.{name}: must be a section of keys; write [strategies.{name}]")
    common = {key: value for key, value in section.items() if key in Switches.__struct_fields__}
    own = {key: value for key, value in section.items() if key not in common}
    common.setdefault("enabled", kind.starts_on)
    return switches(name, kind, common), _convert(name, kind, own, kind.Params)


def refuse_unknown(settings: Mapping[str, Any], known: Collection[str], *, elsewhere: bool) -> None:
    """Refuse sections of no strategy, unless one may be defined ``elsewhere``: where it cannot be read.

    Raises ConfigError.
    """
    for name in settings:
        if name not in known and not elsewhere:
            raise ConfigError(f"strategies.{clean(name, 40)}: unknown strategy; known are {', '.join(known)}")


def switches(name: str, kind: type[Strategy], values: Mapping[str, Any]) -> Switches:
    """Some of the common switches, checked. Raises ConfigError."""
    given = dict(values)
    if isinstance(given.get("symbols"), str):
        # An environment variable or --set gives a single symbol as plain text.
        given["symbols"] = [given["symbols"]]
    checked = _convert(name, kind, given, Switches)
    for symbol in checked.symbols:
        if ":" not in symbol or clean(symbol, 80) != symbol:
            raise ConfigError(
                f"strategies.{name}.symbols: {clean(symbol, 60)!r} is no symbol; write venue:SYMBOL, as in"
                " binance:BTCUSDT"
            )
    return checked


def changed(name: str, params: Strategy.Params, changes: object) -> Strategy.Params:
    """``params`` with some of them changed. Raises ConfigError."""
    kind = type(params)
    if not isinstance(changes, Mapping):
        raise ConfigError(f"strategies.{name}: its parameters must be given by name")
    beside = f"{', '.join(Switches.__struct_fields__)} are set beside them"
    known = f"{', '.join(kind.__struct_fields__)}; {beside}"
    return _into(name, {**msgspec.to_builtins(params), **changes}, kind, known)


def kept_params(kind: type[Strategy], section: Mapping[str, Any], kept: Mapping[str, Any]) -> Strategy.Params:
    """Parameters of a new version of a strategy: the configuration's ``section``, then what was ``kept``.

    What does not fit the new version any more is left out.
    """
    params = defaults(kind.Params)
    for key, value in (*section.items(), *kept.items()):
        if key in kind.Params.__struct_fields__:
            with contextlib.suppress(ConfigError):
                params = changed(kind.name, params, {key: value})
    return params


def defaults(kind: type[_S]) -> _S:
    """What is checked where it is made is checked by the user's code: see ``Apart``."""
    return Apart(_CHECK_S).load(kind)


def _convert(name: str, kind: type[Strategy], values: dict[str, Any], into: type[_S]) -> _S:
    return _into(name, values, into, ", ".join((*Switches.__struct_fields__, *kind.Params.__struct_fields__)))


def _into(name: str, values: dict[str, Any], into: type[_S], known: str) -> _S:
    try:
        params: _S = Apart(_CHECK_S).load(partial(msgspec.convert, values, into, strict=False))
        for key in into.__struct_fields__:
            value = getattr(params, key)
            if isinstance(value, float) and not math.isfinite(value):
                raise msgspec.ValidationError(f"Expected a finite number - at `$.{key}`")
            if isinstance(value, int) and not -_WORD <= value < _WORD:
                # Others cannot be told to workers, nor remembered.
                raise msgspec.ValidationError(f"Expected a whole number of 64 bits - at `$.{key}`")
            if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
                raise msgspec.ValidationError(f"Expected text that UTF-8 can write - at `$.{key}`")
    except msgspec.ValidationError as error:
        told = refused(error, into, values)
        raise ConfigError(f"strategies.{name}.{told}; its keys are {known}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A user's __post_init__: a start that takes up what was kept must not fail.
        raise ConfigError(f"strategies.{name}: its parameters are refused, {told_of(error)}") from None
    return params


# --- describing --------------------------------------------------------------------------------------


def describe(params: Strategy.Params) -> tuple[ParamInfo, ...]:
    """Every parameter with its value, default, range and what its docstring says, in order."""
    kind = type(params)
    usual = defaults(kind)
    rows = []
    for name, kind_of, range_, about in _fields(kind):
        rows.append(ParamInfo(name, kind_of, getattr(params, name), getattr(usual, name), range_, about))
    return tuple(rows)


def check_params(kind: type[Strategy.Params]) -> None:
    """Raises TypeError for parameters that cannot be edited: no default, or of another type."""
    defaults(kind)
    _fields(kind)


@cache
def _fields(kind: type[Strategy.Params]) -> tuple[tuple[str, Kind, str, str], ...]:
    """(name, kind, range, about) of each parameter."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    about: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is not Strategy.Params.__base__ and issubclass(base, Strategy.Params):
            about |= _docs(base)
    return tuple((f.name, *_kind(f.name, f.type), about.get(f.name, "")) for f in info.fields)


def _kind(name: str, kind: msgspec.inspect.Type) -> tuple[Kind, str]:
    if isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    match kind:
        case msgspec.inspect.BoolType():
            return "flag", ""
        case msgspec.inspect.IntType():
            return "integer", _range(kind)
        case msgspec.inspect.FloatType():
            return "number", _range(kind)
        case msgspec.inspect.StrType():
            return "text", ""
        case msgspec.inspect.LiteralType() if all(isinstance(value, str) for value in kind.values):
            return "text", " or ".join(map(str, kind.values))
    raise TypeError(f"parameter {name}: must be bool, int, float or str, so that it can be edited")


def _range(kind: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f"{kind.ge:.10g} to {kind.le:.10g}"
    limits = ((">", kind.gt), (">=", kind.ge), ("<", kind.lt), ("<=", kind.le))
    return " and ".join(f"{sign} {limit:.10g}" for sign, limit in limits if limit is not None)


def _docs(kind: type) -> dict[str, str]:
    """First line of the string after each attribute of a class, by attribute."""
    module = sys.modules.get(kind.__module__)
    try:
        body = ast.parse(Path(inspect.getfile(module or kind)).read_text(encoding="utf-8")).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return {}  # without its source a class says nothing about its attributes
    for part in kind.__qualname__.split("."):
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == part), [])
    docs = {}
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    docs[node.target.id] = clean(" ".join(text.split()))
    return docs
