"""What all decoders share: live, symbols that were never subscribed stay out; on a tape all come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest

from engine.errors import FeedError
from engine.events import MarketEvent
from engine.feeds.base import InstrumentSpec
from engine.feeds.binance import BinanceDecoder
from engine.feeds.coinbase import CoinbaseDecoder
from engine.feeds.decoder import VenueDecoder
from engine.feeds.kraken import KrakenDecoder
from engine.feeds.venue import chosen
from tests.feeds import test_binance, test_coinbase, test_kraken

KRAKEN_TRADE = (
    '{"channel":"trade","type":"update","data":[{"symbol":"A/B","side":"sell","price":1.5,"qty":2,'
    '"ord_type":"market","trade_id":1,"timestamp":"2023-10-06T17:35:56.123456Z"}]}'
)
KRAKEN_TICKER = (
    '{"channel":"ticker","type":"update","data":[{"symbol":"A/B","bid":1,"bid_qty":2,"ask":3,"ask_qty":4}]}'
)
KRAKEN_BOOK = test_kraken.book("snapshot", test_kraken.ASKS, test_kraken.BIDS, test_kraken.GUIDE_CRC)
CASES: list[tuple[Callable[[Iterable[str] | None], VenueDecoder], str, tuple[str, ...]]] = [
    (
        BinanceDecoder,
        "BTCUSDT",
        (test_binance.TRADE, test_binance.BOOK, test_binance.TRADE, test_binance.BOOK),
    ),
    (CoinbaseDecoder, "BAND-GBP", (test_coinbase.MATCH, test_coinbase.SNAPSHOT)),
    (KrakenDecoder, "A/B", (KRAKEN_TRADE, KRAKEN_TICKER, KRAKEN_BOOK)),
]


def decode(decoder: VenueDecoder, frames: Iterable[str]) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


@pytest.mark.parametrize(("make", "native", "frames"), CASES)
def test_what_was_never_subscribed_is_dropped_and_counted(
    make: Callable[[Iterable[str] | None], VenueDecoder], native: str, frames: tuple[str, ...]
) -> None:
    live, other, tape = make([native]), make(["OTHER"]), make(None)
    expected = decode(tape, frames)
    assert len(expected) == len(frames) and decode(live, frames) == expected
    assert (live.unsubscribed, tape.unsubscribed) == (0, 0)
    assert decode(other, frames) == [] and other.unsubscribed == len(frames) and other.malformed == 0


@pytest.mark.parametrize(("make", "native", "frames"), CASES)
def test_nothing_grows_with_the_symbols_that_a_venue_makes_up(
    make: Callable[[Iterable[str] | None], VenueDecoder], native: str, frames: tuple[str, ...]
) -> None:
    decoder = make(["OTHER"])
    for n in range(50):
        decode(decoder, (frame.replace(native, f"{native}{n}") for frame in frames))
    kept = {name: len(value) for name, value in vars(decoder).items() if isinstance(value, dict)}
    assert kept.pop("_kinds", 0) <= 2  # Binance's streams: of these two
    assert kept.pop("_syncs", 0) <= 1  # and the book that is subscribed
    assert kept.pop("_symbols") == 1 and not any(kept.values()), kept


def test_unknown_symbols_are_named_and_no_others() -> None:
    one, two = (InstrumentSpec(f"v:{name}", Decimal(1), Decimal(1), Decimal(0), "") for name in "AB")
    assert chosen("v", ("B", "A"), [one, two]) == [two, one]
    with pytest.raises(FeedError, match=r"^v does not know the symbol X: correct feeds\.v\.symbols$"):
        chosen("v", ("A", "X", "B"), [one, two])
    with pytest.raises(FeedError, match=r"the symbols X, Y: correct feeds\.v\.symbols \(like A\)$"):
        chosen("v", ("X", "A", "Y"), [one, two], " (like A)")
