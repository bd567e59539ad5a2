"""Who may see the desk in a browser, and drive it: those who know the token, on a page of our own.

The token is no cookie: those go to every port of a machine, so that whatever else serves a page there would
be given it. The page keeps it for its tab, where only pages of our own scheme, name and port can read it,
and says it where it asks for a console. It is never part of an address that is requested, which histories,
logs and referrers keep. The Host stops a name of somebody else's that points at this machine (DNS
rebinding), the Origin a page of somebody else's: https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.errors import ConfigError
from engine.text import clean

LEAST_TOKEN, MOST_TOKEN = 32, 500
"""Characters of a token that a person gives."""
PROTOCOL = "tickdesk"
"""Of the WebSocket; beside it the page offers the token."""
_TOLD = "token."
_PRIVATE = 0o077
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")


class Address(NamedTuple):
    """What the browser calls us."""

    host: str
    """What we listen on."""
    port: int
    public: str = ""
    """``https://name`` where something in front passes requests on; "" where we are asked directly."""

    @property
    def hosts(self) -> frozenset[str]:
        """What a Host header may say; what is in front may name the port that browsers leave out."""
        found = {self.public} if self.public else set()
        if is_loopback(self.host):
            names = ("127.0.0.1", "localhost", "::1", self.host)
            found |= {f"http://{_authority('http', name, self.port)}" for name in names}
        parts = [urlsplit(each) for each in found]
        with_port = {f"{part.netloc}:{_PORTS[part.scheme]}" for part in parts if part.port is None}
        return frozenset(with_port | {part.netloc for part in parts})

    @property
    def origins(self) -> frozenset[str]:
        """What an Origin header may say."""
        return frozenset({self.public} if self.public else {f"http://{host}" for host in self.hosts})

    @property
    def url(self) -> str:
        """For a person to open."""
        return self.public or f"http://{_authority('http', self.host, self.port)}"


class Refused(Exception):
    """Why a request is not answered; for a person."""


class Gate:
    """Lets those in who know the token."""

    def __init__(self, address: Address, token: str) -> None:
        self.address = address
        self._told = told(token).encode()

    def check_address(self, headers: Mapping[str, str], *, must_say_origin: bool = False) -> None:
        """Raises Refused for a Host or Origin that is not ours."""
        if headers.get("Host", "").lower() not in self.address.hosts:
            raise Refused(f"the desk is not served by that name: open {self.address.url}")
        origin = headers.get("Origin")
        if (origin is None and must_say_origin) or (
            origin is not None and origin.lower() not in self.address.origins
        ):
            raise Refused("another page asks")

    def check_token(self, given: str) -> None:
        """``given``: as ``told`` writes it. Raises Refused."""
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._told):
            raise Refused("that is not the token of the `tickdesk serve` that runs now")

    def check_offer(self, headers: Mapping[str, str]) -> None:
        """Raises Refused where none of the protocols that a page offers tells the token."""
        offered = [each.strip() for each in headers.get("Sec-WebSocket-Protocol", "").split(",")]
        self.check_token(next((each for each in offered if each.startswith(_TOLD)), ""))


def told(token: str) -> str:
    """The token in letters that a protocol's name may have."""
    return _TOLD + base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()


def _authority(scheme: str, host: str, port: int | None) -> str:
    """As browsers say it: without the port that the scheme has anyway."""
    name = f"[{host}]" if ":" in host else host
    return name.lower() if port in (None, _PORTS[scheme]) else f"{name}:{port}".lower()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_public(text: str | None) -> str:
    """The public address, as a browser says it in an Origin; "" for none. Raises ConfigError."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        known = plain and port != 0 and parts.path in ("", "/") and parts.scheme in _PORTS and _is_name(host)
    except ValueError:
        known = False
    if not known:
        raise ConfigError(
            f"--public-url {clean(text, 80)}: write it as https://NAME, the name as in a certificate, no path"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            "--public-url: only https beyond this machine, else the token can be read on the way"
        )
    return f"{parts.scheme}://{_authority(parts.scheme, host, port)}"


def _is_name(host: str) -> bool:
    """A browser says any other name in another way: in punycode, say."""
    return bool(_NAME.fullmatch(host)) or (":" in host and str(ipaddress.IPv6Address(host)) == host)


def checked_token(host: str, public: str, path: Path | None) -> str:
    """The file's token, or one of our own where nobody else can reach us. Raises ConfigError."""
    if path is not None:
        return _read_token(path)
    if is_loopback(host):
        if public:
            raise ConfigError("--public-url: others can ask there: give --token-file FILE, with TLS in front")
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
