"""The compiled path for all symbols of a boundary against the definitions, written out naively."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import BlendWeights
from engine.errors import ConfigError
from engine.events import NS, Drop, Family, FeatureRow, Opportunity, Signal
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.opportunities.aggregate import Aggregator
from engine.opportunities.blend import Blender
from tests.opportunities.signals import QUANT, SYMBOL, blend, new_aggregator, new_blender, priced, signal

SYMBOLS = tuple(f"test:S{number}" for number in range(4))
SOURCES = ("trend", "model", "users_own", "external:one:speed", "external:one:options", *QUANT)
LEAST = 1e-9


def family_of(source: str) -> Family:
    return QUANT.get(source.rpartition(":")[2], Family.TECHNICAL)


SIGNALS = st.lists(
    st.builds(
        lambda symbol, source, score, confidence, at_ns, ttl_ns: Signal(
            symbol, source, family_of(source), score, confidence, at_ns, ttl_ns, f"why {source}"
        ),
        st.sampled_from(SYMBOLS),
        st.sampled_from(SOURCES),
        st.floats(-1.0, 1.0),
        st.one_of(st.floats(0.0, 1.0), st.sampled_from((0.0, 1e-300, 1e-9, 1.0))),
        st.integers(0, 12 * NS),
        st.integers(1, 15 * NS),
    ),
    max_size=40,
)
WEIGHTS = st.builds(
    BlendWeights,
    technical=st.floats(1.0, 100.0),
    speed=st.floats(0.0, 100.0),
    options=st.floats(0.0, 100.0),
)


@dataclass
class Expected:
    score: float
    confidence: float
    agreement: float
    weights: dict[str, float]
    technical: bool


def by_definition(
    signals: Sequence[Signal], ns: int, weights: BlendWeights, strategies: Mapping[str, float]
) -> Expected | None:
    """The blend of one symbol as the module's docstring defines it."""
    newest = {item.source: item for item in signals}
    fresh = {
        name: min(1.0, 1.0 - (ns - item.ns) / item.ttl_ns)
        for name, item in newest.items()
        if ns - item.ns < item.ttl_ns
    }
    amount = {
        name: newest[name].confidence * fresh[name] * strategies.get(name, 1.0)
        if newest[name].family is Family.TECHNICAL
        else newest[name].confidence * fresh[name]
        for name in fresh
    }
    counted = {name for name in fresh if amount[name] > LEAST}
    stood_in_for = {
        newest[name].family
        for name in counted
        if name.startswith("external:") and newest[name].family is not Family.TECHNICAL
    }
    counted = {n for n in counted if n.startswith("external:") or newest[n].family not in stood_in_for}
    configured = msgspec.structs.asdict(weights)
    families = {newest[name].family for name in counted}
    total = sum(configured[family.value] for family in families)
    if not total > 0.0:
        return None
    weight = {}
    for name in counted:
        family = newest[name].family
        mass = sum(amount[other] for other in counted if newest[other].family is family)
        weight[name] = configured[family.value] / total * amount[name] / mass
    score = sum(weight[name] * newest[name].score * fresh[name] for name in counted)
    agreement = sum(weight[name] for name in counted if newest[name].score * score > 0.0)
    belief = sum(weight[name] * newest[name].confidence * fresh[name] for name in counted)
    return Expected(score, belief * (1 + agreement) / 2, agreement, weight, Family.TECHNICAL in families)


def held(signals: Sequence[Signal], weights: BlendWeights, strategies: Mapping[str, float]) -> Blender:
    blender = Blender(weights, strategies)
    for symbol in SYMBOLS:
        blender.add_symbol(symbol)
    for item in signals:
        blender.update(item)
    return blender


