"""The quote that counts: none once trades are newer than its limit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.events import NS
from engine.features.engine import NONE
from tests.features.running_engine import make, run
from tests.features.ticks import T0, block, quote, trade


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
