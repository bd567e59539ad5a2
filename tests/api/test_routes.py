"""Strategies, weights, signals and automations over the link: typed, bounded, one-line errors."""

from __future__ import annotations

import msgspec
import pytest

from engine import nan_json
from engine.api.protocol import (
    AutomationRow,
    BarsRow,
    DepthRow,
    ErrorReply,
    QuarantineRow,
    Reply,
    SignalStatistics,
    StrategyDetail,
    StrategyPatch,
    SymbolDataRow,
    SymbolSignals,
    WeightsPatch,
)
from engine.api.trading_protocol import EquityCurve, Performance
from engine.config import BlendWeights
from engine.signal_exchange import MAX_CANDLES, SignalsReply
from tests.api import samples
from tests.api.conftest import Serve
from tests.api.fake_trading import PERFORMANCE
from tests.console import sample_feeds

decode = msgspec.json.decode
WHO = {"X-Tickdesk-Client": "test"}


async def test_strategies_are_listed_shown_changed_and_read_again(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/strategies")
        assert (status, decode(body, type=tuple[StrategyDetail, ...])) == (200, samples.strategy_details())
        status, body = await served.request("GET", "/v1/strategies/my_own")
        assert (status, decode(body, type=StrategyDetail)) == (200, samples.strategy_details()[1])
        wanted = StrategyPatch(symbols=("kraken:BTC/USD",), budget_pct=7.5, params={"loud": True, "day": "x"})
        status, body = await served.request(
            "POST", "/v1/strategies/my_own", msgspec.json.encode(wanted), **WHO
        )
        assert status == 200 and decode(body, type=Reply).ok
        assert (await served.request("POST", "/v1/strategies/reload", **WHO))[0] == 200
        assert served.desk.asked == [("strategy", "my_own", wanted, "test"), ("reload strategies", "test")]


async def test_weights_are_shown_and_changed(serve: Serve) -> None:
    async with serve() as served:
        _, body = await served.request("GET", "/v1/weights")
        assert decode(body, type=BlendWeights) == BlendWeights(speed=20.0)
        status, _ = await served.request("POST", "/v1/weights", b'{"speed":30,"options":0}', **WHO)
        assert status == 200
        assert served.desk.asked == [("weights", WeightsPatch(speed=30.0, options=0.0), "test")]


@pytest.mark.parametrize(
    ("written", "symbol"),
    [
        ("simulated:BTC-USD", "simulated:BTC-USD"),
        ("kraken:BTC/USD", "kraken:BTC/USD"),
        ("kraken%3ABTC%2FUSD", "kraken:BTC/USD"),
    ],
)
async def test_signals_of_a_symbol_whatever_its_spelling(serve: Serve, written: str, symbol: str) -> None:
    async with serve() as served:
        status, body = await served.request("GET", f"/v1/signals/{written}")
        found = nan_json.decode(body, SymbolSignals)
        assert status == 200
        assert (found.symbol, found.inputs) == (symbol, samples.symbol_signals(symbol).inputs)


def candles(count: int) -> bytes:
    one = b'{"timestamp":1700000000000,"open":64000.123456789,"high":64000.5,"low":1,"close":2,"volume":3.5}'
    return b'{"symbol":"BTCUSDT","timestamp":1700000000000,"candles":[' + b",".join([one] * count) + b"]}"


async def test_the_endpoint_of_quant_servers_takes_as_many_candles_as_it_says(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("POST", "/signals", candles(MAX_CANDLES))
        reply = decode(body, type=SignalsReply)
        assert (status, reply.signals.speed, reply.signals.oi, reply.signals.options) == (
            200,
            0.5,
            "block",
            None,
        )
        assert served.desk.asked == [("answer", "BTCUSDT", MAX_CANDLES)]
        status, body = await served.request("POST", "/signals", candles(MAX_CANDLES + 1))
        assert status == 400 and str(MAX_CANDLES) in decode(body, type=ErrorReply).error


async def test_automations_are_stored_listed_switched_and_removed(serve: Serve) -> None:
    definition = b'{"trigger":"any text"}'
    async with serve() as served:
        _, body = await served.request("GET", "/v1/automations")
        assert decode(body, type=tuple[AutomationRow, ...]) == samples.automations()
        _, body = await served.request("GET", "/v1/automations/statistics")
        assert decode(body, type=tuple[SignalStatistics, ...]) == samples.signal_statistics()
        path = "/v1/automations/tell%20me"
        assert (await served.request("GET", path))[0] == 404
        assert (await served.request("PUT", path, definition, **WHO))[0] == 200
        assert await served.request("GET", path) == (200, definition)
        assert (await served.request("POST", path, b'{"active":false}', **WHO))[0] == 200
        assert served.desk.asked == [("put", "tell me", "test"), ("automation", "tell me", False, "test")]
        assert (await served.request("DELETE", path))[0] == 200
        assert (await served.request("DELETE", path))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "says"),
    [
        ("GET", "/v1/strategies/nosuch%0a%1b", None, 400, "no name"),
        ("GET", "/v1/strategies/nosuch", None, 404, "unknown strategy nosuch"),
        ("POST", "/v1/strategies/trend", b'{"params":{"a":[1]}}', 400, "params"),
        ("POST", "/v1/strategies/trend", b'{"symbols":"BTC"}', 400, "symbols: expected a list"),
        ("POST", "/v1/weights", b'{"speed":"much"}', 400, "speed: expected a number, got 'much'"),
        ("POST", "/v1/weights", b'{"sped":1}', 400, "sped"),
        ("GET", "/v1/signals/kraken:NO/PE", None, 404, "unknown symbol kraken:NO/PE"),
        ("POST", "/signals", b"[]", 400, "keys with values"),
        ("POST", "/signals", b"{", 400, "body"),
        ("POST", "/signals", b'{"deep":' + b"[" * 60_000, 400, "body"),
        ("PUT", "/v1/automations/statistics", b"{}", 400, "taken"),
        ("PUT", "/v1/automations/big", b"x" * 70_000, 413, "too large"),
        ("PUT", "/v1/automations/" + "n" * 300, b"{}", 400, "no name"),
        ("POST", "/v1/automations/a", b"{}", 400, "active"),
        ("DELETE", "/v1/automations/nosuch", None, 404, "unknown automation"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_errors_are_one_line_and_change_nothing(
    serve: Serve, method: str, path: str, body: bytes | None, expected: int, says: str
) -> None:
    async with serve() as served:
        status, answer = await served.request(method, path, body)
        error = decode(answer, type=ErrorReply)
        assert status == expected, error
        assert says.lower() in error.error.lower()
        assert error.error.isprintable() and error.code
        assert served.desk.asked == []


async def test_performance_and_the_equity_curve(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/performance")
        assert (status, decode(body, type=Performance)) == (200, PERFORMANCE)
        for query, points in (("", 240), ("?points=2", 2), ("?points=2000", 2000)):
            status, body = await served.request("GET", f"/v1/equity{query}")
            assert status == 200
            assert decode(body, type=EquityCurve).drawdown_pct == (0.0, float(points))


@pytest.mark.parametrize("points", ["1", "2001", "-5", "1e3", "٣", "", "99999999999999999999"])
async def test_points_of_the_equity_curve_are_bounded(serve: Serve, points: str) -> None:
    async with serve() as served:
        status, body = await served.request("GET", f"/v1/equity?points={points}")
        assert status == 400
        assert decode(body, type=ErrorReply).error == "points: a number from 2 to 2000"


async def test_the_data_of_each_symbol_and_a_book(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/data")
        assert (status, decode(body, type=list[SymbolDataRow])) == (200, sample_feeds.symbol_data())
        for written in ("kraken:BTC/USD", "kraken%3ABTC%2FUSD"):
            status, body = await served.request("GET", f"/v1/depth/{written}")
            assert status == 200 and decode(body, type=DepthRow).asks == ((101.0, 3.0),)
        status, body = await served.request("GET", "/v1/depth/no:SUCH")
        assert status == 404 and "no:SUCH" in decode(body, type=ErrorReply).error


async def test_the_newest_bars_of_a_symbol(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/bars/kraken:BTC/USD?count=7")
        told = decode(body, type=BarsRow)
        assert (status, told.open_ns, told.bars) == (
            200,
            (60_000_000_000,),
            ((1.0, 2.0, 0.5, 1.5, 10.0, None),),
        )
        assert (await served.request("GET", "/v1/bars/kraken:BTC/USD?count=0"))[0] == 400
        status, body = await served.request("GET", "/v1/bars/no:SUCH")
        assert status == 404 and "history list" in decode(body, type=ErrorReply).error
        assert served.desk.asked == [("bars", "kraken:BTC/USD", 7), ("bars", "no:SUCH", 500)]


async def test_what_was_set_aside_is_listed_by_symbol_reason_and_time(serve: Serve) -> None:
    async with serve() as served:
        status, body = await served.request("GET", "/v1/quarantine")
        assert (status, decode(body, type=list[QuarantineRow])) == (200, sample_feeds.set_aside())
        query = "symbol=kraken:BTC%2FUSD&reason=OUTLIER&since=1767268798000000000&limit=1000"
        assert (await served.request("GET", f"/v1/quarantine?{query}"))[0] == 200
        assert served.desk.asked == [
            ("quarantine", "", "", 0, 100),
            ("quarantine", "kraken:BTC/USD", "OUTLIER", 1_767_268_798_000_000_000, 1000),
        ]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "since=-1", "since=99999999999999999999", "limit=x"]
)
async def test_a_question_for_the_quarantine_that_is_none(serve: Serve, query: str) -> None:
    async with serve() as served:
        assert (await served.request("GET", f"/v1/quarantine?{query}"))[0] == 400
