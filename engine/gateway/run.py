"""The gateway as a process: it listens, follows the engine, and takes new certificates as they come."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.api.address import socket_path
from engine.api.table import TABLE
from engine.config.api import ApiConfig, Listen, is_loopback, listen_at
from engine.errors import ConfigError
from engine.gateway.accepting import Accepting
from engine.gateway.open_files import allow
from engine.gateway.server import Gateway
from engine.gateway.tls import Certificate
from engine.gateway.tokens import Tokens
from engine.gateway.upstream import Upstream
from engine.text import clean

log = logging.getLogger("engine.gateway")

BACKLOG = 256
CERTIFICATE_S = 5.0
"""How soon new certificate files are taken."""
END_S = 0.5
"""How long requests that are being answered have at the end."""


class NoTokenError(ConfigError):
    """Nobody could ask: nothing listens."""


@dataclass(frozen=True)
class Opened:
    """A gateway that listens."""

    gateway: Gateway
    address: str
    """``http://127.0.0.1:8780``."""
    certificate: Certificate | None
    ended: asyncio.Event
    """Set when it is to end, and when a part of it has ended by itself."""


async def serve(api: ApiConfig, state_dir: Path, ready: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; SIGHUP: the certificate's files are read again. ``ready`` is told the address.

    Raises ConfigError or TokenError, one line, where it may not or cannot listen.
    """
    allow(api.max_connections)
    async with opened(api, state_dir, socket_path(state_dir)) as one:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, one.ended.set)
        loop.add_signal_handler(signal.SIGHUP, _read_again, one.certificate)
        log.info("listening", extra={"fields": {"address": one.address}})
        ready(one.address)
        await one.ended.wait()
    log.info("stopped")


@asynccontextmanager
async def opened(api: ApiConfig, state_dir: Path, engine: Path) -> AsyncIterator[Opened]:
    """A gateway of the engine at the socket ``engine``, with the tokens of ``state_dir``.

    Raises ConfigError or TokenError, one line, where it may not or cannot listen.
    """
    where, tokens = listen_at(api.listen), Tokens(state_dir)
    if not tokens.usable(time.time_ns()):
        raise NoTokenError("nobody has a token, so nothing listens: `tickdesk token add NAME --role trade`")
    certificate = Certificate(Path(api.tls_cert), Path(api.tls_key)) if api.tls_cert else None
    listening = listen(where)
    address = f"{'https' if certificate else 'http'}://{_named(where.host, listening)}"
    gateway = Gateway(api, tokens, engine, TABLE, clock_s=time.monotonic, clock_ns=time.time_ns)
    context = None if certificate is None else certificate.context
    accepting = Accepting(listening, gateway.listener, context, api.max_connections)
    ended = asyncio.Event()
    beside = [
        asyncio.create_task(accepting.run()),
        asyncio.create_task(Upstream(engine, gateway.streams).run()),
        asyncio.create_task(gateway.streams.sweep()),
    ]
    if certificate is not None:
        beside.append(asyncio.create_task(_follow(certificate)))
    for task in beside:
        task.add_done_callback(lambda done: ended.set())
    try:
        yield Opened(gateway, address, certificate, ended)
    finally:
        await _end(gateway, beside)


def _read_again(certificate: Certificate | None) -> None:
    if certificate is not None:
        certificate.follow()


async def _end(gateway: Gateway, beside: list[asyncio.Task[None]]) -> None:
    for task in beside:
        task.cancel()
    ended = await asyncio.gather(*beside, return_exceptions=True)
    gateway.listener.pre_shutdown()
    await gateway.close()
    await gateway.listener.shutdown(END_S)
    for result in ended:
        if isinstance(result, Exception):  # our own bug: half a gateway is worse than none
            raise result


async def _follow(certificate: Certificate) -> None:
    while True:
        await asyncio.sleep(CERTIFICATE_S)
        certificate.follow()


def listen(where: Listen) -> socket.socket:
    """A socket that listens there. Raises ConfigError."""
    told = f"api.listen {clean(where.host, 60)}, port {where.port}"
    try:
        kind, *_, address = socket.getaddrinfo(
            where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=kind, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = clean(getattr(error, "strerror", "") or error, 80)
        raise ConfigError(f"cannot listen at {told}: {reason}; choose another") from None
    if where.loopback and not is_loopback(listening.getsockname()[0]):
        listening.close()
        raise ConfigError(f"{told}: that name is not this machine's own here; say 127.0.0.1")
    return listening


def _named(host: str, listening: socket.socket) -> str:
    return f"{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
