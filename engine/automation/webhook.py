"""Calls of webhooks: bounded in time, attempts and bytes. No address or header is logged or told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from engine.automation.environment import resolve
from engine.automation.parts import Webhook
from engine.errors import AutomationError

FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
"""Between two attempts: doubling, or what Retry-After asks for."""
MAX_REDIRECTS = 3
_AGAIN = frozenset({408, 429})
_KEEPS_METHOD = frozenset({307, 308})


class _Failed(Exception):
    """An attempt failed. ``pause_s`` is None when another would be no better."""

    def __init__(self, text: str, pause_s: float | None) -> None:
        super().__init__(text)
        self.pause_s = pause_s


class WebhookCaller:
    """Owns the connections. ``pause_s`` is the first pause between two attempts."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, pause_s: float = FIRST_PAUSE_S) -> None:
        self._environ = environ
        self._pause_s = pause_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, step: Webhook, key: str, body: bytes) -> str:
        """POST ``body`` (JSON) until it is taken; answers what came back. Raises AutomationError.

        ``key``: the same in every attempt, and of no other call: a receiver does it once.
        """
        url = self._url(step)
        headers = {name: resolve(value, self._environ) for name, value in step.headers.items()}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        for attempt in range(step.retries + 1):
            try:
                return await self._attempt(url, headers, body, step.timeout_s)
            except _Failed as failed:
                if failed.pause_s is None or attempt == step.retries:
                    times = f", tried {attempt + 1} times" if attempt else ""
                    raise AutomationError(f"webhook: {failed}{times}") from None
                await asyncio.sleep(min(max(self._pause_s * 2**attempt, failed.pause_s), MAX_PAUSE_S))
        raise AssertionError("the last attempt answers or raises")

    def _url(self, step: Webhook) -> URL:
        text = resolve(step.url, self._environ)
        try:
            parts = urlsplit(text)
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
                return URL(text)
        except ValueError:
            pass
        raise AutomationError("webhook: the address in the environment is no http or https address")

    async def _attempt(self, url: URL, headers: Mapping[str, str], body: bytes, timeout_s: float) -> str:
        if self._session is None:
            # Nobody waits here for calls that hang: runs are as many as they may be.
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(self._session, url, headers, body)
        except TimeoutError:
            raise _Failed(f"no answer within {timeout_s:g} s", 0.0) from None
        except aiohttp.ClientSSLError:
            raise _Failed("the server's certificate is not trusted", None) from None
        except aiohttp.ClientConnectorError as error:
            raise _Failed(f"no connection: {_cause(error)}", 0.0) from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            # Such messages quote addresses and headers, which may hold secrets.
            raise _Failed(f"the call failed ({type(error).__name__})", 0.0) from None

    async def _post(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], body: bytes
    ) -> str:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await session.post(url, data=body, headers=headers, allow_redirects=False)
            # The status is all that counts: a body, however long, is not read.
            answer.close()
            status = answer.status
            if status not in _KEEPS_METHOD:
                return _judge(status, answer.headers.get("Retry-After", ""))
            target = url.join(URL(answer.headers.get("Location", "")))
            if target.origin() != url.origin():
                raise _Failed("redirected to another server, where it is not sent", None)
            url = target
        raise _Failed(f"redirected more than {MAX_REDIRECTS} times", None)


def _judge(status: int, retry_after: str) -> str:
    if 200 <= status < 300:
        return f"webhook answered {status}"
    if status in _AGAIN or status >= 500:
        asked_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
        raise _Failed(f"answered {status}", min(asked_s, MAX_PAUSE_S))
    raise _Failed(f"answered {status}", None)


def _cause(error: aiohttp.ClientConnectorError) -> str:
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else "the name or address is not found"
