"""The newest bars and features in Redis, for other programs to read: written behind, on a thread of its own.

    <prefix>:bars:<interval_s>:<symbol>  sorted set. Score: when the bar begins (seconds, UTC). Member:
                                         msgpack [open_ns, open, high, low, close, volume, vwap],
                                         NaN where not told
    <prefix>:features:<symbol>           msgpack map of a FeatureRow by field; it expires

What could not be written is not kept: when Redis is back, it is given what is newest then.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from engine.config import CacheConfig
from engine.errors import ConfigError
from engine.events import FeatureRow, FeedState
from engine.feature_table import FeatureTable
from engine.feeds.address import place
from engine.feeds.base import FeedStats
from engine.store.hot_cache import Floats, HotCache, Integers
from engine.text import clean

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger("engine.redis")

TIMEOUT_S = 2.0
FIRST_PAUSE_S, MAX_PAUSE_S = 0.25, 5.0
AT_ONCE = 2_000
"""Bars in one transaction, or features in one pipeline."""
IDLE_S = 1.0
TABLES = 8
"""So many tables of features wait at most: symbols close their bars apart from each other."""

_encode = msgspec.msgpack.Encoder().encode


def check_redis(config: CacheConfig) -> None:
    """Raises ConfigError without the library, or for a URL that is none; connects to nothing."""
    if not config.redis_url:
        return
    try:
        from redis import ConnectionPool
    except ImportError:
        raise ConfigError(
            "cache.redis_url needs the redis library: pip install 'tickdesk[redis]', or leave it empty"
        ) from None
    try:
        ConnectionPool.from_url(config.redis_url)
    except ValueError:
        raise ConfigError(
            "cache.redis_url is no address: write redis://host:port/0, rediss://… or unix:///path"
        ) from None


class RedisCache:
    """Copies a HotCache, and the features it is given, to Redis. Never blocks who gives them."""

    venue = "redis"

    def __init__(self, config: CacheConfig, cache: HotCache, clock: Callable[[], int]) -> None:
        """Raises ConfigError without the library, or for a URL that is none."""
        check_redis(config)
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.stats = FeedStats(state=FeedState.CONNECTING, detail="not asked yet")
        """``messages`` are answers to pipelines, ``gaps`` features that newer ones overtook."""
        self._errors = (redis.RedisError, OSError)
        self._config = config
        self._cache = cache
        self._clock = clock
        self._where = _shown(config.redis_url)
        self._redis: Redis = redis.Redis.from_url(
            config.redis_url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="tickdesk",
        )
        self._ttl_ms = round(config.features_ttl_s * 1000)
        self._tables: deque[tuple[float, FeatureTable]] = deque()
        """(when they came, monotonic seconds)"""
        self._news = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._main, name="redis", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 2 * TIMEOUT_S) -> None:
        """Write what waits, if it can be written now."""
        self._closing = True
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def offer(self, table: FeatureTable) -> None:
        """The latest features of its symbols; of those that still wait the oldest are left out."""
        self._tables.append((monotonic(), table))
        while len(self._tables) > TABLES:
            self._leave_out()
        self._news.set()

    def _leave_out(self) -> None:
        with suppress(IndexError):  # the other thread took it just now
            self.stats.gaps += len(self._tables.popleft()[1])

    def nudge(self) -> None:
        """There are new bars."""
        self._news.set()

    # --- on the thread ---

    def _main(self) -> None:
        pause_s = FIRST_PAUSE_S
        connected = False
        while True:
            closing = self._closing
            if closing and not connected:
                break
            try:
                if not connected:
                    self._redis.ping()
                    self._cache.track()  # it may have lost what it had
                    connected = True
                self._write()
                pause_s = FIRST_PAUSE_S
            except self._errors as error:
                connected = False
                self._lost(error, pause_s)
                if not closing:
                    self._sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
            except Exception as error:
                log.exception("redis: internal error")
                self.stats.state = FeedState.DOWN
                self.stats.detail = f"internal error ({type(error).__name__}), see engine.log"
                return
            if closing:
                break
            self._news.wait(IDLE_S)
            self._news.clear()
        self._redis.close()

    def _wrote(self) -> None:
        """Only then is it up: one that is full answers, and takes nothing."""
        if self.stats.state is FeedState.UP:
            return
        if self.stats.state is FeedState.DOWN:
            self.stats.reconnects += 1
        self.stats.state, self.stats.detail = FeedState.UP, f"writing to {self._where}"
        log.info("%s", self.stats.detail)

    def _lost(self, error: BaseException, pause_s: float) -> None:
        self._redis.connection_pool.disconnect()
        why = str(error).rpartition(" caused error: ")[2]  # before it stand the bytes that were to be written
        told = f"{self._where} cannot be written: {clean(why, 100)}"
        if self.stats.state is not FeedState.DOWN:
            log.warning("%s", told)
        self.stats.state = FeedState.DOWN
        self.stats.detail = f"{told}; tried again every {MAX_PAUSE_S:g} s"

    def _sleep(self, pause_s: float) -> None:
        """Through the news, but not through the end."""
        until = monotonic() + pause_s
        while not self._closing and (left := until - monotonic()) > 0:
            self._news.wait(left)
            self._news.clear()

    def _write(self) -> None:
        told = self.stats.messages
        self._write_features()
        for batch in _batches(self._cache.changes()):
            self._write_bars(batch)
            self._write_features()  # all bars may take longer than features live
        if self.stats.messages == told:
            self._redis.ping()  # that it went away shows while nothing is to be written, too
        self.stats.last_data_ns = self._clock()
        self._wrote()

    def _write_bars(self, batch: list[tuple[str, Integers, Floats]]) -> None:
        with self._redis.pipeline(transaction=True) as pipeline:
            for symbol, opens, values in batch:
                key = f"{self._config.prefix}:bars:{self._cache.interval_s}:{symbol}"
                members: dict[Any, Any] = {
                    _encode([open_ns, *row]): open_ns / 1e9
                    for open_ns, row in zip(opens.tolist(), values.tolist(), strict=True)
                }
                pipeline.zremrangebyscore(key, int(opens[0]) / 1e9, int(opens[-1]) / 1e9)
                pipeline.zadd(key, members)
                pipeline.zremrangebyrank(key, 0, -self._config.bars - 1)
            pipeline.execute()
        self.stats.messages += 1

    def _write_features(self) -> None:
        """The newest of each symbol. What waited for longer than it lives is not shown as new."""
        rows: dict[str, FeatureRow] = {}
        while self._tables:
            if monotonic() - self._tables[0][0] > self._config.features_ttl_s:
                self._leave_out()
                continue
            with suppress(IndexError):  # the other thread left it out just now
                table = self._tables.popleft()[1]
                for position in range(len(table)):
                    row = table.row(position)
                    rows[row.symbol] = row
        if not rows:
            return
        with self._redis.pipeline(transaction=False) as pipeline:
            for symbol, row in rows.items():
                pipeline.set(f"{self._config.prefix}:features:{symbol}", _encode(row), px=self._ttl_ms)
            pipeline.execute()
        self.stats.messages += 1


def _batches(
    changes: dict[str, tuple[Integers, Floats]],
) -> Iterator[list[tuple[str, Integers, Floats]]]:
    """Of about ``AT_ONCE`` bars each."""
    batch: list[tuple[str, Integers, Floats]] = []
    count = 0
    for symbol, (opens, values) in changes.items():
        for start in range(0, len(opens), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            batch.append((symbol, opens[part], values[part]))
            count += len(opens[part])
            if count >= AT_ONCE:
                yield batch
                batch, count = [], 0
    if batch:
        yield batch


def _shown(url: str) -> str:
    """The part of it that is no secret."""
    try:
        parts = urlsplit(url)
        return parts.path if parts.scheme == "unix" else place(url)
    except ValueError:
        return "redis"
