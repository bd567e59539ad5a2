"""Who may see the desk in a browser, and drive it: those who know the token, on a page of our own.

A page of somebody else, open in the same browser, must get nowhere: it does not know the token, its cookie is
not sent (SameSite=Strict), and where it would be (another port of the same machine is the same site) the
Origin of its requests is not ours. A name of its own that it points at this machine (DNS rebinding) fails at
the Host. See https://datatracker.ietf.org/doc/html/rfc6455#section-10.2 for the Origin of WebSockets.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.errors import ConfigError
from engine.text import clean

LEAST_TOKEN, MOST_TOKEN = 32, 500
"""Characters of a token that a person gives."""
_PRIVATE = 0o077


class Address(NamedTuple):
    """What the browser calls us."""

    host: str
    """What we listen on."""
    port: int
    public: str = ""
    """``https://name`` where something in front passes requests on; "" where we are asked directly."""

    @property
    def hosts(self) -> frozenset[str]:
        """What a Host header may say."""
        direct = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        if is_loopback(self.host):
            own = f"[{self.host}]" if ":" in self.host else self.host
            direct.add(f"{own}:{self.port}")
        else:
            direct = set()
        return frozenset(direct | ({urlsplit(self.public).netloc.lower()} if self.public else set()))

    @property
    def origins(self) -> frozenset[str]:
        """What an Origin header may say."""
        if self.public:
            parts = urlsplit(self.public)
            return frozenset({f"{parts.scheme}://{parts.netloc}".lower()})
        return frozenset(f"http://{host}" for host in self.hosts)

    @property
    def url(self) -> str:
        """For a person to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public.rstrip("/") if self.public else f"http://{host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        return self.public.startswith("https://")


class Refused(Exception):
    """Why a request is not answered; for a person."""


class Gate:
    """Lets those in who know the token; gives them a cookie that is not the token."""

    def __init__(self, address: Address, token: str) -> None:
        self.address = address
        self._token = token.encode()
        self.cookie_name = f"tickdesk-{address.port}"
        self._cookie = hmac.new(self._token, b"tickdesk cookie", hashlib.sha256).hexdigest()

    def check_address(self, headers: Mapping[str, str], *, must_say_origin: bool = False) -> None:
        """Raises Refused for a Host or Origin that is not ours."""
        if headers.get("Host", "").lower() not in self.address.hosts:
            raise Refused(f"the desk is not served by that name: open {self.address.url}")
        origin = headers.get("Origin")
        if (origin is None and must_say_origin) or (
            origin is not None and origin.lower() not in self.address.origins
        ):
            raise Refused("another page asks")

    def knows_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def check_cookie(self, headers: Mapping[str, str]) -> None:
        """Raises Refused without the cookie that the token was exchanged for."""
        try:
            found = SimpleCookie(headers.get("Cookie", "")[:4096]).get(self.cookie_name)
        except CookieError:
            found = None
        if found is None or not hmac.compare_digest(found.value.encode(), self._cookie.encode()):
            raise Refused("open the address with the token that `tickdesk serve` was started with")

    @property
    def set_cookie(self) -> str:
        """Read by no script, sent to us alone, forgotten with the browser."""
        secure = "; Secure" if self.address.is_secure else ""
        return f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_public(text: str | None) -> str:
    """The public address; "" for none. Raises ConfigError."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        known = parts.port != 0 and parts.hostname and not parts.username
    except ValueError:
        known = None
    if not known or parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.query:
        raise ConfigError(f"--public-url {clean(text, 80)}: write it as https://NAME, without a path")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            "--public-url: only https beyond this machine, else the token can be read on the way"
        )
    return f"{parts.scheme}://{parts.netloc}"


def checked_token(host: str, public: str, path: Path | None) -> str:
    """The file's token, or one of our own where nobody else can reach us. Raises ConfigError."""
    if path is not None:
        return _read_token(path)
    if is_loopback(host) and not public:
        return secrets.token_urlsafe(32)
    raise ConfigError(
        f"--host {clean(host, 60)} is beyond this machine: give --token-file FILE and --public-url https://NAME,"
        " and put a server with TLS in front; nothing is encrypted here"
    )


def check_reach(host: str, public: str) -> None:
    """Raises ConfigError for an address beyond this machine without TLS in front."""
    if not is_loopback(host) and not public:
        raise ConfigError(
            f"--host {clean(host, 60)} is beyond this machine: put a server with TLS in front, and say with"
            " --public-url https://NAME what it is called; nothing is encrypted here"
        )


def _read_token(path: Path) -> str:
    told = f"--token-file {clean(path, 80)}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            data = file.read(MOST_TOKEN + 2)
    except OSError as error:
        raise ConfigError(f"{told}: {error.strerror}") from None
    if not stat.S_ISREG(mode) or mode & _PRIVATE:
        raise ConfigError(f"{told}: other users can read it: chmod 600")
    token = data.strip().decode("ascii", "replace")
    if not LEAST_TOKEN <= len(token) <= MOST_TOKEN:
        raise ConfigError(
            f"{told}: a token has {LEAST_TOKEN} to {MOST_TOKEN} characters: openssl rand -hex 32"
        )
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError(f"{told}: a token is made of visible ASCII characters, without blanks")
    return token
