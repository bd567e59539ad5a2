"""One request to a running engine, for commands that ask once and end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from engine import nan_json
from engine.api.address import check, socket_path
from engine.api.protocol import ErrorReply
from engine.errors import LinkError, NoEngineError, RefusedError
from engine.store.lock import holder

_T = TypeVar("_T")
KEY = "Idempotency-Key"


def no_engine(state_dir: Path) -> NoEngineError:
    """None is there, or one that cannot be reached: it may have to compile first."""
    try:
        pid = holder(state_dir)
    except OSError:
        pid = None
    if pid is not None:
        return NoEngineError(
            f"the engine for {state_dir} (pid {pid}) does not answer: it starts, or ends; try again soon"
        )
    return NoEngineError(f"no engine runs for {state_dir}: start one with `tickdesk` or `tickdesk --no-ui`")


def none_to_watch(state_dir: Path) -> NoEngineError:
    return NoEngineError(
        f"no engine runs for {state_dir}, and a read-only console starts none: `tickdesk --no-ui` does"
    )


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def ask(
    state_dir: Path,
    method: str,
    path: str,
    reply: type[_T],
    *,
    body: bytes | None = None,
    key: str = "",
    client: str = "command line",
    timeout_s: float = 10.0,
) -> _T:
    """Send one request (``body``: JSON; ``key``: its Idempotency-Key, "" for none; ``client``: who asks, for
    the audit log) and decode the reply.

    Raises LinkError, one line: RefusedError when an engine answers and does not do it.
    """
    return asyncio.run(_ask(state_dir, method, path, reply, body, key, client, timeout_s))


@contextmanager
def done_once(look: str) -> Iterator[None]:
    """Around what does more when it is done twice: where nobody knows whether it was, say what to ``look`` at
    before it is asked for again."""
    try:
        yield
    except (RefusedError, NoEngineError):
        raise
    except LinkError as error:
        raise LinkError(
            f"{error}; it may be done: look at `tickdesk {look}` before it is done again"
        ) from None


async def _ask(
    state_dir: Path,
    method: str,
    path: str,
    reply: type[_T],
    body: bytes | None,
    key: str,
    client: str,
    timeout_s: float,
) -> _T:
    socket = socket_path(state_dir)
    if not socket.exists():
        raise no_engine(state_dir)
    check(socket)
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)), timeout=timeout) as session,
            session.request(
                method,
                URL(f"http://engine{path}", encoded=True),
                data=body,
                headers={"X-Tickdesk-Client": client} | ({KEY: key} if key else {}),
            ) as answer,
        ):
            found = await answer.read()
            if answer.status >= 400:
                refusal = msgspec.json.decode(found, type=ErrorReply)
                raise RefusedError(refusal.error, refusal.code)
            return nan_json.decode(found, reply)
    except (aiohttp.ClientConnectorError, FileNotFoundError):
        raise no_engine(state_dir) from None
    except (
        ConnectionError,
        aiohttp.ClientOSError,
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientPayloadError,
    ):
        raise LinkError(f"the engine for {state_dir} hung up before it answered") from None
    except TimeoutError:
        raise LinkError(f"the engine for {state_dir} does not answer within {timeout_s:.0f} s") from None
    except (aiohttp.ClientError, msgspec.MsgspecError) as error:
        raise LinkError(f"the engine's answer is not understood ({error}): versions may differ") from None
