"""What a shard remembers as of a round, kept on the bus: whoever takes the shard over goes on from there.

Fields of a hash: ``head``, the kernel's memory by chunks, each strategy's memory. Only what changed since the
last one is written, all of it in one step, and only by who owns the shard.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from engine.bus.fence import FENCE, Fence, fault_of
from engine.bus.messages import Listed, Settings
from engine.bus.server import WHEN_FULL
from engine.bus.wire import ReplyError
from engine.config import Config
from engine.errors import BusError
from engine.features.remember import LAYOUT, Remembered, take_up
from engine.strategies.memory import Memory
from engine.workers.shard import Shard

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("engine.shard")

_HEAD = "head"
_STRATEGY = "m:"
_WRITE = (
    FENCE
    + """
local fenced = fence(KEYS[2], KEYS[3], ARGV[1], ARGV[2])
if fenced then return redis.error_reply(fenced) end
local there = redis.call('EXISTS', KEYS[1])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return there
"""
)


class Head(msgspec.Struct, frozen=True, array_like=True):
    layout: str
    """Of another one the rest means something else."""
    round: int
    entry: int
    symbols: tuple[tuple[int, str], ...]
    """(index in the topology, symbol), in the order that they have in the shard."""
    settings: Settings
    strategies: tuple[str, ...]
    ended: bool = False


_encode = msgspec.msgpack.Encoder().encode
_head_of = msgspec.msgpack.Decoder(Head).decode
_memory_of = msgspec.msgpack.Decoder(Memory).decode


def layout_of(config: Config) -> str:
    """What the kernel's memory depends on, as text."""
    settings = msgspec.json.encode((config.features, config.risk.stale_data_s))
    return f"{LAYOUT}-{hashlib.sha256(settings).hexdigest()[:12]}"


class Checkpoint:
    """Tells what a shard remembers, and from the second time on only what changed."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._engine = Remembered(shard.features)
        self._strategies: dict[str, Memory] = {}
        self._untold: set[str] = set()
        """Strategies of which it was said that they cannot be kept."""

    def forget(self) -> None:
        """It is not sure that what was told is kept: tell all of it again."""
        self._engine.forget()
        self._strategies.clear()

    def changes(self) -> dict[str, bytes]:
        """Fields to write; they are right together with all that were told before."""
        shard = self._shard
        found = self._engine.changes()
        memories = shard.strategies.memories()
        for name, memory in memories.items():
            if self._strategies.get(name) != memory:
                found[_STRATEGY + name] = _encode(memory)
            if memory.why and name not in self._untold:
                self._untold.add(name)
                log.warning("%s begins anew where its shard is taken over: %s", name, memory.why)
        self._strategies = memories
        found[_HEAD] = _encode(
            Head(
                layout_of(shard.config),
                shard.round,
                shard.entry,
                tuple(zip(shard.indices, shard.symbols, strict=True)),
                shard.settings,
                tuple(memories),
                shard.ended,
            )
        )
        return found


def restore(shard: Shard, fields: Mapping[bytes, bytes]) -> dict[str, str]:
    """Go on where the fields' shard was; ``shard`` is new. Returns strategies that begin anew, with why.

    Raises BusError when they cannot be taken up: ``shard`` is of no use then.
    """
    try:
        head = _head_of(fields.get(_HEAD.encode(), b""))
        if head.layout != layout_of(shard.config):
            raise ValueError("they are of another version or other settings of [features]")
        for index, symbol in head.symbols:
            shard.add_symbol(Listed(index, symbol, 1.0))
        shard.set(head.settings)
        told = {name.decode(): body for name, body in fields.items()}
        take_up(shard.features, told)
        memories = {
            name: _memory_of(told[_STRATEGY + name]) for name in head.strategies if _STRATEGY + name in told
        }
    except (msgspec.MsgspecError, ValueError) as error:
        raise BusError(f"what shard {shard.number} remembered cannot be taken up: {error}") from None
    anew = shard.strategies.remember(memories, shard.symbols)
    shard.round, shard.entry, shard.ended = head.round, head.entry, head.ended
    return anew


class Kept:
    """The checkpoints of one shard on the server."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key
        self._script = redis.register_script(WHEN_FULL + _WRITE)

    async def write(self, fields: Mapping[str, bytes], fence: Fence) -> bool:
        """All of it or nothing. Whether something was kept before: else what was told before is forgotten.
        Raises FencedError, BusError, and what the client does when it is away."""
        arguments: list[Any] = list(fence.arguments)
        for name, body in fields.items():
            arguments += (name, body)
        from redis.exceptions import ResponseError

        try:
            return bool(await self._script(keys=[self._key, *fence.keys], args=arguments))
        except ResponseError as error:
            raise fault_of(ReplyError(str(error)), self._key) from None

    async def read(self) -> dict[bytes, bytes]:
        """Empty when there is none."""
        found: dict[bytes, bytes] = await self._redis.hgetall(self._key)  # type: ignore[misc]
        return found
