"""Reading a stream to its end, also where its pings find nobody to answer to any more."""

from __future__ import annotations

import aiohttp


async def receive(stream: aiohttp.ClientWebSocketResponse, timeout_s: float) -> aiohttp.WSMessage:
    """The next message. Whoever ends a stream may have asked before whether we are there: that the answer
    fails must not hide how it was ended. Raises TimeoutError."""
    while True:
        try:
            return await stream.receive(timeout=timeout_s)
        except aiohttp.ClientConnectionResetError:
            continue  # each takes a ping away, so the end is reached
