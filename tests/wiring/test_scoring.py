"""Scoring: live equals batch, one batch is of one version, answers in time count and others do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.events import NS, Opportunity
from engine.features.alpha158 import HISTORY, alpha158_series
from engine.models import builtin
from engine.models.load import load, normalise
from engine.models.predictor import Predictor
from engine.wiring.batches import Batch, Batches
from engine.wiring.scoring import Fall
from tests.wiring.conftest import START_NS, Bench, simulated
from tests.wiring.scripted_model import NAMES, Floor, Remote, Scripted, by_feature, reversed_index

EVERY_S = 5


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Bit for bit; a difference is not printed, which takes minutes."""
    return one.tobytes() == other.tobytes()


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return asyncio.run(load(builtin.PATH))


@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 2**31), every=st.integers(1, 4))
def test_live_equals_batch_bit_for_bit(shipped: Predictor, seed: int, every: int) -> None:
    floor, predictor = Floor(f"models.every_bars={every}", seed=seed), shipped
    floor.scoring.set_active(predictor)
    got: list[Batch] = []
    told: list[tuple[int, dict[str, float]]] = []
    floor.desk.signals.on_scores = lambda ns, scores: told.append((ns, dict(scores)))
    floor.desk.on_table = lambda table: got.extend(
        batch for batch in [floor.scoring.batch(table.ns)] if batch is not None
    )
    floor.run(HISTORY + 9)
    count = HISTORY + 9
    series = [alpha158_series(floor.desk.features.bars(n, count)) for n in range(len(NAMES))]
    assert len(got) == len(told) >= 2
    for batch, (ns, scores) in zip(got, told, strict=True):
        bar = (batch.ns - START_NS) // NS - 1
        rows = np.stack([one[bar] for one in series])
        predictions = predictor.predict(rows)
        assert same(batch.rows, rows)
        assert same(batch.predictions, predictions)
        assert same(batch.scores, normalise(predictions))
        assert ns == batch.ns and list(scores.values()) == batch.scores.tolist()
        assert batch.symbols == tuple(scores) == NAMES and ns % (every * NS) == 0


def test_each_batch_is_of_one_version_and_positions_stay() -> None:
    floor = Floor()
    first, second = Scripted("a" * 12), Scripted("b" * 12, reversed_index)
    floor.scoring.set_active(first)
    floor.run(70)
    before = floor.desk.trading.ledger.positions(), floor.desk.signals.strategies.states()
    floor.scoring.set_active(second, dated_ns=7)
    assert (floor.desk.trading.ledger.positions(), floor.desk.signals.strategies.states()) == before
    assert floor.scoring.created_ns() == 7
    floor.run(10)
    versions = {batch.ns: batch.version for batch in floor.scoring.batches._ring}
    assert set(versions.values()) == {first.version, second.version}
    for signal in floor.signals():
        assert signal.reason.startswith(f"model {versions[signal.ns]}: ")
    assert first.asked == [len(NAMES)] * 2 and second.asked == [len(NAMES)] * 2


def test_a_signal_lives_until_the_model_speaks_again() -> None:
    floor = Floor("models.every_bars=30")
    floor.scoring.set_active(Scripted("a" * 12))
    floor.run(70)
    assert floor.signals() and all(signal.ttl_ns >= 30 * NS for signal in floor.signals())
    blend = floor.desk.signals.symbol_signals(NAMES[-1], floor.now_ns + 19 * NS)
    assert blend is not None and "model" in [one.source for one in blend.inputs]


def test_fewer_than_two_symbols_are_no_batch() -> None:
    bench = Bench()
    bench.desk.signals.scoring.set_active(Scripted("a" * 12))
    simulated(bench, 70, symbols=1)
    assert bench.desk.signals.scoring.batch() is None


def test_a_number_that_is_not_finite_ends_a_model_at_once() -> None:
    floor = Floor()
    bad, good = Scripted("b" * 12), Scripted("a" * 12)
    falls: list[Fall] = []
    floor.scoring.fallback, floor.scoring.on_fall = lambda: good, falls.append
    floor.scoring.set_active(bad)
    floor.run(66)
    count = len(floor.signals())
    bad.says = lambda rows: np.where(np.arange(len(rows)) == 1, np.nan, 1.0)
    floor.run(4)
    assert len(floor.signals()) == count and floor.scoring.active is good
    assert [(fall.version, fall.to) for fall in falls] == [(bad.version, good.version)]
    assert "not finite" in falls[0].reason and floor.scoring.error == "", "the good one works"
    floor.run(5)
    assert floor.signals()[-1].reason.startswith(f"model {good.version}: ")


