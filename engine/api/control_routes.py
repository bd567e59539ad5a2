"""Routes of control, and the guard before every other route: may this console do that?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.control import Control, Need
from engine.api.control_protocol import HEADER, Console, ControlPatch, parse
from engine.api.desk_port import DeskPort
from engine.api.http import JUDGE, Handler, body, json_response
from engine.api.protocol import Reply
from engine.errors import ControlError

log = logging.getLogger("engine.api")

_LOOKS = frozenset(
    {
        ("POST", "/v1/orders/preview"),
        ("POST", "/v1/orders/list/preview"),
        ("POST", "/v1/orders/{id}/preview"),
        ("POST", "/signals"),
    }
)
"""Questions that come with a body."""
_SAFER = frozenset(
    {
        ("POST", "/v1/risk"),  # its handler asks for control where a state is loosened
        ("POST", "/v1/orders/cancel"),
        ("DELETE", "/v1/orders/{id}"),
        ("POST", "/v1/kill"),
        ("POST", "/v1/reconcile"),
        ("POST", "/v1/control"),
        ("POST", "/v1/alerts"),  # one more risks nothing; to switch off or delete one takes control
    }
)
_BY_STATE = ("active", "reducing", "halted")
"""Each risks less than the one before."""


class Guard:
    """Judges each request of a console; a request of none passes. ``clock``: ns that never step back."""

    def __init__(self, control: Control, clock: Callable[[], int]) -> None:
        self.control = control
        self._clock = clock

    def console(self, request: web.Request, text: str | None = None) -> Console | None:
        """Who asks, by the header or by ``text``; None: no console. What is no name is answered with 400."""
        named = request.headers.get(HEADER) if text is None else text
        if named is None:
            return None
        try:
            return parse(named)
        except ValueError as error:
            raise web.HTTPBadRequest(reason=f"{HEADER}: {error}") from None

    def check(self, request: web.Request, need: Need) -> None:
        """Raises ControlError where the console that asks may not."""
        console = self.console(request)
        if console is not None:
            self.control.check(console, need, self._clock())

    def check_state(self, request: web.Request, wanted: str, now: str) -> None:
        """Tightening is every console's; loosening takes control."""
        if _BY_STATE.index(wanted) < _BY_STATE.index(now):
            self.check(request, "control")

    def middleware(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            need = need_of(request)
            self.check(request, need)
            # A body may come long after its head: another console may control by then.
            JUDGE.set(partial(self.check, request, need))
            return await handler(request)

        return guarded

    # --- streams -----------------------------------------------------------------------------------

    def attach(self, request: web.Request) -> Console | None:
        """A stream opens: whose it is. Raises ControlError for one that goes by another's id."""
        console = self.console(request, request.query.get("console"))
        if console is not None:
            took = self.control.attach(console, self._clock())
            does = "controls" if took else "read-only" if console.read_only else "attached"
            log.info("console %s %s, %d attached", console.label, does, self.control.count)
        return console

    def detach(self, console: Console | None, *, left: bool) -> None:
        if console is not None:
            self.control.detach(console, self._clock(), left=left)
            went = "detached" if left else "is cut off"
            log.info("console %s %s, %d attached", console.label, went, self.control.count)

    # --- routes ------------------------------------------------------------------------------------

    def routes(self, desk: DeskPort) -> list[web.RouteDef]:
        async def detail(request: web.Request) -> web.Response:
            return json_response(self.control.detail(self._clock()))

        async def change(request: web.Request) -> web.Response:
            console = self.console(request)
            if console is None:
                raise ControlError("only a console takes control: attach one")
            patch = await body(request, ControlPatch)
            text = self._take(console, patch.over) if patch.action == "take" else self._give(console)
            if text:  # an alert is logged too
                desk.tell("warning", "control", text)
            return json_response(Reply(True, text or "as it was: nothing to change"))

        return [web.get("/v1/control", detail), web.post("/v1/control", change)]

    def _take(self, console: Console, over: str | None) -> str:
        """What changed, in words; "": nothing."""
        now_ns = self._clock()
        seated = self.control.controller(now_ns)
        if seated is not None and seated.id == console.id:
            return ""
        before = self.control.take(console, now_ns, over)
        return f"{console.label} controls" + (f", taken over from {before.label}" if before else "")

    def _give(self, console: Console) -> str:
        given = self.control.give(console, self._clock())
        return f"{console.label} gave up control: nobody controls" if given else ""


def need_of(request: web.Request) -> Need:
    """What a request takes. What is not known to be harmless takes control."""
    resource = request.match_info.route.resource
    if request.method in ("GET", "HEAD", "OPTIONS") or resource is None:
        return "look"
    which = (request.method, resource.canonical)
    return "look" if which in _LOOKS else "safer" if which in _SAFER else "control"
