"""Market and features on a real Redis: a tape over the bus, owners that die, come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.bus.messages import Round, Settings, encode, heard_of, round_of
from engine.bus.registry import BEAT_S, WorkerRow
from engine.config import Config, load
from engine.errors import BusError
from engine.wiring.end_tasks import end_tasks
from engine.wiring.replay import ReplayReport, replay
from engine.workers.features import Features
from engine.workers.frame import Frame, Worker
from engine.workers.market import Market
from engine.workers.replay import replay_over_bus
from tests.bench.synthetic_tape import tape
from tests.bus.conftest import Server

SHARDS = 3
TICKS = 120_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("redis"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReplayReport]:
    """A tape, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("tape")
    path = tape(folder, ticks=TICKS)
    report = replay(load(environ={}), [path], folder)
    assert report.fills
    return path, report


def configured(server: Server, prefix: str, **more: object) -> Config:
    told = {"bus.url": server.url, "bus.prefix": prefix, "bus.shards": SHARDS, "bus.lease_s": 0.5}
    told |= {"bus.checkpoint_s": 0.2, **more}
    return load(overrides=[f"{key}={value}" for key, value in told.items()], environ={})


class Alive:
    """A worker of one stage, which can be killed."""

    def __init__(self, frame: Frame, stage: Market | Features) -> None:
        self.frame, self.stage = frame, stage
        self._tasks = [asyncio.create_task(stage.run()), asyncio.create_task(self._beat())]

    async def _beat(self) -> None:
        while True:
            await self.frame.registry.beat(self.row())
            await asyncio.sleep(BEAT_S)

    def row(self) -> WorkerRow:
        bare = WorkerRow(id=self.frame.worker, host="h", pid=1, stages=(self.stage.name,))
        return self.stage.row(bare, 1.0)

    async def kill(self) -> None:
        """As -9 does: nothing is written any more, nothing is released."""
        await end_tasks(self._tasks)
        if isinstance(self.stage, Features):
            if self.stage._reading is not None:
                self.stage._reading.cancel()
            for owned in self.stage._owned.values():
                owned.cancel()
        await self.frame.redis.aclose()

    async def end(self) -> None:
        await end_tasks(self._tasks)
        async with asyncio.timeout(10):
            await self.stage.stop()
        await self.frame.registry.leave(self.frame.worker)
        await self.frame.redis.aclose()


@asynccontextmanager
async def topology(config: Config, folder: Path) -> AsyncIterator[Callable[..., Alive]]:
    """``start(stage, *tapes)`` starts a worker; all that are left are ended."""
    there: list[Alive] = []

    def start(stage: type[Market] | type[Features], *tapes: Path, former: str = "") -> Alive:
        frame = Frame(config, folder, tapes, worker=f"w{len(there)}", former=former)
        there.append(Alive(frame, stage(frame)))
        return there[-1]

    try:
        yield start
    finally:
        for one in there:
            await one.kill()