def test_without_an_earlier_model_the_strategy_goes_on_without_one() -> None:
    floor = Floor()
    falls: list[Fall] = []
    floor.scoring.on_fall = falls.append
    floor.scoring.set_active(Scripted("b" * 12, lambda rows: np.full(len(rows), np.inf)))
    floor.run(80)
    assert floor.scoring.active is None and [fall.to for fall in falls] == [""]
    assert floor.scoring.batch() is None and floor.desk.signals.strategies.enabled("model")


def test_no_dispersion_is_no_opinion_and_ends_a_model_after_strikes() -> None:
    floor = Floor("models.rollback.strikes=2")
    falls: list[Fall] = []
    floor.scoring.on_fall = falls.append
    floor.scoring.set_active(Scripted("b" * 12, lambda rows: np.full(len(rows), 3.0)))
    floor.run(65)
    batch = floor.scoring.batch()
    assert batch is not None and not batch.scores.any() and not falls and not floor.signals()
    floor.run(5)
    assert len(falls) == 1 and "one number" in falls[0].reason


def test_latency_ends_a_live_model_and_never_one_of_a_replay() -> None:
    for live in (False, True):
        floor, clock = Floor("models.rollback.latency_ms=10"), [0]
        slow = Scripted("b" * 12)

        def says(rows: np.ndarray, clock: list[int] = clock) -> np.ndarray:
            clock[0] += 11_000_000
            return np.arange(float(len(rows)))

        slow.says = says
        if live:
            floor.scoring.go_live(lambda clock=clock: clock[0])  # type: ignore[misc]
        floor.scoring.set_active(slow)
        floor.run(74)
        assert floor.scoring.active is slow, "two are fewer than three strikes"
        floor.run(1)
        assert (floor.scoring.active is None) is live


def test_a_live_ic_below_the_floor_ends_a_model() -> None:
    rules = ("models.rollback.min_live_ic=0.2", "models.rollback.live_ic_steps=10", "models.every_bars=1")
    for says, stays in ((by_feature, None), (reversed_index, False)):
        floor = Floor(*rules)
        for n, name in enumerate(NAMES):
            floor.drift[name] = 1e-4 * n  # the last one rises most
        good = Scripted("a" * 12)
        floor.scoring.fallback = lambda good=good: good  # type: ignore[misc]
        falls: list[Fall] = []
        floor.scoring.on_fall = falls.append
        floor.scoring.set_active(Scripted("b" * 12, says, horizon_bars=3))
        floor.run(HISTORY + 11)
        assert not falls, "nine steps are too few"
        floor.run(30)
        if stays is False:
            assert floor.scoring.active is good and "live rank IC of -" in falls[0].reason
            assert len(falls) == 1, "the good one's IC is above the floor"


def test_a_replay_with_a_falling_model_is_the_same_every_time() -> None:
    def once() -> list[str]:
        floor = Floor("models.rollback.min_live_ic=0.2", "models.rollback.live_ic_steps=10")
        floor.scoring.fallback = lambda: Scripted("a" * 12, by_feature)
        floor.scoring.set_active(Scripted("b" * 12, reversed_index, horizon_bars=2))
        floor.run(140)
        return [repr(one) for one in (*floor.bench.journal, *floor.bench.records)]

    assert once() == once()


@pytest.mark.parametrize(
    "rules", [(), ("models.rollback.min_live_ic=0.2", "models.rollback.live_ic_steps=10")]
)
def test_notes_that_nobody_reads_are_taken_only_where_a_model_may_fall_by_them(
    rules: tuple[str, ...],
) -> None:
    def once(*, noted: bool) -> tuple[list[str], int]:
        floor = Floor(*rules, "models.every_bars=1")
        floor.scoring.noted = noted
        floor.scoring.fallback = lambda: Scripted("a" * 12, by_feature)
        floor.scoring.set_active(Scripted("b" * 12, reversed_index, horizon_bars=2))
        floor.run(140)
        taken = sum(track.tally.predictions for track in floor.scoring.watch.tracks.values())
        return [repr(one) for one in (*floor.bench.journal, *floor.bench.records)], taken

    all_of_it, taken = once(noted=True)
    assert taken > 0
    assert once(noted=False) == (all_of_it, taken if rules else 0)


# --- a model in a process of its own ---------------------------------------------------------------


