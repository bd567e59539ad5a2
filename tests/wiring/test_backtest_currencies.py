"""Backtests of symbols that are quoted in another currency than the account's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.events import NS
from engine.research.bar_ticks import Series
from engine.research.guards import gaps
from engine.research.plan import Plan
from engine.research.result import Backtest
from engine.research.summary import summarise
from engine.wiring.backtest import prepare, run
from tests.wiring.made_backtests import config, walk

YEN = 150.0
RULES = ("features.ema_fast=2", "features.ema_slow=3", "opportunities.min_score=0.1")
WIDE = ("exits.stop_loss_pct=50", "exits.take_profit_pct=500")


def written(path: Path, bars: Series) -> Path:
    lines = ["ts,open,high,low,close,volume"]
    for begin_ns, row in zip(bars.begin_ns.tolist(), bars.values[:, :5].tolist(), strict=True):
        lines.append(f"{np.datetime64(begin_ns // NS, 's')},{','.join(map(repr, row))}")
    path.write_text("\n".join(lines) + "\n")
    return path


def traded(folder: Path, symbol: str, pair: str, scale: float, price: float, currency: str) -> Backtest:
    """A random walk whose prices are ``scale`` times as high, beside a pair that stays at ``price``."""
    bars = walk(3, 200)
    own = Series(bars.begin_ns, bars.values * np.array([scale, scale, scale, scale, 1.0]))
    rate = Series(bars.begin_ns, np.column_stack([np.full((len(own.begin_ns), 4), price), own.values[:, 4]]))
    files = written(folder / "own.csv", own), written(folder / "rate.csv", rate)
    chosen = config(("ema_cross",), *RULES, *WIDE, f'account.rates={{{currency}="file:{pair}"}}')
    plan = Plan(files=(f"{symbol}={files[0]}", f"{pair}={files[1]}"), participation_pct=100.0)
    return run(chosen, prepare(chosen, plan, folder))


@pytest.mark.parametrize(("pair", "price"), [("USD/JPY", YEN), ("JPY/USD", 1.0 / YEN)])
def test_money_is_in_the_account_s_currency_whichever_way_the_pair_is_quoted(
    pair: str, price: float, tmp_path: Path
) -> None:
    found = traded(tmp_path, "BTC/JPY", pair, YEN, price, "JPY")
    final, start = float(found.final_equity), float(found.starting_cash)
    assert found.equity[-1] == pytest.approx(final, rel=1e-6)
    assert max(found.equity) < 2 * start and min(found.equity) > start / 2
    assert len(found.trades) > 5
    earned = float(found.realized) - float(found.fees) + float(found.funding)
    if not found.held:
        assert sum(float(one.net) for one in found.trades) == pytest.approx(earned, abs=0.05)
    for one in found.trades:
        notional = float(one.entry_price) * float(one.quantity) / YEN
        assert float(one.net) / notional * 100 == pytest.approx(one.return_pct, rel=1e-4, abs=1e-9)
        assert sum(float(net) for _, net in one.strategies) == pytest.approx(float(one.net), abs=1e-6)
    worst = summarise(found, samples=0).worst_trade
    assert worst is not None and worst > -0.1 * start


def test_bars_that_a_market_does_not_have_are_not_missing_beside_one_that_never_closes(
    tmp_path: Path,
) -> None:
    """Shares and currencies rest at the weekend; what trades then lacks three bars in a hundred."""
    always, week = walk(1, 200, weekends=False), walk(2, 200)
    files = [f"AAPL={written(tmp_path / 'share.csv', week)}", f"EUR/USD={written(tmp_path / 'fx.csv', week)}"]
    # Called after their files: no pairs that are quoted in DAILY.
    files += [str(written(tmp_path / "GOOG_daily.csv", week)), str(written(tmp_path / "EURUSD_1d.csv", week))]
    holes = Series(
        np.delete(always.begin_ns, np.arange(40, 46)), np.delete(always.values, np.arange(40, 46), 0)
    )
    files += [f"BTC/USD={written(tmp_path / 'btc.csv', always)}"]
    files += [f"ETH/USD={written(tmp_path / 'eth.csv', holes)}"]
    chosen = config()
    found = run(chosen, prepare(chosen, Plan(files=tuple(files)), tmp_path))
    assert gaps(found) == [("file:ETH/USD", 6, 200)]
