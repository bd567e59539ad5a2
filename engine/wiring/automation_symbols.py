"""The symbols that an automation watches, by the names that they have on the desk."""

from __future__ import annotations

import msgspec

from engine.automation.definition import Definition
from engine.automation.parts import SignalTrigger
from engine.config.load import traded
from engine.errors import SymbolError
from engine.symbols import find
from engine.wiring.desk import Desk


def at_desk(definition: Definition, desk: Desk) -> Definition:
    """``definition`` with the desk's names; one that means several symbols or none stays as written."""
    trigger, config = definition.trigger, desk.config
    if not isinstance(trigger, SignalTrigger):
        return definition
    # At a start live feeds have not told their instruments yet.
    known = {*(one.symbol for one in desk.instruments), *traded(config)}
    symbols = []
    for text in trigger.symbols:
        try:
            symbols.append(find(text, known, config.symbols))
        except SymbolError:
            symbols.append(text)
    watched = msgspec.structs.replace(trigger, symbols=tuple(dict.fromkeys(symbols)))
    return msgspec.structs.replace(definition, trigger=watched)
