"""The quant modules, and the set that runs them on every bar."""

from __future__ import annotations

from typing import Protocol

from engine.events import FeatureRow, Signal
from engine.quant.microstructure import Microstructure
from engine.quant.speed import Speed
from engine.quant.volatility import Volatility


class QuantModule(Protocol):
    """A score in [-1, 1] for one family of the blend, or nothing when it has no data."""

    name: str

    def on_bar(self, row: FeatureRow) -> Signal | None: ...


QUANT_MODULES: tuple[type[QuantModule], ...] = (Speed, Microstructure, Volatility)


class QuantSet:
    """Runs all modules. They see every bar; at a filled one they have no new opinion, and the last one ages.

    The signals carry no reason text: it would cost more than the scores, and the numbers they rest on are in
    the feature row, from which an explanation is written when somebody asks.
    """

    def __init__(self) -> None:
        self._modules = tuple(module().on_bar for module in QUANT_MODULES)

    def on_bar(self, row: FeatureRow) -> list[Signal]:
        found = []
        for on_bar in self._modules:
            signal = on_bar(row)
            if signal is not None:
                found.append(signal)
        return found
