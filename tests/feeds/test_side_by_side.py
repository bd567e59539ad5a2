"""A capture of connections that overlapped plays as one: nothing twice, nothing of the one in the other."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from engine.events import BookStatus, Depth, Gap, MarketEvent, Quote, Trade
from engine.feeds.checking.files import check_file
from engine.feeds.tape import Tape

Row = dict[str, Any]
pytestmark = pytest.mark.data
CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"
URL = "wss://stream.binance.com:9443/stream"


@pytest.fixture
def single(data_dir: Path) -> list[Row]:
    with gzip.open(data_dir / CAPTURE, "rt") as file:
        return [json.loads(line) for line, _ in zip(file, range(6000), strict=False)]


def played(rows: list[Row], path: Path) -> list[MarketEvent]:
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    return [event for batch in Tape([path]).blocks() if isinstance(batch, list) for event in batch]


def overlapped(single: list[Row], begin: int, end: int, *, told: bool) -> list[Row]:
    """The second connection begins at one row, the first ends at another, and is ``told`` to."""
    rows: list[Row] = [{"t": single[0]["t"], "ch": "open", "raw": None, "url": URL, "conn": 1}]
    snapshot = next(row for row in single if row["ch"] == "http")
    for n, row in enumerate(single):
        if row["ch"] == "http":
            rows.append(row)
            continue
        if n == begin:
            rows.append({"t": row["t"], "ch": "open", "raw": None, "url": URL, "conn": 2})
        if n < end:
            rows.append({**row, "conn": 1})
        if n == end and told:
            rows.append({"t": row["t"], "ch": "close", "raw": None, "url": URL, "conn": 1})
        if n >= begin:
            rows.append({**row, "conn": 2})
    assert snapshot in rows
    return rows


def of(kind: type, events: list[MarketEvent]) -> list[str]:
    return [repr(event) for event in events if isinstance(event, kind)]


def test_what_overlaps_is_told_once_and_books_are_not_mixed(single: list[Row], tmp_path: Path) -> None:
    alone = played([{**row, "conn": 1} for row in single], tmp_path / "a.jsonl")
    both = played(overlapped(single, 2000, 3000, told=True), tmp_path / "b.jsonl")
    assert of(Trade, both) == of(Trade, alone) and len(of(Trade, both)) > 500
    assert of(Quote, both) == of(Quote, alone)
    until = single[2999]["t"]
    depths = [event for event in alone if isinstance(event, Depth) and event.recv_ns <= until]
    assert [event for event in both if isinstance(event, Depth)] == depths and depths
    told = [event.live for event in both if isinstance(event, BookStatus)]
    assert told == [False], "the second has no snapshot of its book, and the first took its book with it"
    report = check_file("binance", tmp_path / "b.jsonl")
    assert report.wrong == [] and report.kinds["trade"].decoded > len(of(Trade, alone))


def test_one_that_a_crash_took_is_followed_by_the_other_in_time(single: list[Row], tmp_path: Path) -> None:
    alone = played([{**row, "conn": 1} for row in single], tmp_path / "a.jsonl")
    both = played(overlapped(single, 2000, 3000, told=False), tmp_path / "b.jsonl")
    assert of(Trade, both) == of(Trade, alone)
    assert of(Quote, both)[-1] == of(Quote, alone)[-1]


def test_what_was_traded_between_two_connections_is_a_gap(single: list[Row], tmp_path: Path) -> None:
    """Live it was fetched by REST, which is no part of what is played; ids may tell how much it was."""
    rows = [row for row in overlapped(single, 3000, 2000, told=True) if row["ch"] != "http"]
    trades = [
        json.loads(row["raw"])["data"]["t"] for row in single[2000:3000] if '@trade"' in row["raw"][:40]
    ]
    (gap,) = (event for event in played(rows, tmp_path / "a.jsonl") if isinstance(event, Gap))
    assert (gap.first_id, gap.last_id) == (trades[0], trades[-1]) and "cut" in gap.reason
    whole = [{**row, "conn": 1 + (n >= 2000)} for n, row in enumerate(single) if row["ch"] != "http"]
    assert not of(Gap, played(whole, tmp_path / "b.jsonl")), "nothing was traded in between"
    assert not of(Gap, played(overlapped(single, 2000, 3000, told=True), tmp_path / "c.jsonl"))


def test_where_ids_are_no_row_a_cut_is_a_gap_unless_another_connection_covered_it(tmp_path: Path) -> None:
    public, business = "wss://ws.okx.com:8443/ws/v5/public", "wss://ws.okx.com:8443/ws/v5/business"

    def row(second: int, kind: str, conn: int, url: str = public, trade_id: int = 0) -> Row:
        ns = 1_700_000_000 * 10**9 + second * 10**9
        told = {"instId": "BTC-USDT", "tradeId": str(trade_id), "px": "100", "sz": "1", "side": "buy"}
        data = [told | {"ts": str(ns // 10**6), "count": "1"}]
        raw = json.dumps({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": data})
        raw = raw.replace(": ", ":").replace(", ", ",")
        head = {"t": ns, "ch": kind, "conn": conn}
        return head | ({"raw": raw} if trade_id else {"raw": None, "url": url})

    begin = [row(0, "open", 1), row(1, "open", 2, business), row(2, "ws", 1, trade_id=5)]
    cut = [row(4, "close", 1), row(5, "open", 3), row(6, "ws", 3, trade_id=9), row(7, "ws", 3, trade_id=10)]
    events = played(begin + cut, tmp_path / "a.jsonl")
    (gap,) = (event for event in events if isinstance(event, Gap))
    assert [event.trade_id for event in events[events.index(gap) :] if isinstance(event, Trade)] == [9, 10]
    over = [row(3, "open", 3), row(4, "ws", 1, trade_id=6), row(5, "close", 1), row(6, "ws", 3, trade_id=9)]
    assert not of(Gap, played(begin + over, tmp_path / "b.jsonl"))
    bars = [row(4, "close", 2, business), row(5, "open", 3, business), row(6, "ws", 1, trade_id=6)]
    assert not of(Gap, played(begin + bars, tmp_path / "c.jsonl"))


@pytest.mark.parametrize("bars_first", [False, True])
def test_connections_to_different_places_do_not_replace_each_other(bars_first: bool, tmp_path: Path) -> None:
    """OKX's bars come from a place of their own: they were left out, or quotes and books were."""
    public, business = "wss://ws.okx.com:8443/ws/v5/public", "wss://ws.okx.com:8443/ws/v5/business"

    def row(second: int, conn: int, channel: str, data: Any) -> Row:
        raw = json.dumps(
            {"arg": {"channel": channel, "instId": "BTC-USDT"}, "data": [data]}, separators=(",", ":")
        )
        return {"t": (1_700_000_000 + second) * 10**9, "ch": "ws", "conn": conn, "raw": raw}

    def begun(conn: int, url: str) -> Row:
        return {"t": 1_700_000_000 * 10**9, "ch": "open", "conn": conn, "raw": None, "url": url}

    def told(second: int, trade_id: int) -> list[Row]:
        ms = str((1_700_000_000 + second) * 1000)
        one = {"instId": "BTC-USDT", "tradeId": str(trade_id), "px": "100", "sz": "1", "side": "buy"}
        top = {"asks": [["101", "1"]], "bids": [["100", "1"]], "ts": ms}
        return [row(second, 1, "trades", one | {"ts": ms, "count": "1"}), row(second, 1, "bbo-tbt", top)]

    bar = ["1699999980000", "100", "100", "100", "100", "1", "1", "1", "0"]
    bars = [row(second, 2, "candle1m", bar) for second in range(1, 16)]
    order = [*bars[:1], *told(1, 5), *bars[1:]] if bars_first else [*told(1, 5), *bars]
    rows = [begun(2, business), begun(1, public), *order, *told(16, 6)]
    kinds = [type(event).__name__ for event in played(rows, tmp_path / "a.jsonl")]
    assert {kind: kinds.count(kind) for kind in kinds} == {"Trade": 2, "Quote": 2, "Candle": 15}
