"""Why a request is not answered as it asks: one line, with what to do next."""

from __future__ import annotations

import math

from aiohttp import web

from engine.api.hub import encode
from engine.api.protocol import ErrorReply

HEADERS = {"Cache-Control": "no-store", "Server": "tickdesk", "X-Content-Type-Options": "nosniff"}
"""Of every answer. There is none that lets pages of others read one (CORS)."""


class Refused(Exception):
    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        *,
        retry_s: float | None = None,
        headers: dict[str, str] | None = None,
        close: bool = False,
    ) -> None:
        """``close``: the connection ends with the answer."""
        super().__init__(text)
        self.status = status
        self.code = code
        self.close = close
        self.headers = dict(headers or {})
        if retry_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_s)))

    def response(self) -> web.Response:
        answer = web.Response(
            body=encode(ErrorReply(str(self), self.code)),
            status=self.status,
            content_type="application/json",
            headers={**HEADERS, **self.headers},
        )
        if self.close:
            answer.force_close()
        return answer


def away(age_s: int | None = None) -> Refused:
    since = "" if age_s is None else f", for {age_s} s"
    return Refused(503, "AWAY", f"the engine is away{since}: nothing was done; try again", retry_s=1)


def forbidden(needs: str, has: str) -> Refused:
    return Refused(403, "FORBIDDEN", f"this takes a token with the role {needs}; this one has {has}")
