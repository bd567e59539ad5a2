"""On prices without memory nobody has skill: how often the interval of the Sharpe ratio says so.

Daily bars of a fair random walk, with volumes, run by the whole desk without fees; a strategy that trades
often, and the shipped ones as they are configured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.config import Config, changed
from engine.research.plan import Plan
from engine.research.summary import Summary, summarise
from engine.strategies.registry import STRATEGIES
from engine.wiring.backtest import prepare, run
from tests.bench.registry import Figure, at_least, bench

SEEDS = 100
DAYS = 2_000
FREE = {"paper.taker_fee_bps": 0.0, "paper.maker_fee_bps": 0.0}
"""Costs would be a reason for a ratio below 0."""


def walk(path: Path, seed: int, days: int = DAYS) -> Path:
    """Bars of which the open is fair: the mean of all that may follow is the price itself."""
    random = np.random.default_rng((seed, 0xA11))
    steps = random.standard_normal((days, 8)) * 0.01 / np.sqrt(8)
    logs = np.cumsum(steps.reshape(-1) - 0.0001 / 16).reshape(days, 8)
    prices = 100.0 * np.exp(np.concatenate([np.append(0.0, logs[:-1, -1])[:, None], logs], axis=1))
    dates = np.datetime64("2010-01-01") + np.arange(days)
    columns = (prices[:, 0], prices.max(axis=1), prices.min(axis=1), prices[:, -1])
    path.write_text(
        "date,open,high,low,close,volume\n"
        + "".join(
            f"{date},{o:.6f},{h:.6f},{low:.6f},{c:.6f},1000000\n"
            for date, o, h, low, c in zip(dates, *columns, strict=True)
        )
    )
    return path


def summary(config: Config, path: Path, state_dir: Path, seed: int) -> Summary:
    prepared = prepare(config, Plan(files=(str(path),)), state_dir)
    return summarise(run(config, prepared, detail=False), seed=seed)


def crossing() -> Config:
    """EMA cross alone, without exits of its own."""
    alone = {f"strategies.{name}.enabled": name == "ema_cross" for name in STRATEGIES}
    return changed(Config(), FREE | alone)


def counted(config: Config, scratch: Path, seeds: int) -> tuple[int, float, float]:
    """(how often the interval contains 0, of 100; trades, and width of the interval on average)."""
    inside, trades, widths = 0, [], []
    for seed in range(seeds):
        found = summary(config, walk(scratch / "walk.csv", seed), scratch, seed)
        if found.sharpe_low is None or found.sharpe_high is None:
            continue
        inside += found.sharpe_low <= 0.0 <= found.sharpe_high
        trades.append(found.trades)
        widths.append(found.sharpe_high - found.sharpe_low)
    return inside, float(np.mean(trades)), float(np.mean(widths))


@bench("random_walk")
def random_walk(scratch: Path) -> list[Figure]:
    """The Sharpe ratio's interval on 100 random walks of 2,000 days: how often it contains 0."""
    figures = []
    for name, config in (("EMA cross", crossing()), ("shipped strategies", changed(Config(), FREE))):
        inside, trades, width = counted(config, scratch, SEEDS)
        told = f"{trades:.0f} trades and an interval {width:.2f} wide on average"
        figures.append(
            Figure(f"{name}: intervals that contain 0", inside, "of 100 seeds", at_least(90), told)
        )
    return figures
