"""No frame, however broken, makes a decoder raise; and what it tells of it is clean and short."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Malformed, MarketEvent, Trade
from engine.feeds.binance import BinanceDecoder
from engine.feeds.coinbase import CoinbaseDecoder
from engine.feeds.decoder import VenueDecoder
from engine.feeds.kraken import KrakenDecoder
from engine.feeds.normalised import NormalisedDecoder
from engine.text import clean
from engine.ticks import TRADE, pack_tick
from tests.venue_server import frames_of

DECODERS: tuple[Callable[[], VenueDecoder], ...] = (BinanceDecoder, CoinbaseDecoder, KrakenDecoder)
HEADS = (
    '{"stream":"btcusdt@trade","data":',
    '{"stream":"btcusdt@bookTicker","data":',
    '{"type":"match",',
    '{"type":"ticker",',
    '{"channel":"book","type":"update","data":',
    '{"channel":"trade","type":"update","data":',
    '{"channel":"status","data":',
    '{"method":"subscribe","result":',
    "",
)
json_text = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["s", "t", "p", "q", "T", "m", "symbol", "bids", "price", "qty", "data", "stream"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
).map(json.dumps)


def survive(decoder: VenueDecoder, frame: str | bytes) -> None:
    out: list[MarketEvent] = []
    decoder.decode(frame, 1, out)
    for event in out:
        if isinstance(event, Malformed):
            assert clean(event.excerpt, 120) == event.excerpt and clean(event.error, 120) == event.error


@settings(max_examples=150, deadline=None)
@given(head=st.sampled_from(HEADS), tail=st.text(max_size=40) | json_text, junk=st.binary(max_size=40))
def test_invented_frames(head: str, tail: str, junk: bytes) -> None:
    for make in DECODERS:
        decoder = make()
        for frame in (head + tail, head + tail + "}", junk, head.encode() + junk):
            survive(decoder, frame)
    NormalisedDecoder("tape:A").decode(junk, [])
    NormalisedDecoder("tape:A").decode(tail.encode("utf-8", "replace"), [])


@pytest.mark.parametrize("number", ["1e400", "-1", "9" * 30, "9223372036854775808", "0.5"])
@pytest.mark.parametrize(
    ("make", "frame"),
    [
        (
            BinanceDecoder,
            '{"stream":"a@trade","data":{"e":"trade","s":"A","t":ID,"p":"1","q":"1","T":TIME,"m":true}}',
        ),
        (
            CoinbaseDecoder,
            '{"type":"match","product_id":"A-B","trade_id":ID,"price":"1","size":"1","side":"buy",'
            '"time":"TIME-04-17T16:43:30Z"}',
        ),
        (
            KrakenDecoder,
            '{"channel":"trade","type":"update","data":[{"symbol":"A/B","side":"buy","price":1.0,"qty":1.0,'
            '"trade_id":ID,"timestamp":"TIME-04-17T16:43:30Z"}]}',
        ),
    ],
)
def test_ids_and_times_that_no_tick_can_hold(
    make: Callable[[], VenueDecoder], frame: str, number: str
) -> None:
    for id_text, time_text in ((number, "2021"), ("1", number), ("1", "9999"), ("1", "1500")):
        out: list[MarketEvent] = []
        make().decode(frame.replace("ID", id_text).replace("TIME", time_text), 1, out)
        for event in out:
            if isinstance(event, Trade):
                pack_tick(bytearray(64), 0, 1, event.event_ns, event.trade_id, 0, TRADE, 0, 1, 0, 1, 1, 0, 0)
            else:
                assert isinstance(event, Malformed)


@pytest.mark.parametrize("make", DECODERS)
def test_a_deep_nesting_is_malformed(make: Callable[[], VenueDecoder]) -> None:
    out: list[MarketEvent] = []
    make().decode('{"x":' * 100_000, 1, out)
    assert [type(event) for event in out] == [Malformed]


@pytest.mark.data
@pytest.mark.parametrize(
    ("make", "capture", "limit"),
    [
        (BinanceDecoder, "binance/spot_btcusdt_20240808-09", 1500),
        (CoinbaseDecoder, "coinbase/exchange_5products_20210417", 1500),
        (KrakenDecoder, "kraken/v2_DERIVED_5pairs_depth1000", 1000),
    ],
)
def test_mutilated_real_frames(
    data_dir: Path, make: Callable[[], VenueDecoder], capture: str, limit: int
) -> None:
    rng = random.Random(5)
    decoder = make()
    for frame in frames_of(data_dir / f"feeds/{capture}.jsonl.gz", limit):
        raw = bytearray(frame.raw[:4000].encode())
        for _ in range(rng.randint(0, 3)):
            at = rng.randrange(len(raw))
            match rng.randrange(4):
                case 0:
                    raw[at] = rng.randrange(256)
                case 1:
                    del raw[at : at + rng.randint(1, 20)]
                case 2:
                    raw[at:at] = rng.choice([b'"', b"{", b"]", b"-", b"1e400", b"null", b"\x00", b"\xf0\x9f"])
                case _:
                    del raw[at:]
            if not raw:
                break
        survive(decoder, bytes(raw))
        survive(decoder, bytes(raw).decode("utf-8", "surrogateescape"))
