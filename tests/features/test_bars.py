"""Bars of the feature engine: what opens, fills and closes them, and by which clock."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.ticks import TRADE
from tests.features.running_engine import make, random_ticks, run
from tests.features.ticks import T0, block, quote, trade


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
