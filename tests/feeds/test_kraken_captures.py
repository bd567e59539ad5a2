"""Captures of Kraken, v1 and v2, real and re-written: every frame and checksum, and faults put into them."""

from __future__ import annotations

import gzip
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from engine.config import FeedConfig
from engine.events import BookStatus, Depth, Malformed, MarketEvent, Quote, Trade
from engine.feeds.kraken import Kraken, KrakenDecoder
from engine.feeds.kraken_v1 import KrakenTapeDecoder
from engine.feeds.tape import Tape
from tests.venue_server import Frame, frames_of

pytestmark = pytest.mark.data
V1 = "v1_5pairs_20210417"
V2 = "v2_DERIVED_5pairs_depth1000"
REAL = "v2_real_btcusd_depth10_first60"
"""What is known of them: books with a checksum, trades."""
KNOWN = {V1: (2892, 10), V2: (2897, 0), REAL: (61, 0)}


def frames(data_dir: Path, name: str) -> list[Frame]:
    return frames_of(data_dir / f"feeds/kraken/{name}.jsonl.gz")


def play(decoder: KrakenDecoder, played: list[Frame]) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    for frame in played:
        decoder.decode(frame.raw, frame.ns, out)
    return out


@pytest.mark.parametrize("name", KNOWN)
def test_every_frame_decodes_and_every_checksum_holds(data_dir: Path, name: str) -> None:
    decoder = KrakenTapeDecoder()
    out = play(decoder, frames(data_dir, name))
    checksums, trades = KNOWN[name]
    assert (decoder.checksums, decoder.mismatches, decoder.malformed) == (checksums, 0, 0)
    assert {type(event) for event in out} <= {Trade, Quote, Depth} and decoder.books.crossed == 0
    assert all(event.bid < event.ask for event in out if isinstance(event, Quote))
    assert sum(isinstance(event, Trade) for event in out) == trades


@pytest.mark.parametrize("name", KNOWN)
def test_tapes_read_them_as_kraken(data_dir: Path, name: str) -> None:
    tape = Tape([data_dir / f"feeds/kraken/{name}.jsonl.gz"])
    events = [event for batch in tape.batches() if isinstance(batch, list) for event in batch]
    assert tape.venue == "kraken" and tape.undecodable == 0 and events


def test_both_protocols_tell_the_same_books(data_dir: Path) -> None:
    """The v2 capture is the v1 one re-written: the names change, no level does."""
    old, new = KrakenTapeDecoder(), KrakenDecoder()
    play(old, frames(data_dir, V1)), play(new, frames(data_dir, V2))
    for symbol in ("KSM/BTC", "XMR/USD", "SC/EUR", "ETH/CHF", "WAVES/EUR"):
        first, second = old.books.get(f"kraken:{symbol}"), new.books.get(f"kraken:{symbol}")
        assert first is not None and second is not None and first.depth == second.depth == 1000
        assert first.bids.levels == second.bids.levels and first.asks.levels == second.asks.levels


def test_the_first_ticker_is_near_the_first_book(data_dir: Path) -> None:
    out = play(KrakenTapeDecoder(), frames(data_dir, V1))
    quotes = [event for event in out if isinstance(event, Quote)]
    ticker = next(one for one in quotes if one.symbol == "kraken:KSM/BTC")
    assert (ticker.bid, ticker.ask) == (0.00758, 0.007588) and ticker.ask_size == 1.30832721


def test_the_sample_frames_of_the_socket_decode(data_dir: Path) -> None:
    decoder, bad = KrakenDecoder(), []
    with gzip.open(data_dir / "feeds/kraken/v2_samples.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["kind"].startswith("http_"):
                continue
            out: list[MarketEvent] = []
            decoder.decode(row["raw"], 7, out)
            bad += [row["kind"] for event in out if isinstance(event, Malformed)]
    assert bad == [] and decoder.checksums == 2


def test_the_real_replies_of_rest_decode(data_dir: Path) -> None:
    venue = Kraken(FeedConfig(symbols=("BTC/USDT",)))
    bars = gzip.decompress((data_dir / "feeds/kraken/rest_http_ohlc.json.gz").read_bytes())
    candles = venue.parse_candles("BTC/USDT", 60, bars, 1)
    assert [one.closed for one in candles[-2:]] == [True, False] and len(candles) == 721
    steps = {second.open_ns - first.open_ns for first, second in pairwise(candles)}
    assert steps == {60_000_000_000}
    trades = venue.parse_trades(
        "BTC/USDT", gzip.decompress((data_dir / "feeds/kraken/rest_http_trades.json.gz").read_bytes()), 1
    )
    ids = [trade.trade_id for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids))) and len(ids) > 100


def updates(played: list[Frame]) -> list[int]:
    return [at for at, frame in enumerate(played) if '"channel":"book","type":"update"' in frame.raw]


@pytest.mark.parametrize("fault", ["dropped", "changed", "swapped"])
def test_a_fault_is_told_by_the_first_message_that_shows_it(data_dir: Path, fault: str) -> None:
    """Within ten levels of depth 10, every lost change shows in the next checksum of the symbol."""
    played = frames(data_dir, REAL)
    places = updates(played)
    noticed = 0
    for at in random.Random(1).sample(places[:-2], 25):
        decoder = KrakenDecoder()
        assert all(not isinstance(one, BookStatus) for one in play(decoder, played[:at]))
        first, second = played[at], played[at + 1]
        if fault == "dropped":
            out = play(decoder, [second])
        elif fault == "changed":
            out = play(decoder, [Frame(first.ns, first.raw.replace('"price":2', '"price":3', 1))])
        else:
            out = play(decoder, [second])
        told = [one for one in out if isinstance(one, BookStatus)]
        if told:
            noticed += 1
            assert told[0].quotes and not told[0].live
            assert not any(isinstance(one, Quote | Depth) for one in out[out.index(told[0]) :])
        else:  # the checksum holds without it: the top ten levels are the same with and without
            assert decoder.mismatches == 0
    assert noticed >= 20


def test_a_repeated_delta_changes_nothing(data_dir: Path) -> None:
    decoder = KrakenDecoder()
    doubled = [frame for frame in frames(data_dir, V2) for _ in range(2)]
    assert not any(isinstance(one, BookStatus) for one in play(decoder, doubled))
    assert decoder.mismatches == 0
