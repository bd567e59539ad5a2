"""Captured messages of Alpaca, and whether the local server of the tests speaks like them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.errors import OrderError
from engine.events import OrderState, OrderType, Side
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.wire import (
    Execution,
    Frame,
    OrderRow,
    Status,
    Update,
    decode,
    refusal,
    same_symbol,
    stamp_ns,
)
from tests.execution.alpaca_desk import ask
from tests.execution.alpaca_server import AlpacaServer

NS = 1_000_000_000


@pytest.fixture(scope="session")
def samples(data_dir: Path) -> list[dict[str, str]]:
    path = data_dir / "feeds" / "alpaca" / "samples.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no captured messages at {path}")
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def of(samples: list[dict[str, str]], *kinds: str) -> list[str]:
    return [sample["raw"] for sample in samples if sample["kind"] in kinds]


@pytest.mark.data
def test_every_captured_update_is_read(samples: list[dict[str, str]]) -> None:
    read = 0
    for raw in of(samples, "trade_updates", "pending_new", "new", "fill"):
        if '"stream":"trade_updates"' in raw:
            update = decode(bytes(decode(raw.encode(), Frame).data), Update)
            assert update.order.id and update.order.client_order_id
            read += 1
    assert read == 4


@pytest.mark.data
def test_a_captured_fill_is_exact(samples: list[dict[str, str]]) -> None:
    (raw,) = of(samples, "fill")
    update = decode(bytes(decode(raw.encode(), Frame).data), Update)
    assert (update.qty, update.price) == (Decimal("129.7"), Decimal("0.0851119"))
    assert update.execution_id == "a0b4b946-3ed9-4fd6-bb10-d1c5f28415aa"
    assert stamp_ns(update.timestamp, 0) == 1_789_737_890 * NS + 19_957_863


@pytest.mark.data
def test_the_captured_life_of_an_order_through_the_gateway(samples: list[dict[str, str]]) -> None:
    gateway = AlpacaGateway({"sim:DOGE-USD": "DOGE/USD"}, requests_per_min=200, settle_ns=NS)
    identity = "ccxt_214efabb8ba04f9fbda29883611402a6"
    request = ask(
        identity,
        symbol="sim:DOGE-USD",
        type=OrderType.MARKET,
        price=None,
        side=Side.SELL,
        quantity=Decimal("129.7"),
        reduce_only=True,
    )
    assert gateway.submit(request, 1) == []
    call = gateway.next_call(2)
    assert call is not None and call.form is not None and call.form["symbol"] == "DOGE/USD"
    reports: list[Any] = []
    for kind in ("authorization", "listening", "pending_new", "new", "fill", "fill", "new"):
        (raw,) = of(samples, kind)
        reports += gateway.update(raw.encode(), 2_000_000_000 * NS)
    assert reports[0].state is OrderState.ACCEPTED
    assert (reports[1].quantity, reports[1].price) == (Decimal("129.7"), Decimal("0.0851119"))
    assert len(reports) == 2


@pytest.mark.data
def test_every_captured_order_row_is_read(samples: list[dict[str, str]]) -> None:
    for raw in of(samples, "rest_order"):
        if raw.startswith("{"):
            assert decode(raw.encode(), OrderRow).qty == 1
        elif "filled_qty" in raw:
            (row,) = decode(raw.encode(), list[OrderRow])
            assert row.replaces and row.filled == 0


@pytest.mark.data
def test_logins_and_acknowledgements(samples: list[dict[str, str]]) -> None:
    told = []
    for raw in of(samples, "trade_updates", "authorization", "listening"):
        if '"stream":"authorization"' in raw or '"stream":"listening"' in raw:
            frame = decode(raw.encode(), Frame)
            told.append((frame.stream, decode(bytes(frame.data), Status)))
    assert {status.status for stream, status in told if stream == "authorization"} == {
        "authorized",
        "unauthorized",
    }
    assert all(status.streams == ("trade_updates",) for stream, status in told if stream == "listening")


@pytest.mark.data
async def test_the_local_server_speaks_with_the_captured_fields(samples: list[dict[str, str]]) -> None:
    told: list[dict[str, Any]] = []
    server = AlpacaServer()
    server.send = told.append  # type: ignore[method-assign]
    form = {"symbol": "BTC/USD", "qty": "1", "side": "sell", "type": "market", "time_in_force": "gtc"}
    server._accept({**form, "client_order_id": "td-1"})
    server.fill("td-1", "1", "100")
    for kind, ours in zip(("pending_new", "new", "fill"), told, strict=True):
        theirs = json.loads(of(samples, kind)[0])["data"]
        assert ours["event"] == theirs["event"]
        assert set(ours) <= set(theirs) and set(ours["order"]) == set(theirs["order"])
        assert len(ours["event_id"]) == len(theirs["event_id"])
        for name, value in theirs["order"].items():
            mine = ours["order"][name]
            assert value is None or mine is None or type(mine) is type(value), name


def test_numbers_are_taken_as_they_are_written() -> None:
    row = b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":0.1000000000000000055,'
    row += b'"limit_price":"1.10"}'
    read = decode(row, OrderRow)
    assert str(read.qty) == "0.1000000000000000055" and str(read.limit_price) == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"id":1}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":"1E+999999999"}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":"1E-999999999"}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":"0E-999999999"}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":"NaN"}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","qty":1e30}',
        b'{"id":"a","symbol":"X","status":"new","side":"buy","legs":[{"id":"b","symbol":"X","status":"new",'
        b'"side":"buy","qty":"Infinity"}]}',
        b'{"legs":' + b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(OrderError, match="unreadable"):
        decode(body, OrderRow)


def test_refusals_are_cleaned_and_may_be_no_json() -> None:
    told = refusal(b'{"code": 40010001, "message": "a\\u001b[31m \\u202eb"}')
    assert (told.code, told.message) == (40010001, "a[31m b")
    assert refusal(b"<html>\x1b]0;x\x07 bad gateway").message == "<html>]0;x bad gateway"
    assert refusal(b"\xff\xfe").message


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:01Z", NS),
        ("1970-01-01T00:00:01.5Z", NS + NS // 2),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("1969-12-31T20:00:00-04:00", 0),
        ("yesterday", 7),
        ("2026-13-01T00:00:00Z", 7),
        (None, 7),
    ],
)
def test_times(text: str | None, ns: int) -> None:
    assert stamp_ns(text, 7) == ns


def test_an_activity_names_its_execution() -> None:
    row = Execution("20190524113406977::8efc7b9a", "o", "X", "buy", Decimal(1), Decimal(1))
    assert row.execution_id == "8efc7b9a"
    assert same_symbol("BTC/USD", "BTCUSD") and not same_symbol("BTC/USD", "ETHUSD")
