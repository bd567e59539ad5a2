"""Which prediction an opportunity and an order rest on, and that this very one can be taken apart."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from engine.config import load
from engine.events import NS, Opportunity, OrderEvent, OrderRequest
from engine.models import builtin
from engine.models.load import load as load_model
from engine.models.predictor import Predictor
from engine.wiring.contributions import Contributing
from engine.wiring.model_behind import Spoke, model_behind
from tests.wiring.conftest import Bench, simulated


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return asyncio.run(load_model(builtin.PATH))


@pytest.fixture(scope="module")
def spoken(shipped: Predictor) -> Bench:
    """A desk whose model has spoken for two minutes."""
    settings = ["opportunities.min_score=0.05", "opportunities.min_confidence=0.05"]
    bench = Bench(load(overrides=settings, environ={}))
    bench.desk.signals.scoring.set_active(shipped)
    simulated(bench, 150)
    return bench


def with_model(bench: Bench) -> list[Opportunity]:
    found = [record for record in bench.records if isinstance(record, Opportunity)]
    return [one for one in found if any(part.source == "model" for part in one.blend.inputs)]


def test_an_opportunity_tells_which_prediction_spoke(spoken: Bench, shipped: Predictor) -> None:
    opportunities = with_model(spoken)
    assert opportunities
    batches = {batch.ns: batch for batch in spoken.desk.signals.scoring.batches}
    for opportunity in opportunities:
        spoke = model_behind(spoken.desk, opportunity, None)
        assert spoke.version == shipped.version
        batch = batches[spoke.ns]
        part = next(part for part in opportunity.blend.inputs if part.source == "model")
        # the one whose ranking the signal tells
        index = batch.symbols.index(opportunity.symbol)
        rank = 1 + int((batch.predictions > batch.predictions[index]).sum())
        assert f"ranked {rank} of {len(batch.symbols)}" in part.reason
        assert (batch.scores[index] > 0) == (part.score > 0)


def test_without_a_word_of_the_model_there_is_none(spoken: Bench) -> None:
    opportunity = with_model(spoken)[0]
    others = tuple(part for part in opportunity.blend.inputs if part.source != "model")
    silent = msgspec.structs.replace(
        opportunity, blend=msgspec.structs.replace(opportunity.blend, inputs=others)
    )
    assert model_behind(spoken.desk, silent, None) == Spoke()
    assert model_behind(spoken.desk, None, None) == Spoke()


async def test_that_very_prediction_is_taken_apart(spoken: Bench) -> None:
    pytest.importorskip("lightgbm")
    opportunity = with_model(spoken)[0]
    spoke = model_behind(spoken.desk, opportunity, None)
    scoring = spoken.desk.signals.scoring
    newest = scoring.batch()
    assert newest is not None and newest.ns > spoke.ns
    asked = Contributing(scoring.batch, lambda version: builtin.PATH, timeout_s=60.0)
    found = await asked.of(opportunity.symbol, spoke.ns)
    part = next(part for part in opportunity.blend.inputs if part.source == "model")
    assert (found.version, found.ns) == spoke and f"ranked {found.rank} of {found.of}" in part.reason


def test_orders_of_targets_tell_it_too(shipped: Predictor) -> None:
    settings = ["targets.enabled=true", "targets.every_bars=20", "targets.gross_pct=4"]
    bench = Bench(load(overrides=settings, environ={}))
    bench.desk.signals.scoring.set_active(shipped)
    simulated(bench, 150)
    orders = [e.request for e in bench.journal if isinstance(e, OrderEvent) and e.request is not None]
    entries = [request for request in orders if request.sources == ("model",)]
    assert entries
    batches = {batch.ns: batch for batch in bench.desk.signals.scoring.batches}
    for request in entries:
        spoke = model_behind(bench.desk, None, request)
        assert spoke.version == shipped.version
        # the first scores of the rebalance's period
        begin_ns = request.decision_ns // (20 * NS) * 20 * NS
        assert spoke.ns == min(ns for ns in batches if ns >= begin_ns) <= request.decision_ns


def test_what_is_not_kept_any_more_has_no_time(spoken: Bench) -> None:
    request = msgspec.structs.replace(
        next(
            e.request
            for e in spoken.journal
            if isinstance(e, OrderEvent) and isinstance(e.request, OrderRequest)
        ),
        reason="model 0123456789ab: target 1, held 0, weight +1.000",
    )
    assert model_behind(spoken.desk, None, request) == Spoke("0123456789ab", 0)
