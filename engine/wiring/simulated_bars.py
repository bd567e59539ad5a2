"""Bars of the simulated venue's past: its events through the desk's own features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from engine.bar_merge import BarMerge, Merged, Provenance
from engine.config import FeaturesConfig
from engine.events import NS, Quote, Trade
from engine.feature_table import COLUMN
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.feeds.simulation.venue import SimulatedVenue
from engine.models.training.label import Series
from engine.ticks import QUOTE, TICK, TRADE, pack_tick

START_NS = 1_700_000_000 * NS
"""The simulated past begins here whenever it is run: the same seed gives the same bars."""
CHUNK_S = 10

_PRICES = [COLUMN[name] for name in ("open", "high", "low", "close", "volume")]
_FILLED = COLUMN["filled"]

_Boundary = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


def simulated_bars(
    symbols: Sequence[str],
    seconds: int,
    seed: int,
    features: FeaturesConfig,
    progress: Callable[[float, str], None],
    merge: BarMerge | None = None,
) -> dict[str, Series]:
    """Bars of ``features.bar_s`` of each symbol over ``seconds`` of the simulated venue, as the desk makes
    them; with ``merge`` those that it makes of these, a new one. Raises FeedError."""
    venue = SimulatedVenue(symbols, seed=seed, start_ns=START_NS)
    engine = FeatureEngine(features)
    names = [spec.symbol for spec in venue.instruments()]
    index = {name: engine.add_symbol(name) for name in names}
    found: list[_Boundary] = []
    for second in range(0, seconds, CHUNK_S):
        progress(second / seconds, "simulating the venue")
        until = START_NS + min(second + CHUNK_S, seconds) * NS
        block = _pack([e for e in venue.advance(until) if isinstance(e, Trade | Quote)], index)
        position, code = 0, -1
        while code != NONE:
            code, position, _ = engine.feed(block, position, len(block))
            if code == BARS:
                found += _closed(engine, merge)
        while engine.advance(until) != NONE:
            found += _closed(engine, merge)
    if not found:
        return {}
    rows, opens, values = (np.concatenate(column) for column in zip(*found, strict=True))
    return {
        name: Series(opens[rows == row], values[rows == row, :6].copy(), values[rows == row, 6] > 0.0)
        for row, name in enumerate(names)
        if (rows == row).any()
    }


def _closed(engine: FeatureEngine, merge: BarMerge | None) -> list[_Boundary]:
    table = engine.closed_table()
    vwaps = engine.last_vwaps(table.indices)
    if merge is not None:
        return [_boundary(one) for one in merge.take(table, vwaps)]
    if not len(table):
        return []
    values = np.column_stack((table.values[:, _PRICES], vwaps, table.values[:, _FILLED]))
    return [(table.indices, table.bar_start_ns, values)]


def _boundary(merged: Merged) -> _Boundary:
    filled = merged.provenance == Provenance.FILLED
    opens = np.full(len(merged.indices), merged.start_ns)
    return merged.indices, opens, np.column_stack((merged.values, filled))


def _pack(events: Sequence[Trade | Quote], index: dict[str, int]) -> npt.NDArray[np.void]:
    buffer = bytearray(len(events) * TICK.itemsize)
    for at, event in zip(range(0, len(buffer), TICK.itemsize), events, strict=True):
        times, symbol = (event.recv_ns, event.event_ns), index[event.symbol]
        if isinstance(event, Trade):
            pack_tick(
                *(buffer, at, *times, event.trade_id, symbol, TRADE, 0, event.aggressor, 0),
                *(event.price, event.size, 0.0, 0.0),
            )
        else:
            pack_tick(
                *(buffer, at, *times, -1, symbol, QUOTE, 0, 0, 0),
                *(event.bid, event.ask, event.bid_size, event.ask_size),
            )
    return np.frombuffer(buffer, TICK)
