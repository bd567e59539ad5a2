"""The bus: the same stages as workers over Redis Streams."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from engine.config.values import Seconds, Section


class BusConfig(Section, frozen=True):
    """Read by workers; an engine that runs in one process has no bus."""

    url: str = ""
    """redis://…, rediss://… or unix://…, also ``--bus``; a password better comes from the environment."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.{}-]{1,40}$")] = "dfp"
    """Of all keys: two topologies on one server have two."""
    shards: Annotated[int, Meta(ge=1, le=1024)] = 8
    """Parts that the symbols are dealt into, each owned by one worker; fixed while the streams live."""
    lease_s: Annotated[float, Meta(ge=0.5, le=60)] = 2.0
    """A worker that was not heard of for so long has lost what it owned."""
    checkpoint_s: Seconds = 5.0
    """How often a worker keeps what it remembers on the bus: as much is done again after its death."""
    wait_ms: Annotated[float, Meta(ge=1, le=60_000)] = 250.0
    """Live, prices wait no longer for the strategies of a worker: stops must be watched."""
    most_behind: Annotated[int, Meta(ge=10_000, le=100_000_000)] = 2_000_000
    """Ticks on the bus that not all have read. A tape waits there; live, see ``engine/workers/behind.py``."""
    need_aof: bool = True
    """A server that keeps nothing on disk is refused."""