@settings(max_examples=150, deadline=None)
@given(SIGNALS, WEIGHTS, st.floats(0.01, 100.0), st.integers(0, 25 * NS))
def test_many_at_once_and_one_by_one_are_what_the_definitions_say(
    signals: list[Signal], weights: BlendWeights, trend: float, ns: int
) -> None:
    strategies = {"trend": trend}
    many = held(signals, weights, strategies).blend_many(np.array([3, 0, 1, 2]), ns)
    one = held(signals, weights, strategies)
    for out, symbol in zip(many, (SYMBOLS[3], *SYMBOLS[:3]), strict=True):
        expected = by_definition([s for s in signals if s.symbol == symbol], ns, weights, strategies)
        blend = one.blend(symbol, ns, quant_alone=True)
        if expected is None:
            assert blend is None and math.isnan(out["score"]) and out["technical"] == 0.0
            continue
        assert blend is not None
        assert (out["technical"] > 0.0) == expected.technical
        assert (one.blend(symbol, ns) is not None) == expected.technical
        # The same code for one and for many: equal to the bit.
        assert (blend.score, blend.confidence, blend.agreement) == tuple(
            out[["score", "confidence", "agreement"]].item()
        )
        assert one.score(symbol, ns) == blend.score
        assert math.isclose(blend.score, expected.score, abs_tol=1e-12)
        assert {part.source for part in blend.inputs} == set(expected.weights)
        for part in blend.inputs:
            assert math.isclose(part.weight, expected.weights[part.source], abs_tol=1e-12)
        if abs(expected.score) > 1e-12:  # where rounding does not decide the sign
            assert math.isclose(blend.confidence, expected.confidence, abs_tol=1e-12)
            assert math.isclose(blend.agreement, expected.agreement, abs_tol=1e-12)
        technical = [ns - part.age_ns for part in blend.inputs if part.family is Family.TECHNICAL]
        if technical:
            assert out["evidence_ns"] == max(technical)


@settings(max_examples=40, deadline=None)
@given(SIGNALS, st.randoms(use_true_random=False), st.integers(0, 25 * NS))
def test_scores_given_as_columns_are_signals_without_a_reason(
    signals: list[Signal], random: Any, ns: int
) -> None:
    blender, other = (held((), BlendWeights(), {}) for _ in range(2))
    names = tuple(QUANT)
    columns = np.array([blender.column(name, QUANT[name]) for name in names])
    scores, confidences = np.full((2, len(names), len(SYMBOLS)), math.nan)
    for item in signals:
        if item.source in QUANT:
            at = names.index(item.source), SYMBOLS.index(item.symbol)
            scores[at], confidences[at] = item.score, item.confidence
    ttl_ns = np.array([random.randrange(1, 20 * NS) for _ in names])
    blender.update_many(np.arange(len(SYMBOLS)), 5, columns, ttl_ns, scores, confidences)
    for row, name in enumerate(names):
        for index, symbol in enumerate(SYMBOLS):
            if not math.isnan(scores[row, index]):
                score, confidence = float(scores[row, index]), float(confidences[row, index])
                other.update(Signal(symbol, name, QUANT[name], score, confidence, 5, int(ttl_ns[row]), ""))
    for symbol in SYMBOLS:
        mine, theirs = (b.blend(symbol, ns, quant_alone=True) for b in (blender, other))
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            assert math.isclose(mine.score, theirs.score, abs_tol=1e-12)
            assert {part.source for part in mine.inputs} == {part.source for part in theirs.inputs}


def test_an_external_signal_stands_in_for_its_family_while_it_lives() -> None:
    blender = new_blender()
    for item in (signal("trend", 1.0), signal("speed", -1.0), signal("volatility", 0.5)):
        blender.update(item)
    blender.update(Signal(SYMBOL, "external:lab:speed", Family.SPEED, 0.5, 1.0, 0, 2 * NS, "lab"))
    during, after = blender.blend(SYMBOL, NS), blender.blend(SYMBOL, 3 * NS)
    assert during is not None and after is not None
    assert {part.source for part in during.inputs} == {"trend", "volatility", "external:lab:speed"}
    assert {part.source for part in after.inputs} == {"trend", "volatility", "speed"}
    blender.update(Signal(SYMBOL, "external:lab:speed", Family.SPEED, 0.5, 1.0, 4 * NS, 2 * NS, "lab"))
    blender.drop_source("external:lab:speed")
    dropped = blender.blend(SYMBOL, 4 * NS)
    assert dropped is not None and "speed" in {part.source for part in dropped.inputs}


@pytest.mark.parametrize(
    ("score", "confidence"),
    [(math.nan, 0.5), (0.5, math.nan), (math.inf, 0.5), (1.5, 0.5), (0.5, 2.0), (0.5, -1.0)],
)
def test_what_is_out_of_range_does_not_count(score: float, confidence: float) -> None:
    blender = new_blender()
    blender.update(signal("trend", 0.5))
    blender.update(signal("model", score, confidence=confidence))
    blend = blender.blend(SYMBOL, 0)
    assert blend is not None and blend.score == 0.5
    assert [part.source for part in blend.inputs] == ["trend"]


