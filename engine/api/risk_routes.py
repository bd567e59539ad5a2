"""Routes of the risk state: halted, reducing, active, and how it came to that."""

from __future__ import annotations

import asyncio

from aiohttp import web

from engine.api.asked_by import who
from engine.api.guard import GUARD
from engine.api.http import body, json_response
from engine.api.idempotency import require_claim
from engine.api.protocol import Reply, RiskPatch
from engine.api.query import Number
from engine.api.route import Route, desk_of
from engine.events import RiskChange
from engine.text import clean

LIMIT = Number("limit", "Changes at most", 50, 1, 1_000)


async def change(request: web.Request) -> web.Response:
    desk = desk_of(request)
    patch = await body(request, RiskPatch)
    if patch.expected is not None and desk.risk_state not in (patch.expected, patch.state):
        text = (
            f"the desk is {desk.risk_state.upper()} by now, not {patch.expected.upper()}: nothing was changed"
        )
        return json_response(Reply(False, text))
    if request.app[GUARD].check_state(request, patch.state, desk.risk_state):
        require_claim(request)  # the same again would undo a halt that came between
    return json_response(await desk.set_risk(patch.state, clean(patch.reason), who(request)))


async def changes(request: web.Request) -> web.Response:
    limit = LIMIT.of(request)
    return json_response(await asyncio.to_thread(desk_of(request).risk_changes, limit))


ROUTES = (
    Route(
        method="POST",
        path="/v1/risk",
        handler=change,
        summary="Halt, let reduce only, or let trade again",
        tag="risk",
        role="trade",
        need="safer",  # its handler asks for control where a state is loosened
        body=RiskPatch,
        reply=Reply,
    ),
    Route(
        method="GET",
        path="/v1/risk/changes",
        handler=changes,
        summary="How the risk state changed, newest first, of earlier runs too",
        tag="risk",
        role="read",
        need="look",
        query=(LIMIT,),
        reply=tuple[RiskChange, ...],
        slow=True,
    ),
)
