"""The venue's decoder alone: microseconds per frame over a real capture."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from statistics import median

import msgspec

from engine.events import MarketEvent
from engine.feeds.binance import BinanceDecoder
from tests.bench.machine import captured
from tests.bench.registry import Figure, Skipped, bench

CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"
_REPEATS = 3


class _Row(msgspec.Struct):
    t: int
    ch: str
    raw: str


@bench("decode")
def decode(scratch: Path) -> list[Figure]:
    """Binance frames to events, us per frame and per event."""
    with gzip.open(captured(CAPTURE), "rb") as file:
        rows = msgspec.json.Decoder(_Row).decode_lines(file.read())
    frames = [(row.raw, row.t) for row in rows if row.ch == "ws"]
    if not frames:
        raise Skipped(f"{CAPTURE} holds no frames")
    runs = [_time(frames) for _ in range(_REPEATS)]
    seconds, events = median(run[0] for run in runs), runs[0][1]
    note = f"median of {_REPEATS}; {len(frames):,} frames, {events:,} events"
    return [
        Figure("binance, all frames", seconds / len(frames) * 1e6, "us/frame", note=note),
        Figure("binance, trades and quotes", seconds / events * 1e6, "us/event", note=note),
    ]


def _time(frames: list[tuple[str, int]]) -> tuple[float, int]:
    """(seconds, events)."""
    read = BinanceDecoder().decode
    events = 0
    out: list[MarketEvent] = []
    began = time.perf_counter()
    for raw, recv_ns in frames:
        read(raw, recv_ns, out)
        if len(out) >= 512:
            events += len(out)
            out.clear()
    return time.perf_counter() - began, events + len(out)
