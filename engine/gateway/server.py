"""What the gateway answers: who may ask, from the mirror what that holds, and the rest from the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from aiohttp import HttpVersion11, web

from engine.api import query
from engine.api.asked_by import HEADER as ASKED_BY
from engine.api.asked_by import AskedBy
from engine.api.control_protocol import HEADER as CONSOLE
from engine.api.route import Route
from engine.config.api import ApiConfig
from engine.gateway.answers import ROWS, SNAPSHOT, MirrorAnswers
from engine.gateway.body import Body
from engine.gateway.counted import METRICS, UNKNOWN, Counted
from engine.gateway.direct import Direct, console_of
from engine.gateway.door import Door
from engine.gateway.engine_lines import Answer, EngineLines, Lane, target
from engine.gateway.kept import KeptAnswers
from engine.gateway.listener import Connection, Listener, Ready
from engine.gateway.mirror import Mirror
from engine.gateway.refusal import HEADERS, Refused
from engine.gateway.refused_commands import RefusedCommands
from engine.gateway.routing import Routing
from engine.gateway.streams import Streams
from engine.gateway.tokens import Token, Tokens
from engine.text import clean

log = logging.getLogger("engine.gateway")

_PASSED = ("Content-Type", "Idempotency-Key", "If-None-Match", "X-Signature", "X-Signature-Timestamp")
"""Of what is asked, the headers that the engine is told. Whatever else says who asks is ours to say."""
MOST_HEADER = 300
_UNJUDGED = frozenset({503, 504})
"""The engine is away, or not ready: nobody has looked at the signature."""


class Gateway:
    """One gateway of the engine at ``socket``. ``clock_s`` never steps back; ``clock_ns``: UTC."""

    def __init__(
        self,
        api: ApiConfig,
        tokens: Tokens,
        socket: Path,
        table: Sequence[Route],
        *,
        clock_s: Callable[[], float],
        clock_ns: Callable[[], int],
    ) -> None:
        self._body_s = api.body_s
        self.mirror = Mirror()
        self.door = Door(api, tokens, clock_s, clock_ns)
        self.listener = Listener(self.answer, api)
        self._routing = Routing(table)
        self._lines = EngineLines(socket, api.answer_s)
        self._answers = MirrorAnswers(self.mirror, clock_s)
        self._kept = KeptAnswers(clock_s)
        self.streams = Streams(
            api, self.mirror, self.door, Direct(self._lines, api.max_consoles), self._lines, clock_s
        )
        self.counted = Counted()
        self._refused = RefusedCommands(self._lines, clock_s)
        self._clock_s = clock_s

    async def close(self) -> None:
        await self.streams.close()
        await self._refused.close()
        await self._lines.close()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.kind = UNKNOWN
        answer = await self._judged(request, connection)
        self._count(connection.kind, answer)
        return cast("web.StreamResponse", answer)  # as a Connection takes it

    def _count(self, kind: str, answer: web.StreamResponse | Ready) -> None:
        if isinstance(answer, Ready):
            self.counted.answered(kind, 200, len(answer.content))
        else:
            body = answer.body if isinstance(answer, web.Response) else None
            self.counted.answered(kind, answer.status, len(body) if isinstance(body, bytes) else 0)

    async def _judged(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse | Ready:
        try:
            return await self._answer(request, connection)
        except Refused as refused:
            return refused.response()
        except ConnectionError as error:  # the client's: the engine's are told apart where it is asked
            log.debug("a client is gone before its answer: %s", clean(error, 100))
            if request.transport is not None:
                request.transport.abort()
            return Refused(400, "HTTP_400", "the line was cut", close=True).response()

    async def _answer(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse | Ready:
        headers = request.headers
        self.door.check_host(headers)
        address = self.door.address(connection.address, headers)
        route = await self._routing.route(request)
        if not (isinstance(route, Route) and route.rate == "safer"):  # a token's own rate bounds those
            self.door.check_address(address)
        if isinstance(route, Route):
            connection.kind = _kind(route)
        if isinstance(route, Route) and route.access in ("open", "signature"):
            return await self._unnamed(request, route, address)
        token = None
        try:
            token = self.door.token(address, headers)
            self.listener.belongs(connection, token.id)
            if isinstance(route, Refused):
                self.door.check_rate(token, "look")
                raise route
            self._check(token, route)
            if route.stream:
                return await self._stream(request, route, token, address)
            _check_query(request, route)
            if route.method == "GET" and route.rate == "look":
                answer = await self._look(request, route, token, address)
                if isinstance(answer, Ready) and _is_asked_alike(request):
                    raw = _named(request, route)
                    connection.again = partial(self._again, connection, route, token, address, raw)
                return answer
            return await self._forward(request, route, token, address)
        except Refused as refused:
            if isinstance(route, Route) and route.command:
                self._refused.tell(request, token, address, refused)
            raise

    async def _unnamed(
        self, request: web.BaseRequest, route: Route, address: str
    ) -> web.StreamResponse | Ready:
        """What asks without a token."""
        _check_query(request, route)
        if route.access == "open":
            return await self._look(request, route, None, address)
        self.door.admit_signed(address)
        try:
            answer = await self._forward(request, route, None, address)
        except Refused as refused:
            if refused.status in _UNJUDGED:
                self.door.was_signed(address)
            raise
        if answer.status < 400 or answer.status in _UNJUDGED:
            self.door.was_signed(address)
        return answer

    def _check(self, token: Token, route: Route) -> None:
        """Raises Refused where the token may not, or asks too often."""
        if route.access == "local":
            raise Refused(403, "LOCAL", "only programs of the desk's own machine ask for that")
        self.door.check_role(token, route)
        self.door.check_rate(token, route.rate)

    # --- questions ---------------------------------------------------------------------------------

    async def _look(
        self, request: web.BaseRequest, route: Route, token: Token | None, address: str
    ) -> web.StreamResponse | Ready:
        raw = _named(request, route)
        if raw == SNAPSHOT or raw in ROWS:
            body = self._answers.get(raw)
            if body is not None:
                return self._told(request, body)
        if route.personal or CONSOLE in request.headers:
            return await self._forward(request, route, token, address)
        own = {ASKED_BY: AskedBy(route.role, "-", "gateway").text}  # for all who may
        url = target(request.rel_url.raw_path, request.rel_url.raw_query_string)
        said = await self._kept.get(raw, lambda: self._lines.ask("look", "GET", url, own, b""))
        if said.status != 200:
            return _passed_on(said)
        if raw == METRICS:
            return _passed_on(Answer(200, said.headers, said.body + self._own_metrics()))
        return self._told(request, said.shared)

    def _own_metrics(self) -> bytes:
        return self.counted.page(self.listener, self.streams, self.mirror, self._clock_s())

    def _again(
        self, connection: Connection, route: Route, token: Token, address: str, raw: str
    ) -> Ready | None:
        """The same on the same connection, to the letter: only what may be another than before is judged.
        None: it is not answered from here."""
        mirrored = raw == SNAPSHOT or raw in ROWS
        body = self._answers.get(raw) if mirrored else self._kept.now(raw)
        if body is None or self.mirror.age_s(self._clock_s()):
            return None
        if connection.token_id != token.id or not self.door.admits_again(token, address, route.rate):
            return None
        ready = Ready(body.head, body.content)
        self._count(_kind(route), ready)
        return ready

    def _told(self, request: web.BaseRequest, body: Body) -> web.StreamResponse | Ready:
        age_s = self.mirror.age_s(self._clock_s())
        known = request.headers.get("If-None-Match") == body.tag
        if not (age_s or known) and _is_plain(request):
            return Ready(body.head, body.content)
        headers = {**body.headers, "Age": str(age_s)} if age_s else body.headers
        if known:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body.content, headers=headers)

    # --- what the engine does ----------------------------------------------------------------------

    async def _forward(
        self, request: web.BaseRequest, route: Route, token: Token | None, address: str
    ) -> web.StreamResponse:
        headers = self._told_on(request, token, address)
        body = await self._read(request, route.most_body)
        self._judge(token)  # it may have come long after its head
        url = target(request.rel_url.raw_path, request.rel_url.raw_query_string)
        judge = partial(self._judge_waiting, request, route, token)
        try:
            lane: Lane = "signed" if token is None else route.rate
            return _passed_on(await self._lines.ask(lane, route.method, url, headers, body, judge))
        finally:
            if route.command:
                self._answers.changed()
                self._kept.forget()

    def _judge(self, token: Token | None) -> None:
        """Raises Refused where a token that was let in counts no more."""
        if token is not None and not self.door.holds(token):
            raise Refused(401, "UNAUTHORIZED", "that token is no more, or expired")

    def _judge_waiting(self, request: web.BaseRequest, route: Route, token: Token | None) -> None:
        """The same, and where nobody waits for it any more; what is signed, or makes the desk safer, is done
        even so."""
        self._judge(token)
        if token is not None and route.rate != "safer" and request.transport is None:
            raise Refused(408, "GONE", "whoever asked has hung up: nothing was done", close=True)

    def _told_on(self, request: web.BaseRequest, token: Token | None, address: str) -> dict[str, str]:
        """The headers for the engine: of what is asked a few, and who asks, as we know it."""
        headers: dict[str, str] = {}
        for name in _PASSED:
            values = request.headers.getall(name, ())
            if len(values) > 1 or any(len(value) > MOST_HEADER for value in values):
                raise Refused(400, "HTTP_400", f"{name}: once, at most {MOST_HEADER} characters")
            headers.update((name, value) for value in values)
        if token is None:
            headers[ASKED_BY] = AskedBy("read", address, "nobody").text
            return headers
        headers[ASKED_BY] = AskedBy(token.role, address, token.name).text
        said = request.headers.get(CONSOLE)
        if said is not None:
            headers[CONSOLE] = console_of(said, token).text
        return headers

    async def _read(self, request: web.BaseRequest, most: int) -> bytes:
        """The body. Raises Refused where it is too large, or takes too long."""
        if not request.body_exists:
            return b""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused(415, "HTTP_415", "the body is to come as it is, not packed", close=True)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_s):
                async for part in request.content.iter_any():
                    size += len(part)
                    if size > most:
                        text = f"the body is too large: at most {most} bytes"
                        raise Refused(413, "HTTP_413", text, close=True)
                    parts.append(part)
        except TimeoutError:
            text = f"the body did not come within {self._body_s:g} s"
            raise Refused(408, "HTTP_408", text, close=True) from None
        except web.RequestPayloadError as error:
            raise Refused(400, "HTTP_400", "the body is cut off, or no chunks", close=True) from error
        return b"".join(parts)

    # --- the stream --------------------------------------------------------------------------------

    async def _stream(
        self, request: web.BaseRequest, route: Route, token: Token, address: str
    ) -> web.StreamResponse:
        self.door.check_origin(request.headers)
        asked_by = AskedBy(token.role, address, token.name).text
        return await self.streams.serve(request, route, token, address, asked_by)


def _check_query(request: web.BaseRequest, route: Route) -> None:
    """As the engine does, which need not be asked for that. Raises Refused."""
    if not request.rel_url.raw_query_string:
        return
    try:
        query.check(request, route.query)  # type: ignore[arg-type]  # it reads the query alone
    except web.HTTPBadRequest as error:
        raise Refused(400, "HTTP_400", clean(error.reason)) from None


def _passed_on(said: Answer) -> web.Response:
    return web.Response(body=said.body, status=said.status, headers={**said.headers, **HEADERS})


def _kind(route: Route) -> str:
    """As it is counted."""
    if route.stream:
        return "stream"
    return {"open": "open", "signature": "signed"}.get(route.access, route.rate)


def _named(request: web.BaseRequest, route: Route) -> str:
    """One name for each way to write it."""
    url = request.rel_url
    return url.raw_path_qs if route.names or url.raw_query_string else route.path


def _is_asked_alike(request: web.BaseRequest) -> bool:
    """Whether the answer to who asks the same in the same words depends on nothing else."""
    return "If-None-Match" not in request.headers and CONSOLE not in request.headers


def _is_plain(request: web.BaseRequest) -> bool:
    """Whether the answer is the body and no more, and the connection goes on as it is."""
    return (
        request.method == "GET"
        and request.version == HttpVersion11
        and request.keep_alive
        and not request.body_exists
        and "Upgrade" not in request.headers
    )
