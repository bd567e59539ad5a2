"""The table of routes: what is served is declared, once, and nothing else is served."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web

from engine.api.hub import Hub
from engine.api.route import Route, add_routes
from engine.api.server import ApiServer
from engine.api.table import TABLE
from tests.api.conftest import FakeDesk


def test_the_server_serves_the_table_and_nothing_else() -> None:
    app = ApiServer(FakeDesk(), Hub(10), frames_per_s=4).application()
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served == {(route.method, route.address) for route in TABLE}
    assert len(served) == len(TABLE)


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.address}")
def test_a_route_is_of_one_piece(route: Route) -> None:
    assert route.command or route.method == "GET" or (route.method == "POST" and route.body is not None)
    assert not route.command or route.role in ("trade", "admin")
    assert not route.idempotent or route.command
    assert route.summary and not route.summary.endswith(".") and "\n" not in route.summary
    assert route.access != "open" or not route.command
    names = [parameter.name for parameter in route.query]
    assert len(names) == len(set(names))
    msgspec.json.schema_components((route.reply, *(() if route.body is None else (route.body,))))


def test_who_may_only_read_has_no_more_than_small_questions_computed_often() -> None:
    often = {route.path for route in TABLE if route.method == "POST" and route.rate == "look"}
    assert often == {"/v1/audit/refused", "/v1/orders/preview", "/v1/orders/{id}/preview"}


def test_a_route_without_a_need_cannot_be_declared_and_no_two_share_a_handler() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    whole = {"method": "POST", "path": "/x", "handler": handler, "summary": "x", "tag": "x", "role": "trade"}
    with pytest.raises(TypeError, match="need"):
        Route(**whole, reply=None)  # type: ignore[call-arg, arg-type]
    one = Route(**whole, need="control", reply=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="serves another route"):
        add_routes(web.Application(), (one, one))
