"""Ticks of any number of symbols, each at the same rate, taking turns: seeded, cheap to make."""

from __future__ import annotations

import numpy as np

from engine.events import NS
from engine.feeds.columnar import Ticks
from engine.ticks import QUOTE, TICK, TRADE

_START_NS = 1_767_225_600 * NS
_TRADE_SHARE = 0.3
_HALF_SPREAD = 0.5e-4
_VOLATILITY = 0.5e-5


def ticks_of(symbols: int, count: int, per_symbol_s: int, start_s: float = 0.0, seed: int = 1) -> Ticks:
    """``count`` ticks (a multiple of ``symbols``) from ``start_s`` on; trades have no ids."""
    random = np.random.default_rng(seed)
    rows = count // symbols
    mid = 100.0 * np.exp(np.cumsum(random.normal(0.0, _VOLATILITY, (rows, symbols)), axis=0)).ravel()
    trade = random.random(mid.size) < _TRADE_SHARE
    side = np.where(random.random(mid.size) < 0.5, 1, -1)
    size = random.exponential(10.0, mid.size) + 1e-6
    out = np.zeros(mid.size, TICK)
    step_ns = NS // (per_symbol_s * symbols)
    out["recv_ns"] = out["event_ns"] = _START_NS + round(start_s * NS) + np.arange(mid.size) * step_ns
    out["trade_id"] = -1
    out["symbol"] = np.tile(np.arange(symbols, dtype=np.int32), rows)
    out["kind"] = np.where(trade, TRADE, QUOTE)
    out["aggressor"] = np.where(trade, side, 0)
    out["a"] = np.where(trade, mid, mid * (1 - _HALF_SPREAD))
    out["b"] = np.where(trade, size, mid * (1 + _HALF_SPREAD))
    out["c"] = out["d"] = np.where(trade, 0.0, size)
    return out
