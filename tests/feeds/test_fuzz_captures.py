"""Ten thousand mutilated real frames per venue: none raises, nothing bad gets in, nothing grows."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from engine.events import BookStatus, Candle, Depth, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.coinbase import CoinbaseDecoder
from engine.feeds.coinbase_advanced import AdvancedDecoder
from engine.feeds.decoder import VenueDecoder
from engine.feeds.kraken import KrakenDecoder
from engine.feeds.kraken_v1 import KrakenTapeDecoder
from engine.feeds.timestamps import MAX_NS
from engine.text import clean
from tests.venue_server import Frame, frames_of, kraken_frames

FRAMES = 10_000
MOST_HELD = 120_000
"""Objects that a decoder may hold at any time: five books of some thousand levels, and little else."""
COINBASE = ("BAND-GBP", "YFI-BTC", "SKL-BTC", "DASH-BTC", "SKL-USD")
KRAKEN = ("WAVES/EUR", "XMR/USD", "KSM/BTC", "SC/EUR", "ETH/CHF")

NUMBER = re.compile(r'(?<=[:,\[])"?-?\d+(?:\.\d+)?"?(?=[,}\]])')
EVIL = (
    "-1", '"-1"', "0", '"0"', "1e400", '"1e400"', '"nan"', '"inf"', "null", '""', "[]", "{}", "true", '"0x1"',
    "9" * 400, '"' + "9" * 400 + '"', "1" + "0" * 18, "-0.0", "1e-400", '"1_0"', '" 1"', "1E+40",
    str(1 << 64),
)  # fmt: skip
JUNK = (b'"', b"{", b"]", b"-", b"1e400", b"null", b"\x00", b"\xf0\x9f", b"\xff", b"\\ud800", b"[" * 2000)


def kraken_v2(feeds: Path) -> list[Frame]:
    return kraken_frames(
        feeds / "kraken/v2_DERIVED_5pairs_depth1000.jsonl.gz", feeds / "kraken/v1_5pairs_20210417.jsonl.gz"
    )


def candles(number: int) -> str:
    minute = number % 60
    return (
        '{"channel":"ohlc","type":"update","timestamp":"2021-04-17T16:48:53.3Z","data":[{"symbol":"SC/EUR","open":1.5,'
        '"high":2.0,"low":1.0,"close":1.5,"trades":3,"volume":7.5,"interval_begin":'
        f'"2021-04-17T16:{minute:02}:00.000000000Z","interval":1}}]}}'
    )


def ticker(number: int) -> str:
    return (
        '{"channel":"ticker","type":"update","data":[{"symbol":"NO/BOOK","bid":1.5,"bid_qty":2.5,"ask":1.6,'
        f'"ask_qty":{number}.5,"timestamp":"2021-04-17T16:48:53.3Z"}}]}}'
    )


CASES: list[tuple[Callable[[], VenueDecoder], Callable[[Path], list[Frame]], Iterable[str]]] = [
    (lambda: CoinbaseDecoder(COINBASE), lambda feeds: frames_of(feeds / EXCHANGE), COINBASE),
    (lambda: AdvancedDecoder(COINBASE, candles=True), lambda feeds: frames_of(feeds / ADVANCED), COINBASE),
    (
        lambda: KrakenDecoder((*KRAKEN, "NO/BOOK")),
        lambda feeds: [
            *kraken_v2(feeds),
            *(Frame(1, make(n)) for n in range(60) for make in (candles, ticker)),
        ],
        (*KRAKEN, "NO/BOOK"),
    ),
    (lambda: KrakenTapeDecoder(KRAKEN), lambda feeds: frames_of(feeds / V1), KRAKEN),
]
EXCHANGE = "coinbase/exchange_5products_20210417.jsonl.gz"
ADVANCED = "coinbase/advanced_DERIVED_5products.jsonl.gz"
V1 = "kraken/v1_5pairs_20210417.jsonl.gz"


def mutilated(text: str, rng: random.Random) -> str | bytes:
    """As it was in one of four; else with other numbers in it, or other bytes."""
    kind = rng.randrange(4)
    if kind == 0:
        return text
    if kind == 1:
        return NUMBER.sub(lambda found: rng.choice(EVIL) if rng.random() < 0.2 else found[0], text[:6000])
    raw = bytearray(text[:4000].encode())
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
    return bytes(raw) if kind == 2 else bytes(raw).decode("utf-8", "surrogateescape")


SEQUENCE = re.compile(r'"sequence_num":\d+')


def venue_of(frames: list[Frame], decoder: VenueDecoder, rng: random.Random) -> Iterator[tuple[str, bool]]:
    """Frames as they go on, some out of order, and whether to mutilate them; the snapshots of books again
    and again where one is missing, so that there is always something to break."""
    snapshots = [one.raw for one in frames if '"snapshot","' in one.raw or '{"as":[' in one.raw]
    for number in range(FRAMES):
        raw = frames[number % len(frames) if rng.random() > 0.02 else rng.randrange(len(frames))].raw
        again = len(decoder.books) < len(snapshots) and rng.random() < 0.1
        numbered = SEQUENCE.sub(f'"sequence_num":{number + 1}', rng.choice(snapshots) if again else raw, 1)
        yield numbered, not again


def held(root: object) -> int:
    """How many objects hang on ``root``: in its attributes and in whatever contains others."""
    seen, todo = {id(root)}, [root]
    for one in todo:
        inner = [getattr(one, name, None) for name in getattr(type(one), "__slots__", ())]
        inner += vars(one).values() if hasattr(one, "__dict__") else []
        if isinstance(one, dict):
            inner += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            inner += one
        for other in inner:
            if not isinstance(other, str | int | float | type) and callable(other):
                continue
            if id(other) not in seen:
                seen.add(id(other))
                todo.append(other)
    return len(seen)


def check(event: MarketEvent, symbols: set[str]) -> None:
    if isinstance(event, Malformed):
        assert clean(event.excerpt, 120) == event.excerpt and clean(event.error, 120) == event.error
        return
    if isinstance(event, FeedStatus):
        assert clean(event.detail, 300) == event.detail
        return
    assert event.symbol in symbols, event
    if isinstance(event, BookStatus):
        assert clean(event.reason, 200) == event.reason
    elif isinstance(event, Trade):
        assert 0 < event.price < math.inf and 0 < event.size < math.inf and event.aggressor in (-1, 0, 1), (
            event
        )
        assert -1 <= event.trade_id < 1 << 63 and 0 <= event.event_ns <= MAX_NS, event
    elif isinstance(event, Quote):
        assert 0 < event.bid < math.inf and 0 < event.ask < math.inf and 0 <= event.event_ns <= MAX_NS, event
        assert all(math.isnan(size) or 0 <= size < math.inf for size in (event.bid_size, event.ask_size)), (
            event
        )
    elif isinstance(event, Depth):
        rows = (*event.bids, *event.asks)
        assert all(0 < price < math.inf and 0 < size < math.inf for price, size in rows), event
        assert not (event.bids and event.asks) or event.bids[0][0] < event.asks[0][0], event
    elif isinstance(event, Candle):
        prices = (event.open, event.high, event.low, event.close)
        assert all(0 < price < math.inf for price in prices) and 0 <= event.volume < math.inf, event
    else:
        raise AssertionError(event)


@pytest.mark.data
@pytest.mark.parametrize(("make", "load", "natives"), CASES)
def test_mutilated_frames(
    data_dir: Path,
    make: Callable[[], VenueDecoder],
    load: Callable[[Path], list[Frame]],
    natives: Iterable[str],
) -> None:
    rng = random.Random(11)
    frames, decoder = load(data_dir / "feeds"), make()
    symbols = {f"{decoder.venue}:{native}" for native in natives}
    kinds = Counter[type]()
    for number, (text, spoil) in enumerate(venue_of(frames, decoder, rng)):
        out: list[MarketEvent] = []
        decoder.decode(mutilated(text, rng) if spoil else text, number * 10_000_000, out)
        decoder.flush(number * 10_000_000, out)
        decoder.outbox.clear()  # as the connection does
        decoder.reconnect = ""
        for event in out:
            check(event, symbols)
            kinds[type(event)] += 1
        if number % 1000 == 999:
            assert held(decoder) < MOST_HELD
    assert {Trade, Quote, BookStatus, Malformed} <= set(kinds) and kinds[Depth] > 300
    assert decoder.malformed > FRAMES // 10


@pytest.mark.parametrize("make", [CoinbaseDecoder, AdvancedDecoder, KrakenDecoder, KrakenTapeDecoder])
@pytest.mark.parametrize(
    "text", ['{"x":' * 50_000, "[" * 50_000, json.dumps({"channel": "book"}), "", "\ud800"]
)
def test_what_is_no_frame_at_all_is_malformed(make: Callable[[], VenueDecoder], text: str) -> None:
    out: list[MarketEvent] = []
    make().decode(text, 1, out)
    assert [type(event) for event in out] == [Malformed]
