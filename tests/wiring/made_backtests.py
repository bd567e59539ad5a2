"""Bars out of a seed, prepared for a backtest without a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import Config, load
from engine.events import NS
from engine.research.bar_ticks import Series, pack
from engine.research.plan import Plan
from engine.research.result import Source
from engine.wiring.backtest import Prepared
from engine.wiring.backtest_data import BarData

DAY_S = 86_400
FIRST_DAY = 20_000
STRATEGIES = ("rapid_rise", "golden_cross", "trend", "mean_reversion", "breakout", "ema_cross")


def walk(
    seed: int, count: int, interval_s: int = DAY_S, *, weekends: bool = True, missing: float = 0.0
) -> Series:
    """A random walk on a grid of cents; now and then nothing is traded in a bar."""
    random = np.random.default_rng(seed)
    slots = np.arange(count)
    if weekends:
        slots = slots[slots % 7 < 5]
    slots = slots[random.random(len(slots)) >= missing]
    count = len(slots)
    closes = np.round(100 * np.exp(np.cumsum(random.standard_normal(count) * 0.02)), 2)
    opens = np.round(np.append(closes[:1], closes[:-1]) * (1 + random.standard_normal(count) * 0.005), 2)
    spread = np.abs(random.standard_normal((2, count))) * 0.01
    highs = np.round(np.maximum(opens, closes) * (1 + spread[0]), 2)
    lows = np.round(np.minimum(opens, closes) * (1 - spread[1]), 2)
    volumes = random.choice([0.0, 1e3, 1e6], count, p=[0.05, 0.15, 0.8])
    begins = (slots + FIRST_DAY * DAY_S // interval_s) * interval_s * NS
    return Series(begins, np.stack((opens, highs, lows, closes, volumes), axis=1))


def series(begin_days: Sequence[int], rows: Sequence[Sequence[float]]) -> Series:
    """Daily bars by hand: open, high, low, close, volume."""
    begins = (np.array(begin_days) + FIRST_DAY) * DAY_S * NS
    return Series(begins.astype(np.int64), np.array(rows, np.float64))


def prepared(bars: Sequence[Series], interval_s: int = DAY_S, **packing: Any) -> Prepared:
    symbols = tuple(f"file:S{number}" for number in range(len(bars)))
    ticks: npt.NDArray[np.void] = pack(bars, interval_s, **packing)
    ticks.flags.writeable = False
    sources = tuple(
        Source(symbol, "made", len(one.begin_ns), int(one.begin_ns[0]), int(one.begin_ns[-1]), interval_s, "")
        for symbol, one in zip(symbols, bars, strict=True)
    )
    gap_ns = max(int(np.diff(one.begin_ns).max(initial=interval_s * NS)) for one in bars)
    end_ns = max(one.last_ns for one in sources) + interval_s * NS
    data = BarData(interval_s, symbols, tuple(bars), ticks, gap_ns / NS, end_ns, ticks[:0])
    folder = config().strategies_dir  # where there is none of a user's
    return Prepared(Plan(files=("made",)), Path("/nowhere"), data, None, sources, (), without_users=folder)


def config(on: Sequence[str] = ("ema_cross",), *settings: str) -> Config:
    """With these strategies alone, and limits that seldom bind."""
    chosen = [f"strategies.{name}.enabled={str(name in on).lower()}" for name in (*STRATEGIES, "model")]
    wide = ("max_order_notional_pct=100", "max_position_pct=200", "max_gross_pct=500", "max_net_pct=500")
    limits = [f"risk.{one}" for one in (*wide, "market_protection_pct=50")]
    return load(Path("/dev/null"), overrides=[*chosen, *limits, *settings], environ={})
