"""Fetching the trades of a hole from a venue's REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from engine.errors import FeedError
from engine.feeds.base import Request, UnreachableError, Venue
from engine.feeds.continuity import Missing
from engine.feeds.rest import Rest
from engine.text import clean

_ATTEMPTS = 3
_PAUSE_S = 0.5


async def backfill(venue: Venue, rest: Rest, missing: Missing, clock: Callable[[], int]) -> str:
    """Fetch what can be had of ``missing`` into its ``found``; returns why the rest cannot. Never raises."""
    native = missing.symbol.partition(":")[2]
    first, last = missing.first_id, missing.last_id
    fetch = venue.missing(native, first, last, missing.since_ns, clock(), missing.found)
    try:
        request = next(fetch)
        while True:
            request = fetch.send(await _get(rest, request))
    except StopIteration:
        return "the venue's REST does not have them"
    except (FeedError, msgspec.MsgspecError, ValueError) as error:
        return f"backfill failed: {clean(error, 120)}"


async def _get(rest: Rest, request: Request) -> bytes:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await rest.get(request)
        except UnreachableError as error:
            await asyncio.sleep(max(error.retry_after_s, _PAUSE_S * (attempt + 1)))
    return await rest.get(request)
