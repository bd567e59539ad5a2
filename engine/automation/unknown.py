"""What a definition names that starts nothing now: stored all the same, for it may come; but told."""

from __future__ import annotations

import re
from collections.abc import Collection

from engine.automation.definition import Definition
from engine.automation.parts import Order, RunStrategy, SignalTrigger
from engine.events import Family

SCORED = frozenset(family.value for family in (Family.SPEED, Family.MICROSTRUCTURE, Family.VOLATILITY))
"""Quant modules whose opinion is scored into each blend, and is no signal that could start anything."""
QUANT = frozenset(family.value for family in (Family.OPEN_INTEREST, Family.OPTIONS, Family.SENTIMENT))
SERVER = re.compile(r"external:[^:]+:(speed|microstructure|oi|options|sentiment|volatility)")


def scored_names(definition: Definition) -> list[str]:
    """The sources that only score, each once, in the definition's order."""
    trigger = definition.trigger
    named = trigger.sources if isinstance(trigger, SignalTrigger) else ()
    return list(dict.fromkeys(name for name in named if name in SCORED))


def unknown_names(definition: Definition, symbols: Collection[str], strategies: Collection[str]) -> list[str]:
    """The unknown names, each once, in the definition's order. ``symbols``: ``"<venue>:<NATIVE>"``."""
    natives = {symbol.partition(":")[2] for symbol in symbols}
    named: list[str] = []
    trigger = definition.trigger
    if isinstance(trigger, SignalTrigger):
        named += [name for name in trigger.symbols if name not in symbols and name not in natives]
        for source in trigger.sources:
            quant = source in QUANT or source in SCORED or SERVER.fullmatch(source)
            if not (source in strategies or quant):
                named.append(source)
    for step in definition.steps:
        if isinstance(step, Order) and step.symbol and step.symbol not in symbols:
            named.append(step.symbol)
        elif isinstance(step, RunStrategy) and step.name not in strategies:
            named.append(step.name)
    return list(dict.fromkeys(named))
