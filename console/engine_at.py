"""Where an engine is asked: its Unix socket on this machine, or a gateway's address with a token."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from engine.config.api import is_loopback
from engine.errors import ConfigError
from engine.private_file import read_private
from engine.text import clean

TOKEN = "TICKDESK_TOKEN"  # noqa: S105 - the name of a variable
MOST_TOKEN = 500
_REFUSED = {
    401: "the token is none, or expired: `tickdesk token add` makes one",
    403: "this token may not",
    421: "the gateway is not called so: see api.hosts",
    429: "too often: waiting",
    503: "the engine is away",
}


@dataclass(frozen=True)
class EngineAt:
    url: str
    """``http://engine`` of a Unix socket."""
    connector: Callable[[], aiohttp.BaseConnector]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of every request: the token."""
    remote: bool = False
    reads: bool = False
    """The token may only read."""

    @property
    def nobody(self) -> str:
        """That nobody listens there, and what to do."""
        if self.remote:
            return f"nobody listens at {self.url}"
        return "no engine runs, nothing trades; `tickdesk` starts it"

    def refused(self, status: int) -> str:
        """Why a stream is not opened."""
        return _REFUSED.get(status, f"refused with {status}")


def at_socket(path: Path) -> EngineAt:
    return EngineAt("http://engine", lambda: aiohttp.UnixConnector(str(path)))


def at_url(url: str, token: str, ca: Path | None = None) -> EngineAt:
    """``ca``: a file of certificates to believe in besides the system's. Raises ConfigError."""
    told = f"attach {clean(url, 80)}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = not (parts.username or parts.password or parts.query or parts.fragment) if host else False
    if not plain or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise ConfigError(f"{told}: write it as https://HOST:PORT, or http://127.0.0.1:PORT")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"{told}: only https beyond this machine, else the token can be read on the way")
    named = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{named}" + ("" if port is None else f":{port}")
    headers = {"Authorization": f"Bearer {token}"}
    if parts.scheme == "http":
        return EngineAt(base, aiohttp.TCPConnector, headers, remote=True)
    context = _context(ca)
    return EngineAt(base, lambda: aiohttp.TCPConnector(ssl=context), headers, remote=True)


def token_of(path: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """The token of a file of one's own, or of the environment; never of the command line, which others can
    see. Raises ConfigError."""
    text = environ.get(TOKEN, "") if path is None else read_private(path, "--token-file", MOST_TOKEN)
    token = text.strip()
    if not token:
        raise ConfigError(f"a desk elsewhere asks for a token: set {TOKEN}, or give --token-file FILE")
    if len(token) >= MOST_TOKEN or not all("!" <= character <= "~" for character in token):
        raise ConfigError("that is no token: visible ASCII characters, without blanks")
    return token


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if ca is not None:
            context.load_verify_locations(ca.expanduser())
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"--ca {clean(ca, 80)}: {clean(getattr(error, 'strerror', '') or error, 80)}"
        ) from None
    return context