def live_floor(*overrides: str) -> tuple[Floor, Remote, list[int]]:
    floor, remote, clock = Floor(*overrides), Remote("c" * 12), [0]
    floor.scoring.go_live(lambda: clock[0])
    floor.scoring.set_active(remote)
    return floor, remote, clock


def test_an_answer_counts_for_its_bars_and_is_told_when_it_comes() -> None:
    floor, remote, _ = live_floor()
    floor.run(65)
    asked_ns = remote.waiting[0][0]
    assert floor.scoring.batch() is None and not floor.signals()
    floor.run(1)
    remote.answer()
    batch = floor.scoring.batch(asked_ns)
    assert batch is not None and batch.version == remote.version and batch.ns < floor.now_ns
    assert {signal.ns for signal in floor.signals()} == {floor.now_ns}
    assert all(signal.ttl_ns >= EVERY_S * NS + 2 * NS for signal in floor.signals())
    assert floor.scoring.late == 0 and floor.scoring.watch.tracks[remote.version].tally.predictions == 1


@pytest.mark.parametrize("why", ["overtaken", "slow", "swapped"])
def test_an_answer_that_comes_late_is_dropped_and_counted(why: str) -> None:
    floor, remote, clock = live_floor()
    floor.run(65)
    if why == "overtaken":
        floor.run(5)
    elif why == "slow":
        clock[0] += 2_001_000_000
    else:
        floor.scoring.set_active(Scripted("a" * 12))
    remote.answer()
    assert floor.scoring.late == 1 and floor.scoring.batch() is None and not floor.signals()
    if why == "overtaken":
        remote.answer()
        assert floor.scoring.batch() is not None, "the newer question is answered in time"


def test_a_model_that_never_answers_is_left_after_strikes() -> None:
    floor, remote, _ = live_floor()
    floor.run(79)
    assert floor.scoring.active is remote and len(remote.waiting) == 3
    del remote.waiting[:2]
    remote.answer(error="it broke")
    assert floor.scoring.active is None and "it broke" in floor.scoring.error


def test_a_process_is_judged_by_when_it_must_answer_and_not_as_one_that_holds_up_the_desk() -> None:
    floor, remote, clock = live_floor("models.rollback.latency_ms=10", "models.answer_ms=2000")
    for seconds in (65, 5, 5, 5, 5):
        floor.run(seconds)
        clock[0] += 1_900_000_000
        remote.answer()
    assert floor.scoring.active is remote and floor.scoring.late == 0
    latencies = floor.scoring.watch.tracks[remote.version].tally.latencies
    assert latencies == [1_900.0] * 5, "shown all the same"


def test_an_error_is_told_until_the_model_answers_again() -> None:
    floor, remote, _ = live_floor()
    floor.run(65)
    remote.answer(error="it broke")
    assert "it broke" in floor.scoring.error and floor.scoring.active is remote
    floor.run(5)
    remote.answer()
    assert floor.scoring.error == "" and floor.scoring.batch() is not None


def test_a_model_that_falls_silent_leaves_its_place_to_one_of_other_bars() -> None:
    floor, *_ = live_floor("models.rollback.strikes=1")
    other = Scripted("a" * 12, bar_interval_s=10.0)
    floor.scoring.fallback = lambda: other
    floor.run(70)
    assert floor.scoring.active is other and not other.asked, "it has no bars of its own yet"


def test_a_replay_waits_for_the_answer() -> None:
    outcomes = []
    for kind in (Scripted, Remote):
        floor = Floor()
        floor.scoring.set_active(kind("c" * 12, by_feature))
        floor.run(90)
        outcomes.append([repr(one) for one in floor.bench.records])
    assert outcomes[0] == outcomes[1]


# --- a shadow beside it ----------------------------------------------------------------------------


def test_a_shadow_sees_the_same_batches_and_changes_nothing() -> None:
    kept = []
    for shadow in (None, Scripted("d" * 12, reversed_index)):
        floor = Floor()
        active = Scripted("a" * 12, by_feature)
        floor.scoring.set_active(active)
        floor.scoring.set_shadow(shadow)
        floor.run(100)
        kept.append([repr(one) for one in (*floor.bench.journal, *floor.bench.records)])
        if shadow is not None:
            assert shadow.asked == active.asked and shadow.asked
            pair = floor.scoring.watch.pair
            assert pair is not None and pair.batches == len(active.asked)
            assert pair.active.tally.predictions == pair.shadow.tally.predictions == pair.batches
    assert kept[0] == kept[1]


