"""Who may write: a stage's owner, by its lease and the epoch it took it in. Checked in the server.

A process that was stopped for a while may wake between its own look at the clock and its write. So each
script that writes for an owner begins with ``FENCE``: it refuses whoever holds the lease no more, in the same
step in which it writes.
"""

from __future__ import annotations

import msgspec

from engine.bus.wire import ReplyError
from engine.errors import BusError, FencedError

FENCE = """
local function fence(epoch_key, lease_key, epoch, token)
    local holder = redis.call('GET', lease_key)
    if holder and holder ~= token then return 'FENCED by ' .. holder end
    local known = tonumber(redis.call('GET', epoch_key) or '0')
    if known > tonumber(epoch) then return 'FENCED in epoch ' .. known end
    if known < tonumber(epoch) then redis.call('SET', epoch_key, epoch) end
    return nil
end
"""
"""Lua: nil, or why not. A server that lost its last second may know a lower epoch: it is told."""


class Fence(msgspec.Struct, frozen=True):
    """What an owner shows with each write."""

    epoch_key: str
    lease_key: str
    epoch: int
    token: str
    """The value of its lease: ``<worker>:<epoch>``."""

    @property
    def keys(self) -> tuple[str, str]:
        return self.epoch_key, self.lease_key

    @property
    def arguments(self) -> tuple[int, str]:
        return self.epoch, self.token


NO_FENCE = Fence("", "", 0, "")
"""Of streams that have one writer by other means."""


def fault_of(error: ReplyError, what: str) -> BusError:
    """FencedError where the server fenced us, else what the server said."""
    text = str(error)
    _, found, by = text.partition("FENCED ")
    if found:
        return FencedError(f"{what} is owned by another worker ({by}): this one stops writing to it")
    return BusError(f"{what}: Redis says {text}")
