"""The log of commands on the link: who asked for what, when, and what became of it.

Every route that changes something is in it, whoever asked and whether or not it was done.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rows import Row


class CommandRow(Row, frozen=True):
    id: int
    """Rises."""
    ns: int
    """When it was asked, ns since the epoch, UTC."""
    who: str
    """``token NAME``, ``console USER@TERMINAL/PID``, ``command line``."""
    role: str
    """Of the token; "" for a peer of the Unix socket, who is the desk's own user."""
    peer: str
    """The address, or user and process of the Unix socket's peer; "": not known."""
    method: str
    path: str
    """With its query."""
    body: str
    """As JSON, cut, its secrets hidden; "" when there was none, or it was refused unread."""
    key: str
    """The idempotency key; "" without one."""
    status: int
    """Of HTTP; 0: it is at work, or the engine ended before it answered."""
    outcome: str
    """One line: what the person was told."""
    took_us: int


class RefusedCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that a gateway did not let through."""

    who: Annotated[str, Meta(max_length=200)]
    peer: Annotated[str, Meta(max_length=64)]
    method: Annotated[str, Meta(max_length=10)]
    path: Annotated[str, Meta(max_length=2_000)]
    status: Annotated[int, Meta(ge=400, le=599)]
    outcome: Annotated[str, Meta(max_length=400)]
    role: Annotated[str, Meta(max_length=10)] = ""
    key: Annotated[str, Meta(max_length=200)] = ""
