"""How well the desk's parts are, on the link."""

from __future__ import annotations

from engine.api.rows import Row


class Probe(Row, frozen=True):
    """What a supervisor asks for."""

    ok: bool
    detail: str
    """Why not, one line; "" when it is."""


class WriterHealth(Row, frozen=True):
    """Of what writes to the disk."""

    ok: bool
    error: str
    """Why nothing can be written any more; "" when it can."""
    pending: int
    """Records, events and settings that are not in the database yet."""
    lag_s: float
    """How long the oldest event that is to be on disk has waited for it; 0: none waits."""
    dropped: int
    """Records lost, as too many waited."""


class JobsHealth(Row, frozen=True):
    """Of the broker that jobs of automations go to."""

    ok: bool
    """It answers, and the last job found a worker."""
    detail: str
    """Where it is, and what is wrong with it."""
    given: int
    """Jobs whose outcome is waited for."""


class BusHealth(Row, frozen=True):
    """Of the server that joins workers."""

    ok: bool
    detail: str
    """Where it is, and what is wrong with it."""
    lag: int | None
    """Entries that its groups have not read; None: not known."""
    oldest_s: float | None
    """How long the oldest one that is not acknowledged has waited."""
    memory: float | None = None
    """What the server uses of its maxmemory; at 1 it takes nothing. None: not known, or no bound."""
