"""A tape's playback over the link: typed and bounded."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.playback_protocol import PlaybackPatch
from tests.api.conftest import Serve


async def test_a_patch_reaches_the_desk(serve: Serve) -> None:
    patch = PlaybackPatch(state="paused", step="bar", count=3)
    async with serve() as served:
        body = msgspec.json.encode(patch)
        status, answer = await served.request("POST", "/v1/playback", body, **{"X-Tickdesk-Client": "test"})
        assert (status, msgspec.json.decode(answer)["ok"]) == (200, True)
        assert served.desk.asked == [("playback", patch, "test")]


@pytest.mark.parametrize(
    "body",
    [b'{"state":"gone"}', b'{"speed":-1}', b'{"speed":1e9}', b'{"count":0}', b'{"to_share":2}', b'{"x":1}'],
)
async def test_what_is_none_is_refused(body: bytes, serve: Serve) -> None:
    async with serve() as served:
        status, _ = await served.request("POST", "/v1/playback", body)
        assert status == 400 and not served.desk.asked
