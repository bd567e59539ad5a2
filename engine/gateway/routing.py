"""Which route a request is for: found as the engine finds it, so that both judge the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aiohttp import web

from engine.api.route import Route
from engine.gateway.refusal import Refused
from engine.text import clean


class Routing:
    def __init__(self, table: Sequence[Route]) -> None:
        self._router = web.UrlDispatcher()
        self._routes: dict[Any, Route] = {}
        self._plain: dict[tuple[str, str], Route] = {}
        """Addresses without a parameter: most of what is asked for."""
        for route in table:
            if "{" not in route.path:
                self._plain[route.method, route.path] = route
            # Handlers are compared alone: what is behind them here is never called.
            self._routes[route.handler] = route
            if route.method == "GET":
                self._router.add_get(route.path, route.handler, allow_head=not route.stream)
            else:
                self._router.add_route(route.method, route.path, route.handler)
        self._router.freeze()

    async def route(self, request: web.BaseRequest) -> Route | Refused:
        """A Refused, not raised: nobody without a token is told which addresses there are."""
        plain = self._plain.get((request.method, request.rel_url.raw_path))
        if plain is not None:
            return plain
        # It reads the method and the address of a request alone.
        match = await self._router.resolve(cast("web.Request", request))
        error = match.http_exception
        if error is None:
            return self._routes[match.handler]
        if isinstance(error, web.HTTPMethodNotAllowed):
            allowed = ", ".join(sorted(error.allowed_methods - {"HEAD"}))
            text = f"{clean(request.method, 20)} is not for this address: it takes {allowed}"
            return Refused(405, "HTTP_405", text, headers={"Allow": allowed})
        text = f"no such address: {clean(request.path, 100)}; GET /v1/openapi.json lists them"
        return Refused(404, "HTTP_404", text)
