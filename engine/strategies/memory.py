"""What a strategy remembers, told so that another instance of it, elsewhere, goes on as if it were the same.

Only instance attributes of plain types can be told. A strategy that keeps anything else, or keeps it anywhere
else, begins anew there, and that is said.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.strategies.base import Strategy
from engine.strategies.plain_values import NotPlainError, read, tell
from engine.strategies.scanned import scan_of

if TYPE_CHECKING:
    from engine.strategies.base import Bars
    from engine.strategies.entry import Entry

_PARAMS, _FRESH, _VALUE = "p", "k", "v"


class Memory(msgspec.Struct, frozen=True, array_like=True):
    """One strategy's."""

    enabled: bool
    error: str
    """Of the fault that switched it off."""
    origin: str
    """"" built in, else the name of its file or package."""
    body: bytes
    """Its attributes; empty when they cannot be told."""
    why: str = ""
    """Why they cannot."""


def told(entry: Entry) -> Memory:
    """Never raises: what cannot be told says so."""
    try:
        body, why = _told(entry), ""
    except NotPlainError as error:
        body, why = b"", str(error)
    return Memory(entry.enabled, entry.error, origin_of(entry), body, why)


def origin_of(entry: Entry) -> str:
    """The same on every machine."""
    return Path(entry.origin).name


def take_up(entry: Entry, memory: Memory, symbols: Sequence[str], bars: Bars) -> str:
    """Remember it; returns why that cannot be, "" when it could. ``symbols``: by index, of its tables.

    Raises what the strategy's constructor raises.
    """
    if not entry.broken:
        entry.renew(entry.params, bars)
    entry.enabled, entry.error = memory.enabled and not entry.broken, memory.error or entry.error
    if memory.why or entry.broken:
        return memory.why
    try:
        attributes = read(memory.body)
        if not isinstance(attributes, dict):
            raise NotPlainError("no attributes")
        kept = {name: _restored(entry, name, one) for name, one in attributes.items()}
    except NotPlainError as error:
        return str(error)
    own = vars(entry.strategy)
    if entry.origin:
        own.clear()  # what a person's strategy took away stays away
    own.update(kept)  # ours may have more by now than the version that told this
    entry.strategy.connect(bars)
    if not entry.origin:
        _recall(entry.strategy, symbols)
    return ""


def _told(entry: Entry) -> bytes:
    strategy = entry.strategy
    for kind in type(strategy).__mro__:
        if kind not in (Strategy, object) and kind.__dict__.get("__slots__"):
            raise NotPlainError(f"slots of {kind.__name__}")
    found: dict[str, tuple[str, object]] = {}
    for name, value in vars(strategy).items():
        if name == "_bars":
            continue
        if value is entry.params:
            found[name] = (_PARAMS, None)
        elif _is_fresh(value):
            found[name] = (_FRESH, None)
        else:
            found[name] = (_VALUE, value)
    try:
        return tell(found)
    except NotPlainError:
        for name, (_, value) in found.items():
            try:
                tell(value)
            except NotPlainError as error:
                raise NotPlainError(f"{name} is {error}") from None
        raise


def _is_fresh(value: object) -> bool:
    """What an instance makes for itself, and remembers nothing that is not in its other attributes."""
    if isinstance(value, logging.Logger):
        return True
    if type(value).__module__ != "engine.strategies.scan":
        return False
    from engine.strategies.scan import Scan

    return isinstance(value, Scan)


def _restored(entry: Entry, name: object, one: Any) -> Any:
    if not isinstance(name, str) or not isinstance(one, tuple) or len(one) != 2:
        raise NotPlainError("no attributes")
    how, value = one
    if how == _PARAMS:
        return entry.params
    if how == _FRESH:
        return vars(entry.strategy).get(name)
    return value


def _recall(strategy: Strategy, symbols: Sequence[str]) -> None:
    """Have its scan, which leaves out rows by what it last saw of the strategy, see all of it."""
    scan = scan_of(strategy) if symbols else None
    if scan is not None:
        scan.recall(symbols)
