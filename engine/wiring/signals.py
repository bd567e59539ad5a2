"""From a closed bar or a crossed threshold to an opportunity: strategies, model, quant, blend, aggregate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.config import Config
from engine.events import NS, Drop, FeatureRow, Opportunity, Signal
from engine.features.alpha158 import alpha158_block
from engine.features.engine import FeatureEngine
from engine.models.load import Predictor, normalise
from engine.opportunities.aggregate import Aggregator
from engine.opportunities.blend import Blender
from engine.quant.registry import QuantSet
from engine.store.rows import Record
from engine.strategies.registry import StrategySet

HISTORY_BARS = 61
"""Bars that Alpha158 needs."""


class Signals:
    """Owns the stages between features and opportunities."""

    def __init__(
        self,
        config: Config,
        features: FeatureEngine,
        *,
        on_opportunity: Callable[[Opportunity], None],
        on_drop: Callable[[Drop], None],
        record: Callable[[Record], None],
    ) -> None:
        self._features = features
        self._on_opportunity = on_opportunity
        self._on_drop = on_drop
        self._record = record
        self._every_ns = int(config.models.every_bars * config.features.bar_s * NS)
        self.strategies = StrategySet(config.strategies)
        self.quant = QuantSet()
        self.blender = Blender(config.opportunities.weights, self.strategies.weights)
        self.aggregator = Aggregator(config.opportunities)
        self._quant: dict[str, list[Signal]] = {}
        """Newest quant scores by symbol that no kept blend has taken along yet."""
        self.predictor: Predictor | None = None
        self.model_error = ""
        self.signals = 0
        self.blends = 0
        self.opportunities = 0

    def on_bars(self, rows: Sequence[FeatureRow], *, trading: bool) -> None:
        """All bars of one boundary. Without ``trading`` (warm-up) nothing becomes an opportunity."""
        now = self._features.now_ns
        update = self.blender.update
        fresh: set[str] = set()
        for row in rows:
            for signal in self.strategies.on_bar(row):
                self._take(signal, trading)
                fresh.add(signal.symbol)
            quant = self.quant.on_bar(row)
            if quant:
                self._quant[row.symbol] = quant
                for signal in quant:
                    update(signal)
        if self.predictor is not None and self._features.boundary_ns % self._every_ns == 0:
            for signal in self._model_signals(self.predictor, rows, now):
                self._take(signal, trading)
                fresh.add(signal.symbol)
        if trading:
            for row in rows:
                self._blend(row, fresh=row.symbol in fresh)

    def on_rise(self, row: FeatureRow, *, trading: bool) -> None:
        """A symbol crossed the rapid-rise threshold between two bars."""
        signals = self.strategies.on_rise(row)
        for signal in signals:
            self._take(signal, trading)
        if signals and trading:
            self._blend(row, fresh=True)

    def _take(self, signal: Signal, trading: bool) -> None:
        self.blender.update(signal)
        if trading:
            self.signals += 1
            self._record(signal)

    def _blend(self, row: FeatureRow, *, fresh: bool) -> None:
        blend = self.blender.blend(row.symbol, row.ns)
        if blend is None:
            return
        self.blends += 1
        if fresh:
            # Between two signals a blend only decays: what is kept is each one with new evidence in it, with
            # the features and the quant scores that it rests on.
            self._record(blend)
            self._record(row)
            for signal in self._quant.pop(row.symbol, ()):
                self._record(signal)
        outcome = self.aggregator.offer(blend, row)
        if isinstance(outcome, Drop):
            self._on_drop(outcome)
            return
        if outcome.merged == 0:
            self.opportunities += 1
        self._record(outcome)
        self._on_opportunity(outcome)

    def _model_signals(self, predictor: Predictor, rows: Sequence[FeatureRow], now: int) -> list[Signal]:
        """Cross-sectional scores of every symbol with enough bars. A model that fails is switched off."""
        symbols, blocks = [], []
        for row, index in zip(rows, self._features.closed().tolist(), strict=True):
            bars = self._features.bars(index, HISTORY_BARS)
            if len(bars) == HISTORY_BARS:
                symbols.append(row.symbol)
                blocks.append(bars)
        if len(symbols) < 2:
            return []
        predictions = predictor.predict(alpha158_block(np.stack(blocks)))
        if not np.isfinite(predictions).all():
            self.model_error = (
                f"model {predictor.version} predicted a number that is not finite: switched off"
            )
            self.predictor = None
            return []
        scores = normalise(predictions)
        return self.strategies.on_scores(now, dict(zip(symbols, scores.tolist(), strict=True)))

    def set_strategy(self, name: str, enabled: bool | None, weight: float | None) -> None:
        """Change a strategy at run time. Raises ConfigError for a name or weight that cannot be."""
        if weight is not None:
            self.strategies.set_weight(name, weight)
        if enabled is not None:
            self.strategies.set_enabled(name, enabled)
            if not enabled:
                self.blender.drop_source(name)
