"""Addresses of venues: checked before anything is opened, shown without what may be secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from engine.errors import ConfigError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_here(url: str) -> bool:
    """It is of this machine: no proxy that the environment names is asked for it."""
    return urlsplit(url).hostname in _LOOPBACK


def check_url(key: str, url: str, schemes: tuple[str, ...]) -> None:
    """Raises ConfigError, in words that do not repeat ``url``, when it is no base address of a venue.

    ``key`` is its place in the configuration; ``schemes`` are the allowed ones, the usual one last.
    """
    fault = _fault(url, schemes)
    if fault:
        raise ConfigError(
            f"{key} {fault}: write it as {schemes[-1]}://host or {schemes[-1]}://host:port/path"
        )


def place(url: str) -> str:
    """``host`` or ``host:port`` of a checked URL: what of it may be shown."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def without_password(url: str) -> str:
    """``url`` with *** for the password in it, wherever it stands: what of any URL may be shown."""
    head, found, query = url.partition("?")
    user, at, rest = head.rpartition("@")
    scheme, slashes, login = user.partition("://")
    if "@" in query:  # a password with a ? in it
        return f"{url.partition('://')[0]}://***"
    if at:
        name, colon, _ = login.partition(":")
        head = f"{scheme}{slashes}{name}:***@{rest}" if colon else f"{scheme}{slashes}***@{rest}"
    parts = [
        f"{part.partition('=')[0]}=***" if part.lower().startswith("password=") else part
        for part in query.split("&")
    ]
    return f"{head}{found}{'&'.join(parts)}"


def _fault(url: str, schemes: tuple[str, ...]) -> str:
    # urlsplit drops line ends and tabs without a word: look for them before.
    if any(char.isspace() or not char.isprintable() for char in url):
        return "holds a blank or a control character"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in schemes:
        return f"does not begin with {'://, '.join(schemes)}://"
    if not parts.hostname:
        return "names no host"
    if port == 0:
        return "names a port that is not between 1 and 65535"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, which would be shown"
    if parts.query or parts.fragment:
        return "holds a query or a fragment"
    return ""
