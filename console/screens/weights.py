"""The blend's weights: how many percent each family has, and what it counts for one symbol now."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import msgspec

from console.link_protocol import Link
from console.screens.editor import Editor, Field, Value, shown
from engine.api.protocol import Reply, SymbolSignals, WeightsPatch
from engine.config import BlendWeights
from engine.errors import LinkError
from engine.events import Family
from widgets.lines import Line
from widgets.symbol_names import short_name
from widgets.weights import WeightsGrid, sum_lines

_ABOUT = {
    Family.TECHNICAL: "the strategies' signals, the model's among them",
    Family.SPEED: "momentum over several horizons",
    Family.MICROSTRUCTURE: "book imbalance, trade flow, spread",
    Family.OPEN_INTEREST: "open interest of the futures",
    Family.OPTIONS: "put/call and trade flow of the options",
    Family.SENTIMENT: "fear and greed, headlines",
    Family.VOLATILITY: "the regime: calm or wild",
}


class WeightsScreen(Editor):
    """``symbol``: the one whose live signals show what the weights come to; None for none."""

    def __init__(self, link: Link, symbol: str | None) -> None:
        self._table = WeightsGrid()
        super().__init__("Blend weights", self._table)
        self._link, self._symbol = link, symbol
        self._weights: dict[Family, float] = {}
        self._defaults = by_family(BlendWeights())

    async def load(self) -> None:
        self._weights = by_family(await self._link.weights())
        self.fields = {
            family.value: Field("number", shown(weight), family.value.replace("_", " "))
            for family, weight in self._weights.items()
        }
        live: SymbolSignals | None = None
        if self._symbol is not None:
            try:
                live = await self._link.signals(self._symbol)
            except LinkError as error:
                self.say(str(error), "warn")
        self._table.show(self._weights, shares(live), self._defaults)
        self.show_head(self._head_lines(live))

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        return self._link.set_weights(msgspec.convert({key: value}, WeightsPatch))

    def describe(self, key: str) -> Sequence[Line]:
        family = Family(key)
        about: Line = ((f"{family.value.replace('_', ' ')}: ", "bold"), (_ABOUT[family], "muted"))
        return [about, ((f"by default {self._defaults[family]:g} %, takes 0 to 1000", "muted"),)]

    def _head_lines(self, live: SymbolSignals | None) -> list[Line]:
        lines = sum_lines(self._weights, 50)
        if live is None:
            return lines
        native = short_name(live.symbol)
        return [
            *lines,
            ((f"live now: what really counts for {native}, of what it has and how old", "muted"),),
        ]


def by_family(weights: BlendWeights) -> dict[Family, float]:
    return {family: float(getattr(weights, family.value)) for family in Family}


def shares(live: SymbolSignals | None) -> dict[Family, float]:
    """0 to 1 by family, of those with a live input."""
    found: dict[Family, float] = {}
    for part in live.inputs if live is not None else ():
        found[part.family] = found.get(part.family, 0.0) + part.weight
    return found
