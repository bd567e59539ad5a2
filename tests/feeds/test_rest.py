"""REST GETs: inside the budget, with errors that say whether trying again can help."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
from aiohttp import web

from engine.feeds.base import Request, UnreachableError
from engine.feeds.rest import RefusedError, Rest, ShutOutError, retry_after_s


@contextlib.asynccontextmanager
async def served(
    status: int, body: str = "", retry_after: str = "", per_s: float = 1000.0, max_body: int = 64 << 20
) -> AsyncIterator[tuple[Rest, list[str]]]:
    """A client, and the paths it has asked a server that always answers the same."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        headers = {"Retry-After": retry_after} if retry_after else {}
        return web.Response(status=status, text=body, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    rest = Rest("kraken", f"http://127.0.0.1:{runner.addresses[0][1]}/base/", per_s, max_body=max_body)
    try:
        yield rest, asked
    finally:
        await rest.close()
        await runner.cleanup()


async def test_a_body_is_returned_as_it_is() -> None:
    async with served(200, '{"a":1}') as (rest, asked):
        assert await rest.get(Request("/0/x", (("pair", "A/B"),))) == b'{"a":1}'
        assert asked == ["/base/0/x?pair=A/B"]


async def test_no_proxy_is_asked_for_what_is_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of its sockets: the proxy could not reach it, and would be told of it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with served(200, "{}") as (rest, _):
        assert await rest.get(Request("/0/x")) == b"{}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 414])
async def test_a_refusal_is_told_apart(status: int) -> None:
    async with served(status, "no\x1b[31m\nsuch pair") as (rest, _):
        with pytest.raises(
            RefusedError, match=rf"^kraken answered HTTP {status}: no\[31m such pair$"
        ) as told:
            await rest.get(Request("/"))
        assert isinstance(told.value, ShutOutError) == (status in (401, 403)), "of us, or of the pair"


@pytest.mark.parametrize("status", [408, 418, 429, 500, 503])
async def test_what_may_pass_is_unreachable(status: int) -> None:
    async with served(status, "later") as (rest, _):
        with pytest.raises(UnreachableError, match=f"HTTP {status}") as caught:
            await rest.get(Request("/"))
        assert caught.value.retry_after_s == 0


async def test_retry_after_is_kept_by_every_later_request() -> None:
    async with served(429, "slow down", retry_after="0.2") as (rest, _):
        with pytest.raises(UnreachableError) as caught:
            await rest.get(Request("/"))
        assert caught.value.retry_after_s == 0.2
        began_s = time.monotonic()
        with pytest.raises(UnreachableError):
            await rest.get(Request("/"))
        assert time.monotonic() - began_s >= 0.18


async def test_requests_are_spaced_evenly() -> None:
    async with served(200, per_s=20.0) as (rest, asked):
        began_s = time.monotonic()
        for _ in range(4):
            await rest.get(Request("/"))
        assert len(asked) == 4 and time.monotonic() - began_s >= 0.14


async def test_nobody_there_is_unreachable_and_shows_no_more_than_the_place() -> None:
    async with served(200) as (rest, _):
        base = rest._base
    gone = Rest("kraken", f"{base}/secret-path", 10.0)
    with pytest.raises(UnreachableError, match=r"kraken does not answer at 127\.0\.0\.1:\d+: ") as caught:
        await gone.get(Request("/"))
    await gone.close()
    assert "secret" not in str(caught.value)


async def test_an_endless_answer_is_cut_off() -> None:
    async with served(200, "x" * 5000, max_body=1000) as (rest, _):
        with pytest.raises(UnreachableError, match="too long"):
            await rest.get(Request("/"))


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 0), ("", 0), ("3", 3), ("-1", 0), ("1e9", 259_200), ("Fri, 1 Jan", 0)]
)
def test_retry_after_in_seconds(header: str | None, seconds: float) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    at = formatdate(time.time() + 60, usegmt=True)
    assert 57 <= retry_after_s(at) <= 60
    assert 57 <= retry_after_s(at.replace("GMT", "-0000")) <= 60
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_s("Wed, 99 Foo 99999 99:99:99 GMT") == 0
