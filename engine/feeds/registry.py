"""The venues that the desk speaks to. Adding one: its module, and its line here."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.feeds import (
    alpaca,
    alpaca_rest,
    binance,
    binance_futures,
    bybit,
    bybit_rest,
    coinbase,
    coinbase_advanced,
    kraken,
    kraken_v1,
    okx,
    okx_rest,
)
from engine.feeds.base import Feed, InstrumentSpec
from engine.feeds.binance_book import depth_native
from engine.feeds.binance_scan import BinanceScanner
from engine.feeds.contract import Contract
from engine.feeds.decoder import VenueDecoder
from engine.feeds.joined import JoinedFeed
from engine.feeds.pace import Pace
from engine.feeds.venue import Scanner, Venue
from engine.text import clean

if TYPE_CHECKING:
    from engine.feeds.capture import Row
    from engine.feeds.tap import Frame, Tap


class VenueEntry(NamedTuple):
    """What is known of a venue without connecting to it."""

    venue: Callable[[FeedConfig], Venue]
    decoder: Callable[..., VenueDecoder]
    """For a tape: of whatever symbols; see ``tape_decoder``."""
    hosts: tuple[str, ...]
    """What its captures' URLs contain in their host."""
    read_instruments: Callable[[str], list[InstrumentSpec]]
    instruments_path: str
    """How the path of its instruments reply ends, in a capture."""
    frame_heads: tuple[str, ...]
    """What its socket frames begin with."""
    scanner: Callable[[list[str], int], Scanner] | None = None
    """Reads its captures faster than the decoder; made from the table of symbols that it is to fill, and the
    levels of books that are published."""
    book_native: Callable[[str], str] | None = None
    """Of the URL of a REST answer in a capture: the symbol whose book it is, for ``book_snapshot``; "" when
    it is something else. None where the socket brings the snapshots."""
    parts: Callable[[FeedConfig], Sequence[Venue]] | None = None
    """A connection each, for a venue that does not tell everything on one."""
    has_books: bool = True

    frame_mark: str = ""
    """What its socket frames contain besides, where another venue's begin alike."""
    read_contracts: Callable[[str], dict[str, Contract]] | None = None
    """What contracts are, by native symbol, of its instruments reply, where it counts in them."""
    read_names: Callable[[str], dict[str, str]] | None = None
    """By native symbol, of its instruments reply, what REST calls it, where that is another name."""
    in_contracts: Callable[[str], bool] = lambda native: False
    """Whether sizes of a native symbol are contracts."""

    def tape_decoder(self, book_levels: int, contracts: Mapping[str, Contract]) -> VenueDecoder:
        """Of whatever symbols, publishing so many levels of each book; 0: books are passed over."""
        if not self.has_books:
            return self.decoder()
        if self.read_contracts is None:
            return self.decoder(book_levels=book_levels)
        return self.decoder(book_levels=book_levels, contracts=contracts)


