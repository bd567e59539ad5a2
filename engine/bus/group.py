"""A group on a stream: made, set to where its reader stands, its lag kept true.

A reader that begins, comes back or takes over destroys the group and makes it anew behind what is
acknowledged. So a reader that was thought dead and still waits in the server is sent away (it is told
NOGROUP) instead of being handed what the new one waits for; and all that was not acknowledged is told again.
While there is no group nothing is trimmed.
https://redis.io/docs/latest/commands/xgroup-create/  (ENTRIESREAD: Redis 7.0)
"""

from __future__ import annotations

from engine.bus.cursor import Cursor
from engine.bus.fence import FENCE, Fence, fault_of
from engine.bus.server import WHEN_FULL
from engine.bus.wire import ReplyError, Steps, last_number

AT_ONCE = 64
"""Entries that one step looks at, payloads and all: the server does nothing else meanwhile."""

_COUNT = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local last = ''
if #found > 0 then last = found[#found][1] end
local added = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
    local told = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #told, 2 do
        if told[i] == 'entries-added' then added = told[i + 1] end
    end
end
return {#found, last, added}
"""

_FENCED = (
    FENCE
    + """
if KEYS[2] ~= '' then
    local fenced = fence(KEYS[2], KEYS[3], ARGV[1], ARGV[2])
    if fenced then return redis.error_reply(fenced) end
end
"""
)
_DESTROY = WHEN_FULL + _FENCED + "return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[3])"
_CREATE = (
    WHEN_FULL
    + _FENCED
    + """
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[3], ARGV[4], 'MKSTREAM', 'ENTRIESREAD', ARGV[5])
return redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[3], ARGV[6])
"""
)


def attached(cursor: Cursor, group: str, consumer: str, fence: Fence) -> Steps[None]:
    """The group stands behind what ``cursor`` acknowledged, and ``consumer`` is the only one in it.

    Raises FencedError.
    """
    acked = cursor.acked
    if acked is None:
        acked = yield from _stands(cursor.stream, group)
    # A server that forgot its last second is told it again: as entries that the group has yet to read, or its
    # lag would count them for ever.
    start = min(acked, (yield from last_number(cursor.stream)))
    read = yield from _entries_to(cursor.stream, start)
    fenced = ("3", cursor.stream, *fence.keys, *fence.arguments, group)
    try:
        yield ("EVAL", _DESTROY, *fenced)
    except ReplyError as error:
        if "no such key" not in str(error) and "requires the key to exist" not in str(error):
            raise fault_of(error, cursor.stream) from None
    try:
        yield ("EVAL", _CREATE, *fenced, b"%d-0" % start, read, consumer)
    except ReplyError as error:
        raise fault_of(error, cursor.stream) from None
    cursor.stands(acked)


def _stands(stream: str, group: str) -> Steps[int]:
    """Up to where all is acknowledged; 0 without a group."""
    try:
        pending = yield ("XPENDING", stream, group)
    except ReplyError as error:
        if str(error).startswith("NOGROUP") or "no such key" in str(error):
            return 0
        raise
    if pending[0]:
        return int(pending[1].partition(b"-")[0]) - 1
    for row in (yield ("XINFO", "GROUPS", stream)):
        told = dict(zip(row[::2], row[1::2], strict=True))
        if told[b"name"] == group.encode():
            return int(told[b"last-delivered-id"].partition(b"-")[0])
    return 0


def _entries_to(stream: str, number: int) -> Steps[int]:
    """How many entries the stream ever had up to ``number``: all that were added, without those behind it."""
    behind, start = 0, b"(%d-0" % number
    while True:
        count, last, added = yield ("EVAL", _COUNT, 1, stream, start, AT_ONCE)
        behind += int(count)
        if count < AT_ONCE:
            return max(int(added) - behind, 0)
        start = b"(" + last
