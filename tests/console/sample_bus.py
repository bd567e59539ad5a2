"""What is on a bus, made up for the console: a shard that nobody does, a worker that is gone."""

from __future__ import annotations

from engine.bus.inspect import ConsumerRow, GroupRow, Inspection, LeaseRow, StreamRow
from engine.bus.registry import WorkerRow
from engine.bus.server import Server

SERVER = Server(
    *("redis.example:6379", "7.4.1", "master", False, True, True, "everysec"),
    *(3 << 20, 2 << 20, 0, "noeviction", 12, 4_200, 86_400),
)


def worker(name: str, stage: str, **more: object) -> WorkerRow:
    return WorkerRow(id=name, host="box", pid=7, stages=(stage,), **{"state": "running", **more})


def inspection() -> Inspection:
    group = GroupRow("features", 41, 3, 1_200, 39, 2.5, (ConsumerRow("box-2", 3, 0.1),))
    return Inspection(
        prefix="dfp",
        at_ns=1,
        server=SERVER,
        topology={"shards": "8"},
        streams=(
            StreamRow("clean_ticks:0", 1_500, 1, 44, 44, 90_000, (group,)),
            StreamRow("orders", 3, 1, 3, 3, 2_048, ()),
        ),
        leases=(LeaseRow("market", None, "box-1", 3, 1.5), LeaseRow("features", 3, "", 9, 0.0)),
        workers=(
            worker("box-1", "market", ticks_per_s=12_000.0, cpu_pct=31.0, rss_bytes=200 << 20),
            worker("box-2", "features", shards=(0, 1, 2, 5), lag=1_200, lag_ms=2_500.0, state="catching up"),
            worker("box-3[@click=app.halt]", "execution", lost=2),
        ),
        gone={"box-9": 125.0},
    )
