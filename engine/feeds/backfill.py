"""Fetching the trades of a hole from a venue's REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from engine.errors import FeedError
from engine.events import Trade
from engine.feeds.base import Request, UnreachableError, Venue
from engine.feeds.continuity import Missing
from engine.feeds.rest import Rest
from engine.text import clean

_ATTEMPTS = 3
_PAUSE_S = 0.5


async def backfill(
    venue: Venue, rest: Rest, missing: Missing, clock: Callable[[], int]
) -> tuple[list[Trade], str]:
    """What could be had of ``missing``, in order of id, and why the rest could not. Does not raise."""
    native = missing.symbol.partition(":")[2]
    fetch = venue.missing(native, missing.first_id, missing.last_id, missing.since_ns, clock())
    reason = "the venue's REST does not have them"
    try:
        request = next(fetch)
        while True:
            try:
                body = await _get(rest, request)
            except FeedError as error:
                reason = f"backfill failed: {error}"
                request = fetch.throw(error)
            else:
                request = fetch.send(body)
    except StopIteration as done:
        trades: list[Trade] = done.value
        return trades, reason
    except (FeedError, msgspec.MsgspecError, ValueError) as error:
        return [], f"backfill failed: {clean(error, 120)}"


async def _get(rest: Rest, request: Request) -> bytes:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await rest.get(request)
        except UnreachableError as error:
            await asyncio.sleep(max(error.retry_after_s, _PAUSE_S * (attempt + 1)))
    return await rest.get(request)
