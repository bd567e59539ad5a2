"""From closed bars or a crossed threshold to an opportunity: strategies, model, quant, blend, aggregate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import BlendWeights, Config
from engine.events import NS, Blend, Drop, FeatureRow, Opportunity, Signal
from engine.feature_table import FeatureTable
from engine.features.engine import FeatureEngine
from engine.opportunities.aggregate import STAGE, Aggregator
from engine.opportunities.blend import Blender
from engine.quant import registry as quant
from engine.quant.registry import QuantSet
from engine.store.rows import Record
from engine.strategies.model import Model
from engine.strategies.registry import StrategySet
from engine.wiring.batches import Batch
from engine.wiring.model_bars import ModelBars
from engine.wiring.scoring import Scoring

_TOLD = "model "
"""How what a model says begins; its version follows."""


def _no_batch(ns: int) -> None:
    """Nobody measures."""


class Said(Protocol):
    """Where the strategies' signals come from: the desk's own set, or workers that were heard."""

    def on_bars(self, table: FeatureTable) -> list[Signal]:
        """Signals at a bar boundary, by strategy, then by position."""

    def on_rise(self, row: FeatureRow) -> list[Signal]:
        """Signals when the window crossed the watched change between two bar closes."""


def _nobody(signal: Signal) -> None:
    """Nobody listens to signals."""


class Signals:
    """Owns the stages between features and opportunities."""

    on_signal: Callable[[Signal], None]
    """Called with each technical and context signal while trading."""
    on_scores: Callable[[int, Mapping[str, float]], None] | None
    """Called with the model's scores while trading, in place of the model strategy; None: the strategy
    speaks."""

    on_batch: Callable[[int], None]
    """Called with the bar close of a model's predictions when they are heard."""

    def __init__(
        self,
        config: Config,
        features: FeatureEngine,
        model_bars: ModelBars,
        *,
        on_opportunity: Callable[[Opportunity], None],
        on_drop: Callable[[Drop], None],
        on_refused: Callable[[str, str, int], None],
        record: Callable[[Record], None],
        timer: Callable[[], int] | None = None,
        said: Callable[[StrategySet], Said] | None = None,
    ) -> None:
        """``on_refused`` (stage, code, count): refusals that are counted, and not worth a Drop.

        ``said``: who tells what the strategies say, where they run elsewhere.

        ``timer`` (ns): with it, users' strategies that are too slow are switched off.
        """
        self._features = features
        self._on_opportunity = on_opportunity
        self._on_drop = on_drop
        self._on_refused = on_refused
        self._record = record
        self.on_signal = _nobody
        self.on_scores = None
        self.on_batch = _no_batch
        self.on_new: Callable[[Opportunity], None] = lambda opportunity: None
        """Called with each opportunity that is none of before, after it was decided upon."""
        self._indices: dict[str, int] = {}
        self._symbols: list[str] = []
        self.strategies = StrategySet(
            config.strategies,
            Path(config.strategies_dir) if config.strategies_dir else None,
            bars=lambda symbol, count: features.bars(self._indices[symbol], count),
            timer=timer,
            limit_s=config.strategy_limit_ms / 1e3,
            stuck_s=config.strategy_stuck_s,
        )
        self._said = self.strategies if said is None else said(self.strategies)
        # Where nothing is ever filled, a hole is not told from a market that was closed.
        self.quant = QuantSet(round(config.features.bar_s * NS) if config.features.max_fill_bars else 0)
        self.blender = Blender(config.opportunities.weights, self.strategies.weights)
        self.aggregator = Aggregator(config.opportunities)
        self._columns = np.array(
            [
                self.blender.column(name, family)
                for name, family in zip(quant.NAMES, quant.FAMILIES, strict=True)
            ]
        )
        # They speak at each bar, of whatever length.
        self._ttl_ns = (np.array(quant.TTL_NS) * max(1.0, config.features.bar_s)).astype(np.int64)
        self.scoring = Scoring(
            config,
            model_bars,
            self._symbols,
            on_batch=self._on_late_batch,
            top_n=self._top_n,
            on_gone=self._forget_model,
        )
        self._trading = False
        self.signals = 0
        self.blends = 0
        self.opportunities = 0

    def add_symbol(self, symbol: str) -> None:
        """Give ``symbol`` its row; in the order of the feature engine's indices."""
        rows = self.quant.add_symbol(), self.aggregator.add_symbol(symbol)
        index = self._indices[symbol] = self.blender.add_symbol(symbol)
        self._symbols.append(symbol)
        if rows != (index, index):
            raise RuntimeError(f"{symbol}: row {index} of the blender, {rows} of the others")

    # --- in ---

    def on_bars(self, table: FeatureTable, *, trading: bool) -> None:
        """All bars of one boundary. Without ``trading`` (warm-up) nothing becomes an opportunity."""
        self._trading = trading
        for signal in self._said.on_bars(table):
            self._take(signal, trading)
        scores, confidences = self.quant.on_bars(table)
        blender = self.blender
        blender.update_many(table.indices, table.ns, self._columns, self._ttl_ns, scores, confidences)
        batch = self.scoring.on_bars(table, self._features.boundary_ns, trading=trading)
        if batch is not None:
            self._take_batch(batch, table.ns)
        if trading:
            self._decide(table)
            self.scoring.after(table, self._features.boundary_ns)

    def _decide(self, table: FeatureTable) -> None:
        """Blends of all symbols whose bar closed, and the opportunities in them."""
        blender = self.blender
        blended = blender.blend_many(table.indices, table.ns)
        blends, candidates, refused = self.aggregator.sift(table, blended)
        self.blends += blends
        for code, count in refused:
            self._on_refused(STAGE, code, count)
        for position, number, fresh in candidates:
            if number and not fresh:
                self._on_drop(self.aggregator.refuse(table, blended, position, number))
                continue
            row = table.row(position)
            blend = blender.blend(row.symbol, table.ns)
            if blend is not None:
                self._offer(blend, row, fresh=fresh > 0)

    def on_rise(self, row: FeatureRow, *, trading: bool) -> None:
        """A symbol crossed the rapid-rise threshold between two bars. The decision comes before the notes."""
        signals = self._said.on_rise(row)
        if not signals:
            return
        blender = self.blender
        for signal in signals:
            blender.update(signal)
        if not trading:
            return
        blend = blender.blend(row.symbol, row.ns)
        if blend is not None:
            self.blends += 1
            self._offer(blend, row, fresh=True)
        for signal in signals:
            self._note(signal)

    def on_context(self, signals: Sequence[Signal], *, trading: bool = True) -> None:
        """Quant signals that rest on no bar (positions, options, moods, external servers).

        They count from the symbol's next blend on. Those of symbols that the desk does not have are left out.
        """
        for signal in signals:
            if self.blender.knows(signal.symbol):
                self._take(signal, trading)

    def _take(self, signal: Signal, trading: bool) -> None:
        self.blender.update(signal)
        if trading:
            self._note(signal)

    def _note(self, signal: Signal) -> None:
        self.signals += 1
        self._record(signal)
        self.on_signal(signal)

    # --- out ---

    def _offer(self, blend: Blend, row: FeatureRow, *, fresh: bool) -> None:
        outcome = self.aggregator.offer(blend, row)
        if isinstance(outcome, Opportunity):
            if outcome.merged == 0:
                self.opportunities += 1
            self._on_opportunity(outcome)
            self._record(outcome)
            if outcome.merged == 0:
                self.on_new(outcome)
                if self.scoring.noted:
                    self._mark_prediction(blend)
        else:
            self._on_drop(outcome)
        if fresh:
            self._keep(blend, row)

    def _mark_prediction(self, blend: Blend) -> None:
        """An order may come of it: what the model said can then be taken apart for longer."""
        for part in blend.inputs:
            if part.source == Model.name and part.reason.startswith(_TOLD):
                version = part.reason[len(_TOLD) :].partition(":")[0]
                self.scoring.batches.mark(blend.symbol, version, blend.ns - part.age_ns)

    def _keep(self, blend: Blend, row: FeatureRow) -> None:
        """Record a blend with new evidence in it, and the features that it rests on.

        The quant modules' scores are among its inputs. Between two signals a blend only decays.
        """
        self._record(blend)
        self._record(row)

    def symbol_signals(self, symbol: str, ns: int) -> Blend | None:
        """Everything that is live for a symbol, taken apart; None when nothing is."""
        return self.blender.blend(symbol, ns, quant_alone=True)

    def _top_n(self) -> int:
        """Longs, and shorts, that the model strategy takes."""
        params = self.strategies.params(Model.name)
        assert isinstance(params, Model.Params)
        return params.top_n

    def _forget_model(self) -> None:
        """Nothing counts any more that rests on the scores of a model that is gone, whoever said it."""
        for name in self.strategies.heard_scores:
            self.blender.drop_source(name)

    def _on_late_batch(self, batch: Batch) -> None:
        self._take_batch(batch, self._features.now_ns)

    def _take_batch(self, batch: Batch, ns: int) -> None:
        """Cross-sectional scores of every symbol with enough bars, told at ``ns``."""
        self.on_batch(batch.ns)
        scores = dict(zip(batch.symbols, batch.scores.tolist(), strict=True))
        silent = ""
        if self.on_scores is not None and self.strategies.enabled(Model.name):
            silent = Model.name
            if self._trading:
                self.on_scores(ns, scores)
        # Which model spoke must be known when another is loaded; what it says counts until it speaks again.
        told, lives_ns = f"{_TOLD}{batch.version}: ", self.scoring.lives_ns()
        for signal in self.strategies.on_scores(ns, scores, without=silent):
            ttl_ns = max(signal.ttl_ns, lives_ns)
            self._take(
                msgspec.structs.replace(signal, reason=told + signal.reason, ttl_ns=ttl_ns), self._trading
            )

    # --- commands ---

    def note_quiet(self, blends: int, refused: Sequence[tuple[str, int]]) -> None:
        """Boundaries at which nothing was said came to so many blends, all of them refused."""
        self.blends += blends
        for code, count in refused:
            self._on_refused(STAGE, code, count)

    @property
    def quant_columns(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(columns of the quant modules in a blend, how long what they say counts, ns)."""
        return self._columns, self._ttl_ns

    def set_weights(self, weights: BlendWeights) -> None:
        """Percent by family, from the next blend on. Raises ConfigError when all are 0."""
        self.blender.set_weights(weights)

    def drop_source(self, name: str, kept: Collection[str] = ()) -> None:
        """Forget the signals of a source that is no more, or sees the symbols ``kept`` alone from now on."""
        self.blender.drop_source(name, kept)
