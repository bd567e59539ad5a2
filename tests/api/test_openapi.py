"""The OpenAPI document: valid, of the whole table, and what is answered is as it says."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from engine.api.hub import Hub
from engine.api.idempotency import KEY, REPLAYED
from engine.api.openapi import Document, document, statuses
from engine.api.route import Route
from engine.api.server import ApiServer
from engine.api.table import TABLE
from tests.api.conftest import FakeDesk, Serve


@cache
def described() -> Document:
    return document(TABLE)


def test_it_is_valid_and_served_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from console.cli import main

    validate(described())
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == described()


def test_every_address_is_in_it_and_no_other() -> None:
    app = ApiServer(FakeDesk(), Hub(10), frames_per_s=4).application()
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(method.upper(), path) for path, each in described()["paths"].items() for method in each}
    assert told == served
    names = [operation["operationId"] for operation in _operations()]
    assert len(names) == len(set(names))


def test_what_a_route_declares_is_told() -> None:
    for route in TABLE:
        operation = described()["paths"][route.address][route.method.lower()]
        told = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
        declared = {("path", name) for name in route.names} | {("query", each.name) for each in route.query}
        headers = {("header", KEY)} if route.idempotent else set()
        headers |= {("header", "If-None-Match")} if route.shared else set()
        assert told == declared | headers
        assert ("304" in operation["responses"]) == route.shared
        assert ("requestBody" in operation) == (route.body is not None)
        assert (operation["x-role"], operation["x-need"]) == (route.role, route.need)
        assert bool(operation["security"]) == (route.access == "token")
        errors = {int(status) for status in operation["responses"] if int(status) >= 400}
        assert errors == set(statuses(route)) >= {400, 500}


def test_what_the_schemas_do_not_tell_is_told_in_words() -> None:
    paths = described()["paths"]
    about = paths["/v1/stream"]["get"]["description"]
    assert "binary frame" in about and "pings" in about and "api.slow_s" in about
    refused = paths["/v1/orders/{id}"]["delete"]["responses"]["404"]
    assert REPLAYED in refused["headers"], "what there is none of is answered under a key, too"
    placed = paths["/v1/orders"]["post"]["responses"]["200"]["description"]
    assert "`ok`" in placed and "denies" in placed
    assert "`ok`" not in paths["/v1/health"]["get"]["responses"]["200"]["description"]


def _operations() -> list[dict[str, Any]]:
    return [each for path in described()["paths"].values() for each in path.values()]


BODIES = {
    "/v1/control": b'{"action":"take"}',
    "/v1/orders": b'{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}',
    "/v1/orders/preview": b'{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}',
    "/v1/orders/list": b'{"tickets":[{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}]}',
    "/v1/orders/list/preview": b'{"tickets":[{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}]}',
    "/v1/risk": b'{"state":"halted"}',
    "/v1/limits": b'{"scope":"desk","name":"max_position_pct","value":5}',
    "/v1/reconcile/cash": b'{"gateway":"paper"}',
    "/v1/alerts/{id}": b'{"on":true}',
    "/v1/automations/{name}": b'{"active":true}',
    "/signals": b'{"symbol":"kraken:BTC/USD","candles":[],"timestamp":1}',
}
NAMES = {
    "symbol": "kraken:BTC/USD",
    "id": "opp-0008",
    "name": "trend",
    "version": "v1",
    "gateway": "alpaca",
    "day": "2026-11-20",
}


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.address}")
async def test_what_is_answered_is_as_it_is_described(serve: Serve, route: Route) -> None:
    if route.stream or route.media == "text":
        return
    async with serve() as served:
        path = re.sub(r"\{(\w+)\}", lambda found: NAMES[found[1]], route.address)
        status, answer = await served.request(route.method, path, BODIES.get(route.address))
        content = described()["paths"][route.address][route.method.lower()]["responses"][str(status)]
        schema = content["content"]["application/json"]["schema"]
        _check(json.loads(answer), schema)


def _check(value: object, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": described()["components"]}
    Draft202012Validator(whole).validate(value)
