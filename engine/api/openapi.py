"""The OpenAPI document, made of the table of routes and the types that they take and answer.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from engine.api.http import MAX_NAME
from engine.api.idempotency import KEY, MOST_KEY, REPLAYED
from engine.api.protocol import ErrorReply
from engine.api.query import MOST_NS, Number, Parameter
from engine.api.route import Route

Document = dict[str, Any]

MOST_TAG = 100
"""Characters."""
_REF = "#/components/schemas/{name}"
_EVERY = (400, 401, 403, 421, 429, 500, 503, 504)
"""Errors of all routes: of the engine, or of the gateway before it."""
_TOLD = {
    101: "Switching protocols: what follows are messages of this schema",
    200: "Done, or answered",
    304: "As it was: If-None-Match names its tag",
    400: "Not understood: the query, the body or a header is not as the route takes it",
    401: "Without a token, or with one that is not known; a signature that is not right",
    403: "The token's role may not",
    404: "Nothing is known by this name",
    405: "Not with this method",
    408: "The body did not come in time",
    409: "Refused: the desk's state or another console's control does not allow it",
    413: "The body is too large",
    415: "The body is packed: it is to come as it is",
    421: "The desk is not served by the name that Host says",
    422: "The idempotency key was used for another command; an update that names no order",
    426: "That is a WebSocket: the request is to say so",
    429: "Too often: see Retry-After",
    500: "The engine's own fault: its log says more",
    503: "Not yet, or not any more: the desk starts, stops, is away or has too much to do",
    504: "The engine, or its disk, did not answer: of a command nobody knows; ask again with the same key",
}
_JUDGED = (
    "Done, or judged: look at `ok`. Where it is false the desk did not do it, as with an order that the risk "
    "gate denies, and `text` says why; 200 tells that the command was understood and weighed"
)
_TAGS = {
    "desk": "The desk as a whole",
    "market": "What the venues say, and what is made of it",
    "signals": "Opinions and opportunities",
    "orders": "Orders, fills and positions",
    "account": "Money",
    "risk": "Limits and the trading state",
    "strategies": "Strategies and their weights",
    "models": "Models and their training",
    "automations": "What runs by itself",
    "daily": "The daily run",
    "alerts": "What persons want to be told of",
    "control": "Which console commands",
    "stream": "State and events as they come",
    "webhooks": "What brokers send",
    "playback": "Tapes",
    "audit": "Who did what",
}


def document(routes: Sequence[Route]) -> Document:
    """Of ``routes``, as JSON-able values."""
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.address, {})[route.method.lower()] = _operation(route, schemas)
    used = {route.tag for route in routes}
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "tickdesk",
            "version": _version(),
            "summary": "A live trading desk as a service",
            "description": (
                "Money and quantities are decimal text; times are nanoseconds since the epoch, UTC; market "
                "data are JSON numbers, null where unknown. Errors are one line of text and a code."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": _TAGS[name]} for name in _TAGS if name in used],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `tickdesk token add`; a peer of the Unix socket needs none.",
                }
            },
        },
    }
    plain: Document = msgspec.json.decode(msgspec.json.encode(made))  # JSON's own types alone
    return plain


class _Schemas:
    """Schemas of all types that routes take and answer, by type."""

    def __init__(self, routes: Sequence[Route]) -> None:
        bodies = [route.body for route in routes if route.body is not None]
        replies = [route.reply for route in routes if route.media == "json"]
        taken, named = _components(bodies)
        told, answered = _components([*replies, ErrorReply])
        self._by_body = {_key(body): schema for body, schema in zip(bodies, taken, strict=True)}
        # What is unknown is told as null.
        self._by_reply = {
            _key(reply): _nullable(schema) for reply, schema in zip([*replies, ErrorReply], told, strict=True)
        }
        self.components = {name: _nullable(schema) for name, schema in answered.items()} | named

    def body(self, shape: Any) -> Any:
        return self._by_body[_key(shape)]

    def reply(self, shape: Any) -> Any:
        return self._by_reply[_key(shape)]


def _components(types: Iterable[Any]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(types, ref_template=_REF)


def _key(shape: Any) -> str:
    return repr(shape)


def _nullable(schema: Any) -> Any:
    """The schema with null beside every number that is not whole."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(each) for name, each in schema.items()}
    if made.get("type") == "number":
        made["type"] = ["number", "null"]
    return made


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    module = route.handler.__module__.rpartition(".")[2].removesuffix("_routes")
    made: dict[str, Any] = {
        "operationId": f"{module}_{getattr(route.handler, '__name__', 'handler')}",
        "summary": route.summary,
        "tags": [route.tag],
        "security": [{"token": []}] if route.access == "token" else [],
        "x-role": route.role,
        "x-need": route.need,
        "x-rate": route.rate,
        "x-access": route.access,
        "responses": _responses(route, schemas),
    }
    parameters = [*map(_name, route.names), *map(_parameter, route.query)]
    if route.idempotent:
        parameters.append(_key_header())
    if route.shared:
        parameters.append(_tag_header())
    if route.about:
        made["description"] = route.about
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = {
            "required": not route.optional,
            "content": {"application/json": {"schema": schemas.body(route.body)}},
        }
    return made


