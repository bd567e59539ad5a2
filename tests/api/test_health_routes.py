"""Health: all of it, and the probes that a supervisor asks; every refused query says what is wrong."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.health_protocol import Probe
from engine.api.protocol import ErrorReply, Health, PositionRow, TickRow
from engine.events import FeatureRow
from engine.nan_json import decode as decode_nan
from engine.signal_exchange import SignalsReply
from tests.api.conftest import Serve

decode = msgspec.json.decode


async def test_probes_say_in_their_status_what_is_wrong(serve: Serve) -> None:
    async with serve() as served:
        for fault, halt, expected in (
            ("", "", (200, 200, 200)),
            ("", "the desk is HALTED: by hand", (200, 200, 503)),
            ("the engine is warming up", "", (200, 503, 503)),
        ):
            served.desk.fault, served.desk.halt = fault, halt
            found = []
            for which in ("live", "ready", "trading"):
                status, answer = await served.request("GET", f"/v1/health/{which}")
                probe = decode(answer, type=Probe)
                assert probe.ok == (status == 200) == (not probe.detail)
                assert probe.detail in ("", fault, halt)
                found.append(status)
            assert tuple(found) == expected
        status, answer = await served.request("GET", "/v1/health")
        assert (status, decode(answer, type=Health)) == (200, served.desk.health())


async def test_ticks_positions_and_features_one_by_one(serve: Serve) -> None:
    async with serve() as served:
        whole = served.desk.frame
        _, answer = await served.request("GET", "/v1/ticks")
        assert decode(answer, type=tuple[TickRow, ...]) == whole.ticks
        _, answer = await served.request("GET", "/v1/positions")
        assert decode(answer, type=tuple[PositionRow, ...]) == whole.positions
        for path in ("/v1/features/kraken:BTC%2FUSD", "/v1/features/kraken:BTC/USD"):
            status, answer = await served.request("GET", path)
            assert status == 200 and decode_nan(answer, FeatureRow).symbol
        for path in ("/v1/ticks/no:SUCH", "/v1/features/no:SUCH"):
            status, answer = await served.request("GET", path)
            assert status == 404 and "unknown symbol no:SUCH" in decode(answer, type=ErrorReply).error


async def test_signals_are_computed_of_what_is_sent_or_of_the_desk_s_own_bars(serve: Serve) -> None:
    async with serve() as served:
        path = "/v1/signals/generate"
        for number in range(5):
            served.desk.market.bar(number, 1.5, closed=number < 4)
        status, answer = await served.request("POST", path, b'{"symbol":"kraken:BTC/USD"}')
        assert status == 200 and decode(answer, type=SignalsReply).signals.speed == 0.5
        assert served.desk.asked == [("answer", "kraken:BTC/USD", 4)], "what is not closed is not counted"
        candle = b'{"timestamp":1,"open":1,"high":1,"low":1,"close":1,"volume":1}'
        body = b'{"symbol":"no:SUCH","candles":[' + candle + b"," + candle + b"]}"
        assert (await served.request("POST", path, body))[0] == 200
        assert served.desk.asked[-1] == ("answer", "no:SUCH", 2)
        for wrong, expected in (
            (b'{"symbol":"no:SUCH"}', 404),
            (b'{"symbol":""}', 400),
            (b'{"symbol":"kraken:BTC/USD","candle":[]}', 400),
            (b"[]", 400),
        ):
            assert (await served.request("POST", path, wrong))[0] == expected


async def test_bars_of_a_range_are_asked_of_what_is_stored(serve: Serve) -> None:
    async with serve() as served:
        path = "/v1/bars/kraken:BTC/USD"
        for query in ("since=5", "until=9", "interval=60"):
            assert (await served.request("GET", f"{path}?{query}&count=3"))[0] == 200
        most = (1 << 63) - 1
        ranges = [asked for asked in served.desk.asked if asked[0] == "bars of"]
        assert [asked[2:] for asked in ranges] == [(0, 5, most, 3), (0, 0, 9, 3), (60, 0, most, 3)]
        await served.request("GET", path)
        assert served.desk.asked[-1] == ("bars", "kraken:BTC/USD", 500)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/ticks?symbol=x", "unknown query parameter 'symbol': there is none"),
        ("/v1/orders?limt=5", "unknown query parameter 'limt': there is cursor, limit, state, symbol"),
        ("/v1/orders?limit=5&limit=6", "limit: given twice"),
        ("/v1/signals?since=-1", "since: a number from 0"),
        ("/v1/signals?until=1e9", "until: a number from 0"),
        ("/v1/signals?cursor=%00", "cursor: printable text"),
        ("/v1/signals?cursor=x", "cursor: none of this list"),
        ("/v1/fills?symbol=" + "x" * 101, "symbol: at most 100 characters"),
        ("/v1/features?limit=201", "limit: a number from 1 to 200"),
        ("/v1/ticks/" + "x" * 201, "is no name"),
    ],
)
async def test_a_query_that_is_not_understood_is_not_taken_for_another(
    serve: Serve, path: str, says: str
) -> None:
    async with serve() as served:
        status, answer = await served.request("GET", path)
        error = decode(answer, type=ErrorReply)
        assert (status, error.code) == (400, "HTTP_400") and says in error.error
        assert not served.desk.asked