def test_weights_are_live_and_a_blend_keeps_those_of_its_time() -> None:
    blender = new_blender()
    blender.update(signal("trend", 1.0))
    blender.update(signal("speed", -1.0))
    before = blender.blend(SYMBOL, 0)
    blender.set_weights(BlendWeights(technical=10.0, speed=30.0))
    after = blender.blend(SYMBOL, 0)
    assert before is not None and after is not None
    assert before.score == pytest.approx(25 / 55) and after.score == pytest.approx(-0.5)
    assert before.weights == (40.0, 15.0, 15.0, 10.0, 10.0, 5.0, 5.0)
    assert after.weights[:2] == (10.0, 30.0)
    nothing = dict.fromkeys(msgspec.structs.asdict(BlendWeights()), 0.0)
    with pytest.raises(ConfigError):
        blender.set_weights(BlendWeights(**nothing))
    unchanged = blender.blend(SYMBOL, 0)
    assert unchanged is not None and unchanged.weights == after.weights


def test_symbols_and_sources_beyond_the_first_room_keep_what_was_known() -> None:
    blender = Blender(BlendWeights(), {})
    for number in range(200):
        assert blender.add_symbol(f"a:{number}") == number
        blender.update(Signal(f"a:{number}", f"own{number % 7}", Family.TECHNICAL, 0.5, 1.0, 0, NS, "why"))
    scores = blender.blend_many(np.arange(200), 0)
    assert (scores["score"] == 0.5).all()
    with pytest.raises(KeyError):
        blender.update(signal("trend", 1.0))


# --- the rules at a boundary ---------------------------------------------------------------------


def table_of(rows: Sequence[FeatureRow], ns: int) -> FeatureTable:
    values = np.array([[getattr(row, name) for name in FLOAT_FIELDS] for row in rows])
    count = len(rows)
    return FeatureTable(
        [row.symbol for row in rows],
        np.arange(count),
        ns,
        np.zeros(count, np.int64),
        np.ones(count, int),
        values,
    )


