"""A real engine process against local venues that play the captures: nothing is lost across cuts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.protocol import FeedRow, Health, StateFrame
from tests.e2e.engine import RunningEngine, options, run
from tests.feeds.conftest import Venues, venues
from tests.venue_server import Script, VenueServer

__all__ = ["venues"]

pytestmark = pytest.mark.data

COINBASE = (
    *("BAND-GBP", "YFI-BTC", "SKL-BTC", "DASH-BTC", "NMR-EUR"),
    *("BAND-BTC", "NU-GBP", "CRV-EUR", "SKL-GBP", "SKL-USD"),
)
KRAKEN = ("WAVES/EUR", "XMR/USD", "KSM/BTC", "SC/EUR", "ETH/CHF")


def connected_to(venue: str, server: VenueServer, symbols: Sequence[str], **more: object) -> Sequence[str]:
    """Options of an engine whose feed of ``venue`` is ``server``, quick to act."""
    settings = {
        "symbols": ",".join(symbols),
        "ws_url": server.ws_url,
        "rest_url": server.rest_url,
        "backoff_max_s": 0.2,
        "poll_interval_s": 0.2,
        **more,
    }
    return options(**{f"feeds__{venue}__{key}": value for key, value in settings.items()})


@contextlib.asynccontextmanager
async def engine_with(state_dir: Path, *settings: str) -> AsyncIterator[RunningEngine]:
    """A running engine; this loop goes on meanwhile, since the venues live on it."""
    engine = RunningEngine(state_dir, *settings)
    await asyncio.to_thread(engine.start)
    try:
        yield engine
    finally:
        await asyncio.to_thread(engine.__exit__, None, None, None)


async def until(
    state_dir: Path, holds: Callable[[Health], object], what: str = "", within_s: float = 20.0
) -> Health:
    deadline = time.monotonic() + within_s
    while True:
        health = await asyncio.to_thread(ask, state_dir, "GET", "/v1/health", Health)
        if holds(health):
            return health
        assert time.monotonic() < deadline, (what, health.feeds, health.status.funnel, health.status.drops)
        await asyncio.sleep(0.05)


def feed(health: Health, venue: str) -> FeedRow:
    return next(row for row in health.feeds if row.venue == venue)


async def test_three_venues_lose_no_trade_across_their_cuts(venues: Venues, tmp_path: Path) -> None:
    where = tmp_path / "state"
    cuts = {
        "binance": Script(cut_after={2000: 700, 4500: 1}),
        "coinbase": Script(cut_after={2000: 3000}),
        "kraken": Script(cut_after={1000: 900}),
    }
    async with (
        venues("binance", limit=6000, script=cuts["binance"]) as binance,
        venues("coinbase", script=cuts["coinbase"]) as coinbase,
        venues("kraken", script=cuts["kraken"]) as kraken,
    ):
        servers = {"binance": binance, "coinbase": coinbase, "kraken": kraken}
        settings = [
            *connected_to("binance", binance, ["BTCUSDT"]),
            *connected_to("coinbase", coinbase, COINBASE),
            *connected_to("kraken", kraken, KRAKEN),
        ]
        async with engine_with(where, *settings):
            for server in servers.values():
                await asyncio.wait_for(server.finished.wait(), 30)
            happened = {
                venue: sum(len(rows) for rows in server.protocol.trades.values())
                for venue, server in servers.items()
            }
            assert happened["binance"] > 1000 and happened["coinbase"] == 84 and happened["kraken"] == 10
            health = await until(
                where,
                lambda h: h.status.funnel["trades"] >= sum(happened.values()),
                f"trades that happened: {happened}",
            )
            assert health.status.funnel["trades"] == sum(happened.values())
            assert health.status.funnel["quotes"] > 3000
            # Coinbase's first snapshots tell no time: by our clock they are years younger than the capture.
            drops = set(health.status.drops) - {"market:OUT_OF_ORDER"}
            assert not any(code.startswith(("market:", "feeds:")) for code in drops)
            for venue, server in servers.items():
                row = feed(health, venue)
                assert row.gaps == 0
                assert row.reconnects >= len(cuts[venue].cut_after) + (venue == "binance") * 2
                assert server.connections == row.reconnects + 1
            await until(where, lambda h: all(row.state == "up" for row in h.feeds), "all up again")


async def test_a_venue_goes_away_and_comes_back(venues: Venues, tmp_path: Path) -> None:
    where = tmp_path / "state"
    async with (
        venues("binance", limit=12_000, speed=3.0) as server,
        engine_with(where, *connected_to("binance", server, ["BTCUSDT"])) as engine,
    ):
        await until(where, lambda h: feed(h, "binance").state == "up" and h.status.ticks > 200, "up")
        server.script.away = True
        server.hang_up()
        polling = await until(where, lambda h: feed(h, "binance").state == "polling", "polling")
        server.advance(200)
        await until(where, lambda h: h.status.ticks > polling.status.ticks, "data while polling")
        server.script.away = False
        await until(where, lambda h: feed(h, "binance").state == "up", "up again")
        so_far = len(server.protocol.trades["BTCUSDT"])
        await until(where, lambda h: h.status.funnel["trades"] >= so_far, "trades of the time away")
        health = await until(where, lambda h: h.ok, "well")
        assert feed(health, "binance").gaps == 0
        log = engine.stderr.read_text()
        assert "Traceback" not in log


async def test_an_unreachable_venue_is_said_and_tried_again(venues: Venues, tmp_path: Path) -> None:
    where = tmp_path / "state"
    async with venues("binance", limit=12_000, speed=3.0, script=Script(away=True, rest_away=True)) as server:
        settings = connected_to("binance", server, ["BTCUSDT"])
        async with engine_with(where, *settings) as engine:
            health = await until(where, lambda h: len(server.handshakes) >= 2, "tries again")
            row = feed(health, "binance")
            assert row.state not in ("up", "polling") and "503" in row.detail
            status = await asyncio.to_thread(run, "status", "--state-dir", str(where))
            assert status.returncode == 1
            (line,) = [line for line in status.stdout.splitlines() if line.startswith("feed binance")]
            assert "503" in line and "Traceback" not in status.stderr
            server.script.away = server.script.rest_away = False
            await until(where, lambda h: feed(h, "binance").state == "up", "reached at last")
            await until(where, lambda h: h.status.ticks > 100, "its data")
            log = engine.stderr.read_text()
            assert "Traceback" not in log and "503" in log


async def test_nobody_listens_and_another_venue_goes_on(venues: Venues, tmp_path: Path) -> None:
    where = tmp_path / "state"
    async with venues("kraken", speed=20.0) as kraken:
        dead = options(
            feeds__binance__symbols="BTCUSDT",
            feeds__binance__ws_url="ws://127.0.0.1:1/stream",
            feeds__binance__rest_url="http://127.0.0.1:1",
            feeds__binance__backoff_max_s=0.2,
        )
        async with engine_with(where, *connected_to("kraken", kraken, KRAKEN), *dead):
            health = await until(
                where,
                lambda h: (
                    feed(h, "kraken").state == "up" and h.status.ticks > 20 and feed(h, "binance").detail
                ),
                "kraken up, binance said",
            )
            assert not health.ok
            assert "127.0.0.1:1" in feed(health, "binance").detail


@pytest.mark.parametrize(
    ("venue", "symbol"), [("binance", "NOSUCHCOIN"), ("kraken", "NO/SUCH"), ("coinbase", "NO-SUCH")]
)
async def test_an_unknown_symbol_is_one_line_with_its_name(
    venues: Venues, tmp_path: Path, venue: str, symbol: str
) -> None:
    where = tmp_path / "state"
    async with (
        venues(venue, limit=1000) as server,
        engine_with(where, *connected_to(venue, server, [symbol])) as engine,
    ):
        health = await until(where, lambda h: symbol in feed(h, venue).detail, "refused")
        assert feed(health, venue).state == "down" and feed(health, venue).detail.isprintable()
        await asyncio.sleep(0.3)  # told twice would be a mistake too
        frame = await asyncio.to_thread(ask, where, "GET", "/v1/snapshot", StateFrame)
        told = [row.text for row in frame.logs if row.level == "error"]
        assert len(told) == 1 and symbol in told[0] and venue in told[0], told
        assert not health.ok and server.connections == 0
        assert "Traceback" not in engine.stderr.read_text()
