"""One rule, three platforms: the EMA cross of daily bars here, on backtrader and on backtesting.py.

Long when the fast average crosses above the slow one and nothing is held, flat when it crosses below; half of
the equity at the close, in thousandths of a share, filled at the next open, without costs. Averages begin
with a simple one, as TA-Lib's.
"""

from __future__ import annotations

import contextlib
import io
import math
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from engine.config import load
from engine.events import NS
from engine.research.plan import Plan
from engine.wiring.backtest import Prepared, prepare, run

FAST, SLOW = 10, 30
CASH, SHARE = 100_000.0, 0.5
LOTS = 1000
"""In a share."""


class Round(NamedTuple):
    """A trade, times in seconds since 1970; money to the cent."""

    entry_s: int
    exit_s: int
    side: str
    quantity: float
    entry_price: float
    exit_price: float
    net: float


class Outcome(NamedTuple):
    trades: list[Round]
    equity: float
    seconds: float


# --- ours ---


def settings(fast: int = FAST, slow: int = SLOW) -> list[str]:
    """``--set`` of the rule: one strategy, no limits that would bind, no exits of the desk's own, no fees."""
    off = ("rapid_rise", "golden_cross", "trend", "mean_reversion", "breakout", "model")
    return [
        f"features.ema_fast={fast}",
        f"features.ema_slow={slow}",
        *(f"strategies.{name}.enabled=false" for name in off),
        *("strategies.ema_cross.enabled=true", "strategies.ema_cross.score=1"),
        "strategies.ema_cross.confidence=1",
        *(f"opportunities.weights.{name}=0" for name in ("speed", "microstructure", "volatility")),
        *(f"risk.{name}=1000" for name in ("max_order_notional_pct", "max_position_pct")),
        *("risk.max_gross_pct=1000", "risk.max_net_pct=1000", "risk.allow_short=false"),
        *("risk.daily_loss_reduce_pct=100", "risk.daily_loss_halt_pct=100", "risk.max_drawdown_pct=100"),
        "risk.market_protection_pct=100",
        *("exits.stop_loss_pct=100", "exits.take_profit_pct=1000", "exits.cooldown_bars=0"),
        *("exits.stop_lock_count=0", "paper.taker_fee_bps=0", "paper.maker_fee_bps=0"),
        *(f"account.order_size_pct={SHARE * 100:g}", f"account.starting_cash={CASH:g}"),
    ]


def prepared(bars: Path, scratch: Path) -> Prepared:
    plan = Plan(files=(f"GOOG={bars}",), participation_pct=100.0)
    return prepare(config(scratch), plan, scratch)


def config(scratch: Path, fast: int = FAST, slow: int = SLOW) -> Any:
    empty = scratch / "empty.toml"
    empty.touch()
    return load(empty, overrides=settings(fast, slow), environ={})


def ours(chosen: Any, data: Prepared, *, detail: bool = True) -> Outcome:
    began = time.perf_counter()
    found = run(chosen, data, detail=detail)
    seconds = time.perf_counter() - began
    trades = [
        Round(
            one.opened_ns // NS,
            one.closed_ns // NS,
            one.side,
            float(one.quantity),
            round(float(one.entry_price), 2),
            round(float(one.exit_price), 2),
            round(float(one.net), 2),
        )
        for one in found.trades
    ]
    return Outcome(trades, round(float(found.final_equity), 2), seconds)


# --- theirs ---


def frame(bars: Path) -> Any:
    import pandas  # type: ignore[import-untyped, unused-ignore]

    return pandas.read_csv(bars, parse_dates=["ts"]).set_index("ts")


class Turn(msgspec.Struct):
    """Which way the averages stand; a turn is what the rule trades on. Equal ones are none."""

    above: bool | None = None

    def of(self, gap: float) -> int:
        """+1 crossed above, -1 below, 0 neither."""
        if gap == 0.0 or gap != gap:
            return 0
        before, self.above = self.above, gap > 0.0
        return 0 if before is None or before is self.above else 1 if self.above else -1


def backtrader(table: Any, fast: int = FAST, slow: int = SLOW) -> Outcome:
    import backtrader as bt

    trades: list[Round] = []

    class Cross(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.fast, self.slow = bt.ind.EMA(period=fast), bt.ind.EMA(period=slow)
            self.turn, self.entry = Turn(), (0, 0.0, 0.0)

        def next(self) -> None:
            turn = self.turn.of(self.fast[0] - self.slow[0])
            if turn > 0 and not self.position:
                units = math.floor(self.broker.getvalue() * SHARE / self.data.close[0] * LOTS + 1e-9)
                self.buy(size=units / LOTS)
            elif turn < 0 and self.position:
                self.close()

        def notify_order(self, order: Any) -> None:
            if order.status != order.Completed:
                return
            when = round((bt.num2date(order.executed.dt) - _EPOCH).total_seconds())
            size, price = order.executed.size, order.executed.price
            if order.isbuy():
                self.entry = when, size, price
            else:
                begun, held, paid = self.entry
                net = round((price - paid) * held, 2)
                trades.append(Round(begun, when, "BUY", held, round(paid, 2), round(price, 2), net))

    began = time.perf_counter()
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=table))
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(CASH)
    cerebro.run()
    seconds = time.perf_counter() - began
    return Outcome(trades, round(cerebro.broker.getvalue(), 2), seconds)


def backtesting(table: Any, fast: int = FAST, slow: int = SLOW) -> Outcome:
    import talib
    from backtesting import Strategy
    from backtesting.lib import FractionalBacktest

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(talib.EMA, self.data.Close, fast)
            self.slow = self.I(talib.EMA, self.data.Close, slow)
            self.turn = Turn()

        def next(self) -> None:
            turn = self.turn.of(self.fast[-1] - self.slow[-1])
            if turn > 0 and not self.position:
                # Prices are of a thousandth.
                self.buy(size=math.floor(self.equity * SHARE / self.data.Close[-1] + 1e-9))
            elif turn < 0 and self.position:
                self.position.close()

    named = table.rename(columns=str.capitalize)[["Open", "High", "Low", "Close", "Volume"]]
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        stats = FractionalBacktest(named, Cross, cash=CASH, fractional_unit=1 / LOTS).run()
        seconds = time.perf_counter() - began
    trades = [
        Round(
            int(row.EntryTime.timestamp()),
            int(row.ExitTime.timestamp()),
            "BUY" if row.Size > 0 else "SELL",
            round(row.Size, 3),
            round(row.EntryPrice, 2),
            round(row.ExitPrice, 2),
            round(row.PnL, 2),
        )
        for row in stats._trades.itertuples()
    ]
    return Outcome(trades, round(stats["Equity Final [$]"], 2), seconds)


_EPOCH = np.datetime64(0, "s").item()
