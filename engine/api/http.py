"""What every route shares: bounded, typed bodies in, JSON out, one-line errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from engine.api.hub import encode
from engine.api.protocol import ErrorReply
from engine.errors import NotReadyError, OutcomeUnknownError, TickdeskError, UnknownNameError
from engine.refusal import refused
from engine.text import clean

log = logging.getLogger("engine.api")

MAX_BODY = 64 * 1024
MAX_NAME = 200
_BODY = web.RequestKey("body", bytes)
JUDGE: ContextVar[Callable[[], None]] = ContextVar("judge", default=lambda: None)
"""Of the request that is handled: called when its body is there; raises where it may not be done any more."""

_T = TypeVar("_T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(value: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def not_found(text: str) -> web.Response:
    return json_response(ErrorReply(text, "NOT_FOUND"), 404)


async def raw_body(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """At most ``limit`` bytes; a longer body is answered with 413. Judged anew when it is there."""
    raw = await read_body(request, limit)
    JUDGE.get()()
    return raw


async def read_body(request: web.Request, limit: int) -> bytes:
    """The same, unjudged. It is read once."""
    known: bytes | None = request.get(_BODY)
    if known is not None:
        return known
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > limit:
            raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=size)
        parts.append(part)
    raw = request[_BODY] = b"".join(parts)
    return raw


async def body(request: web.Request, type_: type[_T], limit: int = MAX_BODY) -> _T:
    """The body as ``type_``; no body is an empty object. What it is not is answered with 400."""
    raw = await raw_body(request, limit)
    try:
        return msgspec.json.decode(raw or b"{}", type=type_)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise web.HTTPBadRequest(reason=clean(f"body: {_refused(error, type_, raw)}")) from None


def _refused(error: Exception, type_: Any, raw: bytes) -> str:
    try:
        return refused(error, type_, msgspec.json.decode(raw or b"{}"), json=True)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):  # wrong before it breaks off
        return refused(error, type_, json=True)


def name_of(request: web.Request, key: str = "name") -> str:
    """A name from the address, as text that may be shown and stored."""
    name = request.match_info[key]
    if len(name) > MAX_NAME or not name.isprintable():
        raise web.HTTPBadRequest(
            reason=f"{clean(name, 40)!r} is no name: printable, at most {MAX_NAME} characters"
        )
    return name


def number(request: web.Request, key: str, default: int, least: int, most: int) -> int:
    """A number of the query, 0 or above. What it is not is answered with 400."""
    text = request.query.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and least <= int(text) <= most):
        raise web.HTTPBadRequest(reason=f"{key}: a number from {least} to {most}")
    return int(text)


def error_response(error: TickdeskError) -> web.Response:
    """What a person is told of an error that a person can cause."""
    if isinstance(error, NotReadyError):
        return json_response(ErrorReply(str(error), type(error).__name__), 503)
    if isinstance(error, OutcomeUnknownError):
        return json_response(ErrorReply(str(error), type(error).__name__), 504)
    if isinstance(error, UnknownNameError):
        return not_found(str(error))
    return json_response(ErrorReply(str(error), type(error).__name__), 409)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One clear JSON error for everything; a traceback only in the log, and only for our own bugs."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _http_error(request, error)
    except TickdeskError as error:
        return error_response(error)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("request failed: %s %s", request.method, request.path)
        return json_response(ErrorReply("the engine failed to answer; its log says why", "INTERNAL"), 500)


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    text = clean(error.reason)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods - {"HEAD"}))
        text = f"{clean(request.method, 20)} is not for this address: it takes {allowed}"
        response = json_response(ErrorReply(text, "HTTP_405"), 405)
        response.headers["Allow"] = allowed
        return response
    if error.status == 404 and request.match_info.http_exception is error:
        text = f"no such address: {clean(request.path, 100)}; GET /v1/openapi.json lists them"
    if error.status == 413:
        text = f"the body is too large: {text}"
    return json_response(ErrorReply(text, f"HTTP_{error.status}"), error.status)
