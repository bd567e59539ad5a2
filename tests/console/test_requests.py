"""What somebody else's server may answer to a console's request."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.engine_at import at_url
from console.link import EngineLink
from console.link_protocol import NoAnswerError
from console.requests import Requests
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
