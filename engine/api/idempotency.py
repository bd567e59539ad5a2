"""Idempotency keys: a command that is asked for twice under one key is done once, and answered twice.

A client that has heard no answer sends the same command with the same ``Idempotency-Key`` again. The key is
on disk before the command is done, its reply before it is told. Of an engine that ended between the two:
orders carry ids that follow from the key, so that the same again finds them; what would be done twice by
being asked twice (``Route.cumulative``) is not done again, and says so. A disk that stands still holds up
neither answer for longer than ``DISK_S``, and what makes the desk safer hardly at all.

The header's meaning: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.asked_by import asked_by
from engine.api.command_port import CommandPort, KeptReply
from engine.api.http import Handler, error_response, json_response, read_body
from engine.api.protocol import ErrorReply
from engine.api.route import Route, route_of
from engine.api.trading_protocol import OrderList, OrderTicket
from engine.errors import ControlError, NotReadyError, OutcomeUnknownError, StoreError, TickdeskError

log = logging.getLogger("engine.api")

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""A header of a reply that is told again."""
MOST_KEY = 200
"""Characters."""
WAIT_S = 5.0
"""How long the same command waits for the first one at work."""
DISK_S = 2.5
"""How long a command waits until its key is on disk, and its answer until it is kept."""
SAFER_S = 0.25
"""The same of what makes the desk safer."""
MOST_RUNNING = 1_000
MOST_REPLY = 256 * 1024
LOCAL = "local"
"""Who owns the keys of the Unix socket's peers."""

_TOKEN = web.RequestKey("token", str)
_UNCLAIMED = web.RequestKey("unclaimed", bool)
_NOT_KNOWN = (
    f"the disk does not answer: whether the same was done before under this {KEY} is not known, and nothing "
    "was done now; ask again with the same key"
)
_Wanted = TypeVar("_Wanted", OrderTicket, OrderList)


class _Running(NamedTuple):
    digest: str
    answer: asyncio.Future[web.Response | None]
    """None: it has no answer that can be told again."""


