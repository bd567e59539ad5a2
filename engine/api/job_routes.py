"""Routes of jobs: the runs of automations, where they are done, and how they went."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response
from engine.api.protocol import JobRow
from engine.api.query import Number, Text
from engine.api.route import Route, desk_of

STATES = ("waiting", "running", "succeeded", "failed", "interrupted")
LIMIT = Number("limit", "So many at most", 100, 1, 1_000)
NAME = Text("name", "Of this automation alone", 64)
STATE = Text("state", "In this state alone", choices=STATES)


async def jobs(request: web.Request) -> web.Response:
    found = await desk_of(request).jobs(LIMIT.of(request), NAME.of(request), STATE.of(request))
    return json_response(found)


ROUTES = (
    Route(
        method="GET",
        path="/v1/jobs",
        handler=jobs,
        summary="Runs of automations and who does them: those at work first, then the newest",
        tag="automations",
        role="read",
        need="look",
        query=(LIMIT, NAME, STATE),
        reply=tuple[JobRow, ...],
        slow=True,
    ),
)
