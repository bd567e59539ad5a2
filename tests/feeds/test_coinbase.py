"""Coinbase Exchange frames and REST replies to events."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import Malformed, MarketEvent, Quote, Trade
from engine.feeds.coinbase import Coinbase, CoinbaseDecoder

MATCH = (
    '{"type":"match","trade_id":881613,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"0.04",'
    '"price":"14.7775","product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}'
)
TICKER = (
    '{"type":"ticker","sequence":1,"product_id":"BAND-GBP","price":"14.7775","best_bid":"14.7550",'
    '"best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}'
)
TIME_NS = 1_618_677_810_244_075_000


def decode(*frames: str | bytes, decoder: CoinbaseDecoder | None = None) -> list[MarketEvent]:
    decoder = decoder or CoinbaseDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


def test_a_match_tells_the_makers_side() -> None:
    assert decode(MATCH) == [Trade("coinbase:BAND-GBP", 881613, 14.7775, 0.04, 1, TIME_NS, 7)]
    (bought,) = decode(MATCH.replace('"sell"', '"buy"'))
    assert isinstance(bought, Trade) and bought.aggressor == -1


def test_the_last_match_before_the_subscription_is_history() -> None:
    (trade,) = decode(MATCH.replace('"match"', '"last_match"'))
    assert isinstance(trade, Trade) and trade.backfilled


def test_a_ticker_without_sizes_quotes_unknown_sizes() -> None:
    (quote,) = decode(TICKER)
    assert isinstance(quote, Quote) and (quote.bid, quote.ask, quote.event_ns) == (14.755, 14.806, TIME_NS)
    assert math.isnan(quote.bid_size) and math.isnan(quote.ask_size)
    (sized,) = decode(TICKER.replace('"side"', '"best_bid_size":"3.5","best_ask_size":"4","side"'))
    assert isinstance(sized, Quote) and (sized.bid_size, sized.ask_size) == (3.5, 4.0)


def test_a_frame_that_names_its_type_last_decodes_too() -> None:
    moved = "{" + MATCH[len('{"type":"match",') : -1] + ',"type":"match"}'
    assert decode(moved) == decode(MATCH)


def test_heartbeats_acks_and_books_append_nothing() -> None:
    decoder = CoinbaseDecoder()
    frames = (
        '{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}',
        '{"type":"subscriptions","channels":[]}',
        '{"type":"l2update","product_id":"BTC-USD","changes":[]}',
    )
    assert decode(*frames, decoder=decoder) == []
    assert (decoder.heartbeats, decoder.acks, decoder.skipped) == (1, 1, 1)


def test_a_venue_error_is_told() -> None:
    frame = '{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}'
    (event,) = decode(frame)
    assert isinstance(event, Malformed) and "NOPE-USD is not a valid product" in event.error


PRODUCTS = (
    b'[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01",'
    b'"base_increment":"0.00000001","min_market_funds":"1"}]'
)


def test_instruments_and_the_unknown_one() -> None:
    (spec,) = Coinbase(FeedConfig(symbols=("BTC-USD",))).parse_instruments(PRODUCTS)
    assert (spec.tick_size, spec.lot_size) == (Decimal("0.01"), Decimal("0.00000001"))
    assert (spec.min_notional, spec.quote_currency) == (Decimal(1), "USD")
    with pytest.raises(FeedError, match="NOPE-USD"):
        Coinbase(FeedConfig(symbols=("BTC-USD", "NOPE-USD"))).parse_instruments(PRODUCTS)


def page(newest: int, oldest: int) -> bytes:
    rows = ",".join(
        f'{{"trade_id":{i},"side":"sell","size":"1","price":"2","time":"2021-04-17T16:43:30Z"}}'
        for i in range(newest, oldest - 1, -1)
    )
    return f"[{rows}]".encode()


def test_missing_trades_are_paged_from_new_to_old() -> None:
    found: list[Trade] = []
    fetch = Coinbase(FeedConfig(symbols=("BTC-USD",))).missing("BTC-USD", 10, 30, 0, 9, found)
    first = next(fetch)
    assert first.path == "/products/BTC-USD/trades" and dict(first.params)["after"] == "31"
    assert dict(fetch.send(page(30, 21)).params)["after"] == "21"
    with pytest.raises(StopIteration):
        fetch.send(page(20, 5))
    assert {trade.trade_id for trade in found} == set(range(5, 31))


@pytest.mark.data
def test_the_capture_decodes_without_loss(data_dir: Path) -> None:
    from engine.feeds.tape import Tape

    tape = Tape([data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz"])
    events = [event for batch in tape.batches() for event in batch]
    trades = [event for event in events if isinstance(event, Trade)]
    assert (len(trades), sum(trade.backfilled for trade in trades)) == (84, 5)
    assert sum(isinstance(event, Quote) for event in events) == 84
    assert tape.undecodable == 0 and len(tape.specs) == 10
