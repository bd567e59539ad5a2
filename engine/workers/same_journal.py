"""Orders and fills on the bus are numbered by one journal: another one must not go on in its place.

An execution worker with a state directory of its own that took over would know no position, and its orders
would have numbers that the streams have had already.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from engine.bus.keys import Keys
from engine.bus.server import WHEN_FULL
from engine.errors import BusError
from engine.store.store import Store

if TYPE_CHECKING:
    from redis.asyncio import Redis

SETTING = "bus.journal"
_FIELD = "journal"
"""Of the topology's hash: whose numbers those of orders and fills are."""
_NOTE = WHEN_FULL + "return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])"


async def claim(redis: Redis, keys: Keys, store: Store) -> None:
    """For who holds the lease. Raises BusError where they are another journal's, or this one is an older
    copy; and what the client does when the server is away."""
    mine = store.settings().get(SETTING)
    if not isinstance(mine, str) or not mine:
        mine = secrets.token_hex(8)
        store.put_setting(SETTING, mine)
    told = await redis.hget(keys.topology, _FIELD)  # type: ignore[misc]
    last = max([await _last(redis, keys.orders), await _last(redis, keys.fills)])
    if told is not None and told.decode(errors="replace") != mine and last:
        raise BusError(
            f"the orders of {keys.prefix} on the bus are of another journal: start this worker with its "
            "--state-dir, or choose another bus.prefix"
        )
    if last > store.last_seq:
        raise BusError(
            f"the orders of {keys.prefix} on the bus go up to event {last}, the journal ends at "
            f"{store.last_seq}: it is an older copy; find the newer one, or choose another bus.prefix"
        )
    await redis.register_script(_NOTE)(keys=(keys.topology,), args=(_FIELD, mine))


async def _last(redis: Redis, stream: str) -> int:
    if not await redis.exists(stream):
        return 0
    told = await redis.xinfo_stream(stream)
    return int(told["last-generated-id"].partition(b"-")[0])
