"""A server that dies with what was not on its disk yet, and readers that die with what they did not keep.

``TICKDESK_BUS_KILLS``: how many times; the seed is told when it fails.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque

from engine.bus.cursor import Lost
from engine.bus.publisher import Publisher
from engine.bus.reader import Reader
from tests.bus.conftest import Server
from tests.bus.test_transport import sources, until, written

KILLS = int(os.environ.get("TICKDESK_BUS_KILLS", "1"))
STREAMS = ("a", "b", "c")
ON_DISK_S = 1.0
"""What was appended longer ago survives the machine."""


class Heir:
    """Reads, keeps its place now and then, and goes on from there in another life."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.had: dict[str, list[int]] = {stream: [] for stream in STREAMS}
        self.kept = dict.fromkeys(STREAMS, 0)
        self.lost: list[Lost] = []
        self.lives = 0
        self.be_born()

    def be_born(self) -> None:
        self.lives += 1
        for stream, number in self.kept.items():
            del self.had[stream][number:]
        found = [source for stream in STREAMS for source in sources((stream,), self.kept[stream])]
        self.reader = Reader(
            self._server.address, "group", f"life-{self.lives}", found, self._take, self.lost.append
        )
        self._task = asyncio.create_task(self.reader.run())

    def _take(self, stream: str, batch: list[tuple[int, object]]) -> None:
        self.had[stream] += [number for number, _ in batch]

    def keep(self) -> None:
        for stream, numbers in self.had.items():
            if numbers:
                self.kept[stream] = numbers[-1]
                self.reader.ack(stream, numbers[-1])

    async def die(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_every_entry_is_read_once_whoever_dies(server_of: Server) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    server_of.start()
    publisher = Publisher(server_of.address, STREAMS)
    running = asyncio.create_task(publisher.run())
    await publisher.opened()
    heir = Heir(server_of)
    appended: deque[tuple[float, int]] = deque([(0.0, 0)])
    loop = asyncio.get_running_loop()

    async def work(seconds: float, *, alive: bool = True) -> None:
        until_s = loop.time() + seconds
        while loop.time() < until_s:
            written(publisher, STREAMS[: chance.randint(1, 3)], chance.randint(1, 5))
            if chance.random() < 0.1:
                heir.keep()
            if alive:
                appended.append((loop.time(), server_of.appended))
            await asyncio.sleep(0.004)

    for _ in range(KILLS):
        await work(chance.uniform(0.05, 0.6))
        if chance.random() < 0.5:
            await heir.die()
            await work(chance.uniform(0.0, 0.1))
            heir.be_born()
            await work(chance.uniform(0.0, 0.2))
        size = server_of.appended
        server_of.kill()
        while len(appended) > 1 and appended[1][0] < loop.time() - ON_DISK_S:
            appended.popleft()
        server_of.forget(chance.randint(appended[0][1], size))
        await work(chance.uniform(0.0, 0.1), alive=False)
        await asyncio.to_thread(server_of.start)
        down_s = loop.time()
        appended = deque([(down_s, server_of.appended)])  # what was read from the disk is on it
        await until(lambda: publisher.down_since_s is None)
        assert loop.time() - down_s < 5
    await publisher.drained()
    wanted = {stream: list(range(1, publisher.numbers[stream] + 1)) for stream in STREAMS}
    await until(lambda: all(len(heir.had[stream]) >= len(wanted[stream]) for stream in STREAMS))
    assert not heir.lost, (seed, heir.lost)
    assert heir.had == wanted, seed
    client = server_of.client()
    for stream in STREAMS:
        found = [int(entry[:-2]) for entry, _ in client.xrange(stream)]
        assert found == wanted[stream], (seed, stream)
        (group,) = client.xinfo_groups(stream)
        assert group["lag"] == 0 and group["entries-read"] == len(found), (seed, group)
    await heir.die()
    publisher.close()
    await running
