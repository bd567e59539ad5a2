"""Resident memory of kernel and screen over fifty million ticks."""

from __future__ import annotations

import resource
from pathlib import Path

from engine.config import FeaturesConfig
from engine.features.engine import NONE, FeatureEngine
from engine.feeds.columnar import Ticks
from engine.market.screen import Screen
from tests.bench.many_symbols import ticks_of
from tests.bench.registry import Figure, Skipped, at_most, bench

_SYMBOLS, _PER_SYMBOL_S = 10, 100
_BLOCK, _FIRST, _TOTAL = 500_000, 5_000_000, 50_000_000


@bench("memory")
def memory(scratch: Path) -> list[Figure]:
    """Kernel and screen over ten symbols: resident memory after 5 M ticks, and what 45 M more add."""
    engine, screen = FeatureEngine(FeaturesConfig()), Screen()
    for number in range(_SYMBOLS):
        engine.add_symbol(f"synthetic:S{number}")
        screen.add_symbol()
    ticks = ticks_of(_SYMBOLS, _BLOCK, _PER_SYMBOL_S)
    span = int(ticks["recv_ns"][-1] - ticks["recv_ns"][0]) + int(ticks["recv_ns"][1] - ticks["recv_ns"][0])
    fed, after = 0, {}
    while fed < _TOTAL:
        _feed(engine, screen, ticks)
        ticks["recv_ns"] += span
        ticks["event_ns"] += span
        fed += _BLOCK
        if fed in (_FIRST, _TOTAL):
            after[fed] = _resident_mb()
    if int(engine.updates.sum()) != _TOTAL:
        raise RuntimeError(f"{engine.updates.sum():,} of {_TOTAL:,} ticks were consumed")
    growth = after[_TOTAL] - after[_FIRST]
    return [
        Figure("resident after 5 M ticks", after[_FIRST], "MB"),
        Figure("growth over 45 M more", growth, "MB", at_most(1.0), f"{after[_TOTAL]:.1f} MB after 50 M"),
    ]


def _feed(engine: FeatureEngine, screen: Screen, ticks: Ticks) -> None:
    stop = len(ticks)
    screen.check(ticks, 0, stop)
    code, position, _ = engine.feed(ticks, 0, stop)
    while code != NONE:
        code, position, _ = engine.feed(ticks, position, stop)


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise Skipped("resident memory is read from /proc/self/statm, which is not here") from None
    return pages * resource.getpagesize() / 1e6
