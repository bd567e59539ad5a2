"""The re-written capture and the samples of Coinbase Advanced Trade: every frame, faults put into them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.events import BookStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.coinbase_advanced import AdvancedDecoder, CoinbaseAdvanced
from engine.feeds.tape import Tape

pytestmark = pytest.mark.data


def rows(data_dir: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data_dir / f"feeds/coinbase/{name}.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


DERIVED = "advanced_DERIVED_5products"


def test_the_capture_decodes_without_a_gap(data_dir: Path) -> None:
    decoder, out = AdvancedDecoder(), list[MarketEvent]()
    for row in rows(data_dir, DERIVED):
        decoder.decode(row["raw"], row["t"], out)
    assert (decoder.malformed, decoder.sequence_gaps, decoder.books.crossed, len(decoder.books)) == (
        0,
        0,
        0,
        5,
    )
    assert sum(isinstance(event, Trade) for event in out) == 84
    assert sum(isinstance(event, Quote) for event in out) > 1000
    assert not any(isinstance(event, BookStatus | Malformed) for event in out)
    assert decoder.check.compared >= 20 and decoder.check.differed == 0
    tape = Tape([data_dir / f"feeds/coinbase/{DERIVED}.jsonl.gz"])
    assert tape.venue == "coinbase-advanced"
    assert sum(len(batch) for batch in tape.batches()) == len(out) and tape.undecodable == 0


@pytest.mark.parametrize("fault", ["dropped", "swapped"])
def test_each_lost_message_of_the_capture_is_told_by_the_next(data_dir: Path, fault: str) -> None:
    frames = [(row["raw"], row["t"]) for row in rows(data_dir, DERIVED)]
    for at in range(200, len(frames) - 2, 701):
        decoder = AdvancedDecoder()
        for raw, ns in frames[:at]:
            decoder.decode(raw, ns, [])
        books, out = len(decoder.books), list[MarketEvent]()
        decoder.decode(*frames[at + 1], out)
        wrong = [one for one in out if isinstance(one, BookStatus) and not one.live]
        assert len(wrong) == books > 0 and len(decoder.books) == 0 and decoder.sequence_gaps == 1
        if fault == "swapped":
            decoder.decode(*frames[at], out)
            assert len(decoder.books) == 0


def test_doubled_messages_of_the_capture_change_no_book(data_dir: Path) -> None:
    once, twice = AdvancedDecoder(), AdvancedDecoder()
    for row in rows(data_dir, DERIVED):
        once.decode(row["raw"], row["t"], [])
        for _ in range(2):
            twice.decode(row["raw"], row["t"], [])
    assert twice.sequence_gaps == 0 and len(twice.books) == 5
    for product in ("SKL-USD", "SKL-BTC", "BAND-GBP", "YFI-BTC", "DASH-BTC"):
        first, second = (one.books.get(f"coinbase-advanced:{product}") for one in (once, twice))
        assert first is not None and second is not None and first.bids.levels == second.bids.levels


def test_the_samples_decode(data_dir: Path) -> None:
    venue = CoinbaseAdvanced(FeedConfig(symbols=("BTC-USD",)))
    bad: list[str] = []
    replies: dict[str, bytes] = {}
    for row in rows(data_dir, "advanced_samples"):
        if row["kind"].startswith("http_"):
            replies[row["kind"]] = row["raw"].encode()
            continue
        out = list[MarketEvent]()
        AdvancedDecoder().decode(row["raw"], 7, out)
        bad += [row["kind"] for event in out if isinstance(event, Malformed)]
    assert bad == []
    assert venue.parse_instruments(replies["http_products"])[0].tick_size == Decimal("0.01")
    quote = venue.parse_quote("BTC-USD", replies["http_product_book"], 1)
    assert (quote.bid, quote.ask) == (68923.66, 68923.67)
    assert [one.closed for one in venue.parse_candles("BTC-USD", 3600, replies["http_candles"], 2**62)] == [
        True
    ] * 2
    last = venue.parse_trades("BTC-USD", replies["http_ticker"], 1)[-1]
    assert last.price == quote.ask and last.aggressor == 1  # at the best offer, which the maker SELLs: bought
