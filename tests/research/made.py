"""Backtests by hand, for what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.events import NS
from engine.research.plan import Plan
from engine.research.result import Backtest, Chart, Deal, Held, Rejects, Source, Trade

DAY = 86_400 * NS
START = 1_704_153_600 * NS
"""Tuesday, 2 January 2024."""


def weekdays(count: int, first_ns: int = START) -> list[int]:
    """Beginnings of so many days from Monday to Friday."""
    days: list[int] = []
    day = first_ns
    while len(days) < count:
        if (day // DAY + 3) % 7 < 5:  # 1970-01-01 was a Thursday
            days.append(day)
        day += DAY
    return days


def trade(symbol: str = "AAA", net: float = 10.0, opened_ns: int = START, **others: Any) -> Trade:
    made: dict[str, Any] = {
        "symbol": symbol,
        "side": "BUY",
        "quantity": "1",
        "entry_price": "100",
        "exit_price": str(100 + net),
        "opened_ns": opened_ns,
        "closed_ns": opened_ns + 3 * DAY,
        "realized": str(net),
        "fees": "0",
        "funding": "0",
        "net": str(net),
        "return_pct": net,
        "purpose": "signal",
        "strategies": (("golden_cross", str(net)),),
        "sources": (("golden_cross", 0.75), ("trend", 0.25)),
    }
    return Trade(**(made | others))


def deal(symbol: str = "AAA", ns: int = START, side: str = "BUY", price: str = "100") -> Deal:
    return Deal(
        ns, symbol, side, "1", price, "0.1", ns - 1, float(price), "entry", ("golden_cross",), "o1", "p1"
    )


def backtest(returns: Sequence[float] | None = None, **others: Any) -> Backtest:
    """Daily bars of a market that closes, from 10,000 on; by default a year of a seeded random walk."""
    if returns is None:
        returns = (np.random.default_rng(3).standard_normal(252) * 0.01).tolist()
    begins = weekdays(len(returns))
    equity = 10_000.0 * np.cumprod(1.0 + np.array(returns))
    final = float(equity[-1]) if len(returns) else 10_000.0
    made: dict[str, Any] = {
        "plan": Plan(files=("AAA=aaa.csv",)),
        "config_sha256": "ab" * 32,
        "strategies": ("golden_cross", "trend"),
        "data": (Source("AAA", "aaa.csv", len(begins), begins[0], begins[-1], 86_400, "cd" * 32),),
        "first_ns": begins[0],
        "last_ns": begins[-1] + DAY,
        "currency": "USD",
        "starting_cash": "10000",
        "final_equity": repr(final),
        "step_ns": DAY,
        "ns": tuple(begin + DAY for begin in begins),
        "equity": tuple(equity.tolist()),
        "exposure": (50.0,) * len(begins),
        "benchmark": tuple((10_000.0 * (1.0 + 0.001 * np.arange(1, len(begins) + 1))).tolist()),
        "deals": (deal(), deal(ns=START + 3 * DAY, side="SELL", price="110")),
        "trades": tuple(trade(net=(-1.0) ** at * (5.0 + at), opened_ns=START + at * DAY) for at in range(4)),
        "held": (),
        "realized": repr(final - 10_000.0),
        "unrealized": "0",
        "fees": "12.5",
        "funding": "0",
        "traded": "25000",
        "slippage_bps": 1.25,
        "funnel": {"trades": 10, "orders": 4, "fills": 4},
        "denied": {"MAX_POSITION": 3},
        "dropped": {"BELOW_THRESHOLD": 7},
        "ticks": 1000,
        "seconds": 0.5,
        "sha256": "ef" * 32,
    }
    return Backtest(**(made | others))


def charts(count: int = 60) -> tuple[Chart, ...]:
    closes = 100.0 + 5.0 * np.sin(np.arange(count) / 6.0)
    opens = np.append(closes[0], closes[:-1])
    return (
        Chart(
            "AAA",
            86_400.0,
            tuple(weekdays(count)),
            tuple(opens.tolist()),
            tuple((np.maximum(opens, closes) + 1).tolist()),
            tuple((np.minimum(opens, closes) - 1).tolist()),
            tuple(closes.tolist()),
        ),
    )


def held() -> tuple[Held, ...]:
    return (Held("AAA", "2", "101.5", "103", "3"),)


def rejects() -> tuple[Rejects, ...]:
    return (Rejects("AAA", "high below low", 2, "line 7: high 99 below low 101"),)
