"""The symbols that an automation watches, by the names that they have on the desk."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from engine.automation.definition import Definition
from engine.automation.parts import SignalTrigger
from engine.config.load import traded
from engine.errors import AmbiguousSymbolError, SymbolError
from engine.symbols import Names, find
from engine.wiring.desk import Desk


def at_desk(definition: Definition, desk: Desk, *, tape: bool) -> Definition:
    """``definition`` with the names of the instruments that the desk has by now, or will have: on a ``tape``
    nobody knows those. One that means several symbols or none stays as written."""
    trigger, config = definition.trigger, desk.config
    if not isinstance(trigger, SignalTrigger):
        return definition
    here = [one.symbol for one in desk.instruments]
    coming = [] if tape else traded(config)
    symbols = [_name_of(text, (here, coming), config.symbols) for text in trigger.symbols]
    watched = msgspec.structs.replace(trigger, symbols=tuple(dict.fromkeys(symbols)))
    return msgspec.structs.replace(definition, trigger=watched)


def _name_of(text: str, places: Iterable[Collection[str]], names: Names) -> str:
    for known in places:
        try:
            return find(text, known, names)
        except AmbiguousSymbolError:
            break
        except SymbolError:
            continue
    return text
