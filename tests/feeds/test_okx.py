"""OKX's frames: the real capture, the venue's rules of sequence and checksum, contracts, sums of trades."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import BookStatus, Candle, Depth, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import UnreachableError
from engine.feeds.okx import OkxDecoder
from engine.feeds.okx_rest import Okx, OkxBars, parts, read_instruments
from engine.feeds.tape import Tape

CAPTURE = "okx/unisw_btcfut_20220513"


def rows(data_dir: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data_dir / f"feeds/{name}.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


def decoded(decoder: OkxDecoder, *frames: str, ns: int = 1) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, ns, out)
    return out


def book(action: str, seq: int, before: int, *, native: str = "BTC-USDT", **sides: list[list[str]]) -> str:
    levels = {"bids": sides.get("bids", []), "asks": sides.get("asks", [])}
    data = {side: [[*level, "0", "1"] for level in found] for side, found in levels.items()}
    told = {**data, "ts": "1700000000000", "checksum": 0, "seqId": seq, "prevSeqId": before}
    return json.dumps(
        {"arg": {"channel": "books", "instId": native}, "action": action, "data": [told]},
        separators=(",", ":"),
    )


def trade(trade_id: int, count: int, *, native: str = "BTC-USDT", size: str = "2", px: str = "100") -> str:
    row = {
        "instId": native,
        "tradeId": str(trade_id),
        "px": px,
        "sz": size,
        "side": "sell",
        "ts": "1700000000000",
    }
    return json.dumps(
        {"arg": {"channel": "trades", "instId": native}, "data": [row | {"count": str(count)}]},
        separators=(",", ":"),
    )


SNAPSHOT = book("snapshot", 10, -1, bids=[["99", "1"], ["98", "2"]], asks=[["101", "1"], ["102", "2"]])


@pytest.mark.data
def test_every_checksum_of_the_capture(data_dir: Path) -> None:
    decoder, out = OkxDecoder(), list[MarketEvent]()
    for row in rows(data_dir, CAPTURE):
        if row["ch"] == "ws":
            decoder.decode(row["raw"], row["t"], out)
    assert (decoder.checksums, decoder.mismatches, decoder.malformed, decoder.acks) == (192, 0, 0, 12)
    kinds = [type(event) for event in out]
    assert kinds.count(Trade) == 5 and kinds.count(Quote) == 3 and BookStatus not in kinds
    assert {event.symbol for event in out if isinstance(event, Depth)} == {
        "okx:BTC-USD-220527",
        "okx:UNI-USD-SWAP",
    }


@pytest.mark.data
@pytest.mark.parametrize("fault", ["dropped", "duplicated", "swapped", "altered"])
def test_a_fault_in_the_capture_is_told_within_the_message_that_shows_it(data_dir: Path, fault: str) -> None:
    """Books of 2022 have checksums only: what is lost beyond the best 25 levels they do
    not show, so each fault is put where it does."""
    frames = [(row["raw"], row["t"]) for row in rows(data_dir, CAPTURE) if row["ch"] == "ws"]
    books = [at for at, (raw, _) in enumerate(frames) if '"update"' in raw and "UNI-USD-SWAP" in raw]
    noticed = 0
    for at, after in zip(books[5:-2:9], books[6:-1:9], strict=True):
        decoder = OkxDecoder()
        for raw, ns in frames[:at]:
            decoder.decode(raw, ns, [])
        (one, ns), (two, later_ns) = frames[at], frames[after]
        levels = json.loads(one)["data"][0]
        told = {
            "dropped": [two],
            "duplicated": [one, one],
            "swapped": [two, one],
            "altered": [one.replace(levels["bids"][0][1], "7.25", 1)] if levels["bids"] else [two],
        }[fault]
        out = [event for raw in told for event in decoded(decoder, raw, ns=later_ns)]
        wrong = [event for event in out if isinstance(event, BookStatus) and not event.live]
        assert len(wrong) == decoder.books.resyncs == decoder.mismatches <= 1
        if wrong:
            noticed += 1
            assert decoder.books.get("okx:UNI-USD-SWAP") is None
            assert not any(isinstance(event, Depth) for event in out[out.index(wrong[0]) :])
    # The same change told twice leaves the same book: nothing is wrong with it.
    assert noticed == 0 if fault == "duplicated" else noticed >= 5


def test_the_chain_of_sequence_numbers() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    out = decoded(
        decoder,
        SNAPSHOT,
        book("update", 15, 10, bids=[["99", "3"]]),
        book("update", 15, 15),  # nothing changed
        book("update", 3, 15, asks=[["101", "4"]]),  # counted anew
        book("update", 5, 3, bids=[["99.5", "1"]]),
    )
    assert decoder.sequence_gaps == 0 and not any(isinstance(event, BookStatus) for event in out)
    held = decoder.books.get("okx:BTC-USDT")
    assert held is not None and held.best() == (99.5, 1.0, 101.0, 4.0)
    assert held.exact(held.bids, 2) == [(Decimal("99.5"), Decimal(1)), (Decimal(99), Decimal(3))]


@pytest.mark.parametrize(
    "frame",
    [
        book("update", 30, 20),  # one was dropped
        book("update", 15, 8),  # an older one comes late
        book("update", 20, 10, bids=[["101", "1"]]),  # crossed
        book("update", 20, 10, bids=[["nan", "1"]]),
        book("update", 20, 10, bids=[["-1", "1"]]),
    ],
)
def test_a_wrong_book_is_told_asked_for_anew_and_mended_by_its_snapshot(frame: str) -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    decoded(decoder, SNAPSHOT)
    (status, *rest) = decoded(decoder, frame, ns=5)
    assert isinstance(status, BookStatus) and not status.live and status.recv_ns == 5 and not status.quotes
    assert all(isinstance(event, Malformed) for event in rest)
    assert decoder.books.get("okx:BTC-USDT") is None and "BTC-USDT" in decoder.troubles
    assert [json.loads(one)["op"] for one in decoder.outbox] == ["unsubscribe", "subscribe"]
    assert decoded(decoder, book("update", 31, 30)) == []  # not before its snapshot
    live, depth = decoded(decoder, SNAPSHOT, ns=10**9)
    assert isinstance(live, BookStatus) and live.live and isinstance(depth, Depth)
    assert not decoder.troubles and not decoder.reconnect


def test_a_book_that_stays_wrong_or_unanswered_costs_the_socket() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    for _ in range(6):
        decoded(decoder, SNAPSHOT.replace('"99"', '"199"'))
    assert "stays wrong" in decoder.reconnect
    decoder = OkxDecoder(["BTC-USDT"])
    decoded(decoder, SNAPSHOT, book("update", 30, 20), ns=1)
    decoder.flush(1, [])
    decoder.flush(29 * 10**9, [])
    assert not decoder.reconnect
    decoder.flush(31 * 10**9, [])
    assert "no new snapshot" in decoder.reconnect


def test_snapshots_are_asked_for_less_and_less_often() -> None:
    decoder, asked = OkxDecoder(["BTC-USDT"]), []
    for tenth in range(200):  # each snapshot comes at once, and what follows it is wrong again
        ns = tenth * 10**8
        decoded(decoder, SNAPSHOT, book("update", 30, 20), ns=ns)
        decoder.flush(ns, [])
        if decoder.outbox:
            asked.append(tenth / 10)
            decoder.outbox.clear()
        if decoder.reconnect:
            break
    assert "stays wrong" in decoder.reconnect and len(asked) <= 5


def test_a_message_without_the_id_before_it_follows_nothing() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    decoded(decoder, SNAPSHOT)
    (wrong,) = decoded(decoder, book("update", 15, 10).replace(',"prevSeqId":10', ""))
    assert isinstance(wrong, BookStatus) and not wrong.live and decoder.sequence_gaps == 1


def test_a_book_is_wrong_as_soon_as_an_update_cannot_be_read() -> None:
    decoder = OkxDecoder(["BTC-USDT", "ETH-USDT"])
    decoded(decoder, SNAPSHOT, SNAPSHOT.replace("BTC-USDT", "ETH-USDT"))
    frame = book("update", 15, 10, bids=[["99", "3"]])
    malformed, wrong = decoded(decoder, frame[:-9])
    assert isinstance(malformed, Malformed)
    assert isinstance(wrong, BookStatus) and not wrong.live and wrong.symbol == "okx:BTC-USDT"
    assert decoder.books.get("okx:ETH-USDT") is not None
    assert len(decoded(decoder, frame[:-9], trade(1, 1)[:-9])) == 2  # told once, and not of trades


def test_bars_of_old_do_not_say_whether_they_are_final() -> None:
    row = ["60000", "1", "3", "0.5", "2", "10", "1"]
    frame = {"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": [row, [*row, "20", "1"]]}
    old, new = decoded(OkxDecoder(), json.dumps(frame, separators=(",", ":")))
    assert isinstance(old, Candle) and not old.closed and isinstance(new, Candle) and new.closed


def test_a_sum_of_trades_that_was_missed_is_a_gap() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    out = decoded(decoder, trade(100, 3), trade(101, 1), trade(110, 4), trade(111, 1), trade(110, 4))
    assert [event.trade_id for event in out if isinstance(event, Trade)] == [100, 101, 110, 111, 110]
    (gap,) = (event for event in out if isinstance(event, Gap))
    assert (gap.first_id, gap.last_id) == (102, 106)


def test_the_first_trade_of_a_connection_may_be_history() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    late_ns = 1_700_000_060 * 10**9
    first, second = decoded(decoder, trade(100, 1), trade(101, 1), ns=late_ns)
    assert isinstance(first, Trade) and first.backfilled
    assert isinstance(second, Trade) and not second.backfilled and second.aggressor == -1


def test_sizes_of_contracts_are_told_in_base_units_once_they_are_known() -> None:
    venue = Okx(FeedConfig(symbols=("BTC-USDT-SWAP", "BTC-USD-220527", "BTC-USDT")))
    decoder = venue.decoder()
    assert "until instruments are known" in decoder.troubles["contracts"]
    requests = [*venue.before_instruments(), venue.instruments_request()]
    assert sorted(dict(one.params)["instType"] for one in requests) == ["FUTURES", "SPOT", "SWAP"]
    for kind in ("SPOT", "SWAP"):
        venue.learn(json.dumps(INSTRUMENTS[kind]).encode())
    specs = venue.parse_instruments(json.dumps(INSTRUMENTS["FUTURES"]).encode())
    assert [(spec.symbol, spec.lot_size, spec.quote_currency) for spec in specs] == [
        ("okx:BTC-USDT-SWAP", Decimal("0.01"), "USDT"),
        ("okx:BTC-USD-220527", Decimal("0.00000001"), "USD"),
        ("okx:BTC-USDT", Decimal("0.00000001"), "USDT"),
    ]
    linear, inverse, spot = decoded(
        decoder,
        trade(2, 1, native="BTC-USDT-SWAP"),
        trade(2, 1, native="BTC-USD-220527"),
        trade(2, 1),
    )
    assert isinstance(linear, Trade) and isinstance(inverse, Trade) and isinstance(spot, Trade)
    assert (linear.size, inverse.size, spot.size) == (0.02, 2.0, 2.0)  # 2 x 0.01; 2 x 100 USD / 100; 2
    swap = SNAPSHOT.replace("BTC-USDT", "BTC-USDT-SWAP")
    (depth,) = decoded(decoder, swap, ns=10**9)
    assert isinstance(depth, Depth) and depth.bids == ((99.0, 0.01), (98.0, 0.02))
    decoded(decoder, book("update", 11, 10, native="BTC-USDT-SWAP", bids=[["99", "5"]]), ns=10**9 + 1)
    out: list[MarketEvent] = []
    decoder.flush(2 * 10**9, out)
    assert not decoder.troubles
    assert isinstance(out[0], Depth) and out[0].bids[0] == (99.0, 0.05)
    held = decoder.books.get("okx:BTC-USDT-SWAP")
    assert held is not None and held.exact(held.bids, 1) == [(Decimal(99), Decimal(5))]  # contracts


@pytest.mark.parametrize("files", [1, 2])
def test_a_capture_tells_sizes_of_contracts_as_its_session_did(tmp_path: Path, files: int) -> None:
    """Backtests over it took a hundredfold of what was traded; of the kinds of instruments only the first
    that was asked for was read. A session's second file may tell none."""
    address = "https://www.okx.com/api/v5/public/instruments?instType="
    told = [("http", address + kind, json.dumps(INSTRUMENTS[kind])) for kind in ("SPOT", "SWAP", "FUTURES")]
    heard = [
        ("ws", "", frame)
        for frame in (
            trade(2, 1, native="BTC-USDT-SWAP"),
            trade(2, 1, native="BTC-USD-220527"),
            trade(2, 1),
            SNAPSHOT.replace("BTC-USDT", "BTC-USDT-SWAP"),
        )
    ]
    paths = []
    for number, part in enumerate([told + heard] if files == 1 else [[*told, heard[0]], heard[1:]]):
        lines = [
            json.dumps({"t": (1 + 10 * number + at) * 10**9, "ch": ch, "url": url, "raw": raw})
            for at, (ch, url, raw) in enumerate(part)
        ]
        paths.append(tmp_path / f"{number}.jsonl")
        paths[-1].write_text("\n".join([*lines, ""]))
    tape = Tape(paths, venue="okx")
    assert {spec.symbol: spec.lot_size for spec in tape.specs}["okx:BTC-USDT-SWAP"] == Decimal("0.01")
    events = [event for batch in tape.batches() if isinstance(batch, list) for event in batch]
    assert [event.size for event in events if isinstance(event, Trade)] == [0.02, 2.0, 2.0]
    assert [event.bids[0] for event in events if isinstance(event, Depth)] == [(99.0, 0.01)]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_contracts_are_read_behind_a_reply_of_a_megabyte(tmp_path: Path, suffix: str) -> None:
    """The venue answers kind by kind, and tells of all its spot pairs before the swaps."""
    address = "https://www.okx.com/api/v5/public/instruments?instType="
    pairs = json.dumps({"code": "0", "data": [{"instId": f"C{at}-USDT"} for at in range(28_000)]})
    swaps = json.dumps({"code": "0", "msg": " " * 500_000, "data": INSTRUMENTS["SWAP"]["data"]})
    rows = [
        {"t": 1, "ch": "http", "url": f"{address}SPOT", "raw": pairs},
        {"t": 1, "ch": "http", "url": f"{address}SWAP", "raw": swaps},
        {"t": 2, "ch": "ws", "raw": trade(2, 1, native="BTC-USDT-SWAP")},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert text.index(b"\n") < 1 << 20 < len(text) - 250_000
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    tape = Tape([path], venue="okx")
    events = [event for batch in tape.batches() if isinstance(batch, list) for event in batch]
    assert [event.size for event in events if isinstance(event, Trade)] == [0.02]


@pytest.mark.parametrize("numbered", [False, True])
def test_a_capture_that_does_not_tell_of_its_contracts_is_told_of(
    tmp_path: Path, numbered: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, though it is played twice; spot counts in base units whatever is known."""
    conn = {"conn": 1} if numbered else {}
    natives = ("BTC-USDT-SWAP", "BTC-USDT", "ETH-USD-261225")
    rows = [{"t": 2, "ch": "ws", "raw": trade(2, 1, native=native), **conn} for native in natives]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):
        assert [event for batch in Tape([path], venue="okx").blocks() for event in batch]
    (told,) = (one.getMessage() for one in caplog.records)
    assert "BTC-USDT-SWAP, ETH-USD-261225 are contracts" in told and str(path) in told


def test_best_bid_and_offer_bars_and_what_is_no_data() -> None:
    decoder = OkxDecoder(["BTC-USDT"])
    top = (
        '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["101","1","0","1"]],"bids":[%s],'
        '"ts":"7","seqId":1}]}'
    )
    (quote,) = decoded(decoder, top % '["99","2","0","1"]', ns=8)
    assert quote == Quote("okx:BTC-USDT", 99.0, 2.0, 101.0, 1.0, 7_000_000, 8)
    assert decoded(decoder, top % "") == [] and decoder.skipped == 1
    bar = (
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT"},'
        '"data":[["60000","1","3","0.5","2","10","20","20","%d"]]}'
    )
    half, whole = decoded(decoder, bar % 0, bar % 1, ns=61 * 10**9)
    assert isinstance(half, Candle) and not half.closed and half.volume == 10.0
    assert isinstance(whole, Candle) and whole.closed and (whole.open_ns, whole.high) == (60 * 10**9, 3.0)
    assert (
        decoded(decoder, "pong", '{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}') == []
    )
    assert (decoder.heartbeats, decoder.acks) == (1, 1)
    (told,) = decoded(decoder, '{"event":"error","code":"60018","msg":"Wrong URL or channel","connId":"a"}')
    assert isinstance(told, FeedStatus) and "60018" in told.detail and decoder.troubles[""] in told.detail
    assert not decoder.reconnect
    decoded(
        decoder, '{"event":"notice","code":"64008","msg":"The connection will soon be closed for an upgrade"}'
    )
    assert "soon be closed" in decoder.reconnect
    assert decoded(decoder, trade(1, 1, native="ETH-USDT")) == [] and decoder.unsubscribed == 1


def test_a_delisted_symbol_costs_the_others_nothing() -> None:
    """The venue names it in the text of an error, one for each of its channels."""
    decoder = OkxDecoder(["BTC-USDT", "OLD-USDT"], contracts={})
    why = "Wrong URL or channel:{},instId:OLD-USDT doesn't exist. Please use the correct URL"
    out = decoded(decoder, SNAPSHOT)
    for channel in ("trades", "bbo-tbt", "books"):
        error = {"event": "error", "msg": why.format(channel), "code": "60018", "connId": "a"}
        out += decoded(decoder, json.dumps(error))
    statuses = [event for event in out if isinstance(event, FeedStatus)]
    assert len(statuses) == 1 and "OLD-USDT" in decoder.troubles["OLD-USDT"] and "" not in decoder.troubles
    assert [one.symbol for one in out if isinstance(one, BookStatus)] == ["okx:OLD-USDT"]
    for second in range(200):
        decoder.flush(second * 10**9, out)
    assert not decoder.reconnect and not decoder.outbox and decoder.acks == 3


INSTRUMENTS = {
    "SPOT": {
        "code": "0",
        "data": [
            {"instId": "BTC-USDT", "tickSz": "0.1", "lotSz": "0.00000001", "quoteCcy": "USDT"},
            {"instId": "NEW-USDT", "tickSz": "", "lotSz": "", "quoteCcy": "USDT"},
        ],
    },
    "SWAP": {
        "code": "0",
        "data": [
            {
                "instId": "BTC-USDT-SWAP", "tickSz": "0.1", "lotSz": "1", "ctVal": "0.01",
                "ctMult": "1", "ctType": "linear", "maxLmtSz": "1000",
            }
        ],
    },
    "FUTURES": {
        "code": "0",
        "data": [
            {
                "instId": "BTC-USD-220527", "tickSz": "0.1", "lotSz": "1", "ctVal": "100",
                "ctMult": "1", "ctType": "inverse", "maxLmtSz": "1000",
            }
        ],
    },
}  # fmt: skip


def test_subscriptions_are_batched_and_bars_have_a_socket_of_their_own() -> None:
    natives = tuple(f"C{at}-USDT" for at in range(70))
    frames = [json.loads(frame) for frame in Okx(FeedConfig(symbols=natives)).subscribe()]
    assert [len(frame["args"]) for frame in frames] == [100, 100, 10]
    channels = {arg["channel"] for frame in frames for arg in frame["args"]}
    assert channels == {"trades", "bbo-tbt", "books"}
    assert len(parts(FeedConfig(symbols=natives))) == 1
    data, bars = parts(FeedConfig(symbols=("BTC-USDT",), book_levels=0, candles=True))
    assert isinstance(bars, OkxBars) and "candle1m" in bars.subscribe()[0]
    assert bars.connect_url(data.ws_url) == "wss://ws.okx.com:8443/ws/v5/business"
    assert "books" not in data.subscribe()[0] and data.ping_frame == "ping" and 0 < data.ping_s < 30


def test_counts_of_contracts_that_nobody_knows_are_no_sizes() -> None:
    native = "BTC-USDT-SWAP"
    venue = Okx(FeedConfig(symbols=(native, "BTC-USDT")))
    decoder = venue.decoder()
    levels = {"asks": [["101", "1"]], "bids": [["99", "2"]], "ts": "1700000000000"}
    top = json.dumps(
        {"arg": {"channel": "bbo-tbt", "instId": native}, "data": [levels]}, separators=(",", ":")
    )
    tick = {"bidPx": "99", "bidSz": "100", "askPx": "101", "askSz": "200", "ts": "5"}
    page = {"px": "100", "sz": "1", "side": "buy", "ts": "1700000000000", "tradeId": "7"}

    def told(name: str = native) -> list[MarketEvent]:
        frames = [frame.replace("BTC-USDT", name) for frame in (trade(1, 1), SNAPSHOT)]
        return decoded(decoder, *frames, ns=10**9)

    assert told() == []
    (quote,) = decoded(decoder, top)
    polled = venue.parse_quote(native, json.dumps({"code": "0", "data": [tick]}).encode(), 9)
    for one in (quote, polled):  # prices are right: stops are watched
        assert isinstance(one, Quote) and (one.bid, one.ask) == (99.0, 101.0)
        assert math.isnan(one.bid_size) and math.isnan(one.ask_size)
    assert venue.parse_trades(native, json.dumps({"code": "0", "data": [page]}).encode(), 9) == []
    assert [type(one) for one in told("BTC-USDT")] == [Trade, Depth]
    venue.learn(json.dumps(INSTRUMENTS["SWAP"]).encode())
    first, depth = decoded(
        decoder, trade(5, 1, native=native), SNAPSHOT.replace("BTC-USDT", native), ns=2 * 10**9
    )
    assert isinstance(first, Trade) and first.size == 0.02  # what came before is no gap: data begins here
    assert isinstance(depth, Depth) and depth.bids[0] == (99.0, 0.01)


@pytest.mark.parametrize("part", [0, 1])
def test_rest_tells_base_units_whichever_connection_is_away(part: int) -> None:
    venues = parts(FeedConfig(symbols=("BTC-USDT-SWAP",), candles=True))
    swap = {"instId": "BTC-USDT-SWAP", "tickSz": "0.1", "lotSz": "1", "ctVal": "0.01", "ctType": "linear"}
    venues[0].parse_instruments(json.dumps({"code": "0", "data": [swap]}).encode())
    tick = {"bidPx": "99", "bidSz": "100", "askPx": "101", "askSz": "200", "ts": "5"}
    body = json.dumps({"code": "0", "data": [tick]}).encode()
    quote = venues[part].parse_quote("BTC-USDT-SWAP", body, 9)
    assert (quote.bid_size, quote.ask_size) == (1.0, 2.0)


def test_symbols_that_are_none() -> None:
    for native in ("BTCUSDT", "BTC-USD-220527-30000-C", "BTC-USDT-SWOP", "-USDT"):
        with pytest.raises(ConfigError, match="write it like BTC-USDT"):
            Okx(FeedConfig(symbols=(native,)))
    venue = Okx(FeedConfig(symbols=("BTC-USDT", "NO-USDT")))
    with pytest.raises(FeedError, match="does not know the symbol NO-USDT"):
        venue.parse_instruments(json.dumps(INSTRUMENTS["SPOT"]).encode())


def test_rest_tells_single_trades_of_which_the_socket_told_the_sum() -> None:
    venue = Okx(FeedConfig(symbols=("BTC-USDT",)))
    decoded(venue.decoder(), trade(103, 3))
    row = {"px": "100", "sz": "1", "side": "buy", "ts": "1700000000000"}
    body = {"code": "0", "data": [row | {"tradeId": str(one)} for one in (105, 104, 103, 102, 101, 100)]}
    found = venue.parse_trades("BTC-USDT", json.dumps(body).encode(), 1)
    assert [one.trade_id for one in found] == [100, 103, 104, 105]  # 103 is the sum's own id


def test_rest_quotes_bars_and_errors() -> None:
    venue = Okx(FeedConfig(symbols=("BTC-USDT",)))
    tick = {"bidPx": "99", "bidSz": "1", "askPx": "101", "askSz": "2", "ts": "5"}
    body = json.dumps({"code": "0", "data": [tick]}).encode()
    assert venue.parse_quote("BTC-USDT", body, 9) == Quote(
        "okx:BTC-USDT", 99.0, 1.0, 101.0, 2.0, 5_000_000, 9
    )
    request = venue.candles_request("BTC-USDT", 60, 60 * 10**9, 10**15)
    assert request is not None
    params = dict(request.params)
    assert (params["bar"], params["before"], params["after"]) == ("1m", "59999", str(60_000 + 100 * 60_000))
    assert venue.candles_request("BTC-USDT", 7, 0, 1) is None
    bars = [[str(ms), "1", "3", "0.5", "2", "10", "20", "20", "1"] for ms in (120_000, 60_000)]
    body = json.dumps({"code": "0", "data": bars}).encode()
    assert [one.open_ns for one in venue.parse_candles("BTC-USDT", 60, body, 1)] == [60 * 10**9, 120 * 10**9]
    with pytest.raises(UnreachableError):
        venue.parse_trades("BTC-USDT", b'{"code":"50011","msg":"Too Many Requests","data":[]}', 1)
    with pytest.raises(ValueError, match="51001"):
        venue.parse_trades("BTC-USDT", b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}', 1)


@pytest.mark.data
def test_instruments_and_samples_of_the_venue(data_dir: Path) -> None:
    found = [
        one for row in rows(data_dir, CAPTURE) if row["ch"] == "http" for one in read_instruments(row["raw"])
    ]
    assert {one.symbol for one in found} >= {"okx:BTC-USDT", "okx:BTC-USDT-SWAP", "okx:UNI-USD-SWAP"}
    assert all(one.tick_size > 0 and one.lot_size > 0 for one in found)
    for row in rows(data_dir, "okx/samples"):
        decoder = OkxDecoder()
        out = decoded(decoder, row["raw"])
        if not row["kind"].startswith("http"):
            assert decoder.malformed == 0, row["kind"]
            assert out or "books" in row["kind"] or row["kind"] == "subscribe_ack", row["kind"]
