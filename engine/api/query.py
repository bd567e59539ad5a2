"""What a route takes in its query: named, typed and bounded, so that it can be read, refused and told."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from engine.text import clean

MOST_NS = (1 << 63) - 1
MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number. Where it is left out it is ``default``."""

    name: str
    about: str
    default: int
    least: int = 0
    most: int = MOST_NS

    def of(self, request: web.Request) -> int:
        """What it is not is answered with 400."""
        text = request.query.get(self.name)
        return self.default if text is None else self.read(text)

    def read(self, text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 19):
            raise web.HTTPBadRequest(reason=self.rule)
        value = int(text)
        if not self.least <= value <= self.most:
            raise web.HTTPBadRequest(reason=self.rule)
        return value

    @property
    def rule(self) -> str:
        return f"{self.name}: a number from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text; "" where it is left out."""

    name: str
    about: str
    most: int = MOST_TEXT
    """Characters."""
    choices: tuple[str, ...] = ()
    """What it may be; empty: anything."""

    def of(self, request: web.Request) -> str:
        """What it is not is answered with 400."""
        text = request.query.get(self.name, "")
        if len(text) > self.most:
            raise web.HTTPBadRequest(reason=f"{self.name}: at most {self.most} characters")
        if self.choices and text and text not in self.choices:
            raise web.HTTPBadRequest(reason=f"{self.name}: one of {', '.join(self.choices)}")
        if clean(text, self.most) != text:
            raise web.HTTPBadRequest(reason=f"{self.name}: printable text on one line")
        return text


Parameter = Number | Text


def check(request: web.Request, known: tuple[Parameter, ...]) -> None:
    """A name that the route does not take, or takes once, is answered with 400: a slip must not pass for
    "all"."""
    query = request.query
    if not query:
        return
    names = {each.name for each in known}
    seen: set[str] = set()
    for name in query:
        if name not in names:
            takes = ", ".join(sorted(names)) if names else "none"
            raise web.HTTPBadRequest(reason=clean(f"unknown query parameter {name!r}: there is {takes}"))
        if name in seen:
            raise web.HTTPBadRequest(reason=f"{name}: given twice")
        seen.add(name)