MARKETS: tuple[dict[str, float], ...] = (
    {},
    {"filled": 1.0},
    {"bid": math.nan, "last": math.nan},
    {"bid": 99.0, "ask": 101.0},
    {"bid_size": 2.0, "ask_size": 30.0},
    {"window_volume": 4.0, "window_vwap": 100.0},
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sifting_all_and_offering_each_decide_alike(data: st.DataObject) -> None:
    """Boundary after boundary: one desk sifts, the other offers every blend."""
    config = {"min_liquidity": data.draw(st.sampled_from((0.0, 1000.0))), "ttl_s": 3.0, "dedupe_s": 2.0}
    sifting, offering = new_aggregator(**config), new_aggregator(**config)
    blender = new_blender()
    for symbol in SYMBOLS:
        blender.add_symbol(symbol)
        sifting.add_symbol(symbol)
        offering.add_symbol(symbol)
    symbols = (SYMBOL, *SYMBOLS)
    counted: dict[str, int] = {}
    expected: dict[str, int] = {}
    for second in range(1, data.draw(st.integers(1, 8)) + 1):
        ns = second * NS
        for symbol in symbols:
            if data.draw(st.booleans()):
                score = data.draw(st.sampled_from((-0.9, -0.35, 0.1, 0.35, 0.9)))
                confidence = data.draw(st.sampled_from((0.2, 0.9)))
                blender.update(
                    Signal(symbol, "trend", Family.TECHNICAL, score, confidence, ns, 5 * NS, "why")
                )
        rows = [
            msgspec.structs.replace(priced(**data.draw(st.sampled_from(MARKETS))), symbol=symbol, ns=ns)
            for symbol in symbols
        ]
        table = table_of(rows, ns)
        blended = blender.blend_many(table.indices, ns)
        blends, candidates, refused = sifting.sift(table, blended)
        worth = [abs(blended["score"][p]) * blended["confidence"][p] for p, _, _ in candidates]
        assert worth == sorted(worth, reverse=True)
        for code, count in refused:
            counted[code] = counted.get(code, 0) + count
        outcomes: dict[int, Opportunity | Drop] = {}
        for position, number, fresh in candidates:
            if number and not fresh:
                outcomes[position] = sifting.refuse(table, blended, position, number)
            else:
                blend = blender.blend(symbols[position], ns)
                assert blend is not None
                outcomes[position] = sifting.offer(blend, rows[position])
        found = 0
        for position, symbol in enumerate(symbols):
            blend = blender.blend(symbol, ns)
            if blend is None:
                assert position not in outcomes
                continue
            found += 1
            outcome = offering.offer(blend, rows[position])
            if position in outcomes:
                assert outcomes[position] == outcome
            else:
                assert isinstance(outcome, Drop)
                expected[outcome.code] = expected.get(outcome.code, 0) + 1
            if isinstance(outcome, Opportunity) and data.draw(st.booleans()):
                sifting.close(outcome.opportunity_id, "ordered")
                offering.close(outcome.opportunity_id, "ordered")
        assert blends == found
        assert {drop.symbol for drop in sifting.expire(ns)} == {drop.symbol for drop in offering.expire(ns)}
        assert sifting.live() == offering.live()
    assert counted == expected


def test_a_blend_that_only_decays_is_counted_and_told_once() -> None:
    aggregator, blender = new_aggregator(), new_blender()
    blender.update(signal("trend", 0.2, 1.0, ttl_s=100.0))
    told = []
    for second in range(1, 6):
        table = table_of([priced()], second * NS)
        blends, candidates, refused = aggregator.sift(table, blender.blend_many(table.indices, table.ns))
        assert blends == 1
        told.append((len(candidates), refused))
    assert told == [(1, []), *[(0, [("BELOW_MIN_SCORE", 1)])] * 4]


def test_a_bar_of_a_symbol_that_was_not_added_is_an_error() -> None:
    rows = [priced()] * 70
    table = table_of(rows, NS)
    with pytest.raises(IndexError):
        Aggregator.sift(new_aggregator(), table, new_blender().blend_many(np.zeros(70, np.int64), NS))


def test_a_spent_opportunity_is_kept_up_without_being_built_anew() -> None:
    blender = new_blender()
    keeping, building = (new_aggregator(min_score=0.2, min_confidence=0.2, dedupe_s=60.0) for _ in range(2))
    blender.update(signal("trend", 0.9, ttl_s=20.0))
    for aggregator in (keeping, building):
        first = blender.blend(SYMBOL, 0)
        assert first is not None
        aggregator.offer(first, priced())
    began = keeping.live()[0]
    keeping.spend(began)
    for second in range(1, 6):
        table = table_of([priced()], second * NS)
        blended = blender.blend_many(table.indices, table.ns)
        assert keeping.sift(table, blended) == (1, [], []), "nothing is left to be done"
        assert len(building.sift(table, blended)[1]) == 1
        newer = blender.blend(SYMBOL, table.ns)
        assert newer is not None
        building.offer(newer, table.row(0))
    kept, built = keeping.live()[0], building.live()[0]
    assert (kept.merged, kept.expires_ns) == (built.merged, built.expires_ns) == (5, 15 * NS)
    assert (kept.blend, kept.score) == (began.blend, began.score), "as its newest evidence made it"
    assert keeping.get(kept.opportunity_id) is kept and keeping.recent() == [(kept, "live")]
    # Newer evidence is to be offered again.
    fresh = new_blender()
    fresh.update(signal("trend", 0.9, 6.0))
    table = table_of([priced()], 6 * NS)
    assert keeping.sift(table, fresh.blend_many(table.indices, table.ns))[1] == [[0, 0, 1]]
    # Both end at the same moment, and are as strong as they were last.
    assert [aggregator.expire(15 * NS - 1) for aggregator in (keeping, building)] == [[], []]
    assert [len(aggregator.expire(15 * NS)) for aggregator in (keeping, building)] == [1, 1]
    for score in (built.score - 0.01, built.score + 0.01):
        again = blend(score, 15.0, signal_s=15.0)
        outcomes = [aggregator.offer(again, priced()) for aggregator in (keeping, building)]
        assert [isinstance(outcome, Drop) for outcome in outcomes] == [score < built.score] * 2


def test_only_a_live_opportunity_is_spent() -> None:
    aggregator = new_aggregator()
    first = aggregator.offer(blend(0.9), priced())
    assert isinstance(first, Opportunity)
    aggregator.close(first.opportunity_id, "ordered")
    aggregator.spend(first)
    second = aggregator.offer(blend(0.95, 6.0), priced())
    assert isinstance(second, Opportunity)
    blender = new_blender()
    blender.update(signal("trend", 0.95, 6.0))
    table = table_of([priced()], 7 * NS)
    assert aggregator.sift(table, blender.blend_many(table.indices, table.ns))[1] == [[0, 0, 0]]
