"""The window of the newest trades: what is in it, what is out, what is not known of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.events import NS
from engine.features import desk_memory
from engine.features.engine import FeatureEngine
from tests.features.running_engine import make, played, random_ticks, run
from tests.features.ticks import T0, block, trade


class TestWindow:
    def test_a_trade_exactly_as_old_as_the_window_is_out(self) -> None:
        engine = make(window_s=5.0, bar_s=60.0)
        run(engine, block(trade(0, 10, 3), trade(1, 20, 1, -1), trade(5, 30, 2)))
        row = engine.row(0)
        assert (row.window_count, row.window_volume, row.window_buy_volume) == (2, 3, 2)
        assert (row.window_high, row.window_low, row.window_change_pct) == (30, 20, 50)
        assert row.window_vwap == pytest.approx((20 + 60) / 3)
        engine.advance(T0 + 6 * NS - 1)
        assert engine.row(0).window_count == 2
        engine.advance(T0 + 6 * NS)
        assert engine.row(0).window_count == 1

    def test_an_empty_window_has_no_volume_and_no_prices(self) -> None:
        engine = make(bar_s=60.0)
        run(engine, block(trade(0, 0.1, 0.1), trade(0.1, 0.3, 0.2)))
        engine.advance(T0 + 9 * NS)
        row = engine.row(0)
        assert (row.window_count, row.window_volume, row.window_buy_volume) == (0, 0, 0)
        assert all(
            math.isnan(x) for x in (row.window_change_pct, row.window_vwap, row.window_high, row.window_low)
        )
        assert row.last == 0.3

    def test_what_was_bought_is_unknown_while_a_trade_inside_does_not_tell_who_took(self) -> None:
        engine = make(window_s=5.0, bar_s=60.0)
        run(engine, block(trade(0, 10, 3), trade(1, 10, 1, 0), trade(5.5, 10, 2)))
        row = engine.row(0)
        assert row.window_volume == 3 and math.isnan(row.window_buy_volume)
        engine.advance(T0 + 6 * NS - 1)
        assert math.isnan(engine.row(0).window_buy_volume)
        engine.advance(T0 + 6 * NS)
        assert engine.row(0).window_buy_volume == 2
        engine.advance(T0 + 20 * NS)
        assert engine.row(0).window_buy_volume == 0

    @pytest.mark.parametrize("rate", [20, 700])
    def test_against_brute_force(self, rate: int) -> None:
        """Also through growth of the ring (700 a second x 5 s) and many exact resummations."""
        rng = np.random.default_rng(rate)
        count = 6000
        times = np.cumsum(rng.exponential(1 / rate, count))
        prices = 60_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, count)))
        sizes = rng.lognormal(0, 3, count)
        sides = rng.choice([-1, 1], count)
        ticks = block(*(trade(*row) for row in zip(times, prices, sizes, sides, strict=True)))
        engine = make(bar_s=1e3)
        for stop in range(100, count + 1, 100):
            run(engine, ticks[stop - 100 : stop])
            inside = np.flatnonzero(ticks["recv_ns"][:stop] > engine.now_ns - 5 * NS)
            row = engine.row(0)
            p, v = prices[inside], sizes[inside]
            assert row.window_count == len(inside)
            assert (row.window_high, row.window_low) == (p.max(), p.min())
            assert row.window_change_pct == pytest.approx((p[-1] / p[0] - 1) * 100, rel=1e-9, abs=1e-12)
            assert row.window_volume == pytest.approx(v.sum(), rel=1e-9)
            assert row.window_buy_volume == pytest.approx(v[sides[inside] > 0].sum(), rel=1e-9)
            assert row.window_vwap == pytest.approx((p * v).sum() / v.sum(), rel=1e-9)

    def test_reading_rows_changes_nothing(self) -> None:
        ticks = random_ticks(np.random.default_rng(5), 400, 2)
        watched, left_alone = make(2), make(2)
        for position in range(len(ticks)):
            run(watched, ticks[position : position + 1])
            watched.rows([0, 1])
        run(left_alone, ticks)
        assert repr(watched.rows([0, 1])) == repr(left_alone.rows([0, 1]))

    def test_the_size_that_rings_start_with_changes_no_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ticks = random_ticks(np.random.default_rng(8), 3000, 2)
        roomy = played(ticks, [], 2)[0]
        grown: list[int] = []
        grow = FeatureEngine.grow
        monkeypatch.setattr(desk_memory, "RING_START", 4)
        monkeypatch.setattr(FeatureEngine, "grow", lambda *of: (grown.append(of[1]), grow(*of))[1])
        assert played(ticks, [], 2)[0] == roomy
        assert {0, 1} <= set(grown)
