"""What all have acknowledged goes from the streams; nothing else does.

https://redis.io/docs/latest/commands/xtrim/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from redis.asyncio import Redis

# Numbers are compared as text: they are larger than what Lua counts without a loss.
_TRIM = """
local function number(id) return string.match(id, '^(%d+)') end
local function less(a, b)
    if #a ~= #b then return #a < #b end
    return a < b
end
local told = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if told.err then return {'', 0} end
local least = nil
local found = {}
for i = 1, #told do
    local row = {}
    for j = 1, #told[i], 2 do row[told[i][j]] = told[i][j + 1] end
    found[row['name']] = true
    local up_to = number(row['last-delivered-id'])
    if row['pending'] > 0 then
        up_to = number(redis.call('XPENDING', KEYS[1], row['name'])[2])
    end
    if least == nil or less(up_to, least) then least = up_to end
end
for i = 1, #ARGV do
    if not found[ARGV[i]] then return {'', 0} end
end
if least == nil then return {'', 0} end
return {least, redis.call('XTRIM', KEYS[1], 'MINID', '~', least .. '-0')}
"""


class Trimmed(msgspec.Struct, frozen=True):
    """What was done to a stream."""

    least: int | None
    """All groups are through with what is below; None: a group is missing, nothing was trimmed."""
    removed: int


class Trimmer:
    """Of the streams of a topology."""

    def __init__(
        self, redis: Redis, groups: Mapping[str, Sequence[str]], capped: Mapping[str, int] | None = None
    ) -> None:
        """``groups``: who reads each stream; while one of them is missing nothing is trimmed, for it is made
        anew or comes yet. ``capped``: streams that nobody must have read, and how many entries stay about.
        """
        self._redis = redis
        self._groups = dict(groups)
        self._capped = dict(capped or {})
        self._script = redis.register_script(_TRIM)

    async def trim(self) -> dict[str, Trimmed]:
        """Once; by stream. Raises what the client does when the server is away."""
        found: dict[str, Trimmed] = {}
        for stream, groups in self._groups.items():
            least, removed = await self._script(keys=(stream,), args=groups)
            found[stream] = Trimmed(int(least) if least else None, int(removed))
        for stream, entries in self._capped.items():
            removed = await self._redis.xtrim(stream, maxlen=entries, approximate=True)
            found[stream] = Trimmed(None, int(removed))
        return found
