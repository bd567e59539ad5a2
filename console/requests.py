"""Requests to an engine, each answered or told apart: not done, or nobody knows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from console.engine_at import EngineAt, at_socket
from console.link_protocol import UNSENT, NoAnswerError
from engine import nan_json
from engine.api.access_protocol import AccessReply
from engine.api.control_protocol import HEADER, Console
from engine.api.protocol import ErrorReply
from engine.errors import LinkError
from engine.text import clean

_T = TypeVar("_T")
_BY_WHOM = (18, 19, 20, 21)
"""OpenSSL's codes of a signature that is nobody's we know; others are of time and name."""

_NO_ANSWER = "NO_ANSWER"
"""A gateway's word that the engine did not answer it: what was asked may be done."""
RISK_S = 3.0
"""A person who halts must soon know whether it was heard."""


class Requests:
    """``console``: how this console names itself; None: it is none, as a test or a script."""

    def __init__(self, at: Path | EngineAt, console: Console | None = None) -> None:
        """``at``: the engine's Unix socket, or a gateway."""
        self._at = at_socket(at) if isinstance(at, Path) else at
        self._console = console
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):
                await self._session.close()
            self._session = None

    @property
    def console(self) -> Console | None:
        return self._console

    @property
    def token_reads(self) -> bool:
        """Whether what it asks with may only read."""
        return self._at.reads

    @property
    def _headers(self) -> dict[str, str]:
        console = self._console
        if console is None:
            return {"X-Tickdesk-Client": "console"}
        return {"X-Tickdesk-Client": f"console {console.place}", HEADER: console.text}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=self._at.connector(), headers=self._at.headers)
        return self._session

    async def access(self) -> AccessReply:
        """How the desk knows us, and what we may."""
        return await self._request("GET", "/v1/access", AccessReply)

    async def _request(
        self, method: str, path: str, reply: type[_T], body: Any = None, *, timeout_s: float = 10.0
    ) -> _T:
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._open().request(
                method,
                f"{self._at.url}{path}",
                data=data,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    refusal = msgspec.json.decode(content, type=ErrorReply)
                    if refusal.code == _NO_ANSWER:
                        raise NoAnswerError(refusal.error.partition(":")[0])
                    raise LinkError(refusal.error)
                return nan_json.decode(content, reply)
        except TimeoutError:
            raise NoAnswerError(f"the engine did not answer within {timeout_s:.0f} s") from None
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError, UnicodeError) as error:
            if nobody_listens(error):
                raise LinkError(f"{UNSENT}{self._at.nobody}") from None
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                raise LinkError(f"{UNSENT}{not_believed(error)}") from None
            if isinstance(error, aiohttp.ClientConnectorError):
                raise LinkError(f"{UNSENT}{clean(error.os_error, 80)}; try again") from None
            raise NoAnswerError(f"the line was cut before the answer ({clean(error, 60)})") from None


def quoted(name: str) -> str:
    """As one segment of a path, whatever it holds."""
    return quote(name, safe="")


def not_believed(error: aiohttp.ClientConnectorCertificateError) -> str:
    """Trying again cannot help."""
    found = error.certificate_error
    why = getattr(found, "verify_message", "") or found
    hint = ": --ca FILE names whose signature counts" if getattr(found, "verify_code", 0) in _BY_WHOM else ""
    return f"the certificate of {clean(error.host, 60)} is not believed ({clean(why, 80)}){hint}"


def nobody_listens(error: Exception) -> bool:
    """No socket, or the socket that a killed engine left behind."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return isinstance(cause, (FileNotFoundError, ConnectionRefusedError))
