"""What all workers of a topology must agree upon, and where it is written down.

Shards that are dealt otherwise, bars that close elsewhere, strategies of another configuration: a worker
with another idea would compute something else from the same ticks. The first one writes it down, the others
compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from engine.bus.keys import Keys
from engine.bus.server import WHEN_FULL
from engine.config import Config
from engine.errors import BusError
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

PROTOCOL = 2
"""Of ``engine.bus.messages``: counted on with every change that an earlier version cannot read. A later one
reads what earlier ones wrote, and while they are there writes what they can read."""
GRIDS_IN_PLACE = 2
"""The first that reads ``GridChange`` among a round's news."""
_FIXED = ("shards",)
"""The streams and the checkpoints in them are made by these."""
_SECTIONS = ("features", "strategies", "symbols", "quality", "exits")
"""What a features worker computes by."""

# In one step: two that come at once must not both find nothing.
_AGREE = """
local told = redis.call('HGETALL', KEYS[1])
local known = {}
for i = 1, #told, 2 do known[told[i]] = told[i + 1] end
local differ = {}
for i = 3, #ARGV, 3 do
    local was = known[ARGV[i]]
    local wrong = was and was ~= ARGV[i + 1] and (ARGV[1] ~= '0' or ARGV[i + 2] == '1')
    if was and ARGV[i] == 'protocol' then
        wrong = (tonumber(was) or math.huge) > tonumber(ARGV[i + 1])
        if ARGV[2] ~= '0' and not wrong then ARGV[i + 1] = was end
    end
    if wrong then
        differ[#differ + 1] = ARGV[i]
        differ[#differ + 1] = was
    end
end
if #differ > 0 then return differ end
for i = 3, #ARGV, 3 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return differ
"""


def agreed(config: Config, **more: str) -> dict[str, str]:
    """What a worker of this configuration goes by; ``more``: what else its kind must agree upon."""
    found = {"protocol": str(PROTOCOL), "shards": str(config.bus.shards)}
    for name in _SECTIONS:
        found[name] = digest(msgspec.to_builtins(getattr(config, name)))
    return found | more


def digest(value: object) -> str:
    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]


async def agree(redis: Redis, keys: Keys, mine: Mapping[str, str], alive: int, *, earlier: int = 0) -> None:
    """Write down what is agreed upon, or see that it is the same.

    ``alive``: how many other workers are there (``Registry.rows``). Without any, what is no property of the
    streams themselves may be another than before. ``earlier``: how many of them are of an earlier protocol,
    which stays as long as there are any; a later one is refused. Raises BusError with what differs.
    """
    arguments: list[str | int] = [alive, earlier]
    for name, value in mine.items():
        arguments += [name, value, int(name in _FIXED)]
    told = [clean(text.decode(errors="replace"), 40) for text in await _run(redis, keys, arguments)]
    if not told:
        return
    differ = dict(zip(told[::2], told[1::2], strict=True))
    what = ", ".join(f"{name} is {mine[name]} here and {was} there" for name, was in differ.items())
    if "protocol" in differ:
        advice = "a later tickdesk wrote there: run that version here, too, or choose another bus.prefix"
    elif any(name in _FIXED for name in differ):
        advice = "configure it as there, or choose another bus.prefix"
    else:
        advice = "start all workers with one configuration, or stop the others first"
    raise BusError(f"this worker is of another topology than {clean(keys.prefix, 40)}: {what}; {advice}")


async def agreed_protocol(redis: Redis, keys: Keys) -> int:
    """The earliest that somebody may join with. Raises what the client does when the server is away."""
    told = await redis.hget(keys.topology, "protocol")  # type: ignore[misc]
    return int(told) if told is not None and told.isdigit() else PROTOCOL


async def _run(redis: Redis, keys: Keys, arguments: list[str | int]) -> list[bytes]:
    agree = redis.register_script(WHEN_FULL + _AGREE)
    found: list[bytes] = await agree(keys=(keys.topology,), args=arguments)
    return found
