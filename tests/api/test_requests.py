"""What is counted of requests: by route, bounded, and told to Prometheus."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ServerDisconnectedError, web
from aiohttp.test_utils import TestClient, TestServer

from engine.api.requests import CUT_OFF, UNKNOWN, Requests
from engine.api.route import Route, add_routes
from engine.ops.exposition import Page
from engine.wiring.metrics.requests import RequestMetrics
from tests.api.conftest import Serve


async def test_requests_are_counted_by_route_and_status(serve: Serve) -> None:
    async with serve() as served:
        for path in ("/v1/strategies/a", "/v1/strategies/b", "/v1/jobs", "/v1/jobs?limit=0"):
            await served.request("GET", path)
        for number in range(3):
            assert (await served.request("GET", f"/v1/nothing/{number}"))[0] == 404
        await served.request("PATCH", "/v1/jobs")
        async with served.session() as session, session.ws_connect("http://engine/v1/stream") as stream:
            await stream.receive_bytes(timeout=5.0)
        requests = served.server.requests
        async with asyncio.timeout(5):
            while ("GET", "/v1/stream", "101") not in requests.counts:
                await asyncio.sleep(0.005)
        assert requests.counts["GET", "/v1/jobs", "200"] == requests.counts["GET", "/v1/jobs", "400"] == 1
        assert sum(count for key, count in requests.counts.items() if key[1] == "/v1/strategies/{name}") == 2
        assert {key: count for key, count in requests.counts.items() if key[1] == UNKNOWN} == {
            (UNKNOWN, UNKNOWN, "404"): 3,
            (UNKNOWN, UNKNOWN, "405"): 1,
        }
        assert requests.times["GET", "/v1/jobs"].counts[-1] == 2
        assert ("GET", "/v1/stream") not in requests.times and (UNKNOWN, UNKNOWN) not in requests.times


async def test_what_ends_without_an_answer_is_counted() -> None:
    requests = Requests()

    async def ends(request: web.Request) -> web.Response:
        raise asyncio.CancelledError

    route = Route(
        method="GET", path="/ends", handler=ends, summary="", tag="", role="read", need="look", reply=str
    )
    app = web.Application(middlewares=[requests.middleware(iter(range(100)).__next__)])
    add_routes(app, [route])
    async with TestClient(TestServer(app)) as client:
        with pytest.raises(ServerDisconnectedError):
            await client.get("/ends")
    assert requests.counts == {("GET", "/ends", CUT_OFF): 1}


def test_they_are_metrics() -> None:
    requests, page = Requests(), Page()
    requests.add("GET", "/v1/bars/{symbol}", "200", 30_000_000)
    RequestMetrics(requests)(page)
    labels = 'method="GET",route="/v1/bars/{symbol}"'
    text = page.text().decode()
    assert f'tickdesk_http_requests_total{{{labels},status="200"}} 1' in text
    assert f'tickdesk_http_request_duration_seconds_bucket{{{labels},le="0.02"}} 0' in text
    assert f'tickdesk_http_request_duration_seconds_bucket{{{labels},le="0.05"}} 1' in text
    assert f"tickdesk_http_request_duration_seconds_sum{{{labels}}} 0.03" in text
