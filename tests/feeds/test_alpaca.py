"""Alpaca's frames and REST: what is told, what is refused and in which words, and where keys may go."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.alpaca_keys import Keys
from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import Candle, FeedState, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.alpaca import AlpacaDecoder
from engine.feeds.alpaca_rest import TRADING_URL, Alpaca, open_venue, read_instruments

KEYS = Keys("PKTEST", "hush-hush")
NOW = "2026-02-22T15:51:44.208000001Z"


def decoded(decoder: AlpacaDecoder, *frames: str | bytes, ns: int = 1) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, ns, out)
    return out


def frame(*messages: dict[str, Any]) -> str:
    return json.dumps(messages, separators=(",", ":"))


TRADE = {"T": "t", "S": "AAPL", "i": 96921, "x": "V", "p": 126.55, "s": 1, "t": NOW, "c": ["@"], "z": "C"}
QUOTE = {"T": "q", "S": "AAPL", "bx": "V", "bp": 87.66, "bs": 100, "ax": "V", "ap": 87.68, "as": 4, "t": NOW}
BAR = {
    "T": "b",
    "S": "AAPL",
    "o": 1.0,
    "h": 3.0,
    "l": 0.5,
    "c": 2.0,
    "v": 49378,
    "n": 7,
    "t": "2026-02-22T19:15:00Z",
}


def test_a_frame_is_a_list_of_messages_text_or_binary() -> None:
    decoder = AlpacaDecoder(["AAPL"])
    text = frame(TRADE, QUOTE, BAR, TRADE | {"S": "MSFT"})
    trade, quote, candle = decoded(decoder, text)
    assert isinstance(trade, Trade) and (trade.symbol, trade.price, trade.size) == (
        "alpaca:AAPL",
        126.55,
        1.0,
    )
    assert trade.aggressor == 0 and trade.event_ns % 10**9 == 208_000_001
    assert isinstance(quote, Quote) and (quote.bid, quote.bid_size, quote.ask_size) == (87.66, 100.0, 4.0)
    assert isinstance(candle, Candle) and candle.closed and (candle.interval_s, candle.trades) == (60, 7)
    assert decoder.unsubscribed == 1
    assert decoded(decoder, text.encode()) == [trade, quote, candle]


def test_ids_of_several_exchanges_do_not_meet() -> None:
    ids = {
        event.trade_id
        for event in decoded(AlpacaDecoder(), frame(TRADE, TRADE | {"x": "P"}, TRADE | {"i": 96922}))
        if isinstance(event, Trade)
    }
    assert len(ids) == 3
    (none,) = decoded(AlpacaDecoder(), frame({key: value for key, value in TRADE.items() if key != "i"}))
    assert isinstance(none, Trade) and none.trade_id == -1


def test_a_quote_without_a_side_is_none_and_old_sizes_are_lots() -> None:
    decoder = AlpacaDecoder()
    assert decoded(decoder, frame(QUOTE | {"bp": 0, "bs": 0})) == [] and decoder.skipped == 1
    (old,) = decoded(decoder, frame(QUOTE | {"t": "2021-02-22T15:51:45Z"}))
    assert isinstance(old, Quote) and (old.bid_size, old.ask_size) == (10_000.0, 400.0)


@pytest.mark.parametrize(
    ("conditions", "tape", "price"),
    [
        (None, "", True),
        (["@"], "C", True),
        ([" ", "F", "T", "I"], "A", True),
        (["@", "B"], "C", True),
        ([" ", "B"], "A", False),
        ([" ", "4", "B"], "B", False),
        (["@", "W"], "C", False),
        (["@", "6", "X"], "C", True),
        (["M"], "C", False),
        (["@", "T", "U"], "C", False),
        (["@", "4", "I"], "C", False),
    ],
)
def test_a_trade_that_is_no_price_of_the_moment_is_none(
    conditions: list[str] | None, tape: str, price: bool
) -> None:
    decoder = AlpacaDecoder(["AAPL"])
    told = TRADE | {"c": conditions, "z": tape}
    assert [type(event) for event in decoded(decoder, frame(told))] == [Trade] * price
    assert decoder.skipped == (not price) and not decoder.malformed
    row = {key: told[key] for key in ("t", "p", "s", "i", "x", "c", "z")}
    body = json.dumps({"trades": {"AAPL": [row]}}).encode()
    assert len(Alpaca(FeedConfig(symbols=("AAPL",)), KEYS).parse_trades("AAPL", body, 1)) == price


def test_one_wrong_message_costs_the_others_nothing() -> None:
    decoder = AlpacaDecoder()
    wrong: list[dict[str, Any]] = [{"p": 0}, {"p": -1}, {"s": -5}, {"s": 0}, {"p": "1"}, {"t": "yesterday"}]
    wrong += [{"i": -1}, {"i": 1 << 63}]
    messages = [TRADE | one for one in wrong]
    out = decoded(decoder, frame(TRADE, *messages, {"T": "new kind"}, {"no": "kind"}, QUOTE))
    kinds = [type(event) for event in out]
    assert kinds.count(Trade) == kinds.count(Quote) == 1 and kinds.count(Malformed) == len(wrong) + 1
    assert kinds.count(Gap) == len(wrong)  # nothing else would show that these trades are missing
    out = decoded(decoder, "[" + ",".join(["1"] * 5000) + "]")
    assert len(out) < 30 and isinstance(out[-1], Malformed) and "too many" in out[-1].error


def test_what_is_taken_back_is_told_and_not_undone() -> None:
    decoder = AlpacaDecoder(["AAPL"])
    gone = {"T": "x", "S": "AAPL", "i": 465, "x": "D", "p": 120.1, "s": 100, "a": "C", "z": "C", "t": NOW}
    new = {
        "T": "c",
        "S": "AAPL",
        "x": "M",
        "oi": 1,
        "op": 39.1582,
        "os": 440,
        "ci": 2,
        "cp": 39.18,
        "cs": 441,
        "t": NOW,
    }
    first, second = decoded(decoder, frame(gone), frame(new), frame(gone | {"S": "MSFT"}))
    assert isinstance(first, FeedStatus) and first.state is FeedState.UP
    assert first.detail == "AAPL: the exchange cancelled a trade of 100 at 120.1"
    assert isinstance(second, FeedStatus) and "440 at 39.1582 to 441 at 39.18" in second.detail
    assert decoder.revised == 2


@pytest.mark.parametrize(
    ("code", "words", "ends"),
    [
        (400, "could not read", True),
        (401, "did not come", True),
        (402, "keys are wrong: check TICKDESK_ALPACA_KEY", True),
        (403, "came twice", False),
        (404, "too late", True),
        (405, "30 channels", False),
        (406, "close the other", True),
        (407, "too slowly", True),
        (408, "not enabled", True),
        (409, "does not include this data", True),
        (410, "no such channel", False),
        (500, "of its own", True),
        (999, "never heard of", False),
    ],
)
def test_each_code_is_told_in_a_sentence(code: int, words: str, ends: bool) -> None:
    decoder = AlpacaDecoder(["AAPL"])
    (told,) = decoded(decoder, frame({"T": "error", "code": code, "msg": "never heard of"}))
    assert isinstance(told, FeedStatus) and words in told.detail and f"code {code}" in told.detail
    assert decoder.troubles[""] == told.detail and bool(decoder.reconnect) is ends
    assert (decoder.reconnect_delay_s >= 15) is (code in (402, 406, 408, 409))


def test_it_subscribes_when_the_keys_are_accepted() -> None:
    venue = Alpaca(FeedConfig(symbols=("AAPL", "MSFT"), candles=True), KEYS)
    assert json.loads(venue.subscribe()[0]) == {"action": "auth", "key": "PKTEST", "secret": "hush-hush"}
    decoder = venue.decoder()
    decoded(decoder, frame({"T": "success", "msg": "connected"}))
    assert decoder.outbox == []
    decoded(decoder, frame({"T": "success", "msg": "authenticated"}))
    both = ["AAPL", "MSFT"]
    (told,) = decoder.outbox
    assert json.loads(told) == {"action": "subscribe", "trades": both, "quotes": both, "bars": both}
    decoded(decoder, frame({"T": "subscription", "trades": both, "quotes": both, "bars": both}))
    assert decoder.acks == 1 and venue.single_connection and not venue.consecutive_ids


def test_without_keys_the_feed_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    config = FeedConfig(symbols=("AAPL",))
    with pytest.raises(ConfigError) as told:
        open_venue(config)
    assert str(told.value) == "feeds.alpaca needs keys: set TICKDESK_ALPACA_KEY and TICKDESK_ALPACA_SECRET"
    monkeypatch.setenv("TICKDESK_ALPACA_KEY", "PKTEST")
    with pytest.raises(ConfigError, match="set both"):
        open_venue(config)
    monkeypatch.setenv("TICKDESK_ALPACA_SECRET", "hush hush")
    with pytest.raises(ConfigError, match=r"feeds\.alpaca: the secret is not one printable word") as told:
        open_venue(config)
    assert "hush" not in str(told.value)
    monkeypatch.setenv("TICKDESK_ALPACA_SECRET", "hush-hush")
    venue = open_venue(config)
    requests = [*venue.before_instruments(), venue.instruments_request(), venue.quote_request("AAPL")]
    assert all(
        one.secret is not None and one.secret.headers()["APCA-API-SECRET-KEY"] == "hush-hush"
        for one in requests
    )
    assert "hush" not in repr(requests) and "PKTEST" not in repr(requests)


@pytest.mark.parametrize(
    "urls",
    [
        {"ws_url": "ws://stream.data.alpaca.markets/v2/iex"},
        {"ws_url": "wss://stream.data.alpaca.markets.example.org/v2/iex"},
        {"ws_url": "wss://evilalpaca.markets/v2/iex"},
        {"rest_url": "http://data.alpaca.markets"},
        {"rest_url": "https://example.org"},
        {"rest_url": "https://["},
    ],
)
def test_keys_go_to_alpaca_and_this_machine_only(urls: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"feeds\.alpaca\.(ws|rest)_url"):
        Alpaca(FeedConfig(symbols=("AAPL",), **urls), KEYS)
    Alpaca(
        FeedConfig(symbols=("AAPL",), ws_url="ws://127.0.0.1:1/v2/iex", rest_url="http://127.0.0.1:1"), KEYS
    )
    Alpaca(FeedConfig(symbols=("AAPL",), ws_url="wss://stream.data.sandbox.alpaca.markets/v2/sip"), KEYS)


def test_instruments() -> None:
    venue = Alpaca(FeedConfig(symbols=("AAPL", "PNNY")), KEYS)
    (prices,) = venue.before_instruments()
    assert prices.path == "/v2/stocks/snapshots" and dict(prices.params) == {
        "symbols": "AAPL,PNNY",
        "feed": "iex",
    }
    request = venue.instruments_request()
    assert (request.base, request.path) == (TRADING_URL, "/v2/assets")
    venue.learn(b'{"AAPL":{"latestTrade":{"p":126.5}},"PNNY":{"latestTrade":{"p":0.42}},"GONE":null}')
    assets = [
        {"symbol": "AAPL", "status": "active"},
        {"symbol": "PNNY"},
        {"symbol": "GONE", "status": "inactive"},
    ]
    apple, penny = venue.parse_instruments(json.dumps(assets).encode())
    assert (apple.symbol, apple.tick_size, apple.lot_size) == ("alpaca:AAPL", Decimal("0.01"), Decimal(1))
    assert (penny.tick_size, penny.quote_currency) == (Decimal("0.0001"), "USD")
    assert [one.symbol for one in read_instruments(json.dumps(assets))] == ["alpaca:AAPL", "alpaca:PNNY"]
    with pytest.raises(FeedError, match="does not know the symbol PNNY"):
        venue.parse_instruments(json.dumps(assets[:1]).encode())
    # Keys of a live account: what has a price is known.
    fallback = venue.all_instruments_request()
    assert fallback is not None and fallback.base == ""
    body = b'{"AAPL":{"latestTrade":{"p":126.5}},"PNNY":{"latestTrade":{"p":0.42}}}'
    assert len(venue.parse_instruments(body)) == 2


def test_the_stream_that_runs_at_all_hours() -> None:
    url = "wss://stream.data.alpaca.markets/v2/test"
    venue = Alpaca(FeedConfig(symbols=("FAKEPACA",), ws_url=url), KEYS)
    assert venue.before_instruments() == () and venue.connect_url(url) == url
    (spec,) = venue.parse_instruments(b"[]")
    assert spec.symbol == "alpaca:FAKEPACA"


def test_rest() -> None:
    venue = Alpaca(FeedConfig(symbols=("AAPL",), ws_url="wss://stream.data.alpaca.markets/v2/sip"), KEYS)
    request = venue.recent_request("AAPL")
    assert dict(request.params) == {"symbols": "AAPL", "feed": "sip", "sort": "desc", "limit": "1000"}
    rows = [
        {"t": f"2026-02-22T15:51:4{at}Z", "x": "V", "p": 1.5, "s": 2, "i": at}
        | ({"u": "canceled"} if at == 2 else {})
        for at in (3, 2, 1)
    ]
    found = venue.parse_trades(
        "AAPL", json.dumps({"trades": {"AAPL": rows}, "next_page_token": None}).encode(), 9
    )
    assert [one.event_ns // 10**9 % 10 for one in found] == [1, 3]
    assert venue.parse_trades("AAPL", b'{"trades":null}', 9) == []
    quote = {"t": NOW, "bp": 99.0, "bs": 1, "ap": 101.0, "as": 2}
    told = venue.parse_quote("AAPL", json.dumps({"quotes": {"AAPL": quote}}).encode(), 9)
    assert (told.bid, told.ask, told.ask_size) == (99.0, 101.0, 2.0)
    with pytest.raises(ValueError, match="no best bid"):
        venue.parse_quote("AAPL", json.dumps({"quotes": {"AAPL": quote | {"ap": 0}}}).encode(), 9)
    asked = venue.candles_request("AAPL", 60, 0, 120 * 10**9)
    assert asked is not None and venue.candles_request("AAPL", 7, 0, 1) is None
    params = dict(asked.params)
    assert (params["timeframe"], params["start"]) == ("1Min", "1970-01-01T00:00:00.000000000Z")
    assert params["end"] == "1970-01-01T00:01:59.999999999Z"
    bars = [
        {"t": f"1970-01-01T00:0{at}:00Z", "o": 1, "h": 3, "l": 0.5, "c": 2, "v": 10, "n": 4} for at in (0, 1)
    ]
    first, last = venue.parse_candles("AAPL", 60, json.dumps({"bars": {"AAPL": bars}}).encode(), 61 * 10**9)
    assert (first.closed, last.closed, last.open_ns, last.trades) == (True, False, 60 * 10**9, 4)


def samples(data_dir: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(data_dir / "feeds/alpaca/samples.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


@pytest.mark.data
def test_samples(data_dir: Path) -> None:
    events: list[MarketEvent] = []
    for row in samples(data_dir):
        decoder = AlpacaDecoder()
        if not row["kind"].startswith("rest"):
            events += decoded(decoder, row["raw"])
            assert decoder.malformed == 0, row
    kinds = [type(event) for event in events]
    assert (kinds.count(Trade), kinds.count(Quote), kinds.count(Candle)) == (1, 1, 2)


@pytest.mark.data
def test_rest_samples(data_dir: Path) -> None:
    venue = Alpaca(FeedConfig(symbols=("AAPL",)), KEYS)
    trades = bars = 0
    for row in samples(data_dir):
        body = json.loads(row["raw"]) if row["kind"] == "rest_marketdata" else {}
        if isinstance(body, dict) and any(
            isinstance(one, list) for one in (body.get("trades") or {}).values()
        ):
            trades += sum(len(venue.parse_trades(one, row["raw"].encode(), 9)) for one in body["trades"])
        if isinstance(body, dict) and any(isinstance(one, list) for one in (body.get("bars") or {}).values()):
            bars += sum(len(venue.parse_candles(one, 60, row["raw"].encode(), 9)) for one in body["bars"])
    assert trades > 3 and bars > 8
