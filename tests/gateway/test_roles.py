"""Every declared route, asked by everybody: without a token, with one that is none, or of each role."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import aiohttp

from engine.api.openapi import document
from engine.api.route import Route
from engine.api.table import TABLE
from engine.gateway.tokens import ROLES, Role
from tests.gateway.conftest import Gate, Gated

OTHER = "aaaaaaaaaaaa watch x@y/1"
"""Whoever says that is told nothing of before."""
NAMES = {"symbol": "kraken:BTC%2FUSD", "id": "opp-0008", "version": "abc", "name": "trend"}

PATHS = document(TABLE)["paths"]


class Asked(NamedTuple):
    who: str
    route: Route
    status: int


def address(route: Route) -> str:
    return route.address.format(**{name: NAMES.get(name, "1") for name in route.names})


async def table(gated: Gated) -> list[Asked]:
    """What each of them is answered."""
    wrong = "tickdesk_0123456789ab_" + "A" * 43
    tokens: dict[str, str | None] = {"none": None, "wrong": wrong, "expired": gated.expired, **gated.tokens}
    found = []
    session = gated.session()
    for route in TABLE:
        for who, token in tokens.items():
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            url = f"{gated.one.address}{address(route)}"
            body: Any = None if route.method == "GET" else b"{}"
            async with session.request(route.method, url, data=body, headers=headers) as answer:
                await answer.read()
                found.append(Asked(who, route, answer.status))
                assert not any(name.lower().startswith("access-control") for name in answer.headers)
                told = PATHS[route.address][route.method.lower()]["responses"]
                assert str(answer.status) in told, (route.method, route.path, answer.status)
    return found


def may(who: str, route: Route) -> bool:
    return who in ROLES and ROLES.index(_role(who)) >= ROLES.index(route.role)


def _role(who: str) -> Role:
    return next(role for role in ROLES if role == who)


async def test_roles_by_routes(gate: Gate) -> None:
    plenty = dict.fromkeys(
        ("reads_per_s", "history_per_s", "commands_per_s", "address_per_s", "failures_per_minute"), 50_000.0
    )
    async with gate(**plenty) as gated:
        asked = await table(gated)
    wrong = []
    for who, route, status in asked:
        if route.access in ("open", "signature"):
            expected = status not in (401, 403, 429) or route.access == "signature"
        elif route.access == "local":
            expected = status == (401 if who not in ROLES else 403)
        elif who not in ROLES:
            expected = status == 401
        elif not may(who, route):
            expected = status == 403
        else:
            expected = status not in (401, 403, 429) and status < 500
        if not expected:
            wrong.append(f"{who}: {route.method} {route.path} is answered {status}")
    assert not wrong, "\n".join(wrong)
    assert len(asked) == len(TABLE) * 6 > 300
    assert {route.role for route in TABLE} == set(ROLES)


async def test_nothing_that_was_refused_was_done(gate: Gate) -> None:
    async with gate(
        commands_per_s=50_000.0, failures_per_minute=50_000.0, engine={"frames_per_s": 5}
    ) as gated:
        session = gated.session()
        for route in TABLE:
            if route.need == "look" or route.access != "token":
                continue
            for role in ("none", "read"):
                headers = {} if role == "none" else gated.headers("read")
                url = f"{gated.one.address}{address(route)}"
                async with session.request(route.method, url, data=b"{}", headers=headers) as answer:
                    assert answer.status in (401, 403)
        assert gated.desk.asked == []


async def test_who_asks_cannot_say_that_it_is_another(gate: Gate) -> None:
    """What the gateway says of who asks is the token's, whatever headers came."""
    async with gate() as gated:
        forged = {
            "X_Tickdesk_Asked_By": "admin 1.2.3.4 boss",
            "x_tickdesk_client": "console root",
            "X_Forwarded_For": "9.9.9.9",
        }
        status, body = await gated.ask("GET", "/v1/access", "read", **forged)
        assert status == 200 and b'"token read-bot"' in body and b'"read"' in body
        status, _ = await gated.ask("POST", "/v1/strategies/trend", "trade", b'{"enabled":true}', **forged)
        assert status == 200
        assert gated.desk.asked[-1][-1] == "token trade-bot"


async def test_a_header_said_twice_is_refused(gate: Gate) -> None:
    async with gate() as gated, aiohttp.ClientSession() as session:
        headers = [*gated.headers("trade").items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        async with session.post(f"{gated.one.address}/v1/kill", headers=headers) as answer:
            assert answer.status == 400
        assert gated.desk.asked == []


async def test_a_console_is_named_after_its_token(gate: Gate) -> None:
    """It cannot go by a local console's name, and with a reading token it is read-only."""
    async with gate() as gated:
        named = "0123456789abcdef seat root@pts/1/7"
        for role, access in (("read", b"read-only"), ("trade", b"seat")):
            stream = await gated.stream(role, f"?console={named.replace(' ', '%20')}")
            await stream.receive()
            _, body = await gated.ask("GET", "/v1/control", X_Tickdesk_Console=OTHER)
            assert f"{role}-bot:root@pts/1/7".encode() in body and access in body
            await stream.close()
            await gated_without_consoles(gated)


async def gated_without_consoles(gated: Gated) -> None:
    while True:
        _, body = await gated.ask("GET", "/v1/control", X_Tickdesk_Console=OTHER)
        if b'"consoles":[]' in body:
            return


async def test_a_refused_command_is_in_the_log_of_commands(gate: Gate) -> None:
    async with gate() as gated:
        assert (await gated.ask("POST", "/v1/kill", "read"))[0] == 403
        assert (await gated.ask("POST", "/v1/kill", None))[0] == 401
        async with asyncio.timeout(5):
            while len(written := gated.desk.commands.entries) < 2:
                await asyncio.sleep(0.01)
        assert [(entry.who, entry.path, entry.status) for entry in written] == [
            ("token read-bot", "/v1/kill", 403),
            ("nobody", "/v1/kill", 401),
        ]
