"""What kind of desk a session has: drawn from its seed."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from engine.config import Config, load

_NAMES = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "LTC-USD", "DOT-USD")
_STRATEGIES = ("breakout", "golden_cross", "mean_reversion", "model", "rapid_rise", "trend")


class Drawn(NamedTuple):
    """The terms of one session."""

    names: tuple[str, ...]
    config: Config
    depth_levels: int
    history_s: int
    seconds: float
    """Of the market's time."""
    feed_faults: float
    """How many a second."""
    acts: float
    """Of a person, a second."""
    crashes: float
    """A second."""
    judge_skew: bool
    disk_ms: float
    """Longest way to the disk when it is well."""


def draw(rng: Random) -> Drawn:
    """The terms; everything in them is decided by ``rng``."""
    names = tuple(rng.sample(_NAMES, rng.randint(1, 4)))
    return Drawn(
        names=names,
        config=load(environ={}, overrides=_overrides(rng, names)),
        depth_levels=rng.choice((0, 5, 5, 20)),
        history_s=rng.choice((0, 20, 40)),
        seconds=rng.choice((20.0, 30.0, 45.0)),
        feed_faults=rng.choice((0.0, 0.2, 0.5, 1.0)),
        acts=rng.choice((1.0, 4.0, 8.0)),
        crashes=rng.choice((0.0, 0.1, 0.3)),
        judge_skew=rng.random() < 0.5,
        disk_ms=rng.choice((0.0, 0.0, 5.0, 60.0)),
    )


def _overrides(rng: Random, names: tuple[str, ...]) -> list[str]:
    chosen = [*_market(rng), *_venue(rng), *_exits(rng, names), *_limits(rng, names), *_signals(rng)]
    chosen.append(f"account.order_size_pct={rng.choice((1.0, 2.0, 4.0))}")
    if rng.random() < 0.25:
        chosen += [
            "targets.enabled=true",
            f"targets.longs={rng.randint(1, 2)}",
            f"targets.shorts={rng.randint(0, 2)}",
            f"targets.every_bars={rng.choice((3, 8))}",
            f"targets.gross_pct={rng.choice((20, 60))}",
            f"targets.min_trade_pct={rng.choice((0.0, 0.5))}",
            f"targets.max_turnover_pct={rng.choice((10, 100))}",
        ]
    return chosen


def _market(rng: Random) -> list[str]:
    return [
        f"features.bar_s={rng.choice((0.25, 0.5, 1.0))}",
        f"features.window_s={rng.choice((2.0, 5.0))}",
        "features.ema_fast=3",
        "features.ema_slow=7",
        "features.macd_signal=3",
        "features.rsi_period=5",
        "features.bb_period=8",
        "features.atr_period=5",
        "features.momentum_period=4",
        "features.volume_ma_period=6",
        "features.sma_fast=4",
        "features.sma_slow=9",
    ]


def _venue(rng: Random) -> list[str]:
    return [
        f"paper.taker_fee_bps={rng.choice((0.0, 10.0, 37.5))}",
        f"paper.maker_fee_bps={rng.choice((-1.5, 0.0, 2.0))}",
        f"paper.entry_latency_ms={rng.choice((0.0, 20.0, 20.0, 400.0))}",
        f"paper.response_latency_ms={rng.choice((0.0, 5.0, 5.0, 300.0))}",
        f"paper.feed_latency_ms={rng.choice((0.0, 0.0, 30.0))}",
        f"paper.latency_jitter_ms={rng.choice((0.0, 5.0, 200.0))}",
        f"paper.seed={rng.randrange(1000)}",
        f"paper.order_ttl_s={rng.choice((2.0, 10.0))}",
        f"paper.market_remainder={rng.choice(('rest', 'cancel'))}",
        f"paper.funding_rate_pct={rng.choice((0.0, 0.01, -0.05))}",
        f"paper.funding_interval_h={rng.choice((0.01, 8.0))}",
    ]


def _exits(rng: Random, names: tuple[str, ...]) -> list[str]:
    chosen = [
        f"exits.stop_loss_pct={rng.choice((0.05, 0.5, 5.0))}",
        f"exits.take_profit_pct={rng.choice((0.05, 1.0, 10.0))}",
        f"exits.trailing_stop_pct={rng.choice((0.0, 0.0, 0.1, 0.5))}",
        f"exits.max_holding_s={rng.choice((0.0, 0.0, 4.0, 15.0))}",
        f"exits.sweep_s={rng.choice((1.0, 5.0))}",
        f"exits.cooldown_bars={rng.choice((0, 2))}",
        f"exits.stop_lock_count={rng.choice((0, 2, 4))}",
    ]
    if rng.random() < 0.3:
        chosen.append(f'exits.symbols={{"sim:{names[0]}"={{trailing_stop_pct=0.08, max_holding_s=6.0}}}}')
    return chosen


def _limits(rng: Random, names: tuple[str, ...]) -> list[str]:
    chosen = [
        f"risk.stale_data_s={rng.choice((1.0, 3.0))}",
        f"risk.allow_short={rng.choice(('true', 'true', 'false'))}",
        f"risk.duplicate_window_s={rng.choice((0.01, 1.0))}",
        f"risk.daily_loss_reduce_pct={rng.choice((0.2, 3.0, 4.0))}",
        f"risk.repeat_limit={rng.choice((5, 20, 1000))}",
    ]
    if rng.random() < 0.75:
        chosen += [
            "risk.max_order_notional_pct=50",
            "risk.max_position_pct=200",
            "risk.max_gross_pct=500",
            "risk.max_net_pct=500",
            "risk.price_collar_pct=20",
            "risk.market_protection_pct=5",
            "risk.max_orders_per_s=100",
            "risk.order_burst=200",
            "risk.max_drawdown_pct=50",
        ]
    if rng.random() < 0.3:
        chosen.append(f'risk.symbols={{"sim:{names[-1]}"={{max_position_pct=4, max_open_orders=3}}}}')
    if rng.random() < 0.3:
        chosen.append("risk.strategies={trend={max_order_notional_pct=1}}")
    return chosen


def _signals(rng: Random) -> list[str]:
    chosen = [
        f"opportunities.min_score={rng.choice((0.0, 0.1, 0.3))}",
        f"opportunities.min_confidence={rng.choice((0.0, 0.2))}",
        f"opportunities.dedupe_s={rng.choice((0.5, 3.0))}",
        f"opportunities.ttl_s={rng.choice((1.0, 10.0))}",
        "strategies.trend.min_gap_atr=0.2",
        "strategies.trend.min_momentum_atr=0.2",
        "strategies.trend.cooldown_s=1",
        "strategies.mean_reversion.oversold=45",
        "strategies.mean_reversion.overbought=55",
        "strategies.mean_reversion.cooldown_s=1",
        "strategies.breakout.channel_bars=6",
        "strategies.breakout.min_margin_atr=0",
        "strategies.breakout.min_volume_ratio=0.5",
        "strategies.breakout.cooldown_s=1",
        "strategies.rapid_rise.min_change_pct=0.05",
        "strategies.rapid_rise.min_notional=0",
        "strategies.rapid_rise.falls=true",
        "strategies.rapid_rise.cooldown_s=0.5",
    ]
    chosen += [f"strategies.{name}.enabled=false" for name in _STRATEGIES if rng.random() < 0.4]
    if rng.random() < 0.3:
        chosen.append(f"strategies.{rng.choice(_STRATEGIES)}.budget_pct={rng.choice((1.0, 5.0))}")
    return chosen
