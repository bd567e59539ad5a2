"""The feature engine: clock, bars, window, triggers; the same however ticks are batched."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features import desk_memory
from engine.features.alpha158 import alpha158_live
from engine.features.engine import BARS, EXIT, NONE, RISE, WAKE, FeatureEngine
from engine.features.state import NEVER
from engine.ticks import TICK, TRADE
from tests.features.captures import binance_ticks
from tests.features.ticks import NAN, T0, block, quote, trade


def make(symbols: int = 1, *, quote_max_age_s: float = 3.0, **config: Any) -> FeatureEngine:
    engine = FeatureEngine(msgspec.convert(config, FeaturesConfig), quote_max_age_s=quote_max_age_s)
    for index in range(symbols):
        assert engine.add_symbol(f"test:S{index}") == index
    return engine


def run(engine: FeatureEngine, ticks: Any) -> list[tuple[int, int, int]]:
    """Feed everything; the triggers as (code, position, index)."""
    fired, position = [], 0
    while True:
        code, position, index = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            assert (position, index) == (len(ticks), -1)
            return fired
        fired.append((code, position, index))


class TestBars:
    def test_bar_closes_before_the_tick_that_passes_the_boundary_is_consumed(self) -> None:
        engine = make()
        ticks = block(trade(0.1, 10, 2), trade(0.5, 13, 1), trade(0.9, 9, 1), trade(1.2, 50, 1))
        assert engine.feed(ticks, 0, 4) == (BARS, 3, -1)
        assert engine.boundary_ns == T0 + NS == engine.now_ns
        assert engine.closed().tolist() == [0]
        row = engine.row(0)
        assert (row.open, row.high, row.low, row.close, row.volume) == (10, 13, 9, 9, 4)
        assert (row.trade_count, row.filled, row.bars, row.bar_start_ns, row.last) == (3, 0, 1, T0, 9)
        assert engine.bars(0, 5).tolist() == [[10, 13, 9, 9, 4, (20 + 13 + 9) / 4]]
        assert row.vwap == pytest.approx(42 / 4)
        assert engine.feed(ticks, 3, 4) == (NONE, 4, -1)
        assert engine.row(0).last == 50
        assert engine.now_ns == T0 + 12 * NS // 10

    def test_a_tick_exactly_on_the_boundary_belongs_to_the_next_bar(self) -> None:
        engine = make()
        assert run(engine, block(trade(0.5, 10), trade(1.0, 11))) == [(BARS, 1, -1)]
        assert engine.row(0).close == 10

    def test_all_started_symbols_close_together_and_quiet_ones_are_filled(self) -> None:
        engine = make(3)
        ticks = block(trade(0.1, 10), trade(0.2, 20, symbol=1), trade(1.5, 11), trade(2.5, 12))
        engine.feed(ticks, 0, 4)
        assert engine.closed().tolist() == [0, 1]
        engine.feed(ticks, 2, 4)
        first, second = engine.rows(engine.closed())
        assert (first.close, first.filled) == (11, 0)
        assert (second.open, second.high, second.low, second.close) == (20, 20, 20, 20)
        assert (second.volume, second.trade_count, second.filled, second.bars) == (0, 0, 1, 2)
        assert engine.bars(1, 1).tolist() == [[20, 20, 20, 20, 0, 20]]

    def test_filling_stops_after_max_fill_bars_and_the_boundary_jumps(self) -> None:
        engine = make(max_fill_bars=3)
        ticks = block(trade(0.5, 10), trade(1000.5, 12), trade(1001.5, 13))
        assert run(engine, ticks) == [(BARS, 1, -1)] * 4 + [(BARS, 2, -1)]
        assert engine.closes(0, 10) == [10, 10, 10, 10, 12]
        assert engine.row(0).bar_start_ns == T0 + 1000 * NS

    def test_quotes_make_bars_until_the_first_trade(self) -> None:
        engine = make()
        ticks = block(
            quote(0.1, 9, 11), quote(0.5, 11, 13), quote(1.1, 99, 101), trade(1.2, 50, 2), quote(1.5, 1, 3),
            quote(2, 1, 3),
        )  # fmt: skip
        engine.feed(ticks, 0, 6)
        row = engine.row(0)
        assert (row.open, row.high, row.low, row.close) == (10, 12, 10, 12)
        assert (row.volume, row.trade_count, row.filled) == (0, 0, 0)
        assert math.isnan(row.last)
        assert math.isnan(row.vwap)
        engine.feed(ticks, 2, 6)
        row = engine.row(0)
        assert (row.open, row.high, row.low, row.close, row.volume) == (50, 50, 50, 50, 2)
        assert engine.quote(0) == (1, 1, 3, 1, 50)
        assert (engine.quote_count(0), engine.last_size(0)) == (4, 2)

    def test_a_traded_symbol_ignores_quotes_for_its_bars(self) -> None:
        engine = make(max_fill_bars=0)
        assert run(engine, block(trade(0.5, 10), quote(1.5, 1, 3), quote(2.5, 1, 3))) == [(BARS, 1, -1)]
        assert engine.closes(0, 9) == [10]

    def test_time_alone_closes_bars(self) -> None:
        engine = make(max_fill_bars=1)
        assert engine.advance(T0) == NONE
        engine.feed(block(trade(0.5, 10)), 0, 1)
        assert engine.advance(T0 + NS - 1) == NONE
        assert engine.advance(T0 + 10 * NS) == BARS
        assert (engine.boundary_ns, engine.now_ns) == (T0 + NS, T0 + NS)
        assert engine.advance(T0 + 10 * NS) == BARS
        assert engine.boundary_ns == T0 + 2 * NS
        assert engine.advance(T0 + 10 * NS) == NONE
        assert engine.now_ns == T0 + 10 * NS
        assert engine.advance(T0) == NONE
        assert engine.now_ns == T0 + 10 * NS

    @pytest.mark.parametrize("bar_s", [1.0, 5.0, 60.0])
    def test_bars_of_any_length_lie_on_the_grid(self, bar_s: float) -> None:
        engine = make(bar_s=bar_s, max_fill_bars=5)
        rows = []
        ticks = random_ticks(np.random.default_rng(3), 2000, 1)
        ticks["reject"] = 0
        position = 0
        while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
            position = outcome[1]
            rows.append(engine.row(0))
            assert engine.boundary_ns == rows[-1].bar_start_ns + round(bar_s * NS)
        traded = [row for row in rows if row.trade_count]
        assert traded and all(row.bar_start_ns % round(bar_s * NS) == 0 for row in rows)
        trades = ticks[ticks["kind"] == TRADE]
        for row in traded[1:]:
            end_ns = row.bar_start_ns + round(bar_s * NS)
            inside = (trades["recv_ns"] >= row.bar_start_ns) & (trades["recv_ns"] < end_ns)
            prices = trades["a"][inside]
            assert (row.open, row.high, row.low, row.close, row.trade_count) == (
                prices[0], prices.max(), prices.min(), prices[-1], inside.sum(),
            )  # fmt: skip

    def test_timer_and_tick_close_the_same_bar(self) -> None:
        by_tick, by_timer = make(), make()
        ticks = block(trade(0.5, 10), trade(0.7, 11), trade(1.3, 12))
        by_tick.feed(ticks, 0, 3)
        by_timer.feed(ticks, 0, 2)
        by_timer.advance(T0 + NS + 5)
        assert by_tick.row(0) == by_timer.row(0) or repr(by_tick.row(0)) == repr(by_timer.row(0))

    def test_rejected_and_backfilled_ticks_touch_nothing(self) -> None:
        engine = make()
        engine.feed(block(trade(0.1, 10)), 0, 1)
        before = repr(engine.row(0))
        ticks = block(trade(5, 99, reject=3), trade(6, 99, backfilled=True))
        assert engine.feed(ticks, 0, 1) == (NONE, 1, -1)
        assert repr(engine.row(0)) == before
        assert engine.feed(ticks, 1, 2) == (NONE, 2, -1)
        missing = msgspec.structs.replace(engine.row(0), window_gapped=0.0, volume_gapped=0.0)
        assert repr(missing) == before, "but for the marks that it is missing"
        assert engine.updates.tolist() == [1]

    def test_a_late_tick_does_not_turn_the_clock_back(self) -> None:
        engine = make()
        run(engine, block(trade(3, 10), trade(2, 11)))
        assert engine.now_ns == T0 + 3 * NS
        assert engine.last_recv_ns(0) == T0 + 3 * NS
        assert engine.row(0).last == 11

    def test_a_tick_of_an_unknown_symbol_is_an_error(self) -> None:
        with pytest.raises(IndexError, match="not added"):
            make().feed(block(trade(1, 10, symbol=1)), 0, 1)

    def test_symbols_added_beyond_the_capacity_keep_what_was_known(self) -> None:
        engine = FeatureEngine(FeaturesConfig(), capacity=1)
        engine.add_symbol("a")
        run(engine, block(trade(0.1, 10)))
        for name in "bcdef":
            engine.add_symbol(name)
        run(engine, block(trade(0.2, 12, symbol=5), trade(0.3, 11), trade(1, 1)))
        rows = engine.rows([5, 0, 1])
        assert [row.symbol for row in rows] == ["f", "a", "b"]
        assert [row.close for row in rows[:2]] == [12, 11]
        assert rows[2].bars == 0
        assert math.isnan(rows[2].close)

    def test_a_table_holds_the_rows_as_they_were(self) -> None:
        engine = make(3)
        run(engine, random_ticks(np.random.default_rng(4), 400, 3))
        table = engine.table(np.array([2, 0]))
        rows = engine.rows((2, 0))
        assert repr([table.row(0), table.row(1)]) == repr(rows) == repr([engine.row(2), engine.row(0)])
        assert [table.symbol(0), table.symbol(1)] == ["test:S2", "test:S0"]
        assert table.column("close").tolist() == [row.close for row in rows]
        engine.feed(block(trade(1e4, 5, symbol=2), trade(1e4 + 9, 5, symbol=2)), 0, 2)
        assert repr(table.row(0)) == repr(rows[0]) and table.row(0) is table.row(0)
        assert len(engine.table(())) == 0

    def test_what_closed_is_one_table(self) -> None:
        engine = make(3)
        assert len(engine.closed_table()) == 0
        ticks = random_ticks(np.random.default_rng(6), 600, 3)
        position, sizes = 0, set()
        while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
            position = outcome[1]
            if outcome[0] == BARS:
                at_once, expected = engine.closed_table(), engine.table(engine.closed())
                sizes.add(len(expected))
                for name in ("indices", "bar_start_ns", "bars", "values"):
                    assert np.array_equal(getattr(at_once, name), getattr(expected, name), equal_nan=True)
                assert at_once.ns == expected.ns and at_once.values.flags.c_contiguous
        assert 3 in sizes

    def test_the_bar_ring_keeps_the_newest(self) -> None:
        engine = make()
        run(engine, block(*(trade(s, 100 + s) for s in range(700))))
        assert engine.closes(0, 3) == [796, 797, 798]
        assert len(engine.bars(0, 10_000)) == 512
        assert engine.bars(0, 0).shape == (0, 6)


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


class TestTriggers:
    def test_rise_fires_once_and_again_after_falling_below_half(self) -> None:
        engine = make(bar_s=1e3)
        engine.watch_rise(0, 2.0, 3.0)
        prices = [100, 102.5, 102.6, 103, 101.5, 103, 100.5, 102]
        fired = run(engine, block(*(trade(i / 10, p) for i, p in enumerate(prices))))
        assert fired == [(RISE, 3, 0), (RISE, 8, 0)]  # 102.5 lacks volume

    def test_a_rise_waits_for_all_that_is_asked_of_it(self) -> None:
        engine = make(bar_s=1e3)
        engine.watch_rise(0, 2.0, 0.0, 1_000.0, 3)
        prices = [(100, 1), (103, 8), (103, 0.5), (103, 1), (103.5, 1)]
        ticks = block(*(trade(at / 10, *row) for at, row in enumerate(prices)))
        assert run(engine, ticks) == [(RISE, 4, 0)]  # two trades at 103 make three, the next one the money

    def test_a_rise_waits_until_no_trade_is_missing_in_the_window(self) -> None:
        engine = make(window_s=5.0, bar_s=1e3)
        engine.watch_rise(0, 2.0, 0.0)
        run(engine, block(trade(0, 100)))
        engine.miss_trades(0, T0)
        assert run(engine, block(trade(4, 101), trade(4.5, 104))) == []
        assert run(engine, block(trade(5.5, 104))) == [(RISE, 1, 0)]

    @pytest.mark.parametrize("disabled", [0.0, NAN, -1.0])
    def test_rise_can_be_disabled(self, disabled: float) -> None:
        engine = make(bar_s=1e3)
        engine.watch_rise(0, 1.0, 0.0)
        engine.watch_rise(0, disabled, 0.0)
        assert run(engine, block(trade(0, 100), trade(0.1, 200))) == []

    @pytest.mark.parametrize(
        ("sign", "stop", "target", "quotes", "position"),
        [
            (1, 95.0, 110.0, [(100, 101), (95.1, 96), (95, 96), (90, 91)], 3),
            (1, 95.0, 110.0, [(100, 111), (110, 111)], 2),
            (1, NAN, 110.0, [(1, 2), (110, 111)], 2),
            (-1, 105.0, 90.0, [(105, 104.9), (104, 105)], 2),
            (-1, 105.0, 90.0, [(89, 91), (89, 90)], 2),
            (-1, 105.0, NAN, [(1, 2), (104, 106)], 2),
        ],
    )
    def test_exit_at_the_price_that_can_be_had(
        self, sign: int, stop: float, target: float, quotes: list[tuple[float, float]], position: int
    ) -> None:
        engine = make(bar_s=1e3)
        engine.watch_exit(0, sign, stop, target)
        ticks = block(*(quote(i, bid, ask) for i, (bid, ask) in enumerate(quotes)))
        assert run(engine, ticks) == [(EXIT, position, 0)]

    def test_exit_on_trades_only_while_there_is_no_quote(self) -> None:
        engine = make(bar_s=1e3)
        engine.watch_exit(0, 1, 95.0, NAN)
        assert run(engine, block(trade(0, 100), trade(1, 95))) == [(EXIT, 2, 0)]
        engine.watch_exit(0, 1, 90.0, NAN)
        assert run(engine, block(quote(2, 94, 96), trade(3, 80))) == []
        engine.clear_exit(0)
        assert run(engine, block(quote(4, 80, 81))) == []

    @pytest.mark.parametrize(
        ("side", "stop", "quoted", "traded"), [(1, 99.5, 100, 90), (-1, 100.5, 100, 110)]
    )
    def test_exit_on_trades_once_the_quote_is_outdated(
        self, side: int, stop: float, quoted: float, traded: float
    ) -> None:
        engine = make(bar_s=1e3, quote_max_age_s=3.0)
        engine.watch_exit(0, side, stop, NAN)
        ticks = block(quote(0, quoted, quoted), trade(1, traded), trade(3, traded), trade(3.001, traded))
        assert run(engine, ticks) == [(EXIT, 4, 0)]
        engine.watch_exit(0, side, stop, NAN)
        assert run(engine, block(quote(4, quoted, quoted), trade(5, traded))) == [], "a fresh quote counts"

    def test_an_outdated_quote_is_no_exit_price_for_what_trades_say(self) -> None:
        engine = make(bar_s=1e3, quote_max_age_s=3.0)
        run(engine, block(quote(0, 90, 91), trade(4, 100)))
        engine.watch_exit(0, 1, 99.5, 101.0)
        assert run(engine, block(trade(5, 100))) == []

    @pytest.mark.parametrize(
        ("side", "quotes", "position", "best"),
        [
            (1, [(100, 101), (110, 111), (99.1, 100), (99, 100), (90, 91)], 4, 110.0),
            (1, [(90, 91), (80, 81)], 1, 100.0),
            (-1, [(99, 100), (89, 90), (98, 98.9), (98, 99), (108, 109)], 4, 90.0),
        ],
    )
    def test_the_trailing_stop_follows_the_best_price_one_way(
        self, side: int, quotes: list[tuple[float, float]], position: int, best: float
    ) -> None:
        engine = make(bar_s=1e3)
        engine.watch_exit(0, side, NAN, NAN, best=100.0, trail=0.1)
        ticks = block(*(quote(i, bid, ask) for i, (bid, ask) in enumerate(quotes)))
        assert run(engine, ticks) == [(EXIT, position, 0)]
        assert engine.best_price(0) == best

    def test_the_best_price_is_followed_while_an_exit_is_at_work(self) -> None:
        engine = make(bar_s=1e3)
        engine.watch_exit(0, 1, NAN, 105.0, best=100.0, trail=0.1)
        ticks = block(quote(0, 105, 106), quote(1, 120, 121), quote(2, 100, 101))
        assert run(engine, ticks) == [(EXIT, 1, 0)]
        assert engine.best_price(0) == 120.0 and not engine.exit_armed(0)
        engine.watch_exit(0, 1, NAN, NAN, best=engine.best_price(0), trail=0.1)
        engine.mute_exit(0)
        assert run(engine, block(quote(3, 100, 101))) == []
        engine.watch_exit(0, 1, NAN, NAN, best=engine.best_price(0), trail=0.1)
        assert run(engine, block(quote(4, 100, 101))) == [(EXIT, 1, 0)]
        engine.clear_exit(0)
        assert run(engine, block(quote(5, 1, 2))) == [] and math.isnan(engine.best_price(0))

    def test_trades_are_followed_only_while_there_is_no_quote_to_believe(self) -> None:
        engine = make(bar_s=1e3, quote_max_age_s=3.0)
        engine.watch_exit(0, 1, NAN, NAN, best=90.0, trail=0.1)
        assert run(engine, block(trade(0, 95), quote(1, 94, 96), trade(2, 99))) == []
        assert engine.best_price(0) == 95.0
        assert run(engine, block(trade(6, 99))) == []
        assert engine.best_price(0) == 99.0

    def test_a_level_may_come_early_by_its_slack_and_never_late(self) -> None:
        engine = make(bar_s=1e3)
        for slack, fired in ((0.0, []), (0.5, [(EXIT, 1, 0)])):
            engine.watch_exit(0, 1, NAN, NAN, best=100.0, trail=0.1, slack=slack)
            assert run(engine, block(quote(1, 90.4, 91))) == fired
        engine.watch_exit(0, 1, NAN, NAN, best=100.37, trail=0.005)
        assert run(engine, block(quote(1, 100.37 * (1 - 0.005), 101))) == [(EXIT, 1, 0)]

    def test_wake_on_every_tick_of_the_symbol_until_cleared(self) -> None:
        engine = make(2, bar_s=1e3)
        engine.wake_at(0, T0 + NS)
        ticks = block(trade(0.9, 1), trade(1, 1), trade(1.5, 1, symbol=1), quote(2, 1, 2))
        assert run(engine, ticks) == [(WAKE, 2, 0), (WAKE, 4, 0)]
        engine.clear_wake(0)
        assert run(engine, block(trade(3, 1))) == []

    def test_one_tick_with_several_triggers_returns_them_all_in_order(self) -> None:
        engine = make()
        run(engine, block(trade(0.1, 100)))
        engine.watch_rise(0, 1.0, 0.0)
        engine.watch_exit(0, 1, NAN, 110.0)
        engine.wake_at(0, T0)
        ticks = block(trade(1.1, 120))
        assert run(engine, ticks) == [(BARS, 0, -1), (EXIT, 1, 0), (WAKE, 1, 0), (RISE, 1, 0)]

    def test_what_is_cleared_while_another_trigger_is_handled_does_not_fire(self) -> None:
        engine = make(bar_s=1e3)
        engine.feed(block(trade(0.1, 100)), 0, 1)
        engine.watch_rise(0, 1.0, 0.0)
        engine.watch_exit(0, 1, NAN, 110.0)
        engine.wake_at(0, T0)
        ticks = block(trade(0.2, 120))
        assert engine.feed(ticks, 0, 1) == (EXIT, 1, 0)
        engine.clear_wake(0)
        engine.watch_rise(0, NAN, 0.0)
        assert engine.feed(ticks, 1, 1) == (NONE, 1, -1)


class TestLiveQuote:
    def test_without_bid_and_ask_from_the_limit_on_once_it_traded(self) -> None:
        engine = make(bar_s=1e3, quote_max_age_s=3.0)
        assert all(math.isnan(value) for value in engine.live_quote(0))
        run(engine, block(quote(0, 100, 101, 2, 3), trade(1, 90)))
        for seconds in (1, 3):
            engine.advance(T0 + seconds * NS)
            assert engine.live_quote(0) == engine.quote(0) == (100, 2, 101, 3, 90)
        engine.advance(T0 + 3 * NS + 1)
        *quoted, last = engine.live_quote(0)
        assert [math.isnan(value) for value in quoted] == [True] * 4 and last == 90
        assert engine.quote(0) == (100, 2, 101, 3, 90), "what was quoted last stays known"
        engine.advance(T0 + 600 * NS)
        assert math.isnan(engine.live_quote(0)[0]), "silence does not bring an outdated quote back"
        run(engine, block(quote(601, 89, 91)))
        assert engine.live_quote(0) == (89, 1, 91, 1, 90)

    def test_is_the_quote_of_rows_and_tables_too(self) -> None:
        engine = make(bar_s=1.0, quote_max_age_s=3.0)
        engine.add_symbol("second")
        run(engine, block(quote(0, 100, 101, 2, 3), trade(1, 90)))

        def told() -> list[list[float]]:
            rows = [engine.row(0), *engine.rows([0]), engine.closed_table().row(0)]
            return [[row.bid, row.ask, row.bid_size, row.ask_size, row.last] for row in rows]

        while engine.advance(T0 + 3 * NS) != NONE:
            pass
        assert told() == [[100, 101, 2, 3, 90]] * 3
        while engine.advance(T0 + 5 * NS) != NONE:
            pass
        for *quoted, last in told():
            assert [math.isnan(value) for value in quoted] == [True] * 4 and last == 90

    @pytest.mark.parametrize("trades", [[], [trade(0, 90)]])
    def test_a_quote_stands_at_any_age_while_nothing_is_newer(self, trades: list[Any]) -> None:
        engine = make(bar_s=1e3, quote_max_age_s=3.0)
        run(engine, block(*trades, quote(1, 100, 101)))
        engine.advance(T0 + 600 * NS)
        assert engine.live_quote(0)[:4] == (100, 1, 101, 1)

    def test_each_symbol_for_itself_and_by_the_desks_clock(self) -> None:
        engine = make(2, bar_s=1e3, quote_max_age_s=3.0)
        late = quote(1, 99, 101)  # received out of order: consumed at 5 s
        run(engine, block(trade(5, 90, symbol=1), late, trade(6, 90)))
        assert engine.live_quote(0)[0] == 99


def random_ticks(rng: np.random.Generator, count: int, symbols: int) -> Any:
    ticks = np.zeros(count, TICK)
    gaps = rng.choice([0, 10_000_000, 400_000_000, 9 * NS], count, p=[0.2, 0.6, 0.18, 0.02])
    ticks["recv_ns"] = T0 + np.cumsum(gaps)
    ticks["symbol"] = rng.integers(0, symbols, count)
    ticks["kind"] = rng.random(count) < 0.4
    price = 100 * np.exp(np.cumsum(rng.normal(0, 3e-3, count)))
    ticks["a"] = price
    ticks["b"] = np.where(ticks["kind"] == 1, price * 1.001, rng.lognormal(0, 2, count))
    ticks["c"] = ticks["d"] = 1.0
    ticks["aggressor"] = rng.choice([-1, 0, 1], count)
    ticks["reject"] = rng.random(count) < 0.02
    return ticks


def played(
    ticks: Any, cuts: list[int], symbols: int, *, bar_s: float = 1.0, window_s: float = 2.0, late: int = 0
) -> tuple[list[Any], bytes]:
    """Every trigger with the rows it showed, and the final memory; exits are armed anew as a desk would.

    ``late``: the last symbol is added where this many ticks were fed; ticks before must not name it.
    """
    engine = make(
        symbols - bool(late), quote_max_age_s=0.3, window_s=window_s, bar_s=bar_s, sma_fast=5, sma_slow=9,
        max_fill_bars=3,
    )  # fmt: skip
    engine.wake_at(1, T0 + 20 * NS)
    for index in range(len(engine)):
        engine.watch_rise(index, 0.5, 1.0, 150.0, 2)
    log: list[Any] = []
    cuts = sorted({*cuts, late})
    for start, stop in zip([0, *cuts], [*cuts, len(ticks)], strict=True):
        position = start
        if late and start == late and len(engine) < symbols:
            engine.add_symbol(f"test:S{symbols - 1}")
        while True:
            code, position, index = engine.feed(ticks, position, stop)
            if code == NONE:
                break
            if code == BARS:
                table = engine.table(engine.closed())
                log.append((code, position, repr(engine.rows(engine.closed())), table.values.tobytes()))
                log.append((table.indices.tobytes(), table.bar_start_ns.tobytes(), table.bars.tobytes()))
                continue
            row = engine.row(index)
            log.append(
                (code, position, repr(row), repr(engine.live_quote(index)), engine.best_price(index).hex())
            )
            if code == RISE:
                engine.watch_exit(
                    index, 1, row.last * 0.999, row.last * 1.002, best=row.last, trail=0.001 * index
                )
            elif code == EXIT and index == 1 and math.isfinite(row.bid):
                engine.watch_exit(index, -1, NAN, NAN, best=engine.best_price(index), trail=0.002)
            elif code == WAKE:
                engine.wake_at(index, engine.now_ns + NS if engine.now_ns < T0 + 60 * NS else NEVER)
    return log, memory(engine)


def memory(engine: FeatureEngine) -> bytes:
    """All that the engine remembers, but for where it lies and what the last call returned."""
    desk = engine._desk.copy()
    for name in ("position", "symbol", "state", "bars", "marks", "ring"):
        desk[name] = 0
    used = len(engine)
    return b"".join(
        part.tobytes()
        for part in (engine._state[:used], engine._bars[:used], engine._marks[:used], engine._ring, desk)
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_batch_split_gives_the_same_bits(seed: int, data: st.DataObject) -> None:
    ticks = random_ticks(np.random.default_rng(seed), 300, 3)
    cuts = sorted(data.draw(st.lists(st.integers(0, 300), max_size=30)))
    whole = played(ticks, [], 3)
    assert played(ticks, cuts, 3) == whole
    assert played(ticks, list(range(1, 300)), 3) == whole
    assert {entry[0] for entry in whole[0]} >= {BARS}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 299), max_size=12),
    bar_s=st.sampled_from([0.5, 1.0, 5.0, 60.0]),
    window_s=st.sampled_from([0.4, 5.0, 30.0]),
    late=st.sampled_from([0, 150]),
)
def test_any_split_at_any_bar_and_window_length_and_with_a_symbol_added_midway(
    seed: int, cuts: list[int], bar_s: float, window_s: float, late: int
) -> None:
    ticks = random_ticks(np.random.default_rng(seed), 300, 3)
    ticks["symbol"][:late] %= 2
    whole = played(ticks, [], 3, bar_s=bar_s, window_s=window_s, late=late)
    assert played(ticks, cuts, 3, bar_s=bar_s, window_s=window_s, late=late) == whole
    assert played(ticks, list(range(1, 300)), 3, bar_s=bar_s, window_s=window_s, late=late) == whole


def test_the_split_test_sees_every_kind_of_trigger() -> None:
    log, _ = played(random_ticks(np.random.default_rng(1), 300, 3), [], 3)
    assert {BARS, RISE, EXIT, WAKE} <= {entry[0] for entry in log}
    outdated = [entry for entry in log if entry[0] == EXIT and entry[3].startswith("(nan")]
    assert outdated and len(outdated) < sum(entry[0] == EXIT for entry in log)


@pytest.mark.data
def test_bars_and_windows_of_a_captured_day(data_dir: Path) -> None:
    """Every bar that had trades, and the window at each close, against plain numpy over the same ticks."""
    ticks = binance_ticks(data_dir)
    trades = ticks[ticks["kind"] == TRADE]
    clock = np.maximum.accumulate(ticks["recv_ns"])[ticks["kind"] == TRADE]
    engine = make()
    engine.wake_at(0, NEVER)
    position, seen, volume = 0, 0, 0.0
    while True:
        code, position, _ = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            break
        row = engine.row(0)
        if row.trade_count:
            first, end = np.searchsorted(clock, [row.bar_start_ns, row.bar_start_ns + NS])
            prices = trades["a"][first:end]
            assert (row.open, row.high, row.low, row.close, row.trade_count) == (
                prices[0], prices.max(), prices.min(), prices[-1], end - first,
            )  # fmt: skip
            seen += end - first
            volume += row.volume
        first, end = np.searchsorted(clock, [engine.now_ns - 5 * NS + 1, engine.now_ns])
        assert row.window_count == end - first
        assert row.window_volume == pytest.approx(trades["b"][first:end].sum(), rel=1e-9)
    assert seen > 0.99 * len(trades)
    assert volume == pytest.approx(trades["b"][:seen].sum(), rel=1e-9)


@pytest.mark.parametrize("index", [-1, 1, 5_000, 10**9])
def test_an_index_that_was_not_added_is_refused(index: int) -> None:
    """Kernels are called by address: beyond the rows lies other memory."""
    engine = FeatureEngine(FeaturesConfig())
    engine.add_symbol("sim:AAA")
    wanted = np.array([index])
    for read in (engine.table, engine.live_mids, lambda indices: alpha158_live(indices, engine.address)):
        with pytest.raises(IndexError):
            read(wanted)
