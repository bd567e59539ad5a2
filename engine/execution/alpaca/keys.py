"""The account's keys and where they may be sent: never shown, never to a live host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from engine.alpaca_keys import KEY, LONGEST, SECRET, Keys, keys_of
from engine.errors import ConfigError
from engine.private_file import read_private

PAPER_HOST = "paper-api.alpaca.markets"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def load_keys(environ: Mapping[str, str], key_file: str) -> Keys:
    """From the environment, else from ``key_file``: two lines, readable by its owner only.

    Raises ConfigError.
    """
    keys = keys_of(environ)
    if keys is not None:
        return keys
    if not key_file:
        raise ConfigError(f"brokers.alpaca needs keys: set {KEY} and {SECRET}, or brokers.alpaca.key_file")
    lines = read_private(Path(key_file), "brokers.alpaca.key_file", 4 * LONGEST).split()
    if len(lines) != 2:
        raise ConfigError("brokers.alpaca.key_file must hold two lines: the key and the secret")
    return Keys(*lines)


def check_host(key: str, url: str, scheme: str) -> None:
    """Raises ConfigError unless ``url`` is Alpaca's paper host, encrypted, or this machine.

    ``scheme``: ``http`` or ``ws``, without its s.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        raise ConfigError(f"{key} is no address") from None
    if host in _LOOPBACK and parts.scheme in (scheme, f"{scheme}s"):
        return
    if host != PAPER_HOST:
        raise ConfigError(f"{key}: only Alpaca's paper trading is supported, at {scheme}s://{PAPER_HOST}")
    if parts.scheme != f"{scheme}s" or port not in (None, 443):
        raise ConfigError(f"{key}: keys are sent over {scheme}s://{PAPER_HOST} only")


def stream_of(rest_url: str) -> str:
    """Where the stream of a REST address is."""
    return "ws" + rest_url.removeprefix("http").rstrip("/") + "/stream"
