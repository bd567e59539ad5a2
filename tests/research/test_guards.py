from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from engine.events import NS
from engine.research.guards import FEW_TRADES, gaps, of_trials, steps, warnings
from engine.research.result import Source, Stop
from tests.research.made import DAY, backtest, held, rejects, trade, weekdays


def said(**others: object) -> str:
    one = backtest(**others)  # type: ignore[arg-type]
    return "\n".join(warnings(one, [float(trade.net) for trade in one.trades]))


def test_enough_trades_of_two_symbols_are_nothing_to_warn_of() -> None:
    trades = tuple(trade("AAA" if at % 2 else "BBB", net=1.0) for at in range(FEW_TRADES))
    assert said(trades=trades) == ""


def test_few_trades() -> None:
    trades = tuple(trade("AAA" if at % 2 else "BBB") for at in range(FEW_TRADES - 1))
    assert said(trades=trades) == "the result rests on 29 trades, fewer than 30: luck can explain it"
    assert "rests on 1 trade, fewer" in said(trades=trades[:1])
    assert "rests on 0 trades, fewer" in said(trades=())


def test_one_symbol() -> None:
    assert said(trades=(trade(),) * 40) == (
        "the result rests on one symbol: nothing says that it holds for another"
    )


def test_filters_that_let_nothing_through() -> None:
    dropped = {"opportunities:BELOW_MIN_SCORE": 900, "opportunities:OUT_OF_SESSION": 159}
    text = said(trades=(), dropped=dropped, funnel={"opportunities": 0})
    assert "no blend became an opportunity: 159 fell for OUT_OF_SESSION, as judged at the ends of" in text
    assert "no blend" not in said(trades=(), dropped=dropped, funnel={"opportunities": 3})
    assert "no blend" not in said(trades=(), dropped={"opportunities:BELOW_MIN_SCORE": 900}, funnel={})


def test_why_nothing_was_traded() -> None:
    assert "fills nothing" not in said(funnel={"orders": 4, "fills": 4})
    assert "none of 617 orders filled" in said(trades=(), funnel={"orders": 617, "fills": 0})
    dropped = {"opportunities:BELOW_MIN_SCORE": 900, "execution:NO_RATE": 78, "risk:OFF_GRID": 7}
    text = said(trades=(), funnel={"orders": 0, "fills": 0}, dropped=dropped)
    assert "no opportunity became an order: 78 fell for execution:NO_RATE" in text
    calm = said(trades=(), funnel={"orders": 0}, dropped={"opportunities:BELOW_MIN_SCORE": 900})
    assert "became an order" not in calm


def test_a_desk_that_stopped_itself() -> None:
    first_ns, last_ns = weekdays(1)[0], weekdays(1)[0] + 100 * DAY
    halted = Stop("HALTED", first_ns + 25 * DAY, last_ns, "daily loss 6 % has reached 5 %")
    reduced = Stop("REDUCING", first_ns + 20 * DAY, last_ns, "daily loss 3 % has reached 3 %")
    many = {"trades": (trade("AAA"), trade("BBB")) * 20, "first_ns": first_ns, "last_ns": last_ns}
    text = said(stops=(reduced, halted), **many)
    assert "the desk was REDUCING at 20" in text
    assert "(daily loss 3 % has reached 3 %): nobody resumes it" in text
    assert "in the rest, 80.0 % of the time" in text
    assert "of the time; HALTED at 20" in text and "from then on stops alone still left" in text
    assert "stops alone" not in said(stops=(reduced,), **many)
    # Two parts, each with a desk of its own.
    text = said(stops=(Stop("HALTED", first_ns, first_ns + 10 * DAY, "why"), halted), **many)
    assert "(why), and so in 2 parts: nobody" in text
    assert "in the rest, 85.0 % of the time; stops alone still left" in text
    denied = Stop("DRAWDOWN", halted.ns, last_ns, "DRAWDOWN 11 %, limit < 10 %", 1_032)
    assert said(stops=(denied,), **many).startswith("1,032 entries were denied, the first at 20")


