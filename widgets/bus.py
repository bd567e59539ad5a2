"""The bus of a desk of several workers, as lines to read: who does what, what nobody does, what waits."""

from __future__ import annotations

from collections.abc import Sequence

from engine.bus.inspect import Inspection, LeaseRow, StreamRow
from engine.bus.registry import WorkerRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.text_table import table_lines

LATE_MS = 1_000.0
"""A worker that is behind by more is late."""
_WORKERS = (
    Column("worker", "worker", 14, 0, grow=12),
    Column("stages", "does", 10, 0, grow=10),
    Column("state", "state", 13, 0, grow=1),
    Column("shards", "shards", 8, 1, grow=8),
    Column("ticks", "ticks/s", 7, 1, right=True),
    Column("lag", "lag", 5, 2, right=True),
    Column("delay", "delay", 10, 1, right=True),
    Column("cpu", "cpu", 5, 3, right=True),
    Column("rss", "MiB", 5, 4, right=True),
    Column("detail", "", 12, 2, grow=FILL),
)
_STREAMS = (
    Column("stream", "stream", 18, 0, grow=8),
    Column("length", "entries", 7, 1, right=True),
    Column("bytes", "KiB", 6, 3, right=True),
    Column("group", "read by", 9, 0, grow=3),
    Column("lag", "unread", 7, 0, right=True),
    Column("pending", "open", 6, 1, right=True),
    Column("age", "oldest", 7, 2, right=True),
)


def bus_lines(found: Inspection, width: int) -> list[Line]:
    """All of it: workers, what is bare, streams; what is wrong comes first."""
    server = found.server
    disk = f"append-only file {server.fsync}" if server.aof else "keeps nothing on disk"
    lines: list[Line] = [
        (
            (f"Redis {server.version} at {server.where}, prefix {found.prefix}: ", "text"),
            (disk, "muted" if server.aof else "bad"),
        )
    ]
    bare = [_stage(row) for row in found.leases if not row.owner]
    if bare:
        lines.append(((f"✗ nobody does {', '.join(bare)}", "bad"),))
    for name, seconds in sorted(found.gone.items()):
        lines.append(((f"✗ {name} was not heard of for {figures.age(seconds * 1e9)}", "warn"),))
    lines += section("Workers", "lag: entries to read; delay: from sent until done with")
    lines += table_lines(_WORKERS, [_worker(row) for row in found.workers], width)
    lines += section("Streams", "unread: not delivered yet; open: delivered, not acknowledged")
    return lines + table_lines(_STREAMS, _streams(found.streams), width)


def _stage(row: LeaseRow) -> str:
    return row.stage if row.shard is None else f"shard {row.shard}"


def _worker(row: WorkerRow) -> list[Cell]:
    fine = row.state == "running"
    late = row.lag_ms > LATE_MS
    return [
        (row.id, "bold"),
        (", ".join(row.stages), "text"),
        (f"{'●' if fine else '◌'} {row.state}", "good" if fine else "warn"),
        (_ranges(row.shards) or figures.UNKNOWN, "text"),
        (figures.compact(round(row.ticks_per_s)), "text"),
        (figures.compact(row.lag), "warn" if late else "text"),
        (f"{row.lag_ms:,.1f} ms", "warn" if late else "text"),
        (f"{row.cpu_pct:.0f} %", "muted"),
        (f"{row.rss_bytes / 2**20:.0f}", "muted"),
        (
            f"{row.lost} holes {row.detail}".strip() if row.lost else row.detail,
            "bad" if row.lost else "muted",
        ),
    ]


def _ranges(shards: Sequence[int]) -> str:
    """``0-1,4``."""
    parts: list[list[int]] = []
    for shard in sorted(shards):
        if parts and shard == parts[-1][-1] + 1:
            parts[-1].append(shard)
        else:
            parts.append([shard])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _streams(rows: Sequence[StreamRow]) -> list[list[Cell]]:
    found: list[list[Cell]] = []
    for row in rows:
        head: list[Cell] = [
            (row.name, "text"),
            (figures.compact(row.length), "text"),
            (figures.compact(row.bytes // 1024), "muted"),
        ]
        if not row.groups:
            found.append([*head, *((figures.UNKNOWN, "muted"),) * 4])
        for group in row.groups:
            lag = figures.UNKNOWN if group.lag is None else figures.compact(group.lag)
            age = figures.UNKNOWN if group.oldest_age_s is None else f"{group.oldest_age_s:,.1f} s"
            found.append(
                [
                    *head,
                    (group.name, "text"),
                    (lag, "warn" if group.lag else "muted"),
                    (figures.compact(group.pending), "muted"),
                    (age, "muted"),
                ]
            )
            head = [("", "text")] * 3
    return found
