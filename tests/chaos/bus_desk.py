"""A live desk over the bus, on the simulated venue, and what must hold of it whatever died."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import redis

from engine.events import Alert, Fill, JournalEvent, OrderEvent
from engine.store.read import DATABASE, Reader
from engine.wiring.verification import verify_database
from tests.bus.conftest import Server
from tests.chaos.bus_watch import Watch
from tests.chaos.load import WIDE, Load
from tests.chaos.proxy import Proxy
from tests.chaos.topology import Member, Topology, until
from tests.e2e.engine import RunningEngine, options

SHARDS = 4


class BusDesk:
    """``market``, ``features-1`` and ``-2``, ``execution``; their way to the server is by ``proxy``."""

    def __init__(self, folder: Path, server: Server, watch: Watch, proxy: Proxy, topology: Topology) -> None:
        self.folder = folder
        self.server = server
        self.watch = watch
        self.proxy = proxy
        self.topology = topology
        self.client = server.client()
        self._journal: list[tuple[int, JournalEvent]] = []

    @property
    def members(self) -> dict[str, Member]:
        return self.topology.members

    @property
    def database(self) -> Path:
        return self.members["execution"].home / DATABASE

    @contextlib.contextmanager
    def load(self, seed: int) -> Iterator[Load]:
        """People who trade at the console's socket, until it goes or the block ends."""
        with contextlib.closing(Reader(self.database)) as reader:
            since = reader.last_seq()
        with Load(RunningEngine(self.members["execution"].home), seed, 2, pace_s=0.02, since=since) as load:
            yield load

    def journal(self) -> list[tuple[int, JournalEvent]]:
        """All of it. What was read once is not read again: that it is still the same is asked of its end."""
        reader, found = Reader(self.database), self._journal
        try:
            last = reader.last_seq()
            assert not found or reader.events_since(found[-1][0] - 1, 1) == found[-1:], "another journal"
            while not found or found[-1][0] < last:
                found += reader.events_since(found[-1][0] if found else 0, 1000)
        finally:
            reader.close()
        return list(found)

    def alerts(self) -> list[str]:
        return [event.text for _, event in self.journal() if isinstance(event, Alert)]

    def numbers(self, stream: str) -> list[int]:
        return [int(ident.partition(b"-")[0]) for ident, _ in self.client.xrange(stream)]

    def settle(self, timeout: float = 30.0) -> float:
        """Until the streams have what the journal has; nobody trades by hand."""

        def told() -> bool:
            wanted = [seq for seq, event in self.journal() if isinstance(event, OrderEvent)]
            with contextlib.suppress(redis.RedisError):
                return not wanted or self.numbers("dfp:orders")[-1:] >= wanted[-1:]
            return False

        return until(told, timeout, "the last order on the bus")

    def check(self) -> None:
        """What must hold after every fault."""
        self.settle()
        # Behind each other: what the journal gains meanwhile is on neither side.
        orders, fills = self.numbers("dfp:orders"), self.numbers("dfp:fills")
        events = self.journal()
        for numbers, kind in ((orders, OrderEvent), (fills, Fill)):
            wanted = [seq for seq, event in events if isinstance(event, kind)]
            assert numbers == wanted[: len(numbers)], f"{kind.__name__} on the bus and in the journal differ"
        assert [one for one in verify_database(self.database) if not one.ok] == []
        requests = [
            event.request
            for _, event in events
            if isinstance(event, OrderEvent) and event.request is not None
        ]
        for told in (
            [one.client_order_id for one in requests],
            [(one.symbol, one.decision_ns) for one in requests if one.opportunity_id and not one.parent_id],
        ):
            assert [one for one, count in Counter(told).items() if count > 1] == []
        self._check_rounds(events)

    def _check_rounds(self, events: list[tuple[int, JournalEvent]]) -> None:
        """Ticks of rounds are where the round says, all that was sent was seen, every hole was told."""
        seen = self.watch.seen
        assert seen.torn() == []
        rounds = seen.rounds()
        for row in list(self.watch.rows.values()):
            if "market" in row.epochs and row.position in rounds:
                sent = seen.ticks_of(row.epochs["market"], row.position)
                assert sent == row.ticks, (sent, row, seen.holes())
        texts = [event.text for _, event in events if isinstance(event, Alert)]
        for previous, number in seen.holes():
            assert previous == 0 or any(str(number) in text for text in texts), (previous, number, texts)


@contextlib.contextmanager
def bus_desk(
    folder: Path, *settings: str, data: Path | None = None, spares: bool = False
) -> Iterator[BusDesk]:
    """Running, and well. ``data``: where the server keeps its own. ``spares``: one of each worker."""
    data = data or folder / "redis"
    data.mkdir(parents=True, exist_ok=True)
    server = Server(data)
    server.start()
    try:
        with (
            Proxy(server.port) as proxy,
            Watch(server.port, SHARDS) as watch,
            Topology(folder / "workers", proxy.url, *WIDE, *options(bus__shards=SHARDS), *settings) as made,
        ):
            for name in ("execution", "market", "features-1", "features-2"):
                made.add(name, name.partition("-")[0], spare=spares)
            desk = BusDesk(folder, server, watch, proxy, made)
            began_s = time.monotonic()
            watch.recovered(began_s, began_s, 120.0)
            yield desk
    finally:
        server.kill()
