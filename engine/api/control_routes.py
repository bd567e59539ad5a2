"""Routes of control: who has it, and taking and giving it."""

from __future__ import annotations

from aiohttp import web

from engine.api.control_protocol import ControlDetail, ControlPatch
from engine.api.guard import GUARD
from engine.api.http import body, json_response
from engine.api.protocol import Reply
from engine.api.route import Route, desk_of
from engine.errors import ControlError


async def detail(request: web.Request) -> web.Response:
    return json_response(request.app[GUARD].detail())


async def change(request: web.Request) -> web.Response:
    guard = request.app[GUARD]
    console = guard.console(request)
    if console is None:
        raise ControlError("only a console takes control: attach one")
    patch = await body(request, ControlPatch)
    text = guard.take(console, patch.over) if patch.action == "take" else guard.give(console)
    if text:  # an alert is logged too
        desk_of(request).tell("warning", "control", text)
    return json_response(Reply(True, text or "as it was: nothing to change"))


ROUTES = (
    Route(
        method="GET",
        path="/v1/control",
        handler=detail,
        summary="The consoles that are attached, and which of them controls",
        tag="control",
        role="read",
        need="look",
        reply=ControlDetail,
    ),
    Route(
        method="POST",
        path="/v1/control",
        handler=change,
        summary="A console takes control, or gives it up",
        tag="control",
        role="trade",
        need="safer",
        body=ControlPatch,
        reply=Reply,
        keyed=False,
    ),
)
