"""TLS by certificate files, which are read again when they change: new connections get the new ones."""

from __future__ import annotations

import logging
import math
import os
import ssl
import time
from asyncio import sslproto
from pathlib import Path

from engine.errors import ConfigError
from engine.gateway.certificate_end import ends_s
from engine.text import clean

log = logging.getLogger("engine.gateway")

_OTHERS = 0o007
SOON_S = 14 * 86_400.0
"""So long before its end a certificate is told of."""
_BUFFER = 16 * 1024
"""Bytes: a record of TLS has no more."""


class Certificate:
    """``cert`` and ``key``: PEM files. Raises ConfigError where they cannot be used."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert.expanduser(), key.expanduser()
        self.ends_s = math.inf
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        _keep_small_buffers()
        self._stamp = self._look()
        self._load(self.context)
        self._said = ""

    def ending(self, now_s: float) -> str:
        """That it has ended, or soon will, one line; "": it is good for longer."""
        if now_s < self.ends_s - SOON_S:
            return ""
        day = time.strftime("%Y-%m-%d", time.gmtime(self.ends_s))
        if now_s < self.ends_s:
            return f"the certificate is good until {day} only"
        return f"the certificate ended on {day}: whoever looks at it hangs up"

    def follow(self) -> bool:
        """Take files that changed; whether they were. Those that cannot be used are told, and the ones before
        stay. An end that is near is told, too."""
        said = self.ending(time.time())
        if said and said != self._said:
            log.warning("%s", said)
        self._said = said
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            # First into one that nobody uses: half of a new pair must not take the place of the old one.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except ConfigError as error:
            log.error("the certificate stays the one before: %s", error)
            return False
        log.info("new certificate")
        return True

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # A password is asked for on the terminal otherwise, where nobody may sit.
            context.load_cert_chain(self._cert, self._key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise ConfigError(
                f"api.tls_cert and api.tls_key cannot be used ({clean(reason, 80)}): PEM, the key of that"
                " certificate, without a password"
            ) from None
        try:
            self.ends_s = ends_s(self._cert.read_text("ascii", "replace"))
        except (ValueError, OSError):  # it is served all the same
            self.ends_s = math.inf

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [os.stat(path) for path in (self._cert, self._key)]  # noqa: PTH116 - of two paths alike
        except OSError as error:
            raise ConfigError(f"api.tls_cert or api.tls_key cannot be read: {error.strerror}") from None
        if found[1].st_mode & _OTHERS:
            raise ConfigError("api.tls_key can be read by others: chmod 600")
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _keep_small_buffers() -> None:
    """asyncio holds 256 KB for each connection with TLS from its first byte on, idle ones too: 1,000 of them
    would take a quarter of a gigabyte."""
    sslproto.SSLProtocol.max_size = _BUFFER
