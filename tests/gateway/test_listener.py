"""What a connection may take: heads, bodies, time, and how many there may be."""

from __future__ import annotations

import asyncio
import gc
import resource
import tracemalloc

import pytest

from engine.gateway.answers import SNAPSHOT
from tests.gateway.conftest import Gate, Gated

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(gated: Gated, said: bytes = b"") -> Pipe:
    reader, writer = await asyncio.open_connection("127.0.0.1", gated.port)
    writer.write(said)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that is said until the end."""
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""


def head(gated: Gated, method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Authorization: Bearer {gated.tokens['admin']}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize("said", [b"", b"GET /v1/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "])
async def test_who_says_nothing_or_a_head_in_drops_is_cut_off(gate: Gate, said: bytes) -> None:
    async with gate(header_s=0.3) as gated:
        reader, writer = await connect(gated, said)
        dripping = asyncio.create_task(drip(writer)) if said else None
        assert await ended(reader) == b""
        if dripping is not None:
            dripping.cancel()
        writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a")
        await asyncio.sleep(0.02)


async def test_a_body_that_does_not_come_is_not_waited_for(gate: Gate) -> None:
    async with gate(body_s=0.2) as gated:
        reader, writer = await connect(gated, head(gated, "POST", "/v1/kill", "Content-Length: 10") + b"{")
        assert (await ended(reader)).startswith(b"HTTP/1.1 408")
        writer.close()
        assert gated.desk.asked == []


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (("X-A: " + "x" * 5000,), b"400"),
        (("Content-Length: 70000",), b"413"),
        (("Content-Length: 2", "Content-Encoding: gzip"), b"415"),
        (("Content-Length: 2", "Content-Length: 3"), b"400"),
        (("Transfer-Encoding: chunked", "Content-Length: 3"), b"400"),
    ],
)
async def test_what_is_too_large_or_unclear_is_refused(
    gate: Gate, more: tuple[str, ...], status: bytes
) -> None:
    async with gate() as gated:
        body = b"x" * (70_000 if "Content-Length: 70000" in more else 2)
        reader, writer = await connect(gated, head(gated, "POST", "/v1/risk", *more) + body)
        assert (await ended(reader)).split()[1] == status
        writer.close()
        assert gated.desk.asked == []


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\x00" * 100, b"A" * 9000]
)
async def test_what_is_no_request_is_told_so(gate: Gate, said: bytes) -> None:
    async with gate(header_s=0.3) as gated:
        reader, writer = await connect(gated, said)
        answer = await ended(reader)
        assert not answer or (answer.startswith(b"HTTP/1.") and b" 400 " in answer.splitlines()[0])
        assert b"Traceback" not in answer
        writer.close()


async def test_more_connections_than_allowed_are_refused_and_the_others_served(gate: Gate) -> None:
    async with gate(max_connections=20, max_address_connections=5) as gated:
        pipes = [await connect(gated) for _ in range(5)]
        await connections(gated, 5)
        reader, writer = await connect(gated)
        answer = await ended(reader)
        assert answer.startswith(b"HTTP/1.1 503") and b'"code":"TOO_MANY"' in answer
        writer.close()
        pipes[0][1].write(head(gated, "GET", SNAPSHOT))
        assert (await pipes[0][0].readline()).startswith(b"HTTP/1.1 200")
        for _, each in pipes:
            each.close()
        await connections(gated, 0)
        assert (await gated.ask("GET", SNAPSHOT))[0] == 200


async def connections(gated: Gated, count: int) -> None:
    async with asyncio.timeout(5):
        while gated.one.gateway.listener.open != count:
            await asyncio.sleep(0.005)


async def test_a_token_has_so_many_connections_and_gets_them_back(gate: Gate) -> None:
    async with gate(max_token_connections=3) as gated:
        streams = [await gated.stream() for _ in range(3)]
        status, body = await gated.ask("GET", SNAPSHOT, "read")
        assert status == 429 and b"TOO_MANY" in body
        assert (await gated.ask("GET", SNAPSHOT, "trade"))[0] == 200
        await streams[0].close()
        async with asyncio.timeout(5):
            while (await gated.ask("GET", SNAPSHOT, "read"))[0] != 200:
                await asyncio.sleep(0.01)


async def test_a_thousand_idle_connections_take_bounded_memory_and_nobodys_turn(gate: Gate) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    async with gate(header_s=60.0) as gated:
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        pipes = []
        for _ in range(20):
            pipes += await asyncio.gather(*(connect(gated) for _ in range(50)))
        await connections(gated, 1000)
        # Ours and the clients' together.
        assert (tracemalloc.get_traced_memory()[0] - before) / 1000 < 40_000
        tracemalloc.stop()
        assert (await gated.ask("GET", SNAPSHOT))[0] == 200
        for _, writer in pipes:
            writer.transport.abort()
        await connections(gated, 1)


async def test_who_asks_too_often_is_told_when_to_come_back(gate: Gate) -> None:
    async with gate(reads_per_s=2.0, commands_per_s=0.5, history_per_s=1.0) as gated:
        session = gated.session()
        statuses = [(await gated.ask("GET", SNAPSHOT, "read"))[0] for _ in range(6)]
        assert statuses == [200] * 4 + [429] * 2
        async with session.get(f"{gated.one.address}{SNAPSHOT}", headers=gated.headers("read")) as answer:
            assert answer.status == 429 and int(answer.headers["Retry-After"]) >= 1
        # Another token's, and other kinds, are of their own: above all what makes the desk safer.
        assert (await gated.ask("GET", SNAPSHOT, "trade"))[0] == 200
        assert (await gated.ask("POST", "/v1/flatten", "trade", b"{}"))[0] == 200
        assert (await gated.ask("POST", "/v1/flatten", "trade", b"{}"))[0] == 429
        assert (await gated.ask("POST", "/v1/kill", "trade"))[0] == 200


async def test_guessing_is_throttled_and_who_has_a_token_is_not(gate: Gate) -> None:
    async with gate(failures_per_minute=5.0) as gated:
        wrong = "tickdesk_0123456789ab_" + "A" * 43
        statuses = [
            (await gated.ask("GET", SNAPSHOT, None, Authorization=f"Bearer {wrong}"))[0] for _ in range(10)
        ]
        assert statuses == [401] * 5 + [429] * 5
        assert (await gated.ask("GET", SNAPSHOT, "read"))[0] == 200


async def test_an_address_has_a_rate_of_its_own(gate: Gate) -> None:
    async with gate(address_per_s=5.0) as gated:
        statuses = [(await gated.ask("GET", SNAPSHOT, "read"))[0] for _ in range(14)]
        assert statuses.count(200) in (10, 11) and statuses[-1] == 429


async def test_behind_a_proxy_the_address_is_what_that_says_last(gate: Gate) -> None:
    async with gate(address_per_s=1.0, tls_proxy=True) as gated:
        for said, status in (
            ("1.1.1.1", 200), ("1.1.1.1", 200), ("1.1.1.1", 429),
            ("9.9.9.9, 1.1.1.1", 429), ("1.1.1.1, 2.2.2.2", 200),
        ):  # fmt: skip
            assert (await gated.ask("GET", SNAPSHOT, "read", X_Forwarded_For=said))[0] == status


async def test_of_several_headers_a_proxys_own_is_the_last(gate: Gate) -> None:
    async with gate(address_per_s=1.0, tls_proxy=True) as gated:
        for n, status in enumerate((b"200", b"200", b"429")):
            said = (f"X-Forwarded-For: 9.9.9.{n}", "X-Forwarded-For: 1.1.1.1", "Connection: close")
            reader, writer = await connect(gated, head(gated, "GET", SNAPSHOT, *said))
            assert (await ended(reader)).split()[1] == status
            writer.close()


async def test_probes_are_open_and_ask_the_engine_a_few_times_a_second(gate: Gate) -> None:
    async with gate() as gated:
        found = await asyncio.gather(*(gated.ask("GET", "/v1/health/live", None) for _ in range(30)))
        assert {status for status, _ in found} == {200}


async def test_no_log_line_holds_a_secret(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with gate() as gated:
        wrong = "tickdesk_0123456789ab_" + "B" * 43
        await gated.ask("GET", SNAPSHOT, None, Authorization=f"Bearer {wrong}")
        await gated.ask("GET", f"/v1/nothing?token={wrong}", "read")
        await gated.ask("POST", "/v1/kill", "trade", b"{")
        stream = await gated.stream()
        await stream.close()
        secrets = [token.split("_", 2)[2] for token in (wrong, *gated.tokens.values())]
    assert caplog.text and not any(secret in caplog.text for secret in secrets)
