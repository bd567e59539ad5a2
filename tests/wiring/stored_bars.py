"""A store of bars for training: random walks of minutes, some that can be learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.events import NS
from engine.store.bar import Bar, Provenance
from engine.store.bars import BARS_DATABASE, BarStore
from tests.models.conftest import bars

START_NS = 1_700_000_040 * NS


def store_walks(
    state_dir: Path,
    symbols: Sequence[str],
    count: int,
    *,
    pull: float = 0.05,
    starts: Mapping[str, int] | None = None,
    vwaps: int | None = None,
) -> None:
    """``count`` minutes of each symbol; of those in ``starts`` only from that minute on. ``vwaps``: only the
    first so many tell theirs."""
    store = BarStore(state_dir / BARS_DATABASE)
    store.start()
    for number, symbol in enumerate(symbols):
        values = bars(count, 70 + number, pull=pull)
        values[count if vwaps is None else vwaps :, 5] = math.nan
        rows = values.tolist()
        first = (starts or {}).get(symbol, 0)
        told = [
            Bar(
                symbol, 60, START_NS + at * 60 * NS, *row, -1, "binance",
                Provenance.FILLED if at % 50 == 49 else Provenance.VENUE, START_NS + count * 60 * NS,
            )
            for at, row in enumerate(rows)
            if at >= first
        ]  # fmt: skip
        store.call(store.page(told))
    store.close()
