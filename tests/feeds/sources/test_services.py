"""The services' answers: captured ones, and the errors that come with HTTP 200."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from engine.errors import FeedError
from engine.events import NS, Candle
from engine.feeds.base import UnreachableError
from engine.feeds.rest import BusyError, RefusedError
from engine.feeds.sources import alpha_vantage, polygon, twelve_data, yahoo
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.budget import DAY_NS, HOUR_NS
from engine.feeds.sources.candles import date_ns, local_ns
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.source import Dividend, Split
from engine.feeds.sources.twelve_data import TwelveData
from engine.feeds.sources.yahoo import Yahoo
from tests.feeds.sources.bodies import NOW_NS, captured, source

pytestmark = pytest.mark.data
AAPL = "poll:AAPL"


def prices(bar: Candle) -> tuple[float, float, float, float]:
    return bar.open, bar.high, bar.low, bar.close


# --- Yahoo ---


def test_yahoo_days_begin_at_utc_midnight_of_their_date(data_dir: Path) -> None:
    body = captured(data_dir, "yahoo_chart", "chart-AAPL-2020-01-01")
    (bar,) = source(Yahoo).parse_bars(AAPL, "AAPL", 86_400, body, NOW_NS)
    assert bar.open_ns == date_ns("2020-01-02")
    assert bar.symbol == AAPL
    assert bar.source == "yahoo"
    assert prices(bar) == (74.05999755859375, 75.1500015258789, 73.79750061035156, 75.0875015258789)
    assert bar.volume == 135480400
    assert not bar.closed


def test_yahoo_tells_splits_and_dividends(data_dir: Path) -> None:
    found = yahoo.parse_actions(captured(data_dir, "yahoo_chart", "chart-AAPL-2020-08-31"))
    assert found == [Split(date_ns("2020-08-31"), 4.0, 1.0), Dividend(date_ns("2020-11-06"), 0.205)]


def test_yahoos_adjusted_close_is_what_the_dividends_say(data_dir: Path) -> None:
    """Its closes are in today's shares and not adjusted for dividends: with them they are its own figure."""
    body = captured(data_dir, "yahoo_chart", "chart-AAPL-2020-08-31")
    bars = source(Yahoo).parse_bars(AAPL, "AAPL", 86_400, body, NOW_NS)
    (paid,) = [action for action in yahoo.parse_actions(body) if isinstance(action, Dividend)]
    told = json.loads(body)["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"]
    before = [bar.close for bar in bars if bar.open_ns < paid.ns]
    factor = 1 - paid.amount / before[-1]
    later = told[len(before)] / bars[len(before)].close
    for close, adjusted in zip(before, told, strict=False):
        assert close * factor * later == pytest.approx(adjusted, rel=1e-5)


def test_yahoo_without_timestamps_has_no_bars_and_a_last_price(data_dir: Path) -> None:
    body = captured(data_dir, "yahoo_chart", "interval-1m")
    assert source(Yahoo).parse_bars(AAPL, "AAPL", 60, body, NOW_NS) == []
    (bar,) = source(Yahoo).parse_latest(AAPL, "AAPL", body, NOW_NS)
    assert prices(bar) == (244.87,) * 4
    assert bar.event_ns == 1_739_998_801 * NS
    assert bar.open_ns == 1_739_998_800 * NS
    assert math.isnan(bar.volume)
    assert not bar.closed


