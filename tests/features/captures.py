"""The captured Binance day as packed ticks, decoded with plain json, apart from the feed's own decoder."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.ticks import QUOTE, TICK, TRADE


@cache
def _decoded(path: Path) -> Any:
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if "@trade" not in line and "@bookTicker" not in line:
                continue
            record = json.loads(line)
            frame = json.loads(record["raw"])
            data, ns = frame["data"], record["t"]
            if frame["stream"].endswith("@trade"):
                side = -1 if data["m"] else 1
                price, size = float(data["p"]), float(data["q"])
                rows.append(
                    (ns, data["T"] * 1_000_000, data["t"], 0, TRADE, 0, side, 0, price, size, 0.0, 0.0)
                )
            else:
                rows.append(
                    (
                        ns,
                        0,
                        -1,
                        0,
                        QUOTE,
                        0,
                        0,
                        0,
                        float(data["b"]),
                        float(data["a"]),
                        float(data["B"]),
                        float(data["A"]),
                    )
                )
    return np.array(rows, TICK)


def binance_ticks(data_dir: Path) -> Any:
    """A fresh copy of the day: 19,904 trades and 73,174 quotes of symbol 0."""
    return _decoded(data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz").copy()
