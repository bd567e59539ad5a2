"""Who asks through a gateway, as the gateway tells the engine: a header that only peers of the Unix socket
can set. A gateway takes it out of what it is sent, and sets its own.

    X-Tickdesk-Asked-By: ROLE ADDRESS NAME        trade 127.0.0.1 ci-bot
"""

from __future__ import annotations

import re
import socket
import struct

import msgspec
from aiohttp import web

from engine.api.control_protocol import HEADER as CONSOLE
from engine.api.control_protocol import parse as parse_console
from engine.api.route import Role
from engine.text import clean

HEADER = "X-Tickdesk-Asked-By"
CLIENT = "X-Tickdesk-Client"
_SAID = re.compile(r"(read|trade|admin) (\S{1,64}) (.{1,100})")
_RANK: dict[Role, int] = {"read": 0, "trade": 1, "admin": 2}


class AskedBy(msgspec.Struct, frozen=True):
    """A token's owner, somewhere else."""

    role: Role
    address: str
    """Of the peer of the gateway."""
    name: str
    """Of the token."""

    @property
    def text(self) -> str:
        return f"{self.role} {self.address} {self.name}"

    def may(self, role: Role) -> bool:
        return _RANK[self.role] >= _RANK[role]


def parse(text: str) -> AskedBy:
    """Raises ValueError, one line, for what no gateway says."""
    found = _SAID.fullmatch(text)
    name = clean(found[3], 100).strip() if found else ""
    if found is None or not name:
        raise ValueError("a gateway says who asks as read|trade|admin ADDRESS NAME")
    return AskedBy(found[1], clean(found[2], 64), name)  # type: ignore[arg-type]


def asked_by(request: web.Request) -> AskedBy | None:
    """None: no gateway is between. What is no name is answered with 400."""
    said = request.headers.get(HEADER)
    if said is None:
        return None
    try:
        return parse(said)
    except ValueError as error:
        raise web.HTTPBadRequest(reason=f"{HEADER}: {error}") from None


def principal(request: web.Request) -> str:
    """Who asks, in one short line: ``token ci-bot``, ``console user@pts/3/41``, ``command line``."""
    try:
        said = asked_by(request)
    except web.HTTPBadRequest:
        return "a gateway that does not say for whom"
    if said is not None:
        return f"token {said.name}"
    console = request.headers.get(CONSOLE)
    if console is not None:
        try:
            return f"console {parse_console(console).label}"
        except ValueError:
            return "a console that does not say its name"
    return clean(request.headers.get(CLIENT, "link"), 40)


def who(request: web.Request) -> str:
    """Which client asks, as it names itself: for the journal."""
    said = asked_by(request)
    return clean(request.headers.get(CLIENT, "link") if said is None else f"token {said.name}", 40)


def peer(request: web.Request) -> str:
    """From where: the address that a gateway tells, or user and process of the socket's other end."""
    try:
        said = asked_by(request)
    except web.HTTPBadRequest:
        said = None
    if said is not None:
        return said.address
    transport = request.transport
    own = None if transport is None else transport.get_extra_info("socket")
    if own is None or own.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return ""
    try:
        # struct ucred of Linux, unix(7): pid, uid, gid.
        pid, uid, _ = struct.unpack("3i", own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return ""
    return f"uid {uid} pid {pid}"