class Keys:
    """The keys of one desk."""

    def __init__(self, port: CommandPort) -> None:
        self._port = port
        self._running: dict[tuple[str, str], _Running] = {}
        self._late: set[asyncio.Task[None]] = set()
        """What the disk has not done yet, and nobody waits for."""

    def middleware(self) -> Middleware:
        @web.middleware
        async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
            key, route = request.headers.get(KEY), route_of(request)
            if key is None or route is None or not route.idempotent:
                return await handler(request)
            if not (0 < len(key) <= MOST_KEY and key.isascii() and key.isprintable()):
                raise web.HTTPBadRequest(reason=f"{KEY}: 1 to {MOST_KEY} printable ASCII characters")
            said = asked_by(request)
            owner = LOCAL if said is None else f"token {said.name}"
            digest = _digest(request, await read_body(request, route.most_body))
            return await self._once(request, handler, route, (owner, key), digest)

        return keyed

    async def _once(
        self, request: web.Request, handler: Handler, route: Route, name: tuple[str, str], digest: str
    ) -> web.StreamResponse:
        running = self._running.get(name)
        if running is not None:
            return await _same(running, digest)
        if len(self._running) >= MOST_RUNNING:
            raise NotReadyError("too many commands are at work: try again in a moment")
        running = self._running[name] = _Running(digest, asyncio.get_running_loop().create_future())
        # An order is found again by its own id, whatever became of its key.
        claim = asyncio.ensure_future(self._port.claim(*name, digest, lasting=route.cumulative))
        # Twice the same is no harm there.
        safer = route.need == "safer" and not route.cumulative
        try:
            await asyncio.wait([claim], timeout=SAFER_S if safer else DISK_S)
            if claim.done():
                response = await self._first(request, handler, route, name, digest, claim)
            elif safer:
                request[_UNCLAIMED] = True
                response = await self._do(request, handler, name, SAFER_S)
            else:
                raise OutcomeUnknownError(_NOT_KNOWN)
            if isinstance(response, web.Response):
                running.answer.set_result(response)
            return response
        finally:
            if not running.answer.done():
                running.answer.set_result(None)
            if claim.done():
                del self._running[name]
            else:  # the same again must not find a key that looks cut short
                self._later(self._let_go(claim, name, done=safer))

    async def _let_go(
        self, claim: asyncio.Future[KeptReply | None], name: tuple[str, str], *, done: bool
    ) -> None:
        """Of a command that did not wait for its key: ``done``, or nothing was."""
        try:
            with contextlib.suppress(StoreError):
                if await claim is None and not done:
                    await self._port.free(*name)
        finally:
            del self._running[name]

    async def _first(
        self,
        request: web.Request,
        handler: Handler,
        route: Route,
        name: tuple[str, str],
        digest: str,
        claim: asyncio.Future[KeptReply | None],
    ) -> web.StreamResponse:
        try:
            kept = claim.result()
        except StoreError:
            if route.need != "safer":
                raise
            return await handler(request)  # what makes the desk safer needs no disk
        if kept is not None:
            if kept.digest != digest:
                return _another()
            if kept.status and not kept.reply:
                text = f"it was done, and answered with {kept.status}; that reply is not kept any more: look"
                return json_response(ErrorReply(text, "KEY_REPLY_GONE"), 409)
            if kept.status:
                return _replay(kept.reply, kept.status)
            if route.cumulative:
                text = "the engine ended while it was at this: look what was done, then use another key"
                return json_response(ErrorReply(text, "KEY_INTERRUPTED"), 409)
        request[_TOKEN] = token_of(*name)
        return await self._do(request, handler, name, DISK_S)

    async def _do(
        self, request: web.Request, handler: Handler, name: tuple[str, str], wait_s: float
    ) -> web.StreamResponse:
        try:
            response = await handler(request)
        except (web.HTTPException, NotReadyError, ControlError):
            await self._kept(self._port.free(*name), wait_s)  # nothing was done
            raise
        except StoreError:
            raise  # it may be done: the same again looks
        except TickdeskError as error:
            response = error_response(error)
        reply = response.body if isinstance(response, web.Response) else None
        if isinstance(reply, bytes) and len(reply) <= MOST_REPLY:
            await self._kept(self._port.answered(*name, response.status, reply), wait_s)
        return response

    async def _kept(self, kept: Awaitable[None], wait_s: float) -> None:
        """What was done is to be told all the same."""
        await asyncio.wait([self._later(_logged(kept))], timeout=wait_s)

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Done to its end, whoever waits for it."""
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task


async def _logged(kept: Awaitable[None]) -> None:
    try:
        await kept
    except StoreError as error:
        log.warning("what becomes of an idempotency key is not kept: %s", error)


def require_claim(request: web.Request) -> None:
    """For what may be done once only, on a route that does not wait for the disk. Raises OutcomeUnknownError
    where the request's key is not known to be new."""
    if _UNCLAIMED in request:
        raise OutcomeUnknownError(_NOT_KNOWN)


def with_token(request: web.Request, wanted: _Wanted) -> _Wanted:
    """``wanted`` under the token that follows from its key, unless it has one: then its orders are there when
    it is asked for again, even of an engine that ended before it had answered."""
    token = request.get(_TOKEN, "")
    return msgspec.structs.replace(wanted, token=token) if token and not wanted.token else wanted


def token_of(owner: str, key: str) -> str:
    """Of the order that is placed under this key of this owner."""
    return "key-" + hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


def _digest(request: web.Request, raw: bytes) -> str:
    return hashlib.sha256(f"{request.method} {request.path_qs}\n".encode() + raw).hexdigest()


async def _same(running: _Running, digest: str) -> web.Response:
    """The first one is at work."""
    if running.digest != digest:
        return _another()
    try:
        async with asyncio.timeout(WAIT_S):
            answer = await asyncio.shield(running.answer)
    except TimeoutError:
        answer = None
    if answer is None or not isinstance(answer.body, bytes):
        text = "the same command is at work under this key, or waits for the disk: ask again in a moment"
        return json_response(ErrorReply(text, "KEY_IN_USE"), 409)
    return _replay(answer.body, answer.status)


def _another() -> web.Response:
    text = f"this {KEY} was used for another command: use a new one for each"
    return json_response(ErrorReply(text, "KEY_REUSED"), 422)


def _replay(reply: bytes, status: int) -> web.Response:
    return web.Response(
        body=reply, status=status, content_type="application/json", headers={REPLAYED: "true"}
    )
