"""The synthetic tapes: seeded trades and quotes of ten symbols, dense or sparse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.feeds.columnar import ColumnarWriter, Ticks
from engine.ticks import QUOTE, TICK, TRADE

SYMBOLS = tuple(f"synthetic:S{number:02d}-USD" for number in range(10))
PER_SYMBOL_S, SPARSE = 100, 10
"""Ticks per symbol and second."""
TICKS = 5_000_000
SPARSE_TICKS = 1_000_000

_SEED = 20260101
_START_NS = 1_767_225_600 * NS
_FIRST_PRICE = np.array([60_000.0, 3_000.0, 150.0, 0.6, 0.45, 80.0, 7.0, 35.0, 500.0, 12.0])
_VOLATILITY = 0.5e-4
"""Of the log price: half a basis point per square root of a second."""
_HALF_SPREAD = 0.5e-4
_TRADE_SHARE = 0.3
_NOTIONAL = 2_000.0
_BURST_EVERY_S = 30
_BURST_S = 4
_BURST_MOVE = 0.035
_BLOCK_S = 50

Floats = npt.NDArray[np.float64]


def tape(scratch: Path, ticks: int = TICKS, per_symbol_s: int = PER_SYMBOL_S) -> Path:
    """The tape of the first ``ticks`` ticks in ``scratch``, ``per_symbol_s`` of each symbol in a second;
    written at the first call."""
    path = scratch / f"synthetic-{per_symbol_s}-{ticks}.tape"
    if not path.exists():
        part = path.with_suffix(".part")
        with ColumnarWriter(part, SYMBOLS) as writer:
            for block in blocks(ticks, per_symbol_s):
                writer.write(block)
        part.rename(path)
    return path


def blocks(ticks: int, per_symbol_s: int = PER_SYMBOL_S) -> Iterator[Ticks]:
    """The first ``ticks`` ticks, dtype TICK, in blocks of 50 s; symbols take turns."""
    random = np.random.default_rng(_SEED)
    log_price = np.log(_FIRST_PRICE)
    trade_ids = np.zeros(len(SYMBOLS), np.int64)
    rows = _BLOCK_S * per_symbol_s
    size = rows * len(SYMBOLS)
    step_ns = NS // (per_symbol_s * len(SYMBOLS))
    for number, first in enumerate(range(0, ticks, size)):
        moves = random.normal(0.0, _VOLATILITY / per_symbol_s**0.5, (rows, len(SYMBOLS)))
        _add_bursts(moves, number * _BLOCK_S, per_symbol_s)
        path = log_price + np.cumsum(moves, axis=0)
        log_price = path[-1]
        out = _ticks(np.exp(path), trade_ids, random)
        out["recv_ns"] = _START_NS + (first + np.arange(len(out))) * step_ns
        out["event_ns"] = out["recv_ns"] - 1_000_000
        yield out[: ticks - first]


def _add_bursts(moves: Floats, start_s: int, per_symbol_s: int) -> None:
    """Each burst lifts or drops one symbol; a symbol's bursts alternate, so that it stays where it began."""
    for second in range(start_s, start_s + len(moves) // per_symbol_s):
        count, into = divmod(second, _BURST_EVERY_S)
        if into < _BURST_S:
            turn, symbol = divmod(count, len(SYMBOLS))
            at = (second - start_s) * per_symbol_s
            direction = 1 if turn % 2 == 0 else -1
            moves[at : at + per_symbol_s, symbol] += direction * _BURST_MOVE / (_BURST_S * per_symbol_s)


def _ticks(mid: Floats, trade_ids: npt.NDArray[np.int64], random: np.random.Generator) -> Ticks:
    """``mid`` (row, symbol) as ticks without times, row by row; ``trade_ids`` (last given, per symbol) is
    advanced."""
    shape = mid.shape
    trade = random.random(shape) < _TRADE_SHARE
    buys = random.random(shape) < 0.5
    bid, ask = mid * (1 - _HALF_SPREAD), mid * (1 + _HALF_SPREAD)
    size_a, size_b = (random.exponential(_NOTIONAL, shape) / mid + 1e-6 for _ in range(2))
    ids = trade_ids + np.cumsum(trade, axis=0)
    trade_ids[:] = ids[-1]

    out = np.zeros(mid.size, TICK)
    out["symbol"] = np.tile(np.arange(len(SYMBOLS), dtype=np.int32), len(mid))
    out["kind"] = np.where(trade, TRADE, QUOTE).ravel()
    out["trade_id"] = np.where(trade, ids, -1).ravel()
    out["aggressor"] = np.where(trade, np.where(buys, 1, -1), 0).ravel()
    out["a"] = _on_grid(np.where(trade, np.where(buys, ask, bid), bid)).ravel()
    out["b"] = np.where(trade, size_a, _on_grid(ask)).ravel()
    out["c"] = np.where(trade, 0.0, size_a).ravel()
    out["d"] = np.where(trade, 0.0, size_b).ravel()
    return out


def _on_grid(price: Floats) -> Floats:
    return np.round(price, 6)
