"""A real engine loads history beside trading, is killed while it does, and goes on."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from console.cli.client import ask
from engine.api.protocol import BarsRow
from engine.errors import LinkError
from engine.store.bars_read import BarReader
from tests.e2e.engine import RunningEngine
from tests.klines_server import KlinesServer
from tests.store.bar_samples import MINUTE, SYMBOL, candles
from tests.wiring.redis_process import RedisProcess

DAYS = 2


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def serving(server: KlinesServer) -> Iterator[None]:
    """On a loop in a thread: what asks the engine has one of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def stored(state: Path) -> list[int]:
    reader = BarReader(state / "bars.db")
    opens = reader.bars(SYMBOL, 60).open_ns.tolist()
    reader.close()
    return opens


def served(state: Path, count: int) -> BarsRow | None:
    try:
        return ask(state, "GET", f"/v1/bars/{SYMBOL}?count={count}", BarsRow)
    except LinkError:
        return None


def test_an_engine_that_is_killed_while_it_loads_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    state = tmp_path / "state"
    first_ns = time.time_ns() // MINUTE * MINUTE - (DAYS * 1440 + 10) * MINUTE
    told = candles(DAYS * 1440 + 60, start_ns=first_ns)
    (tmp_path / "redis").mkdir()
    with RedisProcess(tmp_path / "redis") as redis:
        server = KlinesServer(told, limit=50)
        server.most = 20
        with serving(server):
            settings = {
                "feeds.binance.symbols": "['BTCUSDT']",
                "feeds.binance.ws_url": "'ws://127.0.0.1:9'",
                "feeds.binance.rest_url": f"'{server.url}'",
                "collection.sources.binance.per_minute": "100000",
                "history.days": f"{DAYS}",
                "cache.redis_url": f"'{redis.url}'",
            }
            options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
            with RunningEngine(state, *options) as engine:
                until(lambda: len(server.asked) > server.most)
                engine.signal(signal.SIGKILL)
                engine.wait()
            held = stored(state)
            assert len(held) == 20 * 50 and held[-1] - held[0] == (len(held) - 1) * MINUTE
            asked, server.most = len(server.asked), 0
            with RunningEngine(state, *options):
                until(lambda: len(stored(state)) >= DAYS * 1440 - 1)
                assert server.asked[asked][0] * 1_000_000 == held[-1] + MINUTE
                until(lambda: (row := served(state, 5_000)) and len(row.open_ns) >= DAYS * 1440 - 1)
                row = served(state, 10)
                assert row is not None and len(row.open_ns) == 10
                client = redis.client()
                key = f"dfp:bars:60:{SYMBOL}"
                until(lambda: client.zcard(key) >= DAYS * 1440 - 1)
                last = msgspec.msgpack.decode(client.zrange(key, -1, -1)[0])
                assert (last[0], last[4]) == (row.open_ns[-1], row.bars[-1][3])
                client.close()
        opens = stored(state)
        assert opens[-1] - opens[0] == (len(opens) - 1) * MINUTE


def test_an_engine_that_loads_and_polls_ends_at_once(tmp_path: Path) -> None:
    """Whatever it waits for."""
    state = tmp_path / "state"
    first_ns = time.time_ns() // MINUTE * MINUTE - (DAYS * 1440 + 10) * MINUTE
    server = KlinesServer(candles(DAYS * 1440 + 60, start_ns=first_ns), limit=50)
    server.most = 3
    with serving(server), socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {
            "feeds.binance.symbols": "['BTCUSDT']",
            "feeds.binance.ws_url": "'ws://127.0.0.1:9'",
            "feeds.binance.rest_url": f"'{server.url}'",
            "collection.sources.binance.per_minute": "100000",
            "collection.sources.yahoo.rest_url": f"'http://127.0.0.1:{silent.getsockname()[1]}'",
            "collection.symbols": "['AAPL','MSFT']",
            "history.days": f"{DAYS}",
            "cache.redis_url": f"'redis://127.0.0.1:{silent.getsockname()[1]}/0'",
        }
        pytest.importorskip("redis")
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        with RunningEngine(state, *options) as engine:
            until(lambda: len(server.asked) > server.most)
            began = time.monotonic()
            engine.signal(signal.SIGTERM)
            assert engine.wait() == 0
            assert time.monotonic() - began < 6.0
        assert len(stored(state)) == 3 * 50
