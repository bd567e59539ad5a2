"""Small tapes: lines of a capture, and columnar ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engine.feeds.columnar import ColumnarWriter
from engine.ticks import TICK


def binance_trade(trade_id: int, symbol: str = "BTCUSDT") -> str:
    data = {"e": "trade", "E": 1, "s": symbol, "t": trade_id, "p": "1.5", "q": "2", "T": trade_id, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": data}, separators=(",", ":"))


def row(t: int | None, raw: str | None, ch: str = "ws", **more: str) -> str:
    return json.dumps({"t": t, "ch": ch, **more, "raw": raw}) + "\n"


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def columnar(path: Path, symbols: list[str], ns: list[int]) -> Path:
    ticks = np.zeros(len(ns), TICK)
    ticks["recv_ns"] = ns
    ticks["symbol"] = np.arange(len(ns)) % len(symbols)
    with ColumnarWriter(path, symbols) as writer:
        writer.write(ticks)
    return path
