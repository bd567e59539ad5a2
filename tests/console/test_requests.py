"""What somebody else's server may answer to a console's request."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console import requests
from console.engine_at import at_url
from console.link import EngineLink
from console.link_protocol import NoAnswerError
from console.requests import Requests
from engine.alert_rule import AlertRule
from engine.api.trading_protocol import FlattenPatch
from engine.errors import LinkError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"who":"\xff","role":"read"}'),
        (502, b"<html>\xff</html>"),
        (403, b'{"error":"\xff","code":""}'),
    ],
)
async def test_an_answer_that_is_no_text_is_told_in_one_line(status: int, body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_get("/v1/access", answer)
    async with TestServer(app) as server:
        requests = Requests(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(LinkError) as told:
            await requests.access()
        assert isinstance(told.value, NoAnswerError) and "\n" not in str(told.value)
        await requests.close()


async def test_a_gateway_whose_engine_did_not_answer_does_not_know_either() -> None:
    """A halt of which nobody knows is not one that was refused."""

    async def answer(request: web.Request) -> web.Response:
        told = "the engine did not answer in time: it may be done or not; ask again with the same key"
        return web.json_response({"error": told, "code": "NO_ANSWER"}, status=504)

    app = web.Application()
    app.router.add_post("/v1/risk", answer)
    async with TestServer(app) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(NoAnswerError, match=r"^the engine did not answer in time$"):
            await link.set_risk("halted", "")
        await link.close()


async def test_a_disk_that_did_not_answer_is_not_a_refusal() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": "not on disk", "code": "OutcomeUnknownError"}, status=504)

    app = web.Application()
    app.router.add_post("/v1/risk", answer)
    async with TestServer(app) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(NoAnswerError, match="not on disk"):
            await link.set_risk("halted", "")
        await link.close()


class KeyedDesk:
    """Closes parts of a position, once for each key, and loses ``lost`` answers."""

    def __init__(self, *lost: web.Response | None) -> None:
        self.lost = list(lost)
        self.done: dict[str, bytes] = {}
        self.asked: list[str] = []

    async def flatten(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.asked.append(key)
        again = key in self.done
        self.done.setdefault(key, await request.read())
        if self.lost:
            answer = self.lost.pop(0)
            if answer is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return answer
        headers = {"Idempotency-Replayed": "true"} if again else {}
        return web.json_response({"ok": True, "text": "closed 1"}, headers=headers)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/flatten", self.flatten)
        app.router.add_post("/v1/alerts", self.flatten)
        return app


HALF = FlattenPatch(symbol="sim:ADA-USD", percent=50)


async def test_a_part_is_closed_once_however_often_it_is_asked_for_until_it_is_answered() -> None:
    """Half of it again after a lost answer would close a quarter more than was wanted."""
    desk = KeyedDesk(None, None)
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        for _ in range(2):
            with pytest.raises(NoAnswerError):
                await link.flatten(HALF)
        assert len(desk.done) == 1
        again = await link.flatten(HALF)
        assert again.ok and again.text == "not done again, the first was heard: closed 1"
        assert len(desk.done) == 1

        another = await link.flatten(HALF)
        assert another.text == "closed 1" and len(desk.done) == 2
        await link.close()


async def test_another_part_is_another_command() -> None:
    desk = KeyedDesk(None)
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(NoAnswerError):
            await link.flatten(HALF)
        await link.flatten(FlattenPatch(symbol="sim:ADA-USD", percent=25))
        assert len(desk.done) == 2
        await link.close()


async def test_what_the_engine_refused_is_asked_anew() -> None:
    refused = web.json_response({"error": "no position", "code": "RefusedError"}, status=409)
    desk = KeyedDesk(refused)
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(LinkError, match="no position"):
            await link.flatten(HALF)
        assert (await link.flatten(HALF)).text == "closed 1"
        await link.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "NotReadyError"),
        (503, "AWAY"),
        (503, "BUSY"),
        (429, "TOO_OFTEN"),
        (401, "UNAUTHORIZED"),
        (409, "ControlError"),
        (409, "StoreError"),
        (500, "INTERNAL"),
    ],
)
async def test_a_refusal_that_tells_nothing_of_the_first_one_does_not_forget_it(
    status: int, code: str
) -> None:
    """As of an engine that begins anew after the answer was lost."""
    refused = web.json_response({"error": "not now", "code": code}, status=status)
    desk = KeyedDesk(None, refused)
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        for error in (NoAnswerError, LinkError):
            with pytest.raises(error):
                await link.flatten(HALF)
        assert (await link.flatten(HALF)).text.startswith("not done again")
        assert len(desk.done) == 1
        await link.close()


async def test_what_is_asked_for_long_after_is_wanted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was closed was seen on the screen, and hours later the next half is to go."""
    desk = KeyedDesk(None)
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(NoAnswerError):
            await link.flatten(HALF)
        monkeypatch.setattr(requests, "AGAIN_S", 0.0)
        assert (await link.flatten(HALF)).text == "closed 1"
        assert len(desk.done) == 2
        await link.close()


async def test_an_alert_is_made_once() -> None:
    desk, rule = KeyedDesk(None), AlertRule("last", 1.0, symbol="sim:ADA-USD")
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        with pytest.raises(NoAnswerError):
            await link.add_alert(rule)
        assert (await link.add_alert(rule)).text.startswith("not done again")
        assert len(desk.done) == 1
        await link.close()


async def test_the_same_part_asked_for_twice_at_once_is_one() -> None:
    desk = KeyedDesk()
    async with TestServer(desk.app()) as server:
        link = EngineLink(at_url(str(server.make_url("")).rstrip("/"), "t"))
        replies = await asyncio.gather(link.flatten(HALF), link.flatten(HALF))
        assert len(desk.done) == 1 and all(reply.ok for reply in replies)
        await link.close()


async def test_a_line_that_was_down_meanwhile_forgets_nothing(unused_tcp_port: int) -> None:
    """Twice unheard, the second time of nobody: the first one may be done all the same."""
    desk = KeyedDesk(None)
    link = EngineLink(at_url(f"http://127.0.0.1:{unused_tcp_port}", "t"))
    async with TestServer(desk.app(), port=unused_tcp_port):
        with pytest.raises(NoAnswerError):
            await link.flatten(HALF)
    with pytest.raises(LinkError, match=r"^NOT SENT"):
        await link.flatten(HALF)
    async with TestServer(desk.app(), port=unused_tcp_port):
        await link.flatten(HALF)
    assert len(desk.done) == 1
    await link.close()
