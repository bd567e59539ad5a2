"""The blend: all live signals of a symbol as one score in [-1, 1], each input with its weight and age.

Definitions, for signals i of family F at time t:

    fresh_i    = 1 - age_i / ttl_i: 1 when new, 0 when dead; dead signals are left out
    share_i    = w_i c_i fresh_i / (sum of the same over F); w strategy weight (else 1), c confidence
    W_F        = configured weight of F / (sum over the families present)
    weight_i   = W_F share_i; the weights of a blend sum to 1
    score      = sum of weight_i score_i fresh_i: the contributions; their sum is in [-1, 1]
    agreement  = sum of the weight_i whose score_i has the sign of the blend's score
    confidence = (sum of weight_i c_i fresh_i) x (1 + agreement) / 2

A family without a live signal of some confidence is absent, and its weight goes to the present ones in
proportion to theirs. Within a family no signal can count for more than its share, however many others there
are. While an external quant server's signal (source "external:…") of a quant family counts, it stands in for
the internal modules of that family, which are left out. What is out of its range, or not a number, does not
count: nothing that one source says can spoil a blend.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import BlendWeights
from engine.errors import ConfigError
from engine.events import Blend, BlendInput, Family, Signal
from engine.feature_table import Floats, Integers
from engine.opportunities.blend_kernel import (
    BLENDED,
    FAMILIES,
    HELD,
    PARTS,
    SOURCE,
    Blended,
    blend_many,
    hold,
    take_apart,
)

_WORDS = HELD.itemsize // 8
EXTERNAL = "external:"
"""Sources of an external quant server begin with this."""


class Blender:
    """Keeps the newest signal per symbol and source, and blends them on demand."""

    def __init__(self, weights: BlendWeights, strategy_weights: Mapping[str, float]) -> None:
        """``strategy_weights`` by source is live: it is read at each blend; sources not in it weigh 1.

        Raises ConfigError when no family has a weight.
        """
        self._strategy_weights = strategy_weights
        self._known_weights: dict[str, float] = {}
        self._index: dict[str, int] = {}
        self._columns: dict[str, int] = {}
        self._names: list[str] = []
        self._families: list[Family] = []
        self._reasons: list[list[str]] = []
        """By symbol and source: why the newest signal was given."""
        self._sources = np.zeros(0, SOURCE)
        self._hold(np.zeros((64, 0), HELD))
        self._parts = np.zeros((0, PARTS))
        self._absent: dict[int, tuple[Family, ...]] = {}
        """By the bits of the families that are present."""
        self.set_weights(weights)
        for source in strategy_weights:
            self.column(source, Family.TECHNICAL)

    # --- what there is ---

    def add_symbol(self, symbol: str) -> int:
        """The symbol's index: dense, from 0, in the order of the calls."""
        index = self._index[symbol] = len(self._index)
        self._reasons.append([""] * len(self._names))
        if index == len(self._held):
            held = np.zeros((2 * index, len(self._names)), HELD)
            held[:index] = self._held
            self._hold(held)
        return index

    def knows(self, symbol: str) -> bool:
        return symbol in self._index

    def column(self, source: str, family: Family) -> int:
        """The column of a source, which it gets when it is first seen and keeps."""
        column = self._columns.get(source)
        if column is None:
            column = self._columns[source] = len(self._names)
            self._names.append(source)
            self._families.append(family)
            for reasons in self._reasons:
                reasons.append("")
            held = np.zeros((len(self._held), column + 1), HELD)
            held[:, :column] = self._held
            self._hold(held)
            self._sources = np.zeros(column + 1, SOURCE)
            self._parts = np.zeros((column + 1, PARTS))
        elif self._families[column] is family:
            return column
        self._families[column] = family
        self._describe_sources()
        return column

    def set_weights(self, weights: BlendWeights) -> None:
        """Percent by family, from the next blend on. Raises ConfigError when all are 0."""
        by_name = msgspec.structs.asdict(weights)
        percent = tuple(float(by_name[family.value]) for family in FAMILIES)
        if not sum(percent) > 0.0:
            raise ConfigError("opportunities.weights: at least one weight must be above 0")
        self._percent = percent
        self._weights = np.array(percent)

    def _hold(self, held: npt.NDArray[np.void]) -> None:
        """Keep the memory and the views through which single values are written: several times as fast."""
        self._held = held
        memory = held.reshape(-1).view(np.uint8).data.cast("B")
        self._words, self._floats = memory.cast("q"), memory.cast("d")

    def _describe_sources(self) -> None:
        """Put families and weights where the kernels read them."""
        self._known_weights = dict(self._strategy_weights)
        for column, (source, family) in enumerate(zip(self._names, self._families, strict=True)):
            stands_in = source.startswith(EXTERNAL) and family is not Family.TECHNICAL
            weight = self._known_weights.get(source, 1.0)
            self._sources[column] = (FAMILIES.index(family), weight, stands_in)

    # --- in ---

    def update(self, signal: Signal) -> None:
        """Take a signal; an older one of the same symbol and source is forgotten.

        Raises KeyError for a symbol that was not added.
        """
        index = self._index[signal.symbol]
        column = self._columns.get(signal.source, -1)
        if column < 0 or self._families[column] is not signal.family:
            column = self.column(signal.source, signal.family)
        at = (index * len(self._names) + column) * _WORDS
        self._floats[at], self._floats[at + 1] = signal.score, signal.confidence
        self._words[at + 2], self._words[at + 3] = signal.ns, signal.ttl_ns
        self._reasons[index][column] = signal.reason

    def update_many(
        self,
        indices: Integers,
        ns: int,
        columns: Integers,
        ttl_ns: Integers,
        scores: Floats,
        confidences: Floats,
    ) -> None:
        """Take scores without reasons, (sources, symbols), of the sources ``columns``; NaN is none."""
        hold(indices, ns, columns, ttl_ns, scores, confidences, self._held)

    def drop_source(self, source: str, kept: Collection[str] = ()) -> None:
        """Forget the signals of a source that was switched off, but for those of the symbols ``kept``."""
        column = self._columns.get(source)
        if column is not None:
            gone = [index for symbol, index in self._index.items() if symbol not in kept]
            self._held["ttl_ns"][gone, column] = 0

    # --- what is kept ---

    def memory(self) -> tuple[list[tuple[str, str]], bytes]:
        """(source, family) by column, and the newest signals of all symbols; why they were given is not in
        it."""
        sources = [(name, family.value) for name, family in zip(self._names, self._families, strict=True)]
        return sources, self._held[: len(self._index)].tobytes()

    def take_up(self, sources: Sequence[tuple[str, str]], held: bytes) -> None:
        """Go on with ``memory()`` of another that had the same symbols, in the same order.

        Raises ValueError for what cannot be that.
        """
        found = np.frombuffer(held, HELD).reshape(len(self._index), len(sources))
        for at, (name, family) in enumerate(sources):
            column = self.column(name, Family(family))
            self._held[: len(found), column] = found[:, at]

    # --- out ---

    def score(self, symbol: str, ns: int) -> float | None:
        """The blend's score of whatever is live at ``ns``; None when nothing is."""
        index = self._index.get(symbol)
        if index is None:
            return None
        self._follow_weights()
        count, score, *_ = take_apart(index, ns, self._held, self._sources, self._weights, self._parts)
        return score if count else None

    def blend(self, symbol: str, ns: int, *, quant_alone: bool = False) -> Blend | None:
        """The blend at ``ns`` with all its inputs, strongest contribution first.

        None when no technical signal is live, unless ``quant_alone``: quant scores alone are no reason to
        trade.
        """
        index = self._index.get(symbol)
        if index is None:
            return None
        self._follow_weights()
        parts = self._parts
        count, score, confidence, agreement, present, technical = take_apart(
            index, ns, self._held, self._sources, self._weights, parts
        )
        if not count or not (technical or quant_alone):
            return None
        names, families, reasons = self._names, self._families, self._reasons[index]
        inputs = []
        for number, own, believed, age_ns, weight, contribution in parts[:count].tolist():
            column = int(number)
            inputs.append(
                BlendInput(
                    names[column], families[column], own, believed, int(age_ns), weight, contribution,
                    reasons[column],
                )
            )  # fmt: skip
        absent = self._absent.get(present)
        if absent is None:
            absent = self._absent[present] = tuple(
                family for bit, family in enumerate(FAMILIES) if not present >> bit & 1
            )
        return Blend(symbol, ns, score, confidence, agreement, tuple(inputs), absent, self._percent)

    def blend_many(self, indices: Integers, ns: int) -> Blended:
        """The blends of many symbols at once, as ``BLENDED``, without their inputs."""
        self._follow_weights()
        blended = np.empty(len(indices), BLENDED)
        blend_many(indices, ns, self._held, self._sources, self._weights, self._parts, blended)
        return blended

    def arrays(self) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void], Floats, Floats]:
        """(held, sources, weights, parts) as ``blend_many`` takes them, with the weights of this moment.

        They are others once there are more symbols or sources.
        """
        self._follow_weights()
        return self._held, self._sources, self._weights, self._parts

    def _follow_weights(self) -> None:
        if self._strategy_weights != self._known_weights:
            self._describe_sources()