def _name(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any]
    if isinstance(parameter, Number):
        schema = {"type": "integer", "minimum": parameter.least, "maximum": parameter.most}
        if parameter.default != MOST_NS:
            schema["default"] = parameter.default
    else:
        schema = {"type": "string", "maxLength": parameter.most}
        if parameter.choices:
            schema["enum"] = list(parameter.choices)
    return {"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema}


def _key_header() -> dict[str, Any]:
    return {
        "name": KEY,
        "in": "header",
        "description": "The same command again under its key is answered, and not done again",
        "schema": {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": "^[ -~]+$"},
    }


def _tag_header() -> dict[str, Any]:
    return {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the reply that is known: while nothing changes, the answer is 304",
        "schema": {"type": "string", "maxLength": MOST_TAG, "pattern": "^[ -~]+$"},
    }


def _headers(route: Route, status: int) -> dict[str, Any]:
    """Headers of an answer that mean something to who asks."""
    if status in (429, 503, 504):
        wait = {"type": "integer", "minimum": 1}
        return {"Retry-After": {"description": "Over TCP: seconds to wait", "schema": wait}}
    if status in (200, 304) and route.shared:
        return {"ETag": {"description": "Over TCP: see If-None-Match", "schema": {"type": "string"}}}
    if status in (200, 404, 409) and route.idempotent:
        about = "It was told before, and nothing was done again"
        return {REPLAYED: {"description": about, "schema": {"const": "true"}}}
    return {}


def _responses(route: Route, schemas: _Schemas) -> dict[str, Any]:
    fault = {"application/json": {"schema": schemas.reply(ErrorReply)}}
    done = 101 if route.stream else 200
    made: dict[str, dict[str, Any]] = {
        str(done): {"description": _done(route, done), "content": _content(route, schemas)}
    }
    if route.shared:
        made["304"] = {"description": _TOLD[304]}
    for status in statuses(route):
        content = fault
        if status == 503 and 503 in route.statuses:
            content = _content(route, schemas)
        made[str(status)] = {"description": _TOLD[status], "content": content}
    for told, response in made.items():
        headers = _headers(route, int(told))
        if headers:
            response["headers"] = headers
    return made


def _done(route: Route, status: int) -> str:
    fields = getattr(route.reply, "__struct_fields__", ())
    return _JUDGED if route.command and {"ok", "text"} <= set(fields) else _TOLD[status]


def _content(route: Route, schemas: _Schemas) -> dict[str, Any]:
    if route.media == "text":
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schemas.reply(route.reply)}}


def statuses(route: Route) -> list[int]:
    """The errors that ``route`` can be answered with."""
    found = {*_EVERY, *route.statuses}
    if route.body is not None or route.command:
        found |= {408, 413, 415}
    if route.stream:
        found.add(426)
    if route.names:
        found.add(404)
    if route.command:
        found.add(409)
    if route.idempotent:
        found.add(422)
    return sorted(found)


def _version() -> str:
    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return "0"
