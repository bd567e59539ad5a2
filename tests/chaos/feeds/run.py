"""One seeded run: a feed on a venue that goes wrong, and what is found of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field

from engine.config import FeedConfig
from engine.events import BookStatus, FeedState, FeedStatus, Gap, MarketEvent, Trade
from engine.feeds.base import FeedStats
from engine.feeds.connection import SocketFeed
from engine.feeds.registry import VENUES
from tests.chaos.feeds import judge
from tests.chaos.feeds.binance_side import BinanceSide
from tests.chaos.feeds.coinbase_side import CoinbaseSide
from tests.chaos.feeds.dialect import Dialect
from tests.chaos.feeds.faults import OVER_S, Fault, drawn
from tests.chaos.feeds.kraken_side import KrakenSide
from tests.chaos.feeds.server import FaultServer
from tests.chaos.feeds.truth import NS, Market
from tests.chaos.feeds.virtual_time import VirtualLoop

EPOCH_NS = 1_770_000_000 * NS
SIDES: tuple[type[Dialect], ...] = (BinanceSide, KrakenSide, CoinbaseSide)
LIMITS = {"binance": (300, 300.0), "kraken": (150, 600.0), "coinbase": (8, 1.0)}
"""Connects, and within how many seconds."""
_SETTLE_S = 30.0
"""Without faults."""
_QUIET_S = 2.0
"""Without anything: what waits is told by then, and no silence is suspicious yet."""


@dataclass
class Outcome:
    seed: int
    problems: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    told: list[tuple[int, MarketEvent]] = field(default_factory=list)
    stats: FeedStats = field(default_factory=FeedStats)


def run(
    seed: int,
    *,
    side: type[Dialect] | None = None,
    faults: list[Fault] | None = None,
    lifetime_s: float | None = None,
    transport: str = "websockets",
    for_s: float = OVER_S,
    apart: bool | None = None,
    single: bool = False,
) -> Outcome:
    """Drawn by the seed, unless told otherwise. ``apart``: as if ids only told trades apart; ``single``: as
    if the venue allowed one connection only."""
    rng = random.Random(f"feeds {seed}")
    side = side or SIDES[seed % len(SIDES)]
    drawn_faults, drawn_s = drawn(rng), rng.choice([0.0, 0.0, 20.0])
    drawn_apart = seed // len(SIDES) % 3 == 2
    if faults is None:
        apart = drawn_apart if apart is None else apart
        # Where ids are no row, nothing shows that a message of a connection that goes on was lost.
        faults = [one for one in drawn_faults if not (apart and one.kind == "dropped")]
    lifetime_s = drawn_s if lifetime_s is None else lifetime_s
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_run(seed, rng, side, faults, lifetime_s, transport, for_s, bool(apart), single))


async def _run(
    seed: int,
    rng: random.Random,
    side: type[Dialect],
    faults: list[Fault],
    lifetime_s: float,
    transport: str,
    for_s: float,
    apart: bool,
    single: bool,
) -> Outcome:
    loop = asyncio.get_running_loop()

    def clock() -> int:
        return EPOCH_NS + int(loop.time() * NS)

    outcome = Outcome(seed)
    dialect = side([Market(native, random.Random(rng.random())) for native in side.natives])
    # The venue's cut comes well behind the time at which the feed replaces a connection.
    async with FaultServer(dialect, rng, clock, lifetime_s=lifetime_s * 1.5) as server:
        config = FeedConfig(
            symbols=side.natives,
            ws_url=server.ws_url,
            rest_url=server.rest_url,
            silence_s=3.0,
            backoff_max_s=8.0,
            transport=transport,  # type: ignore[arg-type]
        )
        venue = VENUES[side.venue].venue(config)
        venue.lifetime_s, venue.consecutive_ids = lifetime_s, not apart
        venue.single_connection = single
        feed = SocketFeed(venue, config, clock=clock, rng=random.Random(seed))
        task = asyncio.create_task(feed.run(lambda events: outcome.told.extend((clock(), e) for e in events)))
        await server.live(for_s, faults)
        await server.live(_SETTLE_S)
        await asyncio.sleep(_QUIET_S)
        outcome.problems += _problems(server, feed, outcome)
        outcome.stats = feed.stats
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    _count(outcome, server)
    return outcome


def _problems(server: FaultServer, feed: SocketFeed, outcome: Outcome) -> list[str]:
    found = []
    for market in server.dialect.markets.values():
        told = judge.trades if feed._venue.consecutive_ids else judge.apart
        found += told(feed.venue, market, outcome.told)
        found += judge.books(feed.venue, market, outcome.told)
    found += judge.manners(server, feed._venue.connect_gap_s, *LIMITS[feed.venue])
    if feed.stats.state is not FeedState.UP:
        found.append(f"it is {feed.stats.state} at the end: {feed.stats.detail}")
    if feed.stats.books != len(server.dialect.markets) or feed.stats.books_broken:
        found.append(f"{feed.stats.books} books are right, {feed.stats.books_broken} wrong")
    return found


def _count(outcome: Outcome, server: FaultServer) -> None:
    events = [event for _, event in outcome.told]
    outcome.count = Counter(server.count)
    outcome.count.update(
        {
            "runs": 1,
            "trades": sum(isinstance(one, Trade) for one in events),
            "backfilled": sum(isinstance(one, Trade) and one.backfilled for one in events),
            "gaps": sum(isinstance(one, Gap) for one in events),
            "books wrong": sum(isinstance(one, BookStatus) and not one.live for one in events),
            "changes of state": sum(isinstance(one, FeedStatus) for one in events),
            "connects": len(server.handshakes),
            "side by side": server.most_links,
            "reconnects": outcome.stats.reconnects,
            "handovers": outcome.stats.handovers,
            "reordered": outcome.stats.reordered,
            "duplicates": outcome.stats.duplicates,
            "faults": sum(server.count[kind] for kind in server.count),
        }
    )
