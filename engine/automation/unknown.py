"""What a definition names that the desk does not know now: stored all the same, for it may come; but told."""

from __future__ import annotations

from collections.abc import Collection

from engine.automation.definition import Definition
from engine.automation.parts import Order, RunStrategy, SignalTrigger
from engine.events import Family

_QUANT = frozenset(family.value for family in Family)
_SERVERS = "external:"


def unknown_names(definition: Definition, symbols: Collection[str], strategies: Collection[str]) -> list[str]:
    """The unknown names, each once, in the definition's order. ``symbols``: ``"<venue>:<NATIVE>"``."""
    natives = {symbol.partition(":")[2] for symbol in symbols}
    named: list[str] = []
    trigger = definition.trigger
    if isinstance(trigger, SignalTrigger):
        named += [name for name in trigger.symbols if name not in symbols and name not in natives]
        for source in trigger.sources:
            if not (source in strategies or source in _QUANT or source.startswith(_SERVERS)):
                named.append(source)
    for step in definition.steps:
        if isinstance(step, Order) and step.symbol and step.symbol not in symbols:
            named.append(step.symbol)
        elif isinstance(step, RunStrategy) and step.name not in strategies:
            named.append(step.name)
    return list(dict.fromkeys(named))
