"""Triggers: rises, exits and wakes, each when it is due and none early."""

from __future__ import annotations

import math

import pytest

from engine.events import NS
from engine.features.engine import BARS, EXIT, NONE, RISE, WAKE
from tests.features.running_engine import make, run
from tests.features.ticks import NAN, T0, block, quote, trade


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
