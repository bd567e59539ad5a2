"""REST requests to one venue, inside its budget, with errors that say whether trying again can help."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp

from engine.errors import FeedError
from engine.feeds.address import is_here, place
from engine.feeds.base import Request, UnreachableError
from engine.feeds.pace import Pace
from engine.text import clean

_TIMEOUT_S = 10.0
_MAX_BODY = 64 << 20
_ASK_LATER = frozenset({408, 418, 425, 429})
_TOO_MANY = frozenset({418, 429})
_KEYS = frozenset({401, 403})
_SHUT_OUT = frozenset({401, 403, 451})
_MAX_WAIT_S = 3 * 86_400.0
"""The longest ban of any venue:
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits"""


class RefusedError(FeedError):
    """The venue answered, and refused the request (HTTP 4xx)."""


class ShutOutError(RefusedError):
    """Whatever it was about: we may not ask (HTTP 401, 403, 451)."""


class SaidNoError(RefusedError, ValueError):
    """The venue answered as if all were well (HTTP 200), and says no in the body."""


class BusyError(UnreachableError):
    """The venue answered that it was asked too often (HTTP 429, or 418)."""


def retry_after_s(value: str | None) -> float:
    """Seconds of a Retry-After header, be it a number or a date, at most three days; 0 for what is
    neither."""
    if not value:
        return 0.0
    try:
        wait_s = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
            wait_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return max(0.0, min(wait_s, _MAX_WAIT_S)) if math.isfinite(wait_s) else 0.0


class Rest:
    """A session, opened with the first request. ``per_s`` requests a second at most, evenly spaced."""

    def __init__(
        self,
        venue: str,
        base: str,
        per_s: float,
        *,
        timeout_s: float = _TIMEOUT_S,
        max_body: int = _MAX_BODY,
        tap: Callable[[str, bytes], None] | None = None,
        pace: Pace | None = None,
        redirects: bool = True,
    ) -> None:
        """``timeout_s`` is for a whole answer, ``max_body`` its most bytes; ``tap`` takes the address and the
        body of each good one. ``pace`` is given where others share the budget.
        ``redirects``: GETs without a secret follow them; each is one more request."""
        self._redirects = redirects
        self._tap = tap
        self._venue = venue
        self._base = base.rstrip("/")
        self._pace = pace or Pace(1.0 / per_s)
        self._timeout_s = timeout_s
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def get(self, request: Request) -> bytes:
        """The body of a 200. Raises RefusedError for a 4xx, UnreachableError for all that may pass."""
        return await self._ask("GET", request, None, request.secret.headers() if request.secret else {})

    async def post(self, request: Request, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The same of a POST, which is never redirected: its headers may hold what only one host may see."""
        return await self._ask("POST", request, body, headers)

    async def _ask(
        self, method: str, request: Request, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        await self._pace.turn()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s), trust_env=not is_here(self._base)
            )
            # Else it asks again by itself when a kept connection was closed: nobody would count that request.
            self._session._retry_connection = False
        try:
            async with self._session.request(
                method,
                (request.base or self._base) + request.path,
                params=request.params,
                data=body,
                headers=headers,
                allow_redirects=self._redirects and method == "GET" and request.secret is None,
            ) as response:
                answer = await self._read(response)
                if response.status == 200:
                    if self._tap is not None:
                        self._tap(str(response.url), answer)
                    return answer
                raise self._refusal(response, answer, keyed=request.secret is not None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            why = clean(error, 80) or type(error).__name__
            raise UnreachableError(
                f"{self._venue} does not answer at {place(request.base or self._base)}: {why}"
            ) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > self._max_body:
                raise ValueError("the answer is too long")
        return bytes(body)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, *, keyed: bool) -> FeedError:
        text = clean(body[:400].decode("utf-8", "replace"), 100)
        asked = " to its keys (are they right?)" if keyed and response.status in _KEYS else ""
        detail = f"{self._venue} answered HTTP {response.status}{asked}: {text}"
        if response.status >= 500 or response.status in _ASK_LATER:
            wait_s = retry_after_s(response.headers.get("Retry-After"))
            if wait_s > 0:
                self._pace.pause(wait_s)
            kind = BusyError if response.status in _TOO_MANY else UnreachableError
            return kind(detail, wait_s)
        return ShutOutError(detail) if response.status in _SHUT_OUT else RefusedError(detail)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