def test_the_shadow_is_asked_when_the_decisions_are_out() -> None:
    floor = Floor("opportunities.min_confidence=0.01", "opportunities.min_score=0.01")
    later: list[Callable[[], None]] = []
    floor.scoring.go_live(lambda: 0, later.append)
    shadow = Scripted("d" * 12, reversed_index)
    floor.scoring.set_active(Scripted("a" * 12))
    floor.scoring.set_shadow(shadow)
    floor.run(65)
    assert len(later) == 1 and not shadow.asked
    later[0]()
    assert shadow.asked == [len(NAMES)]


def test_a_shadow_that_fails_is_told_of_and_the_active_one_goes_on() -> None:
    floor = Floor()
    shadow = Scripted("d" * 12, lambda rows: np.full(len(rows), np.nan))
    floor.scoring.set_active(Scripted("a" * 12))
    floor.scoring.set_shadow(shadow)
    floor.run(70)
    assert "not finite" in floor.scoring.shadow_error and floor.scoring.batch() is not None
    shadow.says = by_feature
    floor.run(5)
    assert floor.scoring.shadow_error == ""


def test_a_shadow_of_other_bars_waits_for_its_own() -> None:
    floor = Floor()
    shadow = Scripted("d" * 12, bar_interval_s=60.0)
    floor.scoring.set_active(Scripted("a" * 12))
    floor.scoring.set_shadow(shadow)
    floor.run(66)
    assert not shadow.asked and "60 s" in floor.scoring.shadow_error


def test_a_shadow_without_an_active_model_is_followed() -> None:
    floor = Floor()
    shadow = Scripted("d" * 12, horizon_bars=3)
    floor.scoring.set_shadow(shadow)
    floor.run(80)
    assert shadow.asked and not floor.signals()
    assert floor.scoring.watch.tracks[shadow.version].tally.steps > 0


# --- what is kept ----------------------------------------------------------------------------------


def test_the_ring_of_batches_is_bounded_by_bytes() -> None:
    def batch(ns: int, n: int = 10) -> Batch:
        return Batch(ns, "v", ("s",) * n, np.zeros((n, 158)), np.zeros(n), np.zeros(n))

    one = 10 * (158 * 8 + 16 + 100)
    ring = Batches(3 * one)
    assert ring.get() is None
    for ns in range(1, 8):
        ring.add(batch(ns))
    assert len(ring) == 3 and ring.get(4) is None
    newest, old = ring.get(), ring.get(5)
    assert newest is not None and newest.ns == 7 and old is not None and old.ns == 5
    ring.add(batch(9, 100))
    assert len(ring) == 1 and ring.get() is not None, "the newest is kept whatever its size"


def test_the_features_behind_an_order_outlive_their_batch() -> None:
    floor = Floor("opportunities.min_confidence=0.01", "opportunities.min_score=0.01")
    floor.scoring.set_active(Scripted("a" * 12))
    floor.scoring.batches._max_bytes = 40_000
    floor.run(150)
    made = [one for one in floor.bench.records if isinstance(one, Opportunity)]
    marked = [batch for batch in floor.scoring.batches if batch.of is not None]
    assert made and marked and marked[0].ns not in {batch.ns for batch in floor.scoring.batches._ring}
    first = marked[0]
    found = floor.scoring.batch(first.ns)
    assert found is first and first.of is not None and len(first.predictions) == len(NAMES)
    bars = floor.desk.features.bars(first.of[0], 150)
    row = first.row(first.of[0])
    assert row is not None and same(row, alpha158_series(bars)[(first.ns - START_NS) // NS - 1])
    gone = next(n for n in range(len(NAMES)) if n not in first.of)
    assert first.row(gone) is None
    assert floor.scoring.batches._marked_bytes <= 40_000


def test_the_features_behind_a_rebalance_outlive_their_batch() -> None:
    floor = Floor("targets.enabled=true", "targets.every_bars=5", "targets.longs=1", "targets.shorts=1")
    floor.scoring.set_active(Scripted("a" * 12))
    floor.run(75)
    assert floor.desk.targets is not None
    traded = {change.symbol for change in floor.desk.targets.last.trades}
    marked = [batch for batch in floor.scoring.batches if batch.of is not None]
    assert marked and traded == {marked[0].symbols[n] for n in marked[0].of or ()}


def test_warming_up_asks_no_process_and_takes_no_notes() -> None:
    floor, remote, _ = live_floor()
    with floor.desk.warming_up():
        floor.run(80)
    assert not remote.waiting and floor.scoring.watch.tracks[remote.version].tally.predictions == 0
