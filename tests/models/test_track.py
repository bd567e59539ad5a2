"""Tracks: the figures against their definitions, bounds, and what is kept between runs."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.compare import Pair
from engine.models.correlation import correlation, rank_correlation, ranks
from engine.models.track import LATENCIES, MAX_PENDING, Kept, Tally, Track, overlap, turnover
from engine.portfolio.targets import weights

SYMBOLS = ("A", "B", "C", "D", "E")
EVERY, HORIZON, STEP = 5, 10, 5


def track(*, horizon: int = HORIZON, every: int = EVERY, cost_pct: float = 0.1, keep: int = 20) -> Track:
    return Track("v", interval_s=1e-9, horizon_ns=horizon, every_ns=every, cost_pct=cost_pct, keep_steps=keep)


def prices(n: int, seed: int = 1) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, (n, len(SYMBOLS))), axis=0))


def feed(to: Track, predictions: np.ndarray, closes: np.ndarray, traded: np.ndarray | None = None) -> None:
    """A batch each 5 ns; the closes of the same moments."""
    there = np.ones(closes.shape, np.bool_) if traded is None else traded
    for n, (predicted, close) in enumerate(zip(predictions, closes, strict=True)):
        ns = (n + 1) * EVERY
        known = {s: c for s, c, fresh in zip(SYMBOLS, close.tolist(), there[n], strict=True) if fresh}
        if to.due_ns and to.due_ns <= ns:
            to.on_closes(ns, known)
        held = weights(dict(zip(SYMBOLS, predicted.tolist(), strict=True)), 1, 1)
        to.on_batch(ns, SYMBOLS, predicted, close, there[n], held, float(n))


@given(st.integers(0, 2**31))
def test_the_figures_are_as_defined(seed: int) -> None:
    n = 12
    closes, predictions = prices(n, seed), np.random.default_rng(seed + 1).normal(size=(n, 5))
    one = track()
    feed(one, predictions, closes)
    lag = HORIZON // EVERY
    returns = closes[lag:] / closes[:-lag] - 1.0
    ics = [correlation(p, r) for p, r in zip(predictions, returns, strict=False)]
    rank_ics = [rank_correlation(p, r) for p, r in zip(predictions, returns, strict=False)]
    figures = one.tally.figures()
    assert figures.predictions == n and figures.steps == n - lag == one.judged
    assert figures.ic == pytest.approx(np.mean(ics)) and figures.rank_ic == pytest.approx(np.mean(rank_ics))
    assert one.live_rank_ic() == figures.rank_ic
    best, worst = predictions.argmax(axis=1), predictions.argmin(axis=1)
    hits = [returns[k, best[k]] > 0 for k in range(n - lag)] + [
        returns[k, worst[k]] < 0 for k in range(n - lag)
    ]
    assert figures.hit_rate == pytest.approx(np.mean(hits))
    earned = sum(
        closes[k + 2, best[k]] / closes[k + 1, best[k]] - closes[k + 2, worst[k]] / closes[k + 1, worst[k]]
        for k in range(n - 2)
    )
    changed = [
        turnover(
            weights(dict(zip(SYMBOLS, a.tolist(), strict=True)), 1, 1),
            weights(dict(zip(SYMBOLS, b.tolist(), strict=True)), 1, 1),
        )
        for a, b in pairwise(predictions)
    ]
    assert figures.turnover == pytest.approx(np.mean(changed))
    assert figures.pnl_pct == pytest.approx(100 * earned - 0.1 * (1.0 + sum(changed[:-1])), abs=1e-9)
    assert (figures.latency_p50_ms, figures.latency_max_ms, figures.since_ns) == (6.0, 11.0, EVERY)


def test_a_model_that_knows_the_future_has_an_ic_of_1() -> None:
    closes = prices(30)
    one = track(horizon=EVERY)
    feed(one, np.vstack([closes[1:] / closes[:-1], closes[:1]]), closes)
    figures = one.tally.figures()
    assert figures.ic == pytest.approx(1.0) and figures.rank_ic == pytest.approx(1.0)
    assert figures.hit_rate is not None and figures.hit_rate > 0.9
    assert figures.pnl_pct is not None and figures.pnl_pct > 0.0
    opposite = track(horizon=EVERY)
    feed(opposite, -np.vstack([closes[1:] / closes[:-1], closes[:1]]), closes)
    assert opposite.tally.figures().rank_ic == pytest.approx(-1.0)


def test_symbols_with_gaps_are_left_out() -> None:
    closes, predictions = prices(8), np.random.default_rng(3).normal(size=(8, 5))
    whole, gapped = track(horizon=EVERY), track(horizon=EVERY)
    traded = np.ones(closes.shape, np.bool_)
    traded[:, 4] = False
    wild = closes.copy()
    wild[:, 4] = [1, 5, 1, 5, 1, 5, 1, 5]
    feed(gapped, predictions, wild, traded)
    ics = [
        rank_correlation(predictions[k, :4], (closes[k + 1] / closes[k])[:4]) for k in range(len(closes) - 1)
    ]
    assert gapped.tally.figures().rank_ic == pytest.approx(np.mean(ics))
    feed(whole, predictions, closes, np.zeros(closes.shape, np.bool_))
    figures = whole.tally.figures()
    assert (figures.steps, figures.ic, figures.rank_ic, figures.hit_rate) == (0, None, None, None)


def test_a_bar_close_that_never_came_scores_nothing() -> None:
    one = track()
    flat = np.full(5, 100.0)
    one.on_batch(5, SYMBOLS, np.arange(5.0), flat, np.ones(5, np.bool_), {}, None)
    assert one.due_ns == 15
    one.on_closes(20, dict.fromkeys(SYMBOLS, 101.0))
    assert one.due_ns == 0 and one.tally.steps == 0
    assert one.tally.figures().latency_p50_ms is None


def test_paper_weights_are_left_after_a_long_silence() -> None:
    one, there, held = track(), np.ones(5, np.bool_), {"A": Fraction(1), "B": Fraction(-1)}

    def step(ns: int, price: float) -> None:
        one.on_closes(ns, {"A": price, "B": 100.0})
        one.on_batch(ns, SYMBOLS, np.arange(5.0), np.full(5, 100.0), there, held, None)

    step(5, 50.0)
    one.on_closes(6, {"A": 100.0, "B": 100.0})
    step(5 + 6 * EVERY, 200.0)
    one.on_closes(6 + 6 * EVERY, {"A": 200.0, "B": 100.0})
    assert one.tally.figures().pnl_pct == pytest.approx(-0.2), "bought twice, and nothing earned between"
    step(5 + 7 * EVERY, 210.0)
    one.on_closes(6 + 7 * EVERY, {"A": 220.0, "B": 100.0})
    assert one.tally.figures().pnl_pct == pytest.approx(-0.2 + 10.0)


def test_paper_weights_are_taken_up_at_the_first_trade_after_the_prediction() -> None:
    one, there = track(cost_pct=0.0), np.ones(5, np.bool_)
    one.on_batch(
        5, SYMBOLS, np.arange(5.0), np.full(5, 100.0), there, {"A": Fraction(1), "B": Fraction(-1)}, None
    )
    one.on_closes(6, {"B": 100.0})
    assert one.due_ns == 6, "A still waits"
    one.on_closes(7, {"A": 110.0, "B": 90.0})
    one.on_batch(
        10, SYMBOLS, np.arange(5.0), np.full(5, 100.0), there, {"C": Fraction(1), "A": Fraction(-1)}, None
    )
    assert one.tally.pnl == 0.0
    one.on_closes(11, {"A": 121.0, "B": 80.0, "C": 100.0})
    assert one.tally.pnl == pytest.approx(121.0 / 110.0 - 1.0 + 0.2), "A from 110, B from 100 down to 80"
    one.on_closes(12, {"A": 1.0, "B": 1.0, "C": 1.0})
    assert one.tally.pnl == pytest.approx(0.3), (
        "nobody holds B any more, and the next batch tells of the rest"
    )
    one.on_batch(15, SYMBOLS, np.arange(5.0), np.full(5, 100.0), there, {}, None)
    one.on_closes(16, {"A": 121.0, "C": 110.0})
    assert one.tally.pnl == pytest.approx(0.3 + 0.1) and not one._held and not one._wanted


def test_prices_that_jump_between_bid_and_ask_earn_nothing() -> None:
    """All buy at 100 and sell at 99.9; who trades at the close it has seen takes the difference."""
    random, n = np.random.default_rng(5), 4000
    closes = np.where(random.random((n, 5)) < 0.5, 99.9, 100.0)
    one = track(cost_pct=0.0)
    feed(one, -closes + random.normal(0, 1e-6, closes.shape), closes)
    assert one.tally.rank_ics and np.mean(one.tally.rank_ics) > 0.3, "as the label has it"
    per_batch = one.tally.pnl / n
    assert abs(per_batch) < 5e-5, "a tenth of a percent would be 1e-3"


def test_nothing_grows_without_bound() -> None:
    one = track(horizon=EVERY * MAX_PENDING * 3, keep=10)
    closes, there = np.full(5, 1.0), np.ones(5, np.bool_)
    for n in range(1, 4 * MAX_PENDING):
        ns = n * EVERY
        if one.due_ns and one.due_ns <= ns:
            one.on_closes(ns, {s: 1.0 + k * n for k, s in enumerate(SYMBOLS)})
        one.on_batch(ns, SYMBOLS, np.arange(5.0), closes, there, {}, 1.0)
        assert len(one._pending) <= MAX_PENDING
    assert one.tally.steps > 10 and len(one.tally.rank_ics) == 10
    assert len(one.tally.latencies) == LATENCIES


def test_a_track_goes_on_after_a_restart() -> None:
    closes, predictions = prices(20), np.random.default_rng(3).normal(size=(20, 5))
    through = track()
    feed(through, predictions, closes)
    before = track()
    feed(before, predictions[:9], closes[:9])
    text = msgspec.json.encode(before.kept(10_000))
    after = track()
    after.take_up(msgspec.json.decode(text, type=Kept))
    for n in range(9, 20):
        ns = (n + 1) * EVERY
        after.on_closes(ns, dict(zip(SYMBOLS, closes[n].tolist(), strict=True)))
        after.on_batch(ns, SYMBOLS, predictions[n], closes[n], np.ones(5, np.bool_), {}, None)
    assert after.tally.rank_ics == through.tally.rank_ics and after.judged == through.judged
    assert after.tally.since_ns == EVERY and after.tally.predictions == 20
    assert not before.kept(4).waiting, "no room for one of five symbols"
    assert len(before.kept(5).waiting) == 1


@pytest.mark.parametrize(
    "change", [{"version": "x" * 65}, {"judged": -1}, {"tally": {"rank_ics": [1e999]}}, {"waiting": [{}]}]
)
def test_what_was_kept_is_checked(change: dict[str, object]) -> None:
    good = msgspec.to_builtins(track().kept(0))
    assert msgspec.convert(good, Kept)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, **change}, Kept)


@pytest.mark.parametrize("change", [{"predictions": b"x"}, {"closes": b"\xff" * 40}, {"symbols": "A\nB"}])
def test_a_waiting_prediction_that_makes_no_sense_is_left_out(change: dict[str, object]) -> None:
    one = track()
    one.on_batch(5, SYMBOLS, np.arange(5.0), np.full(5, 100.0), np.ones(5, np.bool_), {}, None)
    kept = one.kept(100)
    good, bad = track(), track()
    good.take_up(kept)
    waiting = [msgspec.structs.replace(kept.waiting[0], **change)]
    bad.take_up(msgspec.structs.replace(kept, waiting=waiting))
    assert good.due_ns == 15 and bad.due_ns == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_ranks_are_averages_of_ties(values: list[float]) -> None:
    found = ranks(np.array(values))
    for value, rank in zip(values, found.tolist(), strict=True):
        below, equal = sum(v < value for v in values), sum(v == value for v in values)
        assert rank == below + (equal - 1) / 2
    if len(set(values)) > 1:
        assert rank_correlation(np.array(values), np.array(values)) == pytest.approx(1.0)
    else:
        assert math.isnan(correlation(np.array(values), np.arange(float(len(values)))))


def test_turnover_and_overlap() -> None:
    one, other = {"A": Fraction(1), "B": Fraction(-1)}, {"C": Fraction(1), "B": Fraction(-1)}
    assert turnover(one, one) == 0.0 and turnover(one, other) == 1.0 and turnover({}, one) == 1.0
    assert turnover(one, {"B": Fraction(1), "A": Fraction(-1)}) == 2.0
    assert overlap(one, one) == 1.0 and overlap(one, other) == 0.5 and overlap(one, {}) is None
    assert overlap(one, {"B": Fraction(1), "A": Fraction(-1)}) == 0.0


def test_a_pair_is_compared_over_its_batches() -> None:
    fresh, pair = Pair(track(), track()), Pair(track(), track())
    assert fresh.rank_correlation is None and fresh.turnover_to_switch is None
    up, held = np.arange(5.0), {"E": Fraction(1), "A": Fraction(-1)}
    pair.on_batch(up, held, up, held)
    pair.on_batch(up, held, -up, {"A": Fraction(1), "E": Fraction(-1)})
    assert (pair.batches, pair.rank_correlation, pair.weight_overlap) == (2, 0.0, 0.5)


def test_the_interval_of_a_correlation_stays_one() -> None:
    tally = Tally(steps=3, ics=[0.9, -0.9, 0.8], rank_ics=[0.9, -0.9, 0.8])
    figures = tally.figures()
    assert (figures.rank_ic_low, figures.rank_ic_high) == (-1.0, 1.0)
