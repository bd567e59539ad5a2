"""From bars, rises and context to opportunities, driven through a whole desk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.config import BlendWeights, Config
from engine.errors import ConfigError
from engine.events import NS, Blend, Family, FeatureRow, Opportunity, Signal
from engine.wiring.signals import Signals
from tests.strategies.rows import rising
from tests.wiring.conftest import START_NS, Bench, simulated

SYMBOL = "test:A"


def with_symbol() -> tuple[Bench, Signals]:
    bench = Bench(Config(strategies={"rapid_rise": {"weight": 5.0}}))
    bench.desk.intake.add_symbol(SYMBOL, 100.0)
    return bench, bench.desk.signals


def mood(symbol: str = SYMBOL, source: str = "sentiment", score: float = 0.5) -> Signal:
    return Signal(symbol, source, Family.SENTIMENT, score, 0.8, START_NS, 60 * NS, "fear 20 of 100")


def test_context_is_counted_recorded_heard_and_blended() -> None:
    bench, signals = with_symbol()
    heard: list[Signal] = []
    signals.on_signal = heard.append
    signals.on_context([mood(), mood("test:UNKNOWN")])
    assert signals.signals == 1 and bench.records == heard == [mood()]
    found = signals.symbol_signals(SYMBOL, START_NS)
    assert found is not None and found.score == 0.5 and found.inputs[0].reason == "fear 20 of 100"
    assert signals.blender.blend(SYMBOL, START_NS) is None, "no reason to trade"
    signals.drop_source("sentiment")
    assert signals.symbol_signals(SYMBOL, START_NS) is None
    assert signals.symbol_signals("test:UNKNOWN", START_NS) is None


def test_while_warming_up_signals_are_held_and_nothing_else() -> None:
    bench, signals = with_symbol()
    heard: list[Signal] = []
    signals.on_signal = heard.append
    signals.on_context([mood()], trading=False)
    signals.on_rise(rising(3.0, symbol=SYMBOL), trading=False)
    assert signals.signals == 0 and heard == [] and bench.records == []
    assert signals.symbol_signals(SYMBOL, 2 * NS) is not None


def test_a_rise_leads_to_an_opportunity_with_the_weights_set_live() -> None:
    bench, signals = with_symbol()
    signals.set_weights(BlendWeights(technical=70.0))
    with pytest.raises(ConfigError):
        signals.set_weights(BlendWeights(0, 0, 0, 0, 0, 0, 0))
    signals.on_rise(rising(3.0, symbol=SYMBOL), trading=True)
    kinds = [type(record) for record in bench.records]
    assert {Signal, Opportunity, Blend, FeatureRow} <= set(kinds)
    (found,) = (record for record in bench.records if isinstance(record, Opportunity))
    assert found.blend.weights[0] == 70.0 and found.sources == ("rapid_rise",)
    assert (signals.signals, signals.blends, signals.opportunities) == (1, 1, 1)


def test_what_a_fresh_blend_rests_on_is_kept_once() -> None:
    bench = Bench()
    simulated(bench, 240)
    assert all(r.family is Family.TECHNICAL for r in bench.records if isinstance(r, Signal))
    blends = [record for record in bench.records if isinstance(record, Blend)]
    rows = {(record.symbol, record.ns) for record in bench.records if isinstance(record, FeatureRow)}
    assert blends and all((blend.symbol, blend.ns) in rows for blend in blends)
    assert max(Counter((blend.symbol, blend.ns) for blend in blends).values()) == 1
    assert all(any(p.age_ns == 0 and p.family is Family.TECHNICAL for p in b.inputs) for b in blends)
    assert any(p.family is not Family.TECHNICAL for b in blends for p in b.inputs), "quant scores are in it"
    assert bench.desk.signals.blends > len(blends), "those between two signals are only counted"


FOLLOWS = """
from engine.strategies.base import Strategy


class Follows(Strategy):
    name = "follows"
    description = "follows a model's scores"

    def on_scores(self, ns, scores):
        return [self.signal(symbol, ns, 0.5, 0.5, "liked") for symbol in scores]
"""


def test_what_a_users_strategy_made_of_scores_ends_with_the_model(tmp_path: Path) -> None:
    path = tmp_path / "follows.py"
    path.write_text(FOLLOWS)
    path.chmod(0o600)
    bench = Bench(Config(strategies_dir=str(tmp_path)))
    bench.desk.intake.add_symbol(SYMBOL, 100.0)
    signals = bench.desk.signals
    (said,) = signals.strategies.on_scores(START_NS, {SYMBOL: 0.02})
    signals.on_context([said, mood()])
    signals.scoring.set_active(None)
    found = signals.symbol_signals(SYMBOL, START_NS)
    assert found is not None and [part.source for part in found.inputs] == ["sentiment"]
