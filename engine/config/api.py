"""``[api]``: the desk on TCP, for other programs and for consoles elsewhere. Off unless ``listen`` is set."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, NamedTuple

from msgspec import Meta

from engine.config.values import Section
from engine.errors import ConfigError
from engine.text import clean

PerSecond = Annotated[float, Meta(ge=0.1, le=100_000)]
Many = Annotated[int, Meta(ge=1, le=100_000)]
Patience = Annotated[float, Meta(ge=0.1, le=3600)]
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")


class ApiConfig(Section, frozen=True):
    listen: str = ""
    """``127.0.0.1:8780``, ``[::1]:8780``; "": no TCP at all."""
    tls_cert: str = ""
    """File with the certificate and what stands above it, PEM. Read again when it changes."""
    tls_key: str = ""
    """File with its private key, PEM, readable by its owner (and group) alone."""
    tls_proxy: bool = False
    """A server with TLS stands in front: plain TCP beyond this machine is then not refused, and who asks is
    what it says last in ``X-Forwarded-For``."""
    hosts: tuple[str, ...] = ()
    """Names that a ``Host`` header may say besides the loopback's own: where we listen there, no others are
    answered. Empty beyond this machine: any."""
    origins: tuple[str, ...] = ()
    """``https://name`` of pages whose browsers may open a stream; none by default."""
    max_connections: Many = 1_500
    max_address_connections: Many = 1_200
    """Of one address."""
    max_token_connections: Many = 512
    """Of one token, streams among them."""
    max_consoles: Annotated[int, Meta(ge=0, le=64)] = 8
    """Streams that the engine serves itself: consoles, and clients that watch one symbol's market. Where
    there are so many, one of a token that only reads makes room for one of a token that may trade."""
    reads_per_s: PerSecond = 500.0
    """Of one token; in a burst two seconds' worth."""
    history_per_s: PerSecond = 10.0
    """The same for what is read from disk, or takes long to compute."""
    commands_per_s: PerSecond = 20.0
    """The same for what changes something."""
    address_per_s: PerSecond = 2_000.0
    """Requests of any kind of one address; what makes the desk safer goes beyond it."""
    failures_per_minute: PerSecond = 20.0
    """Requests of one address without a token that is right."""
    header_s: Patience = 10.0
    """How long a connection may ask for nothing, and how long the head of a request may take."""
    body_s: Patience = 10.0
    answer_s: Patience = 60.0
    """How long a client may take to receive an answer, and the engine to give one."""
    slow_s: Patience = 10.0
    """A client of the stream that takes nothing for so long is told, and dropped."""


class Listen(NamedTuple):
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen_at(text: str) -> Listen:
    """``HOST:PORT``; an IPv6 address stands in brackets, port 0 is a free one. Raises ConfigError."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    known = bool(colon) and port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65_535
    try:
        address = ipaddress.ip_address(bare)
        known &= (address.version == 6) == (bare != host)
    except ValueError:
        known &= bool(_NAME.fullmatch(host.lower()))
    if not known:
        raise ConfigError(
            f'configuration: api.listen "{clean(text, 60)}": write it as 127.0.0.1:8780 or [::1]:8780'
        )
    return Listen(bare, int(port))


def check_api(api: ApiConfig) -> None:
    """Raises ConfigError for what would let others listen in, or is no address."""
    for name in api.hosts:
        if not _NAME.fullmatch(name.lower()):
            raise ConfigError(f'configuration: api.hosts: "{clean(name, 60)}" is no name: no port, no scheme')
    for origin in api.origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(f'configuration: api.origins: "{clean(origin, 60)}": write it as https://NAME')
    if not api.listen:
        return
    if bool(api.tls_cert) != bool(api.tls_key):
        raise ConfigError("configuration: api.tls_cert and api.tls_key go together: give both files")
    if not (listen_at(api.listen).loopback or api.tls_cert or api.tls_proxy):
        raise ConfigError(
            f"configuration: api.listen {clean(api.listen, 60)} is beyond this machine, where tokens could be"
            " read on the way: give api.tls_cert and api.tls_key, or say api.tls_proxy = true where a server"
            " with TLS stands in front"
        )
