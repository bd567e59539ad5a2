"""Requests to an engine, each answered or told apart: not done, or nobody knows."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import msgspec

from console.engine_at import EngineAt, at_socket
from console.link_protocol import UNSENT, NoAnswerError
from engine import nan_json
from engine.api.access_protocol import AccessReply
from engine.api.alert_protocol import AlertReply
from engine.api.control_protocol import HEADER, Console
from engine.api.protocol import ErrorReply, Reply
from engine.errors import LinkError
from engine.text import clean

_T = TypeVar("_T")
_Told = TypeVar("_Told", Reply, AlertReply)
_BY_WHOM = (18, 19, 20, 21)
"""OpenSSL's codes of a signature that is nobody's we know; others are of time and name."""

_NOBODY_KNOWS = 504
"""Of a gateway whose engine did not answer, of an engine whose disk did not: what was asked may be done."""
_NO_ANSWER = "NO_ANSWER"
"""The gateway's word of it."""
_KEY, _REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
_AT_WORK, _INTERRUPTED = "KEY_IN_USE", "KEY_INTERRUPTED"
"""The same command, sent under this key before: is being done; was when the engine ended."""
_JUDGED = (404, 409, 422)
"""Of an engine that has judged the command itself, or knows its key; others came before it was looked at."""
_UNTOLD = frozenset({"ControlError", "StoreError", _AT_WORK})
"""Among these, codes that tell nothing of the same command sent before."""
AGAIN_S = 600.0
"""What is asked for so long after the same was asked last is wanted anew."""
RISK_S = 3.0
"""A person who halts must soon know whether it was heard."""


class _AnsweredError(LinkError):
    """Refused, and by that what became of the command is known."""


class Requests:
    """``console``: how this console names itself; None: it is none, as a test or a script."""

    def __init__(self, at: Path | EngineAt, console: Console | None = None) -> None:
        """``at``: the engine's Unix socket, or a gateway."""
        self._at = at_socket(at) if isinstance(at, Path) else at
        self._console = console
        self._session: aiohttp.ClientSession | None = None
        self._unanswered: dict[tuple[str, str, bytes], tuple[str, float]] = {}
        """The keys of commands that nobody has answered, which may be done, and when each was asked last."""

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

    async def _once(
        self, method: str, path: str, reply: type[_Told], body: Any = None, *, timeout_s: float = 10.0
    ) -> _Told:
        """A command that does more when it is done twice: the same again, while nobody has answered, is done
        once, and says so."""
        data = b"" if body is None else msgspec.json.encode(body)
        asked, now_s = (method, path, data), time.monotonic()
        key, asked_s = self._unanswered.get(asked, ("", 0.0))
        if not key or now_s - asked_s > AGAIN_S:
            key = uuid4().hex
        self._unanswered[asked] = key, now_s
        try:
            content, replayed = await self._exchange(method, path, data, timeout_s, key)
        except _AnsweredError:
            self._unanswered.pop(asked, None)
            raise
        said = _decoded(content, reply)
        self._unanswered.pop(asked, None)
        if not replayed:
            return said
        return msgspec.structs.replace(said, text=f"not done again, the first was heard: {said.text}")

    async def _request(
        self, method: str, path: str, reply: type[_T], body: Any = None, *, timeout_s: float = 10.0
    ) -> _T:
        data = b"" if body is None else msgspec.json.encode(body)
        content, _ = await self._exchange(method, path, data, timeout_s)
        return _decoded(content, reply)

    async def _exchange(
        self, method: str, path: str, data: bytes, timeout_s: float, key: str = ""
    ) -> tuple[bytes, bool]:
        """What was answered, and whether it is an answer of before, told again."""
        headers = {**self._headers, _KEY: key} if key else self._headers
        try:
            async with self._open().request(
                method,
                f"{self._at.url}{path}",
                data=data or None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise _refused(answer.status, msgspec.json.decode(content, type=ErrorReply))
                return content, _REPLAYED in answer.headers
        except TimeoutError:
            raise NoAnswerError(f"the engine did not answer within {timeout_s:.0f} s") from None
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError, UnicodeError) as error:
            if nobody_listens(error):
                raise LinkError(f"{UNSENT}{self._at.nobody}") from None
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                raise LinkError(f"{UNSENT}{not_believed(error)}") from None
            if isinstance(error, aiohttp.ClientConnectorError):
                raise LinkError(f"{UNSENT}{clean(error.os_error, 80)}; try again") from None
            raise _cut(error) from None


def _decoded(content: bytes, reply: type[_T]) -> _T:
    try:
        return nan_json.decode(content, reply)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _cut(error) from None


def _refused(status: int, refusal: ErrorReply) -> LinkError:
    if refusal.code == _NO_ANSWER:
        return NoAnswerError(refusal.error.partition(":")[0])
    if status == _NOBODY_KNOWS:
        return NoAnswerError(f"the engine does not know ({refusal.error})")
    if refusal.code == _AT_WORK:
        return NoAnswerError("the engine is still at the first one")
    if refusal.code == _INTERRUPTED:
        return _AnsweredError(
            "the engine ended while it was at this: look at what was done, then ask for the rest"
        )
    answered = status in _JUDGED and refusal.code not in _UNTOLD
    return (_AnsweredError if answered else LinkError)(refusal.error)


def _cut(error: Exception) -> NoAnswerError:
    return NoAnswerError(f"the line was cut before the answer ({clean(error, 60)})")


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
