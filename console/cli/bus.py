"""``tickdesk bus inspect [--bus URL] [--json] [--watch]``: what is on the bus now.

Exit code 0 when the server answers and every stage has an owner, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime

import msgspec

from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from engine.bus.address import Address, address_of, client
from engine.bus.inspect import GroupRow, Inspection, LeaseRow, StreamRow, inspect
from engine.bus.keys import Keys
from engine.bus.registry import WorkerRow
from engine.bus.server import Server
from engine.config import Config
from engine.errors import BusError
from engine.text import clean
from engine.workers.own_redis import own_bus

EVERY_S = 1.0


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    address = address_of(arguments.bus or config.bus.url or own_bus(state_dir(arguments)))
    if arguments.watch:
        return _watch(config, address, arguments.json)
    found = asyncio.run(_inspected(config, address))
    print(as_json(found) if arguments.json else "\n".join(lines(found)))
    return 0 if all(row.owner for row in found.leases) else 1


def _watch(config: Config, address: Address, json: bool) -> int:
    """Again and again, through a server that goes and comes, until Ctrl-C."""
    fresh = "\x1b[H\x1b[2J" if sys.stdout.isatty() else ""
    while True:
        began_s = time.monotonic()
        try:
            found = asyncio.run(_inspected(config, address))
            told = msgspec.json.encode(found).decode() if json else "\n".join(lines(found))
        except BusError as error:
            told = msgspec.json.encode({"error": str(error)}).decode() if json else f"tickdesk: {error}"
        print(told if json else f"{fresh}{told}\n", flush=True)
        time.sleep(max(EVERY_S - (time.monotonic() - began_s), 0.0))


async def _inspected(config: Config, address: Address) -> Inspection:
    redis = client(address, "tickdesk-inspect")
    try:
        return await inspect(redis, address, Keys(config.bus.prefix), config.bus.shards)
    finally:
        await redis.aclose()


def lines(found: Inspection) -> list[str]:
    """For a person."""
    at = datetime.fromtimestamp(found.at_ns / 1e9, UTC)
    text = [f"{_server(found.server)}, prefix {found.prefix}, {at:%H:%M:%S}Z", ""]
    if not found.streams:
        text.append(f"no streams of {found.prefix} yet: `tickdesk up` starts a topology")
    else:
        text += table(
            [
                ("STREAM", "LENGTH", "LAST", "SIZE", "GROUP", "LAG", "PENDING", "OLDEST", "AGE", "CONSUMER"),
                *(cells for row in found.streams for cells in _stream(row)),
            ],
            "<>>><>>>><",
        )
    text += ["", *_owners(found.leases)]
    if found.workers:
        text += [
            "",
            *table(
                [
                    ("WORKER", "STAGES", "STATE", "SHARDS", "TICKS/S", "LAG", "DELAY", "CPU", "RSS", "HEARD"),
                    *(_worker(row, found.at_ns) for row in found.workers),
                ],
                "<<<<>>>>>>",
            ),
        ]
        text += [f"{row.id}: {clean(row.detail, 200)}" for row in found.workers if row.detail]
    text += [f"{clean(name, 60)}: gone for {age_s:.0f} s" for name, age_s in sorted(found.gone.items())]
    return text


def _server(server: Server) -> str:
    aof = f"append-only file {server.fsync or 'on'}" if server.aof else "no append-only file"
    fault = "" if server.aof_ok else ", WHICH IT CANNOT WRITE"
    most = f" of {_size(server.most_bytes)}, {server.policy}" if server.most_bytes else ""
    if server.used is not None and server.used >= 1.0:
        most += ", FULL: IT TAKES NOTHING MORE"
    return (
        f"Redis {server.version} at {server.where}: {aof}{fault}, {_size(server.memory_bytes)}{most}, "
        f"{server.clients} clients, {server.commands_per_s} commands/s"
    )


def _stream(row: StreamRow) -> list[tuple[str, ...]]:
    mine = (row.name, str(row.length), str(row.last), _size(row.bytes))
    if not row.groups:
        return [(*mine, "-", "", "", "", "", "")]
    return [
        (*(mine if place == 0 else ("", "", "", "")), *_group(group))
        for place, group in enumerate(row.groups)
    ]


def _group(group: GroupRow) -> tuple[str, ...]:
    age = "" if group.oldest_age_s is None else f"{group.oldest_age_s:.1f} s"
    consumers = ", ".join(row.name for row in group.consumers) or "nobody"
    lag = "?" if group.lag is None else str(group.lag)
    return group.name, lag, str(group.pending), str(group.oldest or ""), age, consumers


def _owners(leases: tuple[LeaseRow, ...]) -> list[str]:
    rows = [("OWNER OF", "WORKER", "EPOCH", "LEASE")]
    for row in leases:
        what = row.stage if row.shard is None else f"{row.stage} {row.shard}"
        left = f"{row.left_s:.1f} s" if row.owner else "-"
        rows.append((what, row.owner or "nobody", str(row.epoch or ""), left))
    return table(rows, "<<>>")


def _worker(row: WorkerRow, at_ns: int) -> tuple[str, ...]:
    return (
        clean(row.id, 60),
        clean(",".join(row.stages), 40),
        clean(row.state, 20),
        _ranges(row.shards),
        f"{row.ticks_per_s:,.0f}",
        str(row.lag),
        f"{row.lag_ms:.1f} ms",
        f"{row.cpu_pct:.0f} %",
        _size(row.rss_bytes),
        f"{max(at_ns - row.at_ns, 0) / 1e9:.1f} s",
    )


def _ranges(shards: tuple[int, ...]) -> str:
    """``0-3,7``."""
    parts: list[list[int]] = []
    for shard in sorted(shards):
        if parts and parts[-1][-1] + 1 == shard:
            parts[-1][1:] = [shard]
        else:
            parts.append([shard])
    return ",".join("-".join(map(str, part)) for part in parts) or "-"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 1024:.1f} KiB"
