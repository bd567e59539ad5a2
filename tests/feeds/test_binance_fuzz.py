"""Ten thousand broken frames of each of Binance's venues: none raises, none brings a bad tick."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.events import Candle, Depth, Malformed, MarketEvent, Quote, Trade
from engine.feeds.binance import BinanceDecoder
from engine.feeds.binance_book import MOST_HELD
from engine.feeds.binance_futures import BinanceFuturesDecoder
from engine.feeds.binance_streams import StreamDecoder
from engine.feeds.capture import read_row
from engine.feeds.lines import LineChunks
from engine.text import clean
from engine.ticks import TRADE, pack_tick

FRAMES = 10_000
_MEMORY = 24 << 20
_NUMBERS = (
    "0", "-1", "1e400", "-0.0", "NaN", "Infinity", "1e-400", "9" * 40, "9223372036854775808", '""', '"nan"',
    '"inf"', '"-5"', '"0"', '"1e999"', "null", "true", "[]", "{}", '"\\ud800"', '"\\u202e1"',
)  # fmt: skip
_BYTES = (
    b'"',
    b"{",
    b"]",
    b"}}",
    b"-",
    b"1e400",
    b"null",
    b"\x00",
    b"\xf0\x9f",
    b"\xff\xfe",
    b"\\",
    b",,",
    b"@",
)


def real(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Frames and (symbol, snapshot) as the venue sent them, some of every channel."""
    frames: list[str] = []
    snapshots: list[tuple[str, str]] = []
    for name, limit in (("spot_multi_20211012", 400), ("spot_btcusdt_20240808-09", 1500)):
        rows = (
            read_row(line) for chunk in LineChunks(folder / f"{name}.jsonl.gz") for line in chunk.splitlines()
        )
        for row, _ in zip(rows, range(limit), strict=False):
            assert row is not None
            if row.ch == "ws" and row.raw is not None:
                frames.append(row.raw)
            elif row.raw is not None and "/depth?symbol=" in row.url:
                snapshots.append((row.url.partition("symbol=")[2].partition("&")[0], row.raw))
    samples = next(iter(LineChunks(folder / "samples.jsonl.gz"))).splitlines()
    frames += [json.loads(line)["raw"][:4000] for line in samples]
    return frames, snapshots


def as_futures(frames: Sequence[str]) -> list[str]:
    """The same in the futures' shape: updates name the one before them, quotes have a time."""
    out, last = [], dict[str, int]()
    for raw in frames:
        frame = json.loads(raw)
        data = frame.get("data") if isinstance(frame, dict) else None
        if isinstance(data, dict) and data.get("e") == "depthUpdate":
            data["pu"], data["T"] = last.get(data["s"], data["U"] - 1), data["E"]
            last[data["s"]] = data["u"]
        elif isinstance(data, dict) and "bookTicker" in frame["stream"]:
            data |= {"e": "bookTicker", "E": 1723161255343, "T": 1723161255342}
        elif isinstance(data, dict) and data.get("e") == "trade":
            data["X"] = "MARKET"
        out.append(json.dumps(frame, separators=(",", ":")))
    return out


def broken(raw: str, rng: random.Random) -> str | bytes:
    """One to three things go wrong."""
    data = bytearray(raw[:6000].encode())
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 30)]
            case 2:
                data[at:at] = rng.choice(_BYTES)
            case 3:
                del data[at:]
            case 4:  # a value
                colons = [place for place, byte in enumerate(data) if byte == 0x3A]
                if colons:
                    start = rng.choice(colons) + 1
                    end = min(
                        (p for p in (data.find(b",", start), data.find(b"}", start)) if p > 0), default=start
                    )
                    data[start:end] = rng.choice(_NUMBERS).encode()
            case 5:  # a symbol of its own
                name = f"X{rng.randrange(10**9)}".encode()
                data = data.replace(b"BTCUSDT", name).replace(b"btcusdt", name.lower())
            case _:
                data = data + data[: rng.randrange(200)]
    return bytes(data) if rng.random() < 0.7 else bytes(data).decode("utf-8", "surrogateescape")


def check(event: MarketEvent) -> None:
    if isinstance(event, Trade):
        assert good(event.price, event.size) and event.aggressor in (-1, 1)
        pack_tick(bytearray(64), 0, 1, event.event_ns, event.trade_id, 0, TRADE, 0, 1, 0, 1, 1, 0, 0)
    elif isinstance(event, Quote):
        assert good(event.bid, event.bid_size, event.ask, event.ask_size)
    elif isinstance(event, Depth):
        assert all(good(*level) for level in (*event.bids, *event.asks))
        prices = [price for price, _ in reversed(event.bids)] + [price for price, _ in event.asks]
        assert prices == sorted(set(prices))
    elif isinstance(event, Candle):
        assert good(event.open, event.high, event.low, event.close) and 0 <= event.volume < math.inf
    elif isinstance(event, Malformed):
        assert clean(event.excerpt, 120) == event.excerpt and clean(event.error, 120) == event.error


def good(*numbers: float) -> bool:
    return all(0.0 < number < math.inf for number in numbers)


@pytest.mark.data
@pytest.mark.parametrize("subscribed", [True, False], ids=["live", "tape"])
@pytest.mark.parametrize("make", [BinanceDecoder, BinanceFuturesDecoder])
def test_ten_thousand_broken_frames(
    make: Callable[..., StreamDecoder], subscribed: bool, data_dir: Path
) -> None:
    frames, snapshots = real(data_dir / "feeds/binance")
    if make is BinanceFuturesDecoder:
        frames = as_futures(frames)
    rng = random.Random(11)
    decoder = make(("BTCUSDT", "NKNUSDT") if subscribed else None)
    out: list[MarketEvent] = []
    ticks = depths = 0
    for number in range(FRAMES):
        raw = frames[number % len(frames)]
        decoder.decode(raw, number, out)
        decoder.decode(broken(raw, rng), number, out)
        if number % 20 == 0:
            native, body = rng.choice(snapshots)
            text = body if rng.random() < 0.5 else broken(body[:5000], rng)
            decoder.book_snapshot(
                native, text if isinstance(text, bytes) else text.encode("utf-8", "replace"), number, out
            )
            decoder.wanted = decoder.wanted[-1:] if subscribed else decoder.wanted
        decoder.flush(number * 10**7, out)
        for event in out:
            check(event)
            ticks += isinstance(event, Quote | Trade)
            depths += isinstance(event, Depth)
        out.clear()
    assert ticks > FRAMES / 3 and depths and decoder.malformed > FRAMES / 4
    assert decoder._held <= MOST_HELD and len(decoder._symbols) <= (2 if subscribed else 2048)


@pytest.mark.data
def test_symbols_without_end(data_dir: Path) -> None:
    """Made up by a venue, or by who sits in its place: live none is kept, of a tape a bounded number."""
    frames, _ = real(data_dir / "feeds/binance")
    update = next(raw for raw in frames if "@depth" in raw and "BTCUSDT" in raw)
    for decoder in (BinanceDecoder(["BTCUSDT"]), BinanceDecoder()):
        tracemalloc.start()
        try:
            for number in range(8_000):
                name = f"X{number}"
                decoder.decode(update.replace("BTCUSDT", name).replace("btcusdt", name.lower()), number, [])
            assert tracemalloc.get_traced_memory()[1] < _MEMORY
        finally:
            tracemalloc.stop()
