"""What a route is: declared once, for the server, the guard, the roles of tokens, the OpenAPI document, the
rates and the audit log alike. The table of all of them: ``engine.api.table``.

A handler finds what it works on in its application: ``desk_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from engine.api import query
from engine.api.control import Need
from engine.api.desk_port import DeskPort
from engine.api.http import MAX_BODY, Handler

Method = Literal["GET", "POST", "PUT", "DELETE"]
Role = Literal["read", "trade", "admin"]
"""Each may what the ones before it may."""
Access = Literal["token", "signature", "open", "local"]
"""What a request from outside is let in by: a token with the role; the signature on its body, which the route
checks itself; nothing, as it tells nothing. local: it never is; only the Unix socket's peers may."""
Rate = Literal["look", "history", "command", "safer"]
"""How often it may be asked from outside: what the engine holds in memory; what it reads from disk or
computes for long; what changes something; what makes the desk safer, which is the last to be refused."""
Shape = Any
"""A type that msgspec knows a schema of, generic ones among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: Method
    path: str
    """As aiohttp has it: ``{symbol:.+}`` is a name that may hold slashes."""
    handler: Handler
    summary: str
    """One line."""
    about: str = ""
    """For the document: what the summary and the schemas do not tell."""
    tag: str
    role: Role
    need: Need
    """What a console must have for it; look changes nothing. Without one there is no route."""
    query: tuple[query.Parameter, ...] = ()
    body: Shape | None = None
    """None: it takes none."""
    optional: bool = False
    """An empty body is an empty object."""
    most_body: int = MAX_BODY
    """Bytes."""
    reply: Shape
    statuses: tuple[int, ...] = ()
    """Errors beyond those of every route."""
    access: Access = "token"
    keyed: bool | None = None
    """Whether ``Idempotency-Key`` applies; None: to every command that a token lets in."""
    cumulative: bool = False
    """Asked twice, it does more than asked once."""
    slow: bool = False
    """Reads the store, or computes for long."""
    stream: bool = False
    """A WebSocket."""
    personal: bool = False
    """Its reply depends on who asks: another's is not told."""
    media: Literal["json", "text"] = "json"
    """Of the reply."""

    @property
    def command(self) -> bool:
        """It is one for the audit log."""
        return self.need != "look"

    @property
    def idempotent(self) -> bool:
        return self.command and self.access == "token" if self.keyed is None else self.keyed

    @property
    def shared(self) -> bool:
        """Its reply is the same for all who may ask: told again for a moment, and known by its tag."""
        return self.method == "GET" and self.rate == "look" and not (self.stream or self.personal)

    @property
    def rate(self) -> Rate:
        if self.need == "look":
            return "history" if self.slow else "look"
        return "safer" if self.need == "safer" else "command"

    @property
    def address(self) -> str:
        """The path without patterns: ``/v1/bars/{symbol}``."""
        return self.path.replace(":.+}", "}")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the path's parameters."""
        return tuple(part[1:].partition("}")[0] for part in self.address.split("/") if part.startswith("{"))


_ROUTES: web.AppKey[Mapping[Handler, Route]] = web.AppKey("routes")
DESK: web.AppKey[DeskPort] = web.AppKey("desk")


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Raises ValueError for two routes with one handler: which of them is asked could not be told."""
    table: dict[Handler, Route] = {}
    for route in routes:
        if route.handler in table:
            raise ValueError(f"{route.method} {route.path}: its handler serves another route")
        table[route.handler] = route
        if route.method == "GET":
            app.router.add_get(route.path, route.handler, allow_head=not route.stream)
        else:
            app.router.add_route(route.method, route.path, route.handler)
    app[_ROUTES] = table


def route_of(request: web.Request) -> Route | None:
    """None: no route has this address, or not with this method."""
    if request.match_info.http_exception is not None:
        return None
    return request.app[_ROUTES][request.match_info.handler]


def routes_of(request: web.Request) -> tuple[Route, ...]:
    """All that are served."""
    return tuple(request.app[_ROUTES].values())


def desk_of(request: web.Request) -> DeskPort:
    return request.app[DESK]


@web.middleware
async def strict(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A query that the route does not take is answered with 400."""
    route = route_of(request)
    if route is not None:
        query.check(request, route.query)
    return await handler(request)
