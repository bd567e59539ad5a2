"""Bodies that no service would send: none is taken for what it is not, and none raises what it must not."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.errors import FeedError
from engine.events import Candle
from engine.feeds.sources import alpha_vantage, polygon, yahoo
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.candles import closed_by_age, in_order
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.rest_source import RestSource
from engine.feeds.sources.source import Action, Split
from engine.feeds.sources.twelve_data import TwelveData
from engine.feeds.sources.yahoo import Yahoo
from tests.feeds.sources.bodies import NOW_NS, captured, source
from tests.feeds.sources.damage import damaged

BODIES = 10_000
PARTS = (
    ("yahoo_chart", Yahoo, ("2020-08-31", "interval-1m", "BTC-USD")),
    ("alpha_vantage", AlphaVantage, ("mock_time_series", "global_quote", "foreign_exchange")),
    ("twelve_data", TwelveData, ("real body",)),
    ("polygon", Polygon, ("range/1/day/2005-04-01", "aggs/ticker/AAPL/prev")),
)
ACTIONS = {
    Yahoo: [yahoo.parse_actions],
    AlphaVantage: [alpha_vantage.parse_splits, alpha_vantage.parse_dividends],
    Polygon: [polygon.parse_splits, polygon.parse_dividends],
    TwelveData: [],
}
REFERENCE = {
    Yahoo: [],
    Polygon: [
        '{"status": "OK", "results": [{"execution_date": "2020-08-31", "split_from": 1, "split_to": 4}]}',
        '{"status": "OK", "results": [{"ex_dividend_date": "2020-11-06", "cash_amount": 0.205}]}',
    ],
    AlphaVantage: [
        '{"data": [{"effective_date": "2020-08-31", "split_factor": "4.0"}]}',
        '{"data": [{"ex_dividend_date": "2020-11-06", "amount": "0.2"}]}',
    ],
    TwelveData: [],
}


def short(body: bytes) -> str:
    """A body with few rows: so that what is damaged is what is read."""
    tree = json.loads(body)
    result = tree.get("chart", {}).get("result") if isinstance(tree, dict) else None
    if result and "timestamp" in result[0]:
        result[0]["timestamp"] = result[0]["timestamp"][:3]
        quote = result[0]["indicators"]["quote"][0]
        for name, column in quote.items():
            quote[name] = column[:3]
    if "Time Series (1min)" in tree:
        tree["Time Series (1min)"] = dict(list(tree["Time Series (1min)"].items())[:3])
    return json.dumps(tree)


@pytest.mark.data
@pytest.mark.parametrize(("file", "kind", "parts"), PARTS, ids=[part[0] for part in PARTS])
def test_fuzzed_bodies_make_no_bad_bar(
    data_dir: Path, file: str, kind: type[RestSource], parts: tuple[str, ...]
) -> None:
    rng = random.Random(file)
    seeds = [short(captured(data_dir, file, part)) for part in parts]
    seeds += REFERENCE[kind]
    one = source(kind)
    parsers: list[Callable[[bytes], object]] = [
        lambda body: one.parse_latest("poll:X", "X", body, NOW_NS),
        lambda body: one.parse_bars("poll:X", "X", 60, body, NOW_NS),
        lambda body: one.parse_bars("poll:X", "X", 86_400, body, NOW_NS),
        *ACTIONS[kind],
    ]
    read = 0
    for body in damaged(seeds, BODIES, rng):
        for parse in parsers:
            try:
                found = parse(body)
            except (FeedError, msgspec.MsgspecError, ValueError):
                continue
            assert isinstance(found, list)
            read += bool(found)
            for row in found:
                check(row)
            bars = [row for row in found if isinstance(row, Candle)]
            assert all(check(bar) is None for bar in closed_by_age(in_order(bars), NOW_NS))
    assert read > BODIES // 20  # the parsers were reached


def check(row: Candle | Action) -> None:
    if not isinstance(row, Candle):
        amounts = (row.numerator, row.denominator) if isinstance(row, Split) else (row.amount,)
        assert all(0 < amount < 1e9 for amount in amounts)
        assert 0 <= row.ns < 1 << 63
        return
    assert all(0 < price <= 1e15 for price in (row.open, row.high, row.low, row.close))
    assert math.isnan(row.volume) or 0 <= row.volume < math.inf
    assert 0 <= row.open_ns < 1 << 63
    assert row.open_ns % (row.interval_s * 10**9) == 0
    assert row.trades >= -1
    assert row.symbol == "poll:X"
