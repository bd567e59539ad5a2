"""The guard before every route: may the console that asks do that? A route says what it takes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.asked_by import asked_by
from engine.api.control import Control, Need
from engine.api.control_protocol import HEADER, Console, ControlDetail, parse
from engine.api.http import JUDGE, Handler
from engine.api.route import route_of

log = logging.getLogger("engine.api")

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

    def check_state(self, request: web.Request, wanted: str, now: str) -> bool:
        """Tightening is every console's; loosening takes control. Whether it is the latter."""
        loosened = _BY_STATE.index(wanted) < _BY_STATE.index(now)
        if loosened:
            self.check(request, "control")
        return loosened

    def middleware(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            need = need_of(request)
            self.check(request, need)
            _check_role(request)
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

    def take(self, console: Console, over: str | None) -> str:
        """``console`` controls from now on. What changed, in words; "": nothing."""
        now_ns = self._clock()
        seated = self.control.controller(now_ns)
        if seated is not None and seated.id == console.id:
            return ""
        before = self.control.take(console, now_ns, over)
        return f"{console.label} controls" + (f", taken over from {before.label}" if before else "")

    def give(self, console: Console) -> str:
        """Nobody controls from now on. What changed, in words; "": nothing."""
        given = self.control.give(console, self._clock())
        return f"{console.label} gave up control: nobody controls" if given else ""

    def detail(self) -> ControlDetail:
        return self.control.detail(self._clock())


GUARD = web.AppKey("guard", Guard)


def _check_role(request: web.Request) -> None:
    """What a gateway asks is within the role of whom it asks for; it has judged that, too."""
    said, route = asked_by(request), route_of(request)
    if said is None or route is None:
        return
    if route.access in ("open", "signature"):
        return
    if route.access == "local" or not said.may(route.role):
        raise web.HTTPForbidden(reason=f"the role {said.role} may not: this takes {route.role}")


def need_of(request: web.Request) -> Need:
    """What a request takes, as its route declares; an address without one is only refused."""
    route = route_of(request)
    return "look" if route is None else route.need
