"""Where the server is: the URL read once, checked, and shown without its secrets."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import ConfigError
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT_S = 2.0
"""Of a connection that is opened, and of an answer."""


class Address(msgspec.Struct, frozen=True):
    """``redis://…``, ``rediss://…`` or ``unix://…``, taken apart."""

    url: str
    shown: str
    """What may be printed: no user, no password."""
    host: str
    port: int
    path: str
    """Of a Unix socket; "": TCP."""
    username: str
    password: str
    database: int
    tls: dict[str, Any] | None
    """redis-py's ``ssl_…`` options of the URL; None: plain."""

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    def context(self) -> ssl.SSLContext | None:
        """For TLS. Raises ConfigError for files that cannot be read."""
        if self.tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls.get("ssl_ca_certs"))
            if self.tls.get("ssl_certfile"):
                context.load_cert_chain(self.tls["ssl_certfile"], self.tls.get("ssl_keyfile"))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"bus.url: its certificate files cannot be used: {clean(error, 100)}") from None
        if str(self.tls.get("ssl_check_hostname", "true")).lower() in ("false", "0", "no"):
            context.check_hostname = False
        if self.tls.get("ssl_cert_reqs") in ("none", "CERT_NONE"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def address_of(url: str) -> Address:
    """Connects to nothing. Raises ConfigError without a URL or the library, or for a URL that is none."""
    if not url:
        raise ConfigError(
            "the bus needs a server: --bus redis://HOST:PORT/0, or bus.url in the configuration; one that "
            "`tickdesk up` runs of its own is at unix://STATE_DIR/workers/redis/redis.sock"
        )
    try:
        import hiredis
        from redis import ConnectionPool
    except ImportError:
        raise ConfigError("the bus needs the redis library: pip install 'tickdesk[redis]'") from None
    del hiredis
    try:
        found = ConnectionPool.from_url(url).connection_kwargs
        host, port = str(found.get("host", "localhost")), int(found.get("port", 6379))
        path, database = str(found.get("path", "")), int(found.get("db", 0) or 0)
    except (ValueError, TypeError):
        raise ConfigError(
            "bus.url is no address: write redis://host:port/0, rediss://… or unix:///path"
        ) from None
    name = f"[{host}]" if ":" in host else host
    tls = {key: value for key, value in found.items() if key.startswith("ssl_")}
    return Address(
        url=url,
        shown=clean(path or f"{name}:{port}", 120),
        host=host,
        port=port,
        path=path,
        username=str(found.get("username") or ""),
        password=str(found.get("password") or ""),
        database=database,
        tls=tls if url.startswith("rediss:") else None,
    )


def client(address: Address, name: str = "tickdesk") -> Redis:
    """The library's, for whatever is asked now and then: one try, bytes as they are."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        address.url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name=name,
        protocol=2,
    )
