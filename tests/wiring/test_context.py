"""The context sources as the desk has them: enabled ones only, their health, their signals, none a burden."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from engine.config import Config, FeaturesConfig, load
from engine.events import NS, Family, Signal
from engine.features.engine import FeatureEngine
from engine.feeds.registry import VENUES
from engine.instruments import Instruments
from engine.signal_exchange import SignalsRequest
from engine.wiring import context as wiring
from engine.wiring.context import ContextFeeds, desk_bars
from tests.features.ticks import T0, block
from tests.features.ticks import trade as tick
from tests.feeds.context.bodies import FEAR_GREED, HISTORY, OPEN_INTEREST, PREMIUM, rpc, rss, summary, trade
from tests.feeds.context.server import LoopbackServer, hang, says, until

NOW = 1_700_000_013 * NS
SYMBOLS = ("binance:BTCUSDT", "simulated:ETH-USD")
BARS = np.column_stack([np.linspace(100, 110, 30)] * 4 + [np.ones(30), np.full(30, np.nan)])
OPENS = NOW - NS * np.arange(30, 0, -1)


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    one = LoopbackServer()
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


class Desk:
    """Takes what the context brings."""

    def __init__(self, config: Config, token: str = "") -> None:
        self.signals: list[Signal] = []
        self.blocks: list[tuple[str, str, int]] = []
        self.context = ContextFeeds(
            config,
            clock=lambda: NOW,
            symbols=lambda: SYMBOLS,
            bars=lambda symbol, count: (BARS[-count:], OPENS[-count:]) if symbol in SYMBOLS else None,
            on_signals=self.signals.extend,
            on_block=lambda *block: self.blocks.append(block),
            token=token,
            rng=random.Random(1),
        )

    def detail(self, venue: str) -> str:
        return next(row.detail for row in self.context.rows(NOW) if row.venue == venue)


def configured(**quant: Any) -> Config:
    overrides = [
        f"quant.{section}.{key}={value}" for section, values in quant.items() for key, value in values.items()
    ]
    return load(None, overrides=overrides, environ={})


@contextlib.asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.context.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_the_desks_own_bars_with_their_times_across_a_hole() -> None:
    features, instruments = FeatureEngine(FeaturesConfig(max_fill_bars=1)), Instruments()
    for symbol in SYMBOLS:
        assert features.add_symbol(symbol) == instruments.add(symbol).index
    bars = desk_bars(features, instruments)
    assert bars("nosuch:X", 5) is None
    assert bars(SYMBOLS[0], 5) is None, "no bar yet"
    seconds = (*range(6), *range(1_000, 1_004))
    ticks = block(*(tick(second + 0.5, 100 + number, 1) for number, second in enumerate(seconds)))
    position = 0
    while position < len(ticks):
        _, position, _ = features.feed(ticks, position, len(ticks))
    found = bars(SYMBOLS[0], 5)
    assert found is not None
    table, opens = found
    assert table[:, 3].tolist() == [105.0, 105.0, 106.0, 107.0, 108.0]
    assert [(open_ns - T0) // NS for open_ns in opens.tolist()] == [5, 6, 1_000, 1_001, 1_002]


async def test_the_default_desk_asks_nobody() -> None:
    desk = Desk(Config())
    assert desk.context.rows(NOW) == ()
    await desk.context.run()


async def test_every_source_becomes_signals_and_a_row(server: LoopbackServer) -> None:
    server.answers = {
        "/futures/data/openInterestHist": [says(_history())],
        "/fapi/v1/openInterest": [says(OPEN_INTEREST)],
        "/fapi/v1/premiumIndex": [says(PREMIUM)],
        "/api/v2/public/get_book_summary_by_currency": [says(rpc([summary("BTC-1JAN25-1-C", 5, 9)]))],
        "/api/v2/public/get_last_trades_by_currency": [
            says(rpc({"trades": [trade(1, "BTC-1JAN25-1-C", "buy", 3, NOW // 10**6)], "has_more": False}))
        ],
        "/fng/": [says(FEAR_GREED)],
        "/rss": [says(rss(("Ethereum soars", "")))],
    }
    desk = Desk(
        configured(
            open_interest={"enabled": "true", "url": server.url, "symbols": "BTCUSDT"},
            options={"enabled": "true", "url": server.url, "currencies": "BTC"},
            fear_greed={"enabled": "true", "url": server.url},
            news={"enabled": "true", "feeds": f"{server.url}/rss"},
        )
    )
    async with running(desk):
        await until(lambda: all(row.state == "up" for row in desk.context.rows(NOW)))
        await until(lambda: len({signal.family for signal in desk.signals}) == 3)
    names = [row.venue for row in desk.context.rows(NOW)]
    assert names == ["open-interest", "deribit", "fear-greed", "news"]
    assert not set(names) & set(VENUES), "who shows feeds by name would show one of the two"
    assert all(row.messages == 1 and row.age_ms is None for row in desk.context.rows(NOW))
    by_family = {family: [s.symbol for s in desk.signals if s.family is family] for family in Family}
    assert by_family[Family.OPEN_INTEREST] == ["binance:BTCUSDT"]
    assert by_family[Family.OPTIONS] == ["binance:BTCUSDT"]
    assert set(by_family[Family.SENTIMENT]) == set(SYMBOLS)


def _history() -> str:
    """Two hours of five-minute points."""
    head, tail = HISTORY.rstrip("]").split("},", 1)[0] + "}", []
    for number in range(24):
        stamp = 1_700_000_000_000 - (24 - number) * 300_000
        point = head.lstrip("[").replace("1699999200000", str(stamp))
        tail.append(point.replace("80000.0", f"{80000 + 37 * (number % 5) + 20 * number}.0"))
    return f"[{','.join(tail)}]"


async def test_external_scores_and_blocks_reach_the_desk(server: LoopbackServer) -> None:
    asked: list[SignalsRequest] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        import msgspec

        asked.append(msgspec.json.decode(await request.read(), type=SignalsRequest))
        oi = '"block"' if asked[-1].symbol == SYMBOLS[0] else "0.5"
        scores = f'{{"oi":{oi},"speed":-0.25}}'
        return await says(f'{{"signals":{scores},"latency_ms":3,"timestamp":{NOW // 10**6}}}')(request)

    server.answers = {"/signals": [answer]}
    desk = Desk(configured(**{"servers.alpha": {"url": server.url, "bars": 20, "block_s": 7, "ttl_s": 9}}))
    async with running(desk):
        await until(lambda: len(desk.signals) == 3)
    assert desk.blocks == [(SYMBOLS[0], "alpha says block (oi)", NOW + 7 * NS)]
    assert {(signal.symbol, signal.source, signal.score) for signal in desk.signals} == {
        (SYMBOLS[0], "external:alpha:speed", -0.25),
        (SYMBOLS[1], "external:alpha:speed", -0.25),
        (SYMBOLS[1], "external:alpha:oi", 0.5),
    }
    assert all(signal.ttl_ns == 9 * NS and signal.ns == NOW for signal in desk.signals)
    assert {len(request.candles) for request in asked} == {20}
    assert asked[0].candles[-1].timestamp == (NOW - NS) // 10**6
    assert desk.context.rows(NOW)[0].venue == "quant-server:alpha"


async def test_what_cannot_be_used_is_told_and_the_others_go_on(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = {"/fng/": [says(FEAR_GREED)]}
    desk = Desk(
        configured(
            news={"enabled": "true"},
            fear_greed={"enabled": "true", "url": server.url},
            **{"servers.beta": {"url": "ftp://host"}},
        )
    )
    async with running(desk):
        await until(lambda: bool(desk.signals))
    assert "quant.news.feeds" in desk.detail("news")
    assert "quant.servers.beta.url" in desk.detail("quant-server:beta")
    assert sum("is not used" in record.message for record in caplog.records) == 2


async def test_a_bug_costs_its_own_source_and_it_runs_again(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "FIRST_PAUSE_S", 0.05)
    server.answers = {"/fng/": [says(FEAR_GREED)], "/signals": [hang]}
    desk = Desk(configured(fear_greed={"enabled": "true", "url": server.url}))
    taken = desk.context._on_signals
    details: list[str] = []

    def broken(signals: list[Signal]) -> None:
        desk.context._on_signals = taken
        raise RuntimeError("a bug")

    desk.context._on_signals = broken
    async with running(desk):

        def recovered() -> bool:
            details.append(desk.detail("fear-greed"))
            return bool(desk.signals)

        await until(recovered)
    assert any("internal error (RuntimeError), see engine.log" in detail for detail in details)


async def test_a_server_that_hangs_holds_up_nothing(server: LoopbackServer) -> None:
    server.answers = {"/fng/": [hang], "/signals": [hang]}
    desk = Desk(
        configured(
            fear_greed={"enabled": "true", "url": server.url, "timeout_s": 5},
            **{"servers.alpha": {"url": server.url, "interval_s": 0.1}},
        )
    )
    async with running(desk):
        await until(lambda: server.in_flight == 3)
        loop = asyncio.get_running_loop()
        worst = 0.0
        for _ in range(50):
            began = loop.time()
            await asyncio.sleep(0.001)
            worst = max(worst, loop.time() - began)
        assert worst < 0.1
    assert desk.signals == []
