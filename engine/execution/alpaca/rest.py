"""The requests to Alpaca: one session, one try each, bounded in time and bytes. Keys go to one host only."""

from __future__ import annotations

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from engine.alpaca_keys import Keys
from engine.execution.alpaca.calls import Answer, Call

_MAX_BODY = 16 << 20
_LONGEST_WAIT_S = 300.0


class Rest:
    def __init__(self, base: str, keys: Keys, timeout_s: float) -> None:
        self._base = base.rstrip("/")
        self._keys = keys
        self._timeout = ClientTimeout(total=timeout_s)
        self._session: ClientSession | None = None

    async def send(self, call: Call) -> Answer:
        """Send it once. Whatever goes wrong is an answer without a status: it may have arrived."""
        body = b"" if call.form is None else msgspec.json.encode(call.form)
        headers = self._keys.headers() | ({"Content-Type": "application/json"} if body else {})
        if self._session is None:
            self._session = ClientSession(timeout=self._timeout, cookie_jar=DummyCookieJar(), trust_env=True)
        try:
            async with self._session.request(
                call.method,
                self._base + call.path,
                params=call.query,
                data=body or None,
                headers=headers,
                # Keys are not carried elsewhere, and an order is not sent twice.
                allow_redirects=False,
            ) as response:
                read = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    read += chunk
                    if len(read) > _MAX_BODY:
                        return Answer(0, b"the answer is too long")
                return Answer(response.status, bytes(read), _wait_s(response.headers.get("Retry-After")))
        except TimeoutError:
            return Answer(0, b"no answer in time")
        except (ClientError, OSError, ValueError) as error:
            # Such messages may quote headers: their kind says enough.
            return Answer(0, type(error).__name__.encode())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _wait_s(value: str | None) -> float:
    try:
        return max(0.0, min(float(value or 0), _LONGEST_WAIT_S))
    except ValueError:
        return 0.0
