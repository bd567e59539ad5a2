"""Pages: long lists in parts, newest first, with a cursor to the next part that stays right while rows are
added."""

from __future__ import annotations

import base64
import binascii
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from engine.api.query import Number, Text

T = TypeVar("T")

NEWEST = (1 << 63) - 1
"""Before it lie all rows."""
CURSOR = Text("cursor", "Where the page before ended: its `next`; left out: from the newest", 100)
LIMIT = Number("limit", "Rows of the page at most", 100, 1, 1_000)
SINCE = Number("since", "Not older than this, ns since the epoch, UTC", 0)
UNTIL = Number("until", "Older than this, ns since the epoch, UTC", NEWEST)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Part of a list, newest first."""

    rows: tuple[T, ...]
    next: str | None
    """The cursor of what follows; None: nothing does. A page with few rows, or none, may have one: so much
    was looked through."""


class Span(msgspec.Struct, frozen=True):
    """Which part of a list is asked for."""

    before: int
    """Of rows with a number below it."""
    limit: int
    since_ns: int = 0
    until_ns: int = NEWEST


def span(request: web.Request, kind: str, limit: Number = LIMIT) -> Span:
    """As the query says; ``kind`` of list. What is no cursor of it is answered with 400."""
    return Span(
        before=_before(CURSOR.of(request), kind),
        limit=limit.of(request),
        since_ns=SINCE.of(request),
        until_ns=UNTIL.of(request),
    )


def page(kind: str, rows: tuple[T, ...], before: int | None) -> Page[T]:
    """``before``: the number below which the next page goes on; None: there is none."""
    return Page(rows, None if before is None else cursor(kind, before))


def cursor(kind: str, before: int) -> str:
    return base64.urlsafe_b64encode(f"{kind} {before}".encode()).decode().rstrip("=")


def _before(text: str, kind: str) -> int:
    if not text:
        return NEWEST
    try:
        said, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
    except (binascii.Error, UnicodeError, ValueError):
        said = number = ""
    if said != kind or not (number.isascii() and number.isdecimal() and len(number) <= 19):
        raise web.HTTPBadRequest(reason="cursor: none of this list: leave it out to begin with the newest")
    return min(int(number), NEWEST)