async def until(check: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(20):
        while not check():
            await asyncio.sleep(0.01)
    assert check(), what


def positions(alive: Alive) -> int:
    assert isinstance(alive.stage, Features)
    return max((owned.shard.round for owned in alive.stage._owned.values()), default=0)


async def test_owners_that_die_change_no_order(
    server: Server, played: tuple[Path, ReplayReport], tmp_path: Path
) -> None:
    path, alone = played
    config = configured(server, "die", **{"bus.most_behind": 30_000})
    async with topology(config, tmp_path) as start:
        first, market = start(Features), start(Market, path)
        report = asyncio.create_task(asyncio.to_thread(replay_over_bus, config, tmp_path, "x"))
        await until(lambda: market.row().ticks > TICKS // 4, "it plays")
        second = start(Features)
        await until(lambda: second.row().shards, "shards are dealt anew")
        assert first.row().shards and not set(first.row().shards) & set(second.row().shards)
        await first.kill()
        await market.kill()
        other = start(Market, path)
        await until(lambda: len(second.row().shards) == SHARDS, "the dead one's shards are claimed")
        over = await asyncio.wait_for(report, 30)
        assert over.sha256 == alone.sha256
        assert (over.trades, over.quotes) == (alone.trades, alone.quotes)
        assert other.row().detail == "end of tape" and not second.row().lost
        await other.end()
        await second.end()
        assert not await start(Features).frame.redis.keys("die:lease:market")


async def test_who_takes_the_place_of_a_dead_one_has_what_it_owned_at_once(
    server: Server, tmp_path: Path
) -> None:
    """Not only when its leases have run out."""
    config = configured(server, "heir", **{"bus.lease_s": 60, "simulated.history_s": 10})
    async with topology(config, tmp_path) as start:
        features, market = start(Features), start(Market)
        await until(lambda: features.row().ticks and market.row().epochs, "it runs")
        for dead in (features, market):
            await dead.kill()
            await dead.frame.registry.leave(dead.frame.worker)  # as a worker does that joins in its place
        heir = start(Features, former=features.frame.worker)
        other = start(Market, former=market.frame.worker)
        await until(lambda: len(heir.row().shards) == SHARDS and other.row().ticks, "they go on")
        assert other.row().epochs["market"] > market.row().epochs["market"] and not heir.row().lost


async def test_what_was_acknowledged_by_all_goes_and_another_tape_is_refused(
    server: Server, played: tuple[Path, ReplayReport], tmp_path: Path
) -> None:
    path, alone = played
    config = configured(server, "trim")
    async with topology(config, tmp_path) as start:
        features, market = start(Features), start(Market, path)
        over = await asyncio.to_thread(replay_over_bus, config, tmp_path, "x")
        assert over.sha256 == alone.sha256
        assert isinstance(market.stage, Market)
        await until(lambda: market.stage.behind.ticks == 0, "all of it is acknowledged")
        await features.end()
        await market.end()
        other = Frame(config, tmp_path, (tape(tmp_path, ticks=1000),), worker="other")
        with pytest.raises(BusError) as refused:
            await Market(other).run()
        assert "another source" in str(refused.value)
        await other.redis.aclose()


async def rounds_of(redis: Any) -> list[Round]:
    return [round_of(fields[b"d"]) for _, fields in await redis.xrange("live:clean_ticks:rounds")]


async def test_live_rounds_bring_the_time_and_the_last_one_says_so(server: Server, tmp_path: Path) -> None:
    config = configured(server, "live", **{"simulated.history_s": 90})
    async with topology(config, tmp_path) as start:
        features, market = start(Features), start(Market)
        redis = features.frame.redis
        await until(lambda: features.row().ticks > 100, "it runs")
        channel = redis.pubsub()
        await channel.subscribe("live:features")
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(10):
            while not rows:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                rows = msgspec.msgpack.decode(message["data"]) if message else []
        assert {"symbol", "close", "rsi"} <= rows[0].keys()
        await channel.aclose()
        shard = next(iter(features.stage._owned.values())).shard
        sections = shard.strategies.settings()
        changed = Settings(4, sections | {"trend": sections["trend"] | {"enabled": False}})
        torn = encode(changed).replace(b"trend", b"tr\xe9nd")
        await redis.xadd("live:settings", {"d": torn}, id="3-0")  # it is passed over
        await redis.xadd("live:settings", {"d": encode(changed)}, id="4-0")
        await until(lambda: not shard.strategies.enabled("trend"), "the console's switches arrive")
        async with asyncio.timeout(20):  # the past may take longer than all of this
            while sum(bool(one.advance_ns) for one in await rounds_of(redis)) <= 5:
                await asyncio.sleep(0.02)
        await market.end()
        entries = await redis.xrange("live:clean_ticks:rounds")
        rounds = [round_of(fields[b"d"]) for _, fields in entries]
        numbers = [int(ident.partition(b"-")[0]) for ident, _ in entries]
        assert rounds[0].warming and not rounds[-1].warming and rounds[-1].end
        past = [one.warming for one in rounds]
        assert past == sorted(past, reverse=True), "part of the past was sent as if it were now"
        assert len(rounds[0].listed) == len(config.simulated.symbols)
        assert [one.previous for one in rounds] == [0, *numbers[:-1]]
        clock = [one.advance_ns for one in rounds if one.advance_ns]
        assert len(clock) > 5 and clock == sorted(clock)
        again = start(Market)
        await until(lambda: again.row().ticks > 5, "another owner goes on")
        last = (await rounds_of(redis))[len(rounds)]
        assert {placed.event.reason for placed in last.news if hasattr(placed.event, "reason")} == {
            "the market worker was started anew"
        }
        assert len(last.listed) == len(rounds[0].listed) and not last.warming
        streams = [f"live:strategy_signals:{shard}" for shard in range(SHARDS)]
        heard = [heard_of(f[b"d"]) for stream in streams for _, f in await redis.xrange(stream)]
        assert heard and not any(one.faults for one in heard)
        assert not features.row().lost


async def test_no_more_is_sent_to_who_reads_nothing_until_it_has_read(server: Server, tmp_path: Path) -> None:
    config = configured(server, "hold", **{"simulated.history_s": 10})
    async with topology(config, tmp_path) as start:
        features, market = start(Features), start(Market)
        assert isinstance(market.stage, Market)
        redis, behind = features.frame.redis, market.stage.behind
        behind.most = 20
        await until(lambda: len(features.row().shards) == SHARDS and behind.held, "execution reads nothing")
        await until(lambda: market.stage._publisher.is_ready, "what was under way is there")  # type: ignore[union-attr]
        assert market.row().detail.startswith("holds ticks back: ")
        sent = await redis.xlen("hold:clean_ticks:rounds")
        await until(lambda: not market.stage._rounds.empty, "what comes meanwhile is kept")  # type: ignore[union-attr]
        assert await redis.xlen("hold:clean_ticks:rounds") == sent
        async with asyncio.timeout(20):
            while await redis.get("hold:behind") != behind.kept.encode():
                await asyncio.sleep(0.01)
        await market.kill()
        market = start(Market)
        assert isinstance(market.stage, Market)
        behind = market.stage.behind
        behind.most = 20
        await until(lambda: market.stage._rounds and market.stage._rounds.waiting, "the next owner keeps it")  # type: ignore[union-attr]
        assert behind.held and await redis.xlen("hold:clean_ticks:rounds") == sent, "and sends nothing more"
        streams = [
            f"hold:{what}:{shard}" for what in ("clean_ticks", "strategy_signals") for shard in range(SHARDS)
        ]
        for stream in ["hold:clean_ticks:rounds", *streams]:
            await redis.xgroup_create(stream, "execution", id="$", mkstream=True)
        await until(lambda: not behind.held, "they were read")
        rows = market.row()
        await until(lambda: market.row().position > rows.position + 3, "and it goes on")
        assert not market.row().lost and "holds" not in market.row().detail


async def test_a_server_that_is_emptied_under_way_is_told_all_that_a_newcomer_needs(
    server: Server, tmp_path: Path
) -> None:
    config = configured(server, "empty", **{"simulated.history_s": 10, "bus.lease_s": 1.0})
    async with topology(config, tmp_path) as start:
        features, market = start(Features), start(Market)
        redis = features.frame.redis
        await until(lambda: len(features.row().shards) == SHARDS and features.row().ticks > 100, "it runs")
        owned = next(one for one in features.stage._owned.values() if one.shard.symbols)
        await until(lambda: owned.durable, "it is kept")
        await redis.delete(*await redis.keys("empty:*"))
        whole = {b"head", b"desk", *(b"s:%d" % at for at in range(len(owned.shard.symbols)))}
        async with asyncio.timeout(20):
            while not await redis.exists("empty:instruments"):
                await asyncio.sleep(0.01)
            while not whole <= (await redis.hgetall(f"empty:state:{owned.number}")).keys():
                await asyncio.sleep(0.01)
        await features.kill()
        heir = start(Features, former=features.frame.worker)
        await until(
            lambda: len(heir.row().shards) == SHARDS and heir.row().ticks > 100, "another one goes on"
        )
        assert market.row().state == "running"


async def test_a_worker_of_another_topology_is_refused_and_one_that_is_told_ends(
    server: Server, tmp_path: Path
) -> None:
    frame = Frame(configured(server, "agree"), tmp_path)
    worker = Worker(frame, [Features(frame)])
    running = asyncio.create_task(worker.run())
    client = Frame(configured(server, "agree"), tmp_path)
    async with asyncio.timeout(10):
        while not any(row.shards for row in await client.registry.rows()):
            await asyncio.sleep(0.02)
    other = Frame(configured(server, "agree", **{"bus.shards": 5}), tmp_path)
    with pytest.raises(BusError, match="shards is 5 here and 3 there"):
        await Worker(other, [Features(other)]).run()
    worker.stop("test")
    assert await running == 0
    assert not await client.registry.rows() and not await client.redis.keys("agree:lease:*")
    await client.redis.aclose()
