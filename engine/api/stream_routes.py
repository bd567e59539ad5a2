"""The route of the stream."""

from __future__ import annotations

from aiohttp import web

from engine.api.protocol import StreamMessage
from engine.api.query import Number, Text
from engine.api.route import Route
from engine.api.stream import Streams
from engine.api.topics import ALL

ABOUT = (
    "Each message is one JSON object of the reply's schema, in UTF-8 in a binary frame: the server sends no "
    "text frames. What a client says (with the topic market: which symbol it looks at) may be text or "
    "binary, at most 4096 bytes. The server pings a client of which it hears nothing: on the Unix socket "
    "every 10 s, and hangs up when no pong comes within 5 s; over TCP after 5 s, and closes with 1013 when "
    "none comes within api.slow_s (a console is pinged every 15 s, and has half of that). Over TCP a "
    "ping also follows state and market, once a second: a line on which that is not answered within a "
    "second is sent nothing more until it is, for up to 30 s, and then what is another by that time. "
    "WebSocket libraries answer by themselves."
)
STREAMS = web.AppKey("streams", Streams)
SINCE = Number("since", "Resume after this event; left out: only new ones", 0, 0, 10**18)
CONSOLE = Text("console", "A console's name of itself: ID ACCESS LABEL", 300)
TOPICS = Text("topics", f"Only of these, separated by commas: {', '.join(sorted(ALL))}")


async def stream(request: web.Request) -> web.WebSocketResponse:
    return await request.app[STREAMS].serve(request)


ROUTES = (
    Route(
        method="GET",
        path="/v1/stream",
        handler=stream,
        summary="A WebSocket: state as it changes, conflated; events without a gap",
        about=ABOUT,
        tag="stream",
        role="read",
        need="look",
        query=(SINCE, TOPICS, CONSOLE),
        reply=StreamMessage,
        statuses=(409,),
        stream=True,
    ),
)
