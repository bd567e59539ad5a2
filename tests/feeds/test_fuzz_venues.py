"""Ten thousand damaged frames for each of OKX, Bybit and Alpaca: none is uncaught, no bad tick is let
through, nothing grows."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.events import Candle, Depth, Malformed, MarketEvent, Quote, Trade
from engine.feeds.alpaca import AlpacaDecoder
from engine.feeds.bybit import BybitDecoder
from engine.feeds.contract import Contract
from engine.feeds.decoder import VenueDecoder
from engine.feeds.okx import OkxDecoder
from engine.feeds.okx_sums import Sums
from engine.feeds.timestamps import MAX_NS
from engine.text import clean
from engine.ticks import QUOTE, TRADE, pack_tick

FRAMES = 10_000
NASTY: tuple[Any, ...] = (
    "0", "-1", "nan", "NaN", "inf", "-inf", "1e400", "1e-400", "9" * 40, "", " 1", "1_0", "\u0661", "0x10",
    0, -1, 1, 1 << 63, 1 << 64, -(1 << 63), 0.5, 1e308, True, None, [], {}, [[]], "a" * 500, "\x1b[2J",
    "2021-99-99T99:99:99Z",
)  # fmt: skip
REST = ("http", "rest", "trade_updates")
JUNK = (b'"', b"{", b"]", b"-", b"1e400", b"null", b"\x00", b"\xf0\x9f", b"\\ud800", b",")


def okx() -> tuple[VenueDecoder, list[str]]:
    natives = ["BTC-USD-220527", "UNI-USD-SWAP", "BTC-USDT"]
    contracts = dict.fromkeys(natives, Contract(10.0, False))
    return OkxDecoder(natives, sums=Sums(), contracts=contracts), natives


def bybit() -> tuple[VenueDecoder, list[str]]:
    natives = ["XRPUSDT", "BTCUSDT"]
    return BybitDecoder(natives), natives


def alpaca() -> tuple[VenueDecoder, list[str]]:
    natives = ["AAPL", "AMD", "SPY"]
    return AlpacaDecoder(natives, subscriptions=['{"action":"subscribe"}']), natives


CORPORA = {
    okx: ("okx/unisw_btcfut_20220513", "okx/samples"),
    bybit: ("bybit/v5_xrpusdt_ob500_20241201_first15", "bybit/v5_samples"),
    alpaca: ("alpaca/samples",),
}


def corpus(data_dir: Path, names: tuple[str, ...]) -> list[str]:
    """Socket frames, the long ones cut down to levels enough for a book."""
    found: list[str] = []
    for name in names:
        with gzip.open(data_dir / f"feeds/{name}.jsonl.gz", "rt") as lines:
            rows = [row for row in map(json.loads, lines) if row.get("ch", "ws") == "ws"]
        found += [row["raw"] for row in rows if not row.get("kind", "").startswith(REST)]
    return [text if len(text) < 3000 else shortened(text) for text in found]


def shortened(text: str) -> str:
    frame = json.loads(text)
    for holder in frame["data"] if isinstance(frame["data"], list) else [frame["data"]]:
        for side in ("asks", "bids", "a", "b"):
            if side in holder:
                holder[side] = holder[side][:15]
        holder.pop("checksum", None)
    return json.dumps(frame, separators=(",", ":"))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key below ``value``."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from places(inner)


def damaged(text: str, rng: random.Random) -> str | bytes:
    if rng.random() < 0.1:
        return text
    if rng.random() < 0.5:
        try:
            frame = json.loads(text)
        except ValueError:
            return text
        spots = list(places(frame))
        for holder, key in rng.sample(spots, min(len(spots), rng.randint(1, 3))):
            holder[key] = rng.choice(NASTY)
        return json.dumps(frame, separators=(",", ":"), ensure_ascii=rng.random() < 0.5)
    raw = bytearray(text.encode())
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(4):
            case 0:
                raw[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del raw[at : at + rng.randint(1, 20)]
            case 2:
                raw[at:at] = rng.choice(JUNK)
            case _:
                del raw[at:]
    return bytes(raw) if rng.random() < 0.5 else bytes(raw).decode("utf-8", "surrogateescape")


def positive(*figures: float) -> bool:
    return all(0 < one < math.inf for one in figures)


def amount(*figures: float) -> bool:
    return all(0 <= one < math.inf for one in figures)


def check(event: MarketEvent) -> None:
    if isinstance(event, Trade):
        assert positive(event.price, event.size) and event.aggressor in (-1, 0, 1), event
        figures = event.price, event.size, 0.0, 0.0
        pack_tick(
            bytearray(64), 0, 1, event.event_ns, event.trade_id, 0, TRADE, 0, event.aggressor, 0, *figures
        )
        assert 0 <= event.event_ns <= MAX_NS and -1 <= event.trade_id < 1 << 63, event
    elif isinstance(event, Quote):
        assert positive(event.bid, event.ask) and amount(event.bid_size, event.ask_size), event
        figures = event.bid, event.ask, event.bid_size, event.ask_size
        pack_tick(bytearray(64), 0, 1, event.event_ns, 0, 0, QUOTE, 0, 0, 0, *figures)
        assert 0 <= event.event_ns <= MAX_NS
    elif isinstance(event, Depth):
        for side in (event.bids, event.asks):
            assert all(positive(price, size) for price, size in side), event
        assert not event.bids or not event.asks or event.bids[0][0] < event.asks[0][0]
    elif isinstance(event, Candle):
        assert positive(event.open, event.high, event.low, event.close) and amount(event.volume), event
        assert 0 <= event.open_ns <= MAX_NS and 0 <= event.event_ns <= MAX_NS
    elif isinstance(event, Malformed):
        assert clean(event.excerpt, 120) == event.excerpt and clean(event.error, 120) == event.error


@pytest.mark.data
@pytest.mark.parametrize("make", [okx, bybit, alpaca])
def test_damaged_frames(data_dir: Path, make: Callable[[], tuple[VenueDecoder, list[str]]]) -> None:
    rng, frames = random.Random(11), corpus(data_dir, CORPORA[make])
    decoder, natives = make()
    told = malformed = 0
    for at in range(FRAMES):
        out: list[MarketEvent] = []
        decoder.decode(damaged(frames[at % len(frames)], rng), at * 10**8, out)
        decoder.flush(at * 10**8, out)
        assert len(out) < 100
        for event in out:
            check(event)
        told += sum(isinstance(event, Trade | Quote | Depth | Candle) for event in out)
        malformed += sum(isinstance(event, Malformed) for event in out)
        for name, held in vars(decoder).items():
            if isinstance(held, dict | set | list):
                assert len(held) <= len(natives) + 4, name
        assert len(decoder.books) <= len(natives) >= len(decoder.books.broken)
        # As the connection does.
        decoder.outbox.clear()
        if decoder.reconnect:
            decoder, _ = make()
    assert told > FRAMES / 100 and malformed > FRAMES / 20


@pytest.mark.parametrize("make", [okx, bybit, alpaca])
def test_bombs(make: Callable[[], tuple[VenueDecoder, list[str]]]) -> None:
    decoder, _ = make()
    for text in (
        '{"x":' * 100_000,
        "[" * 100_000,
        '{"arg":{"channel":"' + "x" * 10**6,
        "[" + "{}," * 10**5 + "{}]",
    ):
        out: list[MarketEvent] = []
        decoder.decode(text, 1, out)
        assert 0 < len(out) < 30 and all(isinstance(event, Malformed) for event in out)
