"""Requests made from the OpenAPI document, right ones and wrong ones, through the gateway: none is a fault of
ours, none hangs. With TICKDESK_CHAOS_SCHEMA=N: N of each kind for each operation, of a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from engine.api.hub import Hub
from engine.api.openapi import document
from engine.api.server import ApiServer
from engine.api.table import TABLE
from engine.config.api import ApiConfig
from engine.gateway.run import opened
from tests.api.conftest import FakeDesk
from tests.e2e.engine import RunningEngine, options
from tests.gateway.conftest import made_tokens

MANY = os.environ.get("TICKDESK_CHAOS_SCHEMA")
EXAMPLES = int(MANY or 1)
TIMEOUT_S = 5.0
PLENTY = dict.fromkeys(
    ("reads_per_s", "history_per_s", "commands_per_s", "address_per_s", "failures_per_minute"), 100_000.0
)

schema = schemathesis.openapi.from_dict(document(TABLE))
ROUTES = {(route.method, route.address): route for route in TABLE if route.access != "local"}
OPERATIONS = [
    operation
    for operation in (found.ok() for found in schema.get_all_operations())
    if (operation.method.upper(), operation.path) in ROUTES
]
ENDS = {"/v1/stop", "/v1/training"}
"""Of a real engine: that ends it, or trains for long."""


class Address(NamedTuple):
    url: str
    token: str


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A gateway in a thread of its own: the requests are made one after the other."""
    folder = tmp_path_factory.mktemp("schema")
    if MANY:
        yield from real_desk(folder)
        return
    found: list[Address] = []
    listening, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve(folder, found, listening, ended)))
    thread.start()
    assert listening.wait(10)
    yield found[0]
    ended.set()
    thread.join(10)
    assert not thread.is_alive()


def real_desk(folder: Path) -> Iterator[Address]:
    tokens, _ = made_tokens(folder)
    port = free_port()
    listen = {f"api__{name}": rate for name, rate in PLENTY.items()} | {"api__listen": f"127.0.0.1:{port}"}
    with RunningEngine(folder, *options(simulated__history_s=60, **listen)) as engine:
        engine.wait_for(lambda health: health.status.phase == "running")
        address = Address(f"http://127.0.0.1:{port}", tokens["admin"])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not answers(address):
            time.sleep(0.1)
        yield address
        assert engine.process.poll() is None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def answers(address: Address) -> bool:
    try:
        told = {"Authorization": f"Bearer {address.token}"}
        return requests.get(f"{address.url}/v1/snapshot", headers=told, timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


async def serve(
    folder: Path, found: list[Address], listening: threading.Event, ended: threading.Event
) -> None:
    tokens, _ = made_tokens(folder)
    server = ApiServer(FakeDesk(), Hub(), frames_per_s=10.0)
    await server.start(folder / "e.sock")
    api: dict[str, Any] = {"listen": "127.0.0.1:0", **PLENTY}
    async with opened(ApiConfig(**api), folder, folder / "e.sock") as one:
        while not one.gateway.mirror.ready:
            await asyncio.sleep(0.01)
        found.append(Address(one.address, tokens["admin"]))
        listening.set()
        await asyncio.to_thread(ended.wait)
    await server.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method.upper()} {each.path}")
def test_no_request_is_a_fault_of_ours(desk: Address, operation: Any) -> None:
    if MANY and operation.method == "post" and operation.path in ENDS:
        pytest.skip("of a real engine that ends it, or trains for long")
    signed = ROUTES[operation.method.upper(), operation.path].access == "signature"

    def answered(case: Any, wrong: bool) -> None:
        answer = case.call(
            base_url=desk.url, headers={"Authorization": f"Bearer {desk.token}"}, timeout=TIMEOUT_S
        )
        case.validate_response(answer, checks=[not_a_server_error])
        assert answer.status_code < 500
        # What is wrong may be wrong in who asks, too.
        assert signed or wrong or answer.status_code not in (401, 403, 429)

    few = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not MANY,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    few(given(operation.as_strategy())(lambda case: answered(case, False)))()
    if operation.body or operation.query or operation.path_parameters:
        nonsense = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        with contextlib.suppress(Unsatisfiable):  # whatever is said would be right
            few(given(nonsense)(lambda case: answered(case, True)))()


def test_the_document_has_every_route_that_may_be_asked_from_outside() -> None:
    described = {(each.method.upper(), each.path) for each in OPERATIONS}
    assert ROUTES.keys() - {("GET", "/v1/stream")} <= described
