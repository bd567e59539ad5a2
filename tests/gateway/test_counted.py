"""What the gateway tells of itself stands behind the engine's metrics."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.conftest import Gate, Gated


async def samples(one: Gated) -> dict[tuple[str, ...], float]:
    """By name and values of the labels."""
    status, text = await one.ask("GET", "/metrics", "read")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_a_page_tells_of_the_engine_and_of_the_gateway(gate: Gate) -> None:
    async with gate() as one:
        bodies = [(await one.ask("GET", "/v1/ticks"))[1] for _ in range(3)]
        await one.ask("GET", "/v1/nothing")
        await one.ask("POST", "/v1/kill", "read")
        await one.ask("GET", "/v1/ticks", None)
        await one.ask("GET", "/v1/health/live", None)
        stream = await one.stream()
        frame = (await stream.receive()).data
        found = await samples(one)
        assert found["tickdesk_ticks_total",] == 1, "the engine's own"
        asked = {
            key[1:]: value for key, value in found.items() if key[0] == "tickdesk_gateway_requests_total"
        }
        assert asked == {
            ("look", "200"): 3,
            ("look", "401"): 1,
            ("unknown", "404"): 1,
            ("safer", "403"): 1,
            ("open", "200"): 1,
        }
        assert found["tickdesk_gateway_sent_bytes_total", "answers"] > sum(map(len, bodies))
        assert found["tickdesk_gateway_sent_bytes_total", "stream"] >= len(frame)
        assert found["tickdesk_gateway_streams",] == 1 and found["tickdesk_gateway_connections",] >= 2
        assert found["tickdesk_gateway_connections_refused_total",] == 0
        assert 0 <= found["tickdesk_gateway_mirror_age_seconds",] < 5
        assert found["tickdesk_gateway_cpu_seconds_total",] > 0
        await stream.close()
        async with asyncio.timeout(5):
            while (await samples(one)).get(("tickdesk_gateway_requests_total", "stream", "101")) != 1:
                await asyncio.sleep(0.01)
        assert (await samples(one))["tickdesk_gateway_streams",] == 0
