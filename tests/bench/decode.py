"""The venue's decoder alone, its books kept: microseconds per frame over a real capture."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from engine.events import MarketEvent
from engine.feeds.binance import BinanceDecoder
from engine.feeds.binance_book import depth_native
from tests.bench.machine import captured
from tests.bench.registry import Figure, Skipped, at_most, bench

CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"
SYMBOL = "BTCUSDT"
_REPEATS = 5
_GOAL = at_most(10)
_KINDS = {"trade": "trade", "bookTicker": "quote", "depth@100ms": "book"}


class Row(msgspec.Struct):
    t: int
    ch: str
    raw: str
    url: str = ""


Rows = list[tuple[str, bytes, int]]
"""(kind, frame or snapshot as it comes, receive time)."""


def capture() -> Rows:
    """Frames, and the snapshot of the book where REST brought it. Raises Skipped without the capture."""
    with gzip.open(captured(CAPTURE), "rb") as file:
        rows = msgspec.json.Decoder(Row).decode_lines(file.read())
    found = [(_kind(row), row.raw.encode(), row.t) for row in rows if row.ch in ("ws", "http")]
    if not found:
        raise Skipped(f"{CAPTURE} holds no frames")
    return found


def _kind(row: Row) -> str:
    if row.ch == "http":
        return "snapshot" if depth_native(row.url) else "other"
    return _KINDS.get(row.raw[11 : row.raw.find('"', 11)].partition("@")[2], "other")


@bench("decode")
def decode(scratch: Path) -> list[Figure]:
    """Binance frames to events with the book kept, us per frame; by kind, and without books."""
    rows = capture()
    frames = sum(kind != "snapshot" for kind, _, _ in rows)
    runs = [_time(rows, 10) for _ in range(_REPEATS)]
    plain = [_time(rows, 0) for _ in range(_REPEATS)]
    each = 1e6 / frames
    note = f"median of {_REPEATS}, best {min(run.wall_s for run in runs) * each:.2f}; {frames:,} frames, "
    note += f"{runs[0].events:,} events"
    on_cpu = "the same without what other programs took"
    figures = [
        Figure("binance, book kept", median(run.wall_s for run in runs) * each, "us/frame", _GOAL, note),
        Figure(
            "binance, book kept, CPU", median(run.cpu_s for run in runs) * each, "us/frame", _GOAL, on_cpu
        ),
        Figure("binance, no books", median(run.wall_s for run in plain) * each, "us/frame"),
    ]
    return figures + _each(rows)


class Pass(NamedTuple):
    wall_s: float
    cpu_s: float
    events: int


def _time(rows: Rows, book_levels: int) -> Pass:
    decoder = BinanceDecoder(book_levels=book_levels)
    events = 0
    out: list[MarketEvent] = []
    began, began_cpu = time.perf_counter(), time.process_time()
    for kind, raw, recv_ns in rows:
        if kind == "snapshot":
            decoder.book_snapshot(SYMBOL, raw, recv_ns, out)
        else:
            decoder.decode(raw, recv_ns, out)
        if len(out) >= 512:
            events += len(out)
            out.clear()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    if book_levels and (decoder.malformed or not len(decoder.books)):
        raise RuntimeError("the book was not kept")
    return Pass(wall_s, cpu_s, events + len(out))


def _each(rows: Rows) -> list[Figure]:
    """Per frame, the clock's own cost included."""
    decoder = BinanceDecoder()
    took: dict[str, list[int]] = {}
    out: list[MarketEvent] = []
    for kind, raw, recv_ns in rows:
        began = time.perf_counter_ns()
        if kind == "snapshot":
            decoder.book_snapshot(SYMBOL, raw, recv_ns, out)
        else:
            decoder.decode(raw, recv_ns, out)
        took.setdefault(kind, []).append(time.perf_counter_ns() - began)
        out.clear()
    everything = [ns for kind, times in took.items() if kind != "snapshot" for ns in times]
    figures = []
    for kind, times in {"all": everything, **took}.items():
        times.sort()
        for share in (0.5, 0.99) if kind != "snapshot" else (0.5,):
            value = times[min(int(share * len(times)), len(times) - 1)] / 1e3
            figures.append(Figure(f"binance, {kind} p{share * 100:g}", value, "us", note=f"{len(times):,}"))
    return figures
