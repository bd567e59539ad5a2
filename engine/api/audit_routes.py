"""Routes of the log of commands."""

from __future__ import annotations

import secrets
import time

from aiohttp import web

from engine.api.audit_protocol import CommandRow, RefusedCommand
from engine.api.command_port import CommandEntry
from engine.api.http import body, json_response
from engine.api.page import CURSOR, LIMIT, SINCE, Page, page, span
from engine.api.protocol import Reply
from engine.api.query import Text
from engine.api.route import Route, desk_of
from engine.text import clean

KIND = "audit"
WHO = Text("who", "Only of whom is called so")


async def commands(request: web.Request) -> web.Response:
    wanted = span(request, KIND)
    rows = await desk_of(request).commands.commands(
        before=wanted.before, limit=wanted.limit, who=WHO.of(request), since_ns=wanted.since_ns
    )
    return json_response(page(KIND, rows, rows[-1].id if len(rows) == wanted.limit else None))


async def refused(request: web.Request) -> web.Response:
    told = await body(request, RefusedCommand)
    entry = CommandEntry(
        number=secrets.token_hex(12),
        ns=time.time_ns(),
        who=clean(told.who),
        role=clean(told.role),
        peer=clean(told.peer),
        method=clean(told.method),
        path=clean(told.path, 500),
        key=clean(told.key),
        status=told.status,
        outcome=clean(told.outcome, 400),
    )
    desk_of(request).commands.record(entry)
    return json_response(Reply(True, "written down"))


ROUTES = (
    Route(
        method="GET",
        path="/v1/audit",
        handler=commands,
        summary="Every command: who asked for what, when, and what became of it; newest first",
        tag="audit",
        role="admin",
        need="look",
        query=(CURSOR, LIMIT, SINCE, WHO),
        reply=Page[CommandRow],
        slow=True,
    ),
    Route(
        method="POST",
        path="/v1/audit/refused",
        handler=refused,
        summary="A gateway tells of a command that it did not let through",
        tag="audit",
        role="admin",
        need="look",  # it is written down itself
        body=RefusedCommand,
        reply=Reply,
        access="local",
    ),
)