VENUES: dict[str, VenueEntry] = {
    "alpaca": VenueEntry(
        alpaca_rest.open_venue,
        alpaca.AlpacaDecoder,
        ("alpaca.markets",),
        alpaca_rest.read_instruments,
        "/assets",
        ('[{"T":"',),
        has_books=False,
    ),
    # Before spot: its hosts contain the names of spot's.
    "binance-futures": VenueEntry(
        binance_futures.BinanceFutures,
        binance_futures.BinanceFuturesDecoder,
        ("fstream.binance.", "fapi.binance."),
        binance_futures.read_instruments,
        "/exchangeInfo",
        (),  # as spot's: only an address tells them apart
        book_native=depth_native,
        parts=binance_futures.parts,
    ),
    "binance": VenueEntry(
        binance.Binance,
        binance.BinanceDecoder,
        ("stream.binance.", "data-stream.binance.", "api.binance.", "data-api.binance."),
        binance.read_instruments,
        "/exchangeInfo",
        ('{"stream":"', '{"e":"'),
        BinanceScanner,
        depth_native,
    ),
    # Before Kraken, whose frames begin alike.
    "coinbase-advanced": VenueEntry(
        coinbase_advanced.CoinbaseAdvanced,
        coinbase_advanced.AdvancedDecoder,
        ("advanced-trade-ws.coinbase.", "api.coinbase.com"),
        coinbase_advanced.read_instruments,
        "/market/products",
        ('{"channel":"',),
        frame_mark='"sequence_num":',
    ),
    "coinbase": VenueEntry(
        coinbase.Coinbase,
        coinbase.CoinbaseDecoder,
        ("exchange.coinbase.", "ws-feed.pro.coinbase."),
        coinbase.read_instruments,
        "/products",
        ('{"type":"',),
    ),
    "kraken": VenueEntry(
        kraken.Kraken,
        kraken_v1.KrakenTapeDecoder,
        ("kraken.com",),
        kraken.read_instruments,
        "/AssetPairs",
        ('{"channel":"', '{"method":"', '{"channelID":', '{"connectionID":', *(f"[{n}" for n in range(10))),
        read_names=kraken.read_names,
    ),
    "bybit": VenueEntry(
        bybit_rest.Bybit,
        bybit.BybitDecoder,
        ("bybit.com",),
        bybit_rest.read_instruments,
        "/instruments-info",
        ('{"topic":"', '{"success":'),
    ),
    "bybit-linear": VenueEntry(
        bybit_rest.BybitLinear,
        bybit.BybitLinearDecoder,
        (),
        bybit_rest.read_linear_instruments,
        "/instruments-info",
        (),
    ),
    "okx": VenueEntry(
        okx_rest.Okx,
        okx.OkxDecoder,
        ("okx.com", "okex.com"),
        okx_rest.read_instruments,
        "/instruments",
        ('{"arg":{', '{"event":"'),
        parts=okx_rest.parts,
        read_contracts=okx_rest.read_contracts,
        in_contracts=lambda native: okx.kind(native) not in ("", "SPOT"),
    ),
}


CCXT = "ccxt-"
"""What the key of a venue begins with that is spoken to by ccxt; its name there follows."""


def ids_rise(venue: str) -> bool:
    """Whether its trades' ids rise by one per symbol: they are an order then, and a hole in them is a loss.
    Not where that is not known: ids only tell trades apart then."""
    entry = VENUES.get(venue)
    return entry is not None and bool(getattr(entry.venue, "consecutive_ids", False))


def tells_instruments(venue: str, frame: Frame | Row) -> bool:
    """Whether it is the venue's answer of what its instruments are."""
    entry = VENUES.get(venue)
    path = frame.url.partition("?")[0].rstrip("/")
    return frame.ch == "http" and entry is not None and path.endswith(entry.instruments_path)


def open_feed(
    venue: str, config: FeedConfig, *, clock: Callable[[], int], rng: random.Random, tap: Tap | None = None
) -> Feed:
    """The live feed of ``venue``; nothing is connected yet. ``clock`` returns ns UTC, ``rng`` draws the
    jitter, ``tap`` takes what comes over its connections (by ccxt: nothing).

    Raises ConfigError for a venue that is not known or a feed without symbols.
    """
    if venue not in VENUES and not venue.startswith(CCXT):
        known = ", ".join(sorted(VENUES))
        raise ConfigError(
            f"feeds.{clean(venue, 40)}: no such venue; the desk knows {known}, and any other that ccxt "
            f"knows as {CCXT}<id>, such as {CCXT}kucoin"
        )
    if not config.symbols:
        raise ConfigError(f"feeds.{venue}.symbols is empty: name at least one symbol in the venue's spelling")
    if venue.startswith(CCXT):
        from engine.feeds.ccxt_feed import CcxtFeed

        return CcxtFeed(venue, config, clock=clock, rng=rng)
    # Imported here: a replay of a tape needs no socket library, and starts faster without.
    from engine.feeds.connection import SocketFeed

    entry = VENUES[venue]
    venues = entry.parts(config) if entry.parts is not None else (entry.venue(config),)
    # A venue's limits are per address of the client, however many connections there are.
    connects, requests = Pace(venues[0].connect_gap_s), Pace(1.0 / venues[0].rest_per_s)
    feeds = [
        SocketFeed(one, config, clock=clock, rng=rng, tap=tap, connects=connects, requests=requests)
        for one in venues
    ]
    if len(feeds) == 1:
        return feeds[0]
    return JoinedFeed(feeds, {at for at, one in enumerate(venues) if "quote" not in one.channels})
