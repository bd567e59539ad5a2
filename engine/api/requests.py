"""Requests as metrics have them: how many of each route, how they were answered, how long it took."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.http import Handler
from engine.api.route import route_of
from engine.histogram import Histogram

UNKNOWN = "unknown"
"""In place of an address that no route has: what is asked for must not grow the counts."""
CUT_OFF = "cut_off"
"""In place of a status: whoever asked has not waited for it, or our own bug ended it."""
_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Requests:
    """Counts since the start, by the routes of the table; streams count when they end, and take no time."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, str], int] = {}
        """By method, address and status."""
        self.times: dict[tuple[str, str], Histogram] = {}
        """By method and address."""

    def add(self, method: str, address: str, status: str, took_ns: int | None) -> None:
        key = method, address, status
        self.counts[key] = self.counts.get(key, 0) + 1
        if took_ns is not None:
            times = self.times.get((method, address))
            if times is None:
                times = self.times[method, address] = Histogram(_BOUNDS_S)
            times.add(took_ns)

    def middleware(self, timer: Callable[[], int]) -> Middleware:
        """Outside of all others. ``timer``: ns that never step back."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            began, status = timer(), CUT_OFF
            try:
                response = await handler(request)
                status = str(response.status)
                return response
            finally:
                route = route_of(request)
                if route is None:
                    self.add(UNKNOWN, UNKNOWN, status, None)
                else:
                    took = None if route.stream else timer() - began
                    self.add(route.method, route.address, status, took)

        return count
