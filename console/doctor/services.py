"""What the desk talks to: venues, their clocks and ours, Redis, an engine that runs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp

from console.cli.client import ask
from console.doctor.finding import Finding, bad, ok, warn
from console.model_line import model_line, trouble
from engine.api.protocol import Health, ModelRow
from engine.bus.address import address_of, client
from engine.bus.server import NEARLY_FULL, server, unwell
from engine.config import Config, FeedConfig
from engine.errors import BusError, ConfigError, FeedError, LinkError, NoEngineError, TickdeskError
from engine.feeds.address import place
from engine.feeds.registry import VENUES, open_feed
from engine.feeds.transport import transport
from engine.feeds.venue import Venue
from engine.gateway.tls import Certificate
from engine.gateway.tokens import Tokens
from engine.text import clean
from engine.wiring.job_board import check_jobs
from engine.wiring.redis_cache import check_redis

TIMEOUT_S = 5.0
DATE_S = 1.0
"""The header tells whole seconds."""
OLDEST_REDIS = (6, 2)


def venues(config: Config) -> list[Finding]:
    """Of each venue that is configured: whether it answers, how fast, how far its clock is from ours, whether
    it knows the symbols, and whether its sockets open."""
    return asyncio.run(_venues(config))


async def _venues(config: Config) -> list[Finding]:
    wanted = []
    for name, feed in config.feeds.items():
        entry = VENUES.get(name)
        if feed.enabled and entry is not None:
            try:
                parts = entry.parts(feed) if entry.parts is not None else [entry.venue(feed)]
                wanted.append((name, feed, parts))
            except ConfigError as error:
                return [bad(f"venue {name}", clean(error, 200), "correct the configuration")]
    if not wanted:
        here = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return [
            ok("venues", "none: the simulated venue needs no network"),
            ok("clock", f"{here}; no venue is configured to compare it with"),
        ]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        told = await asyncio.gather(
            *(_venue(session, name, feed, parts, config.risk.clock_skew_s) for name, feed, parts in wanted)
        )
    return [finding for found in told for finding in found]


async def _venue(
    session: aiohttp.ClientSession, name: str, feed: FeedConfig, parts: Sequence[Venue], limit_s: float
) -> list[Finding]:
    found = await _answers(session, name, feed.rest_url or parts[0].rest_url, limit_s)
    if found[0].state == "ok":
        found.append(await _symbols(name, feed))
    sockets = (_socket(name, feed, one) for one in parts if not one.single_connection)
    return [*found, *(await asyncio.gather(*sockets))]


async def _symbols(name: str, config: FeedConfig) -> Finding:
    """That something answers does not show that it is the venue: it may be what stands in its way."""
    what = f"symbols of {name}"
    try:
        feed = open_feed(name, config, clock=time.time_ns, rng=random.Random())
        told = await asyncio.wait_for(feed.instruments(), 2 * TIMEOUT_S)
    except TimeoutError:
        return bad(what, f"it tells no instruments within {2 * TIMEOUT_S:.0f} s", "try again later")
    except (FeedError, ConfigError) as error:
        return bad(what, clean(error, 200), f"see to the network, or correct feeds.{name}")
    return ok(what, f"{len(told)} known to the venue")


async def _socket(name: str, feed: FeedConfig, venue: Venue) -> Finding:
    url = venue.connect_url(feed.ws_url or venue.ws_url)
    what, where, began = f"socket of {name}", place(url), time.monotonic()
    try:
        opened = await asyncio.wait_for(transport(feed.transport, f"feeds.{name}.transport")(url), TIMEOUT_S)
    except (FeedError, ConfigError, TimeoutError) as error:
        why = clean(error, 150) or type(error).__name__
        return bad(what, f"{where}: {why}", "see to the network, or to a proxy (HTTPS_PROXY)")
    await opened.close()
    return ok(what, f"{where} opens in {(time.monotonic() - began) * 1e3:.0f} ms")


async def _answers(session: aiohttp.ClientSession, name: str, url: str, limit_s: float) -> list[Finding]:
    what = f"venue {name}"
    began, monotonic = time.time(), time.monotonic()
    try:
        # Any answer will do: that it is there, and when it thinks that it is.
        async with session.get(url, allow_redirects=False) as answer:
            date = answer.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        why = clean(error, 80) or type(error).__name__
        advice = "see to the network, a proxy (HTTPS_PROXY) or the address in the configuration"
        return [bad(what, f"{place(url)} does not answer: {why}", advice)]
    took_s = time.monotonic() - monotonic
    found = [ok(what, f"{place(url)} answers in {took_s * 1e3:.0f} ms")]
    try:
        theirs = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return found
    at = (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)).timestamp()
    # It was cut to a second somewhere between the question and the answer.
    ahead_s = max(began - (at + DATE_S), at - (began + took_s), 0.0)
    ours = "ahead of" if began > at else "behind"
    clock = f"clock and {name}"
    if ahead_s > limit_s:
        text = f"ours is at least {ahead_s:.1f} s {ours} the venue's"
        found.append(bad(clock, text, "let the system keep time (chrony, systemd-timesyncd)"))
    else:
        found.append(ok(clock, f"within {max(ahead_s, DATE_S):.0f} s of the venue's"))
    return found


def redis(config: Config) -> Finding | None:
    """None where the desk does not use it."""
    if not config.cache.redis_url:
        return None
    try:
        check_redis(config.cache)
    except ConfigError as error:
        return bad("Redis", clean(error, 200), "or leave cache.redis_url empty")
    return _asked("Redis", config.cache.redis_url, "cache.redis_url")


def bus(config: Config) -> Finding | None:
    """None where the desk is one process."""
    if not config.bus.url:
        return None
    try:
        return asyncio.run(_bus(config))
    except TickdeskError as error:
        return bad("bus", clean(error, 200), "see to that server, or correct bus.url")


async def _bus(config: Config) -> Finding:
    address = address_of(config.bus.url)
    asked = client(address, "tickdesk-doctor")
    try:
        found = await server(asked, address)
    finally:
        await asked.aclose()
    if fault := unwell(found, config.bus):
        raise BusError(fault)
    kept = f"append-only file {found.fsync or 'on'}" if found.aof else "no append-only file"
    told = f"{found.where}: {found.version}, {found.policy}, {kept}"
    if found.used is not None and found.used >= NEARLY_FULL:
        return warn("bus", f"{told}, its memory is full to {100 * found.used:.0f} %", "raise its maxmemory")
    return ok("bus", told)


def gateway(config: Config, state_dir: Path) -> Finding | None:
    """Whether others could be served over TCP. None where nobody is to be."""
    api = config.api
    if not api.listen:
        return None
    what = "gateway"
    try:
        if not Tokens(state_dir).usable(time.time_ns()):
            return bad(
                what, "nobody has a token, so nothing listens", "`tickdesk token add NAME --role read`"
            )
        if api.tls_cert:
            certificate = Certificate(Path(api.tls_cert), Path(api.tls_key))
            now_s = time.time()
            if said := certificate.ending(now_s):
                state = bad if now_s >= certificate.ends_s else warn
                return state(what, f"{api.listen}: {said}", "put a new one in its place: it is read again")
    except TickdeskError as error:
        return bad(what, clean(error, 200), f"nobody is served on {api.listen} until then")
    return ok(what, f"{api.listen}, {'TLS' if api.tls_cert else 'without TLS of its own'}")


def broker(config: Config) -> Finding | None:
    """Of automations' jobs. None where they are done in the engine's process."""
    what, key, jobs = "broker of jobs", "automations.jobs.broker_url", config.automations.jobs
    if not jobs.broker_url:
        return None
    try:
        check_jobs(jobs)
    except ConfigError as error:
        return bad(what, clean(error, 200), f"or leave {key} empty")
    return _asked(what, jobs.broker_url, key)


def _asked(what: str, url: str, key: str) -> Finding:
    import redis as library

    client = library.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    try:
        return _redis(what, client.info())
    except (library.RedisError, OSError) as error:
        return bad(what, f"does not answer: {clean(error, 100)}", f"start it, or correct {key}")
    finally:
        client.close()


def _redis(what: str, info: Any) -> Finding:
    version = clean(info.get("redis_version", "?"), 20)
    policy = clean(info.get("maxmemory_policy", "noeviction"), 20)
    told = f"{version}, {policy}, append-only file {'on' if info.get('aof_enabled') else 'off'}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_REDIS:
        return bad(what, told, "use Redis 6.2 or newer")
    if info.get("maxmemory") and policy.startswith("allkeys"):
        return warn(what, told, "it may drop what is needed: maxmemory-policy noeviction or volatile-lru")
    return ok(what, told)


def engine(state_dir: Path) -> list[Finding]:
    """The engine of this state directory, and its model."""
    what = "engine"
    try:
        health = ask(state_dir, "GET", "/v1/health", Health, timeout_s=TIMEOUT_S)
    except NoEngineError:
        return [ok(what, "none runs for this state directory")]
    except LinkError as error:
        advice = "`tickdesk stop`, or see engine.log in the state directory"
        return [bad(what, clean(error, 200), advice)]
    found = ok(what, f"pid {health.pid} runs, {health.status.mode} {health.status.risk_state}")
    if not health.ok:
        found = bad(what, f"pid {health.pid} runs and is not well", "`tickdesk status` says why")
    return [found] if health.model is None else [found, model(health.model)]


def model(row: ModelRow) -> Finding:
    """What is at work, and what is wrong with it."""
    if trouble(row):
        advice = "`tickdesk models verify` looks at the files; `models activate VERSION` takes another model"
        return warn("model", model_line(row), advice)
    return ok("model", model_line(row))
