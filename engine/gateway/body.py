"""A body that many are told, with what is said before it."""

from __future__ import annotations

import hashlib

from engine.gateway.refusal import HEADERS

JSON = "application/json"


class Body:
    """``tag``: an ETag that is the body's own, https://datatracker.ietf.org/doc/html/rfc9110#section-8.8.3"""

    __slots__ = ("content", "head", "headers", "tag")

    def __init__(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.content = content
        self.tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
        self.headers = {**HEADERS, "Content-Type": JSON, **(headers or {}), "ETag": self.tag}
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        self.head = "\r\n".join(["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(content)}"]).encode()
