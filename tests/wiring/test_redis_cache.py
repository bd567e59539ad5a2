"""The copy in Redis, against a real server: what is there, and what happens when it is away."""

from __future__ import annotations

import math
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.config import CacheConfig
from engine.errors import ConfigError
from engine.events import NS, FeatureRow, FeedState
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.store.hot_cache import HotCache
from engine.wiring import redis_cache
from engine.wiring.redis_cache import RedisCache
from tests.store.bar_samples import MINUTE, START, SYMBOL, bars
from tests.wiring.redis_process import RedisProcess

pytest.importorskip("redis")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as one:
        yield one


@pytest.fixture
def opened() -> Iterator[Callable[..., tuple[HotCache, RedisCache]]]:
    made: list[RedisCache] = []

    def make(url: str, *, capacity: int = 100, ttl_s: float = 2.0) -> tuple[HotCache, RedisCache]:
        cache = HotCache(capacity, 60)
        config = CacheConfig(bars=capacity, redis_url=url, prefix="test", features_ttl_s=ttl_s)
        made.append(RedisCache(config, cache, time.time_ns))
        return cache, made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_cache, "MAX_PAUSE_S", 0.1)
    monkeypatch.setattr(redis_cache, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(redis_cache, "IDLE_S", 0.1)


def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def held(client: Any, symbol: str = SYMBOL) -> list[list[float]]:
    return [msgspec.msgpack.decode(one) for one in client.zrange(f"test:bars:60:{symbol}", 0, -1)]


def table(price: float, *symbols: str) -> FeatureTable:
    count = len(symbols)
    values = np.full((count, len(FLOAT_FIELDS)), math.nan)
    values[:, 3] = price
    ints = np.arange(count)
    return FeatureTable(symbols, ints, START, np.full(count, START - NS), np.full(count, 5), values)


Opened = Callable[..., tuple[HotCache, RedisCache]]


def test_bars_are_there_in_order_and_the_oldest_go(server: RedisProcess, opened: Opened) -> None:
    told = bars(150)
    cache, redis = opened(server.url, capacity=100)
    cache.put(told[:60])
    redis.start()
    client = server.client()
    until(lambda: len(held(client)) == 60)
    for one in told[60:]:
        cache.put([one])
        redis.nudge()
    until(lambda: held(client) and held(client)[-1][0] == told[-1].open_ns)
    found = held(client)
    assert [one[0] for one in found] == [one.open_ns for one in told[50:]]
    last = told[-1]
    assert found[-1][1:6] == [last.open, last.high, last.low, last.close, last.volume]
    assert math.isnan(found[-1][6])
    assert client.zscore(f"test:bars:60:{SYMBOL}", msgspec.msgpack.encode(found[-1])) == last.open_ns / 1e9


def test_a_correction_replaces_its_bar(server: RedisProcess, opened: Opened) -> None:
    told = bars(20)
    cache, redis = opened(server.url)
    cache.put(told)
    redis.start()
    client = server.client()
    until(lambda: len(held(client)) == 20)
    cache.put([msgspec.structs.replace(told[10], close=1.5)])
    redis.nudge()
    until(lambda: held(client)[10][4] == 1.5)
    assert [one[0] for one in held(client)] == [one.open_ns for one in told]


def test_features_are_the_latest_and_expire(server: RedisProcess, opened: Opened) -> None:
    _, redis = opened(server.url, ttl_s=0.3)
    redis.start()
    until(lambda: redis.stats.state is FeedState.UP)
    client = server.client()
    for price in range(50):
        redis.offer(table(float(price), "a:X", "b:Y/Z"))
    until(lambda: client.get("test:features:b:Y/Z") is not None)
    until(lambda: msgspec.msgpack.decode(client.get("test:features:a:X"), type=FeatureRow).close == 49.0)
    assert 0 < client.pttl("test:features:a:X") <= 300
    row = msgspec.msgpack.decode(client.get("test:features:a:X"))
    assert (row["symbol"], row["bars"], row["bar_start_ns"]) == ("a:X", 5, START - NS)
    assert redis.stats.gaps % 2 == 0 and redis.stats.gaps <= 98
    until(lambda: not client.keys("test:features:*"), 3.0)


def test_it_goes_away_and_comes_back_empty(server: RedisProcess, opened: Opened) -> None:
    told = bars(100)
    cache, redis = opened(server.url)
    cache.put(told[:50])
    redis.start()
    client = server.client()
    until(lambda: len(held(client)) == 50)
    server.kill()
    until(lambda: redis.stats.state is FeedState.DOWN)
    assert str(server.socket) in redis.stats.detail and "cannot be written" in redis.stats.detail
    for one in told[50:]:  # nobody waits for it
        cache.put([one])
        redis.nudge()
        redis.offer(table(one.close, "a:X"))
    server.start()
    client = server.client()
    until(lambda: len(held(client)) == 100)
    assert [one[0] for one in held(client)] == [one.open_ns for one in told]
    redis.offer(table(7.0, "a:X"))
    until(lambda: client.get("test:features:a:X") is not None)
    assert redis.stats.state is FeedState.UP and redis.stats.reconnects >= 1


def test_features_of_an_outage_do_not_come_back_with_it(server: RedisProcess, opened: Opened) -> None:
    _, redis = opened(server.url, ttl_s=0.2)
    redis.start()
    until(lambda: redis.stats.state is FeedState.UP)
    server.kill()
    until(lambda: redis.stats.state is FeedState.DOWN)
    redis.offer(table(1.0, "a:OLD"))
    time.sleep(0.3)  # it lives for less
    server.start()
    client = server.client()
    seen: set[bytes] = set()

    def is_back() -> bool:
        redis.offer(table(2.0, "a:NEW"))
        seen.update(client.keys("test:features:*"))
        return b"test:features:a:NEW" in seen

    until(is_back)
    assert b"test:features:a:OLD" not in seen


def test_symbols_that_come_apart_are_all_there(server: RedisProcess, opened: Opened) -> None:
    _, redis = opened(server.url)
    for symbol in ("a:X", "b:Y", "c:Z"):
        redis.offer(table(1.0, symbol))
    redis.start()
    client = server.client()
    until(lambda: len(client.keys("test:features:*")) == 3)


def test_one_that_is_full_stays_down_until_it_takes_again(
    server: RedisProcess, opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers pings all the while. What is told is why, and not what was to be written."""
    client = server.client()
    client.config_set("maxmemory", 1)
    cache, copy = opened(server.url)
    cache.put(bars(3))
    states: list[FeedState] = []

    def track() -> None:
        states.append(copy.stats.state)
        HotCache.track(cache)

    monkeypatch.setattr(cache, "track", track)
    copy.start()
    until(lambda: len(states) > 5)
    assert FeedState.UP not in states and copy.stats.state is FeedState.DOWN
    assert "maxmemory" in copy.stats.detail and "ZADD" not in copy.stats.detail and copy.stats.reconnects == 0
    client.config_set("maxmemory", 0)
    until(lambda: copy.stats.state is FeedState.UP)
    assert len(held(client)) == 3
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1


def test_the_end_waits_for_no_redis_that_is_away(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _, redis = opened(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        redis._closing = True
        began = time.monotonic()
        redis.start()
        redis.close()
        assert time.monotonic() - began < 1.0


def test_one_that_never_was_there_costs_nothing(tmp_path: Path, opened: Opened) -> None:
    cache, redis = opened(f"unix://{tmp_path}/nothing.sock")
    redis.start()
    until(lambda: redis.stats.state is FeedState.DOWN)
    began = time.perf_counter()
    for number in range(1_000):
        cache.put(bars(1, start_ns=START + number * MINUTE))
        redis.offer(table(1.0, "a:X"))
    assert time.perf_counter() - began < 2.0
    assert len(cache.changes().get(SYMBOL, ((), ()))[0]) <= 100


def test_one_that_takes_and_never_answers_is_down(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_cache, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        _, redis = opened(f"redis://:secret@127.0.0.1:{port}/0")
        redis.start()
        until(lambda: redis.stats.state is FeedState.DOWN)
        assert f"127.0.0.1:{port}" in redis.stats.detail and "secret" not in redis.stats.detail


def test_what_it_cannot_be(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"cache\.redis_url is no address"):
        opened("http://secret@host")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[redis\]'"):
        opened("redis://host")
