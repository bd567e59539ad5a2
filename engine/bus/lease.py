"""Who owns a stage, or a shard of it, and for how long.

A lease is a key that expires. Each owner has an epoch of its own: higher than any before, also where the
server forgot its last second, for it is counted on from the server's clock. An owner believes in its lease by
its own clock only, from the moment *before* it asked; so it stops before the server lets another in.
https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.bus.fence import Fence
from engine.bus.keys import Keys
from engine.bus.server import WHEN_FULL

if TYPE_CHECKING:
    from redis.asyncio import Redis

_BEGINNING_S = 1_735_689_600
"""2025-01-01 UTC: epochs are tenths of seconds since then, or one more than the last."""
MARGIN = 0.1
"""Part of a lease that an owner does not count on: clocks do not run alike."""

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
local function is_of(worker)
    return worker ~= '' and string.sub(holder, 1, #worker + 1) == worker .. ':'
end
if holder and holder ~= ARGV[1] .. ':0' and not is_of(ARGV[4]) then return {0, holder} end
local now = redis.call('TIME')
local epoch = math.max(
    tonumber(redis.call('GET', KEYS[2]) or '0') + 1,
    (tonumber(now[1]) - tonumber(ARGV[3])) * 10 + math.floor(tonumber(now[2]) / 100000)
)
local token = string.format('%s:%d', ARGV[1], epoch)
redis.call('SET', KEYS[2], string.format('%d', epoch))
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return {epoch, token}
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, holder} end
local known = tonumber(redis.call('GET', KEYS[2]) or '0')
if known > tonumber(ARGV[3]) then return {0, 'epoch ' .. known} end
if known < tonumber(ARGV[3]) then redis.call('SET', KEYS[2], ARGV[3]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, ARGV[1]}
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2] .. ':0', 'PX', ARGV[3])
return 1
"""


def boot_s() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Lease:
    """Of one stage or shard, for one worker. ``is_held`` allows each act, ``fence`` goes with each write."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        stage: str,
        worker: str,
        lease_s: float,
        shard: int | None = None,
        clock: Callable[[], float] = boot_s,
        former: str = "",
    ) -> None:
        """``clock``: seconds, only ever rising. ``former``: a worker that is known to be dead; what it had is
        free."""
        self.stage = stage
        self.shard = shard
        self.epoch = 0
        """Of the last time that it was acquired."""
        self.holder = ""
        """Who had it when it was not to be had: ``<worker>:<epoch>``."""
        self._keys = (keys.lease(stage, shard), keys.epoch(stage, shard))
        self._worker = worker
        self._former = former
        self._token = ""
        self._lease_s = lease_s
        self._clock = clock
        self._until_s = float("-inf")
        self._acquire = redis.register_script(WHEN_FULL + _ACQUIRE)
        self._renew = redis.register_script(WHEN_FULL + _RENEW)
        self._release = redis.register_script(WHEN_FULL + _RELEASE)

    @property
    def is_held(self) -> bool:
        return self._clock() < self._until_s

    @property
    def left_s(self) -> float:
        """Until it must have been renewed; negative: so long it has been lost."""
        return self._until_s - self._clock()

    @property
    def fence(self) -> Fence:
        lease, epoch = self._keys
        return Fence(epoch_key=epoch, lease_key=lease, epoch=self.epoch, token=self._token)

    async def acquire(self) -> bool:
        """Take it if it is free, in a new epoch. Raises what the client does when the server is away."""
        asked_s = self._clock()
        milliseconds = round(self._lease_s * 1000)
        asked = self._worker, milliseconds, _BEGINNING_S, self._former
        epoch, told = await self._acquire(keys=self._keys, args=asked)
        self.holder = told.decode(errors="replace")
        if not epoch:
            return False
        self.epoch, self._token = int(epoch), self.holder
        self._hold(asked_s)
        return True

    async def renew(self) -> bool:
        """Hold it for another while. False: another has it now, and this worker acts no more.

        One that ran out and was taken by nobody is held anew in its old epoch. Raises what the client does;
        it is held until ``left_s`` is over all the same.
        """
        if not self._token:
            return False
        asked_s = self._clock()
        milliseconds = round(self._lease_s * 1000)
        kept, told = await self._renew(keys=self._keys, args=(self._token, milliseconds, self.epoch))
        self.holder = told.decode(errors="replace")
        if not kept:
            self.drop()
            return False
        self._hold(asked_s)
        return True

    async def release(self, to: str = "") -> None:
        """Let it go: at once to whoever comes, or handed over to the worker ``to``, who has a lease's time to
        come for it. It is held no more from before the server is told."""
        token = self._token
        self.drop()
        if token:
            await self._release(keys=self._keys[:1], args=(token, to, round(self._lease_s * 1000)))

    def drop(self) -> None:
        """Act no more, without telling the server."""
        self._token, self._until_s = "", float("-inf")

    def _hold(self, asked_s: float) -> None:
        self._until_s = asked_s + self._lease_s * (1 - MARGIN)