def test_orders_that_take_bars_to_fill() -> None:
    many = {"trades": (trade("AAA"), trade("BBB")) * 20, "median_bar_pct": 0.1}
    assert said(funnel={"orders": 80, "fills": 320}, **many) == ""
    text = said(funnel={"orders": 32, "fills": 1194}, **many)
    assert "an order took 37 fills on average, 4 a bar at most" in text
    assert "of which 10 % can be traded" in text
    assert said(funnel={"orders": 32, "fills": 1194}, **many | {"median_bar_pct": None}) == ""  # of ticks


def test_one_trade_that_made_most() -> None:
    trades = (*(trade("AAA", net=1.0),) * 40, trade("BBB", net=60.0))
    assert said(trades=trades) == "one trade made 60 % of all that was won"


def test_open_positions_and_rejected_rows() -> None:
    text = said(held=held(), rejects=rejects())
    assert "1 position still open at the end" in text
    assert "2 rows of the data were not believed (0.8 %)" in text


def test_missing_bars_are_told_against_the_times_of_all_symbols() -> None:
    begins = np.array(weekdays(252), np.int64)
    holes = np.delete(begins, np.arange(50, 102))
    assert steps([begins, holes, begins[-100:]], DAY) == [252, 252, 100]
    always = begins[0] + np.arange(60) * DAY
    assert steps([np.delete(always, [20, 21, 40])], DAY) == [60]
    # Too few days to tell by themselves.
    hours = always[0] + np.array([0, 1, 30, 50]) * DAY // 24
    assert steps([hours], DAY // 24) == [4]
    assert steps([hours], DAY // 24, always=True) == [51]
    sources = [Source("A", "a", 252, 0, 1, 1, "", steps=252), Source("B", "b", 200, 0, 1, 1, "", steps=252)]
    sources += [Source("C", "c", 250, 0, 1, 1, "", steps=252), Source("D", "d", 9, 0, 1, 0, "")]
    assert gaps(backtest(data=tuple(sources))) == [("B", 52, 252)]


def test_weeks_without_any_bar_are_missing_and_a_weekend_is_not() -> None:
    begins = np.array(weekdays(252), np.int64)
    assert steps([np.delete(begins, np.arange(50, 55))], DAY) == [247]  # a week of holidays
    (told,) = steps([np.delete(begins, np.arange(50, 90))], DAY)
    assert told == pytest.approx(252, abs=2)


def test_a_split_that_nobody_told_of() -> None:
    """Of raw prices a buyer had lost three quarters in a night, and no word said that it was none."""
    ns = weekdays(1)[0]
    source = Source("AAA", "raw.csv", 100, ns, ns + 140 * DAY, 86_400, "", leap_ns=ns, leap_ratio=0.25)
    day = datetime.fromtimestamp(ns // NS, UTC).date()
    assert f"AAA: from {day} on prices are 0.25 times those before, as after a split" in said(data=(source,))
    assert "split" not in said()


def test_a_model_that_was_trained_on_what_it_is_run_over() -> None:
    first_ns = backtest().first_ns
    assert "model" not in said(model="abc", model_until_ns=first_ns - 1)
    text = said(model="abc", model_until_ns=first_ns + 30 * DAY)
    assert "model abc was trained on data up to 2024-02-01" in text and "in-sample" in text
    assert "nobody knows which data model abc was trained on" in said(model="abc", model_until_ns=0)
    assert "model" not in said(model="abc")


def test_trials() -> None:
    assert of_trials(1, 0.2) == []
    assert of_trials(50, 0.96) == []
    assert "50 trials: a probability of 20 %" in of_trials(50, 0.2)[0]
    assert "too little data" in of_trials(50, None)[0]


def test_exits_nearer_than_a_bar_is_wide() -> None:
    trades = tuple(trade("AAA" if at % 2 else "BBB", net=1.0) for at in range(FEW_TRADES))
    assert said(trades=trades, median_bar_pct=2.14, stop_loss_pct=0.5, take_profit_pct=3.0) == (
        "the stop of 0.5 % lies inside the median bar (2.1 %): most trades end in the bar they begin"
    )
    both = said(trades=trades, median_bar_pct=2.14, stop_loss_pct=0.5, take_profit_pct=1.0)
    assert both.startswith("the stop of 0.5 % and the target of 1 % lie inside")
    assert said(trades=trades, median_bar_pct=0.3, stop_loss_pct=0.5, take_profit_pct=1.0) == ""
    assert said(trades=trades, stop_loss_pct=0.5, take_profit_pct=1.0) == ""
