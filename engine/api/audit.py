"""The log of commands: every one is written down, before it is done and again when it is answered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.asked_by import asked_by, peer, principal
from engine.api.command_port import CommandEntry, CommandPort
from engine.api.hidden import hidden
from engine.api.http import Handler, raw_body
from engine.api.idempotency import KEY, MOST_KEY
from engine.api.route import route_of
from engine.text import clean

ENTRY = web.RequestKey("command", CommandEntry)
_MOST_PATH = 500
_MOST_OUTCOME = 400
_MOST_TOLD = 64 * 1024


class _Told(msgspec.Struct):
    """What every reply to a command says, one way or the other."""

    ok: bool = True
    text: str = ""
    error: str = ""
    code: str = ""


def audited(port: CommandPort, clock: Callable[[], int]) -> Middleware:
    """Outside of everything that refuses, so that what is refused is written down too. ``clock``: ns since
    the epoch."""

    @web.middleware
    async def audit(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route is None or not route.command:
            return await handler(request)
        began = time.perf_counter_ns()
        entry = request[ENTRY] = _entry(request, clock())
        try:
            response = await handler(request)
            entry.status, entry.outcome = response.status, _outcome(response)
            return response
        except BaseException as error:
            entry.outcome = f"cut off: {type(error).__name__}"
            raise
        finally:
            entry.took_us = (time.perf_counter_ns() - began) // 1000
            if route.access != "signature" or 0 < entry.status < 400:
                port.record(entry)  # what anybody may send without a token fills no disk

    return audit


def begun(port: CommandPort) -> Middleware:
    """Inside: the command is let in, and its body is here; written down before it is done."""

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        entry, route = request.get(ENTRY), route_of(request)
        if entry is None or route is None:
            return await handler(request)
        raw = await raw_body(request, route.most_body)
        if route.access != "signature":
            entry.body = hidden(raw)
            port.record(entry)
            return await handler(request)
        response = await handler(request)
        if response.status < 400:  # it was signed: only then it is worth a look
            entry.body = hidden(raw)
        return response

    return begin


def _entry(request: web.Request, now_ns: int) -> CommandEntry:
    try:
        said = asked_by(request)
    except web.HTTPBadRequest:
        said = None
    return CommandEntry(
        number=secrets.token_hex(12),
        ns=now_ns,
        who=principal(request),
        role="" if said is None else said.role,
        peer=peer(request),
        method=request.method,
        path=clean(request.path_qs, _MOST_PATH),
        key=clean(request.headers.get(KEY, ""), MOST_KEY),
    )


def _outcome(response: web.StreamResponse) -> str:
    raw = response.body if isinstance(response, web.Response) else None
    if not isinstance(raw, bytes) or len(raw) > _MOST_TOLD:
        return ""
    try:
        told = msgspec.json.decode(raw, type=_Told)
    except (msgspec.MsgspecError, UnicodeError):
        return ""
    words = f"{told.code}: {told.error}" if told.error else told.text
    return clean(words if told.ok else f"not done: {words}", _MOST_OUTCOME)
