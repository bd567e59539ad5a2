from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.portfolio.performance import YEAR_NS, sharpe
from engine.research.summary import summarise
from tests.research.made import DAY, START, backtest, trade


def test_figures_of_a_known_curve() -> None:
    one = backtest([0.1, -0.5, 0.1, 1.0])
    summary = summarise(one)
    assert summary.return_pct == pytest.approx((1.1 * 0.5 * 1.1 * 2.0 - 1) * 100)
    assert summary.max_drawdown_pct == pytest.approx(50.0)
    assert summary.max_drawdown_days == 3.0  # Tuesday to Friday, when it is above the high again
    assert summary.cagr_pct is None
    assert summary.benchmark_return_pct == pytest.approx(0.4)
    assert summary.excess_return_pct == pytest.approx(summary.return_pct - 0.4)
    assert summary.turnover == pytest.approx(25_000 / np.mean([10_000, *one.equity]) / summary.days)
    assert summary.costs == 12.5
    assert summary.sharpe_low is None
    assert summary.samples == 0


def test_nobody_knows_what_holding_earns_in_a_currency_without_a_rate() -> None:
    one = backtest([0.1, -0.5, 0.1, 1.0])
    summary = summarise(msgspec.structs.replace(one, benchmark=(math.nan,) * len(one.ns)))
    assert summary.benchmark_return_pct is None
    assert summary.benchmark_sharpe is None
    assert summary.benchmark_max_drawdown_pct is None
    assert summary.excess_return_pct is None


def test_ratios_are_those_of_the_console() -> None:
    one = backtest()
    summary = summarise(one, samples=0)
    curve = np.array([10_000.0, *one.equity])
    assert summary.sharpe == pytest.approx(sharpe(curve[1:] / curve[:-1] - 1, YEAR_NS // 252))
    assert summary.periods_per_year == 252
    assert summary.cagr_pct is not None
    assert summary.cagr_pct == pytest.approx(
        ((1 + summary.return_pct / 100) ** (365.25 / summary.days) - 1) * 100
    )
    assert summary.calmar == pytest.approx(summary.cagr_pct / summary.max_drawdown_pct)


def test_intervals_are_around_what_they_are_of() -> None:
    summary = summarise(backtest(), samples=300)
    assert summary.sharpe_low is not None
    assert summary.sharpe_high is not None
    assert summary.sharpe is not None
    assert summary.sharpe_low < summary.sharpe < summary.sharpe_high
    assert summary.mean_low_pct < summary.mean_pct < summary.mean_high_pct  # type: ignore[operator]
    assert summary.cagr_low_pct < summary.cagr_pct < summary.cagr_high_pct  # type: ignore[operator]
    assert summary == summarise(backtest(), samples=300)


def test_trades() -> None:
    nets = [10.0, -5.0, 20.0]
    summary = summarise(backtest(trades=tuple(trade(net=net) for net in nets)), samples=0)
    assert (summary.trades, summary.hit_rate) == (3, pytest.approx(2 / 3))
    assert summary.profit_factor == 6.0
    assert summary.expectancy == pytest.approx(25 / 3)
    assert (summary.best_trade, summary.worst_trade) == (20.0, -5.0)
    assert summary.holding_s == 3 * 86_400


def test_more_trials_deflate() -> None:
    returns = np.random.default_rng(4).standard_normal(500) * 0.01 + 0.001
    once = summarise(backtest(returns.tolist()), samples=0)
    often = summarise(backtest(returns.tolist()), samples=0, trials=200)
    spread = summarise(
        backtest(returns.tolist()), samples=0, trials=200, trial_sharpes=[-1.0, 1.0, None, math.nan, 0.0]
    )
    assert once.probabilistic_sharpe == once.deflated_sharpe == often.probabilistic_sharpe
    assert once.deflated_sharpe > often.deflated_sharpe > spread.deflated_sharpe  # type: ignore[operator]
    assert often.luck_sharpe == pytest.approx(2.75 * math.sqrt(252 / 499), rel=0.01)
    assert any("best of 200 trials" in text for text in often.warnings)


def test_a_run_that_did_nothing() -> None:
    idle = backtest([0.0] * 30, trades=(), deals=(), traded="0", fees="0", slippage_bps=None)
    summary = summarise(idle)
    assert (summary.sharpe, summary.sharpe_low, summary.deflated_sharpe) == (None, None, None)
    assert (summary.return_pct, summary.max_drawdown_pct, summary.expectancy) == (0.0, 0.0, None)


def test_a_run_without_a_curve() -> None:
    empty = backtest([0.01], ns=(), equity=(), exposure=(), benchmark=(), first_ns=START, last_ns=START)
    summary = summarise(empty)
    assert summary.returns == 0
    assert summary.benchmark_return_pct is None
    assert summary.exposure_pct is None


def test_a_ruined_account_is_reported() -> None:
    ruined = backtest([-0.5, -1.5], final_equity="-2500")
    summary = summarise(ruined)
    assert summary.return_pct == -125.0
    assert summary.max_drawdown_pct >= 100.0
    assert summary.sharpe is None


def test_a_summary_is_one_flat_row() -> None:
    row = msgspec.to_builtins(summarise(backtest(), samples=20))
    assert all(not isinstance(value, (dict, tuple)) for name, value in row.items() if name != "warnings")
    assert row["days"] == pytest.approx((backtest().last_ns - START) / DAY)


def test_one_trade_is_no_proof_of_skill() -> None:
    """Its skew alone made the probability 97 %."""
    returns = [0.0] * 200
    returns[100] = 0.01
    once = summarise(backtest(returns), samples=50, trials=20)
    assert once.sharpe is not None and once.sharpe > 0
    assert (once.probabilistic_sharpe, once.deflated_sharpe, once.luck_sharpe) == (None, None, None)
    assert (once.sharpe_low, once.skew, once.samples) == (None, None, 0)
    assert any("too little data to say how much of it is luck" in text for text in once.warnings)
    returns[50:59] = [0.01, -0.01, 0.02, -0.02, 0.01, 0.03, -0.01, 0.01, 0.02]
    often = summarise(backtest(returns), samples=50)
    assert often.probabilistic_sharpe is not None and often.sharpe_low is not None
