"""Fetching the trades of a hole from a venue's REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from engine.errors import FeedError
from engine.feeds.base import Request, UnreachableError
from engine.feeds.continuity import Missing
from engine.feeds.rest import Rest
from engine.feeds.venue import Venue
from engine.text import clean

_ATTEMPTS = 3
_PAUSE_S = 0.5
_LAGS_S = (0.3, 0.5, 1.0, 1.0, 1.5, 2.0)
"""Before each page of recent trades that is asked for until one reaches what comes now: REST's come a little
after the socket's."""


async def backfill(
    venue: Venue, rest: Rest, missing: Missing, clock: Callable[[], int], joined: Callable[[Missing], bool]
) -> str:
    """Fetch what can be had of ``missing`` into its ``found``; returns why the rest cannot, "" when there is
    none that is known of. Never raises. ``joined`` tells whether what came since reaches what comes now."""
    native = missing.symbol.partition(":")[2]
    try:
        if missing.first_id < 0:
            return await _recent(venue, rest, native, missing, clock, joined)
        fetch = venue.missing(
            native, missing.first_id, missing.last_id, missing.since_ns, clock(), missing.found
        )
        request = next(fetch)
        while True:
            request = fetch.send(await _get(rest, request))
    except StopIteration:
        return "the venue's REST does not have them"
    except (FeedError, msgspec.MsgspecError, ValueError) as error:
        return f"backfill failed: {clean(error, 120)}"


async def _recent(
    venue: Venue,
    rest: Rest,
    native: str,
    missing: Missing,
    clock: Callable[[], int],
    joined: Callable[[Missing], bool],
) -> str:
    request = venue.recent_request(native)
    if request is None:
        return "the venue's REST tells no trades"
    for lag_s in _LAGS_S:
        await asyncio.sleep(lag_s)
        missing.found[:] = venue.parse_trades(native, await _get(rest, request), clock())
        if joined(missing):
            return ""
    return "the venue's REST does not reach what comes now"


async def _get(rest: Rest, request: Request) -> bytes:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await rest.get(request)
        except UnreachableError as error:
            await asyncio.sleep(max(error.retry_after_s, _PAUSE_S * (attempt + 1)))
    return await rest.get(request)
