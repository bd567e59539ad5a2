"""What somebody else's server may answer to a console's request."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.engine_at import at_url
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