def chart(times: list[int], closes: list[float | None], price: float, at: int) -> bytes:
    quote = dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": [1] * len(times)}
    meta = {"regularMarketPrice": price, "regularMarketTime": at, "gmtoffset": 0}
    result = {"meta": meta, "timestamp": times, "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def test_yahoos_newest_bar_closes_with_its_successor() -> None:
    """Minutes without a trade are null, the newest row comes twice, and the last price moves it."""
    times = [1_800_000_000, 1_800_000_060, 1_800_000_120, 1_800_000_180, 1_800_000_207]
    body = chart(times, [10.0, 11.0, None, 12.0, 12.5], 13.0, 1_800_000_209)
    bars = source(Yahoo).parse_latest(AAPL, "AAPL", body, 1_800_000_210 * NS)
    assert [(bar.open_ns // NS, bar.close, bar.closed) for bar in bars] == [
        (1_800_000_000, 10.0, True),
        (1_800_000_060, 11.0, True),
        (1_800_000_180, 13.0, False),
    ]
    assert prices(bars[-1]) == (12.0, 13.0, 12.0, 13.0)


def test_yahoos_older_price_moves_nothing() -> None:
    body = chart([1_800_000_060], [11.0], 5.0, 1_800_000_000)
    (bar,) = source(Yahoo).parse_latest(AAPL, "AAPL", body, NOW_NS)
    assert prices(bar) == (11.0,) * 4


@pytest.mark.parametrize(
    ("code", "kind"), [("Not Found", RefusedError), ("Internal Error", UnreachableError)]
)
def test_yahoos_errors_under_200(code: str, kind: type[FeedError]) -> None:
    body = json.dumps({"chart": {"result": None, "error": {"code": code, "description": "No data found"}}})
    with pytest.raises(kind, match="No data found"):
        source(Yahoo).parse_latest(AAPL, "AAPL", body.encode(), NOW_NS)


# --- Alpha Vantage ---


def test_alpha_vantage_minutes_are_of_new_york(data_dir: Path) -> None:
    body = captured(data_dir, "alpha_vantage", "mock_time_series")
    bars = source(AlphaVantage).parse_bars("poll:MSFT", "MSFT", 60, body, NOW_NS)
    assert bars[-1].open_ns == local_ns("2017-12-18 19:56:00")
    assert prices(bars[-1]) == (86.49, 86.5, 86.475, 86.5)
    assert bars[-1].volume == 10494
    assert [bar.open_ns for bar in bars] == sorted({bar.open_ns for bar in bars})


def test_alpha_vantage_quotes_are_the_bar_of_a_day(data_dir: Path) -> None:
    body = captured(data_dir, "alpha_vantage", "global_quote")
    (bar,) = source(AlphaVantage).parse_latest("poll:MSFT", "MSFT", body, NOW_NS)
    assert prices(bar) == (112.63, 113.17, 110.64, 112.13)
    assert (bar.interval_s, bar.open_ns, bar.volume) == (86_400, date_ns("2018-10-05"), 29062853)


def test_alpha_vantage_rates_are_a_price_alone(data_dir: Path) -> None:
    body = captured(data_dir, "alpha_vantage", "foreign_exchange")
    (bar,) = source(AlphaVantage).parse_latest("poll:BTC/CNY", "BTC/CNY", body, NOW_NS)
    assert prices(bar) == (109631.430607,) * 4
    assert bar.event_ns == local_ns("2017-12-20 19:23:21")


def test_alpha_vantage_has_no_price_of_what_it_quotes_empty() -> None:
    assert source(AlphaVantage).parse_latest(AAPL, "AAPL", b'{"Global Quote": {}}', NOW_NS) == []


def test_alpha_vantages_captured_note_is_an_error(data_dir: Path) -> None:
    with pytest.raises(BusyError, match="Thank you") as caught:
        alpha_vantage.read(captured(data_dir, "alpha_vantage", "Thank you"))
    assert caught.value.retry_after_s == 3600


@pytest.mark.parametrize(
    ("key", "text", "kind", "wait_s"),
    [
        ("Error Message", "Invalid API call. Please retry", RefusedError, None),
        ("Information", "Thank you! This is a premium endpoint.", RefusedError, None),
        ("Information", "the rate limit is 25 requests per day. Please subscribe", BusyError, 3600),
        ("Information", "Please spread out your requests: 1 request per second.", BusyError, 2),
        ("Note", "something new", BusyError, 60),
    ],
)
def test_alpha_vantages_errors_under_200(
    key: str, text: str, kind: type[FeedError], wait_s: float | None
) -> None:
    with pytest.raises(kind) as caught:
        alpha_vantage.read(json.dumps({key: text}).encode())
    assert getattr(caught.value, "retry_after_s", None) == wait_s


def test_alpha_vantage_tells_splits_and_dividends() -> None:
    split = b'{"symbol":"X","data":[{"effective_date":"2020-08-31","split_factor":"4.0000"}]}'
    paid = b'{"symbol":"X","data":[{"ex_dividend_date":"2020-11-06","amount":"0.205","record_date":"None"}]}'
    assert alpha_vantage.parse_splits(split) == [Split(date_ns("2020-08-31"), 4.0, 1.0)]
    assert alpha_vantage.parse_dividends(paid) == [Dividend(date_ns("2020-11-06"), 0.205)]


def test_alpha_vantages_pages_are_months() -> None:
    one = source(AlphaVantage)
    assert one.page_ns(60, date_ns("2025-12-24")) == date_ns("2026-01-01")
    assert one.page_ns(60, date_ns("2024-02-01")) == date_ns("2024-03-01")


# --- Twelve Data ---


def test_twelve_data_comes_newest_first(data_dir: Path) -> None:
    body = captured(data_dir, "twelve_data", "real body")
    bars = source(TwelveData).parse_latest(AAPL, "AAPL", body, NOW_NS)
    assert [(bar.open_ns, bar.closed) for bar in bars] == [
        (local_ns("2023-08-24 11:07:00"), True),
        (local_ns("2023-08-24 11:08:00"), True),
        (local_ns("2023-08-24 11:09:00"), False),
    ]
    assert prices(bars[-1]) == (177.9101, 178.02, 177.91, 178.00121)


@pytest.mark.parametrize("part", ["27 API credits", "arrive as HTTP 200"])
def test_twelve_datas_captured_errors(data_dir: Path, part: str) -> None:
    with pytest.raises(BusyError, match="run out of API credits") as caught:
        twelve_data.read(captured(data_dir, "twelve_data", part), NOW_NS)
    assert caught.value.retry_after_s == 60


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (401, "apikey parameter is incorrect", RefusedError),
        (404, "symbol not found: XYZ", RefusedError),
        (500, "internal", UnreachableError),
    ],
)
def test_twelve_datas_errors_under_200(code: int, message: str, kind: type[FeedError]) -> None:
    body = json.dumps({"code": code, "message": message, "status": "error"}).encode()
    with pytest.raises(kind, match=message.partition(":")[0]):
        twelve_data.read(body, NOW_NS)


