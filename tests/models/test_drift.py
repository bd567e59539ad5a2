"""Drift: histograms against numpy's, the index against its definition, and a window that moves on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.features.alpha158 import WIDTH
from engine.models.drift import (
    EDGES,
    FLOOR,
    MIN_ROWS,
    SHARES,
    Drift,
    histogram,
    psi,
    read_reference,
    reference,
    untold,
)


def rows(n: int, seed: int, *, shift: float = 0.0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(shift, 1.0, (n, WIDTH))
    found[:, 1] = np.nan  # a feature without any value
    found[:, 2] = 7.0  # a constant
    found[::4, 3] = np.nan
    found[:: max(1, n // 3), 4] = np.inf
    return found


def test_a_reference_holds_deciles_and_shares() -> None:
    trained = rows(5000, 1)
    packed = reference(trained)
    edges, shares = read_reference(packed)
    assert edges.shape == (WIDTH, EDGES) and shares.shape == (WIDTH, SHARES)
    assert edges[0] == pytest.approx(np.quantile(trained[:, 0], np.arange(1, 10) / 10), abs=0.01)
    assert shares[0] == pytest.approx([0.1] * 10 + [0.0], abs=1e-3)
    assert np.isnan(edges[1]).all() and shares[1].tolist() == [0.0] * 10 + [1.0]
    assert edges[2].tolist() == [7.0] * 9 and shares[2].tolist() == [1.0] + [0.0] * 10
    assert shares[3, -1] == 0.25
    assert reference(trained) == packed


@given(st.integers(0, 40), st.integers(0, 2**31))
def test_a_histogram_counts_each_row_once(n: int, seed: int) -> None:
    trained, live = rows(300, 5), rows(n, seed, shift=0.5)
    edges, _ = read_reference(reference(trained))
    counts = histogram(live, edges)
    assert counts.sum(axis=1).tolist() == [n] * WIDTH
    for feature in (0, 2, 3, 4, 157):
        values = live[:, feature]
        present = values[~np.isnan(values)]
        expected = np.bincount(np.searchsorted(edges[feature], present, side="left"), minlength=10)
        assert counts[feature].tolist() == [*expected.tolist(), n - len(present)]


def test_the_index_is_as_defined() -> None:
    shares = np.tile([0.5, 0.5] + [0.0] * 9, (WIDTH, 1))
    counts = np.tile(np.array([9, 1] + [0] * 9), (WIDTH, 1))
    expected = 0.4 * math.log(0.9 / 0.5) - 0.4 * math.log(0.1 / 0.5)
    assert psi(shares, counts)[0] == pytest.approx(expected)
    gone = np.tile(np.array([0] * 10 + [10]), (WIDTH, 1))
    assert psi(shares, gone)[0] > 5.0, "all values missing is another distribution"
    assert np.isnan(psi(shares, np.zeros_like(counts))).all()
    floors = np.full((WIDTH, SHARES), FLOOR)
    assert np.isfinite(psi(floors, counts)).all()


def test_alike_rows_do_not_drift_and_shifted_ones_do() -> None:
    trained = rows(20_000, 1)
    alike, moved = Drift(reference(trained), 5000), Drift(reference(trained), 5000)
    for n in range(10):
        alike.add(rows(500, 10 + n))
        live = rows(500, 10 + n)
        live[:, 9] += 1.0
        live[:, 10] = np.nan
        moved.add(live)
    assert alike.rows == 5000
    assert float(np.delete(alike.psi(), 4).max()) < 0.05
    assert moved.psi()[9] > 0.25 and moved.psi()[10] > 0.25 and moved.psi()[8] < 0.05
    assert moved.missing()[10] == 1.0 and moved.missing()[3] == 0.25


@pytest.mark.parametrize("live_rows", [100, 240, 480, 960, 4800])
def test_rows_that_share_their_bars_drift_by_chance_and_are_not_told_of(live_rows: int) -> None:
    """Features of the widest window, a row every fifth bar: twelve rows in a row are nearly one."""
    rng = np.random.default_rng(live_rows)
    drift = Drift(reference(rng.normal(size=(20_000, WIDTH))), 5000, every_bars=5, trained_rows=60 * 20_000)
    drift.add(np.repeat(rng.normal(size=(-(-live_rows // 12), WIDTH)), 12, axis=0)[:live_rows])
    assert drift.drifted(0.25) <= 1, "of 158"
    assert (drift.psi() >= 0.25).sum() > 40 or live_rows > 480, "which the index alone calls drifted"


def test_what_is_beyond_chance_is_told_and_sooner_the_farther() -> None:
    rng = np.random.default_rng(1)
    packed = reference(rng.normal(size=(20_000, WIDTH)))
    near, far = (Drift(packed, 5000, every_bars=5, trained_rows=60 * 20_000) for _ in range(2))
    assert np.isinf(near.noise()).all() and near.drifted(0.25) == 0
    for drift, moved in ((near, 0.8), (far, 3.0)):
        drift.add(rng.normal(moved, 1.0, (200, WIDTH)))
    assert near.drifted(0.25) == 0 and far.drifted(0.25) == WIDTH
    near.add(rng.normal(0.8, 1.0, (3000, WIDTH)))
    assert near.drifted(0.25) == WIDTH and near.drifted(5.0) == 0


def test_few_rows_of_training_are_noise_as_well() -> None:
    rng = np.random.default_rng(2)
    few = rng.normal(size=(40, WIDTH))
    small = Drift(reference(np.repeat(few, 60, axis=0)), 5000, every_bars=60, trained_rows=2400)
    small.add(rng.normal(size=(5000, WIDTH)))
    assert small.drifted(0.25) == 0 < (small.psi() >= 0.25).sum()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_the_window_is_of_the_newest_rows(sizes: list[int]) -> None:
    packed = reference(rows(300, 1))
    edges, _ = read_reference(packed)
    drift, limit, taken = Drift(packed, 200), 200, []
    for n, size in enumerate(sizes):
        taken.append(rows(size, n))
        drift.add(taken[-1])
    seen = np.concatenate(taken)[-drift.rows :]
    assert min(limit, sum(sizes)) <= drift.rows < limit + 34
    assert drift._counts.tolist() == histogram(seen, edges).tolist()
    assert np.isnan(drift.psi()).all() == (drift.rows < MIN_ROWS)


def test_what_is_no_reference_is_refused() -> None:
    good = reference(rows(300, 1))
    spread = np.frombuffer(good, "<f8").reshape(WIDTH, EDGES + SHARES)
    falling, short, wrong = spread.copy(), good[:-8], spread.copy()
    falling[0, :2] = falling[0, 1::-1]
    wrong[5, EDGES] = -1.0
    nan = spread.copy()
    nan[7, EDGES + 3] = np.nan
    for bad in (short, b"", falling.tobytes(), wrong.tobytes(), nan.tobytes()):
        with pytest.raises(ModelError):
            Drift(bad, 100)
    assert reference(np.zeros((0, WIDTH))) == b""
    with pytest.raises(ValueError, match="158"):
        reference(np.zeros((3, 4)))


def test_what_training_had_no_value_of_cannot_drift() -> None:
    rng = np.random.default_rng(8)
    trained, live = rng.normal(size=(2000, WIDTH)), rng.normal(size=(2000, WIDTH))
    trained[:, 5] = np.nan
    trained[1:, 6] = np.nan
    assert untold(reference(trained)).tolist() == [5] and not len(untold(b""))
    drift = Drift(reference(trained), 5000)
    drift.add(live)
    assert drift.psi()[5] == 0.0 and drift.psi()[6] > 1.0
