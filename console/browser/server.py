"""The web server of the console: one page, its parts, and a WebSocket for each tab that shows it.

The page and its parts tell nothing: anybody has them from the package. The consoles are behind the token.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from textual_serve import server as textual_serve

from console.browser.gate import Gate, Refused, is_loopback
from console.browser.session import show
from engine.errors import ConfigError
from engine.text import clean

FONT = 14
"""Pixels, unless the page is asked for with ``?fontsize=``."""
_SMALLEST, _LARGEST = 6, 40
CLOSE_S = 5.0
IDLE_S = 20.0
"""A connection that asks for nothing is closed then."""
STATIC = Path(textual_serve.__file__).parent / "static"
"""The terminal, its styles and fonts: of the package, never from another site."""
_PARTS = {"/page.js": "text/javascript", "/page.css": "text/css"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_LOG = logging.getLogger("tickdesk.browser")
# Who may not ask may send what is no request: 400 answers that, and nothing grows by it.
_LOG.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))


class DeskServer:
    """Serves consoles, each started with ``command``. At most ``most_tabs`` at once."""

    def __init__(self, gate: Gate, command: Sequence[str], most_tabs: int, first: Sequence[str] = ()) -> None:
        """``first``: what the first console is told beside."""
        self._gate = gate
        self._command = command
        self._first = first
        self._most_tabs = most_tabs
        self._tabs: set[asyncio.Task[Any]] = set()
        self._parts = {path: _own_file(path) for path in _PARTS}
        self._page = _own_file("/page.html")

    def runner(self) -> web.AppRunner:
        return web.AppRunner(
            self._application(),
            access_log=None,
            logger=_LOG,
            keepalive_timeout=IDLE_S,
            shutdown_timeout=CLOSE_S,
        )

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard()], client_max_size=4096)
        app.router.add_get("/", self._index)
        app.router.add_post("/ask", self._ask)
        app.router.add_get("/ws", self._tab)
        for path in _PARTS:
            app.router.add_get(path, self._part)
        app.router.add_static("/static", STATIC, show_index=False)
        app.on_response_prepare.append(self._set_headers)
        return app

    async def _set_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        # Not every browser means WebSockets, too, by 'self'.
        here = " ".join(sorted(origin.replace("http", "ws", 1) for origin in self._gate.address.origins))
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
            f" font-src 'self'; connect-src 'self' {here}; frame-ancestors 'none'; base-uri 'none';"
            " form-action 'none'"
        )

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Nothing is answered to those who may not ask."""
            consoles = request.path in ("/ask", "/ws")
            try:
                self._gate.check_address(request.headers, must_say_origin=consoles)
                if request.path == "/ask":
                    self._gate.check_token(request.headers.get("Authorization", "").removeprefix("Bearer "))
                elif consoles:
                    self._gate.check_offer(request.headers)
            except Refused as refused:
                return web.Response(status=403, text=f"tickdesk: {clean(refused)}\n")
            if consoles and len(self._tabs) >= self._most_tabs:
                return web.Response(status=503, text=self._full())
            return await handler(request)

        return guard

    async def _ask(self, request: web.Request) -> web.Response:
        """Would a console be opened?"""
        return web.Response(status=204)

    async def _index(self, request: web.Request) -> web.Response:
        asked = request.query.get("fontsize", "")
        font = int(asked) if asked.isdecimal() and len(asked) < 3 else FONT
        page = self._page.replace("@FONT@", str(min(max(font, _SMALLEST), _LARGEST)))
        return web.Response(text=page, content_type="text/html")

    async def _part(self, request: web.Request) -> web.Response:
        return web.Response(text=self._parts[request.path], content_type=_PARTS[request.path])

    def _full(self) -> str:
        return f"tickdesk: {len(self._tabs)} consoles are open in browsers already: close one, or --tabs N\n"

    async def _tab(self, request: web.Request) -> web.StreamResponse:
        tab = asyncio.current_task()
        assert tab is not None
        self._tabs.add(tab)
        first, self._first = self._first, ()
        try:
            return await show(request, [*self._command, *first])
        finally:
            self._tabs.discard(tab)

    async def close_tabs(self) -> None:
        tabs = list(self._tabs)
        for tab in tabs:
            tab.cancel()
        await asyncio.gather(*tabs, return_exceptions=True)


def _own_file(path: str) -> str:
    return files(__package__).joinpath(path.removeprefix("/")).read_text(encoding="utf-8")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0: a free one. Raises ConfigError."""
    told = f"{clean(host, 60)}, port {port}"
    try:
        kind, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(where[:2], family=kind)
    except (OSError, UnicodeError) as error:
        reason = clean(getattr(error, "strerror", "") or error, 80)
        raise ConfigError(f"cannot listen at {told}: {reason}; choose another --host or --port") from None
    if is_loopback(host) and not is_loopback(listening.getsockname()[0]):
        listening.close()
        raise ConfigError(f"{told}: that name is not this machine's own here; give --host 127.0.0.1")
    return listening


async def serve(listening: socket.socket, server: DeskServer, ready: Callable[[], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; every console ends then. ``ready`` is called when it answers."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    runner = server.runner()
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        ready()
        await ended.wait()
    finally:
        await server.close_tabs()
        await runner.cleanup()