def test_twelve_datas_spent_day_ends_at_midnight_utc() -> None:
    body = b'{"code":429,"message":"You have run out of API credits for the day.","status":"error"}'
    with pytest.raises(BusyError) as caught:
        twelve_data.read(body, NOW_NS - NOW_NS % DAY_NS + 20 * HOUR_NS)
    assert caught.value.retry_after_s == 4 * 3600


def test_twelve_data_without_data_in_a_span_is_empty() -> None:
    body = b'{"code":400,"message":"No data is available on the specified dates.","status":"error"}'
    assert twelve_data.read(body, NOW_NS) == []


# --- Polygon ---


def test_polygon_days_begin_at_utc_midnight_of_their_date(data_dir: Path) -> None:
    body = captured(data_dir, "polygon", "range/1/day/2005-04-01")
    bars = source(Polygon).parse_bars(AAPL, "AAPL", 86_400, body, NOW_NS)
    assert [bar.open_ns for bar in bars] == [date_ns("2005-04-01"), date_ns("2005-04-04")]
    assert prices(bars[0]) == (1.5032, 1.5064, 1.4489, 1.4604)
    assert (bars[0].volume, bars[0].trades) == (642646396.0, 82132)


def test_polygons_delayed_answers_are_good() -> None:
    body = b'{"status":"DELAYED","results":[{"t":1800000000000,"o":1,"h":2,"l":1,"c":2}]}'
    (bar,) = source(Polygon).parse_latest(AAPL, "AAPL", body, NOW_NS)
    assert math.isnan(bar.volume)
    assert source(Polygon).parse_latest(AAPL, "AAPL", b'{"status":"OK","resultsCount":0}', NOW_NS) == []


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("ERROR", "You've exceeded the maximum requests per minute, please wait.", BusyError),
        ("ERROR", "Unknown API Key", RefusedError),
        ("NOT_AUTHORIZED", "Your plan doesn't include this data timeframe.", RefusedError),
        ("ERROR", "something broke", UnreachableError),
    ],
)
def test_polygons_errors_under_200(status: str, message: str, kind: type[FeedError]) -> None:
    body = json.dumps({"status": status, "error": message, "request_id": "1"}).encode()
    with pytest.raises(kind):
        source(Polygon).parse_latest(AAPL, "AAPL", body, NOW_NS)


def test_polygon_tells_splits_and_dividends() -> None:
    split = b'{"status":"OK","results":[{"execution_date":"2020-08-31","split_from":1,"split_to":4}]}'
    paid = b'{"status":"OK","results":[{"ex_dividend_date":"2020-11-06","cash_amount":0.205}]}'
    assert polygon.parse_splits(split) == [Split(date_ns("2020-08-31"), 4.0, 1.0)]
    assert polygon.parse_dividends(paid) == [Dividend(date_ns("2020-11-06"), 0.205)]


def test_yahoos_price_alone_closes_no_bar() -> None:
    """The rows may be behind the price: the last one may still change."""
    row_s = NOW_NS // NS // 60 * 60

    def chart(times: list[int], price_s: int) -> bytes:
        columns = dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * len(times))
        meta = {"regularMarketPrice": 2.0, "regularMarketTime": price_s}
        result = {"meta": meta, "timestamp": times, "indicators": {"quote": [columns]}}
        return json.dumps({"chart": {"result": [result], "error": None}}).encode()

    service = source(Yahoo)
    ahead = service.parse_latest("poll:X", "X", chart([row_s - 60, row_s], row_s + 70), NOW_NS)
    assert [(bar.closed, bar.close) for bar in ahead] == [(True, 1.0), (False, 1.0), (False, 2.0)]
    level = service.parse_latest("poll:X", "X", chart([row_s, row_s + 60], row_s + 70), NOW_NS)
    assert [bar.closed for bar in level] == [True, False]
