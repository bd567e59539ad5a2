"""Order updates that a broker sends by webhook: whoever the broker is, they are signed, recent and bounded.

The sender shares a secret with the desk and signs with HMAC-SHA256 (RFC 2104), in hex, bare or as
``sha256=...``, in ``X-Signature``: the raw body; or, where it sends ``X-Signature-Timestamp`` (seconds since
the epoch) too, that number, a full stop, and the body. What is told inside must be recent where no timestamp
is signed: that the gateway judges, which also takes each update once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Protocol

from engine.events import NS
from engine.execution.gateway import Report

SIGNATURE = "X-Signature"
TIMESTAMP = "X-Signature-Timestamp"
MAX_AGE_S = 300
"""An update told longer ago, or so far ahead, is refused: it may be a copy of an old one."""
MAX_BODY = 1 << 20
_LONGEST_S = 12
"""Digits of seconds."""


class WebhookRefused(Exception):
    """``status`` is the HTTP status to answer with."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class OrderWebhook(Protocol):
    """A gateway's."""

    def receive(self, headers: Mapping[str, str], body: bytes, now_ns: int) -> Sequence[Report]:
        """The reports that follow from a signed update; one that was taken before changes nothing.

        Raises WebhookRefused."""


def check_signature(
    secret: bytes, headers: Mapping[str, str], body: bytes, now_ns: int, *, variable: str
) -> bool:
    """Whether a recent time is signed, too. ``variable``: where the secret is set.

    Raises WebhookRefused.
    """
    if not secret:
        raise WebhookRefused(403, f"no webhook secret: set {variable}")
    if len(body) > MAX_BODY:
        raise WebhookRefused(413, "the body is too long")
    stamp = _header(headers, TIMESTAMP)
    signed = body if stamp is None else stamp.encode("utf-8", "replace") + b"." + body
    expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    given = (_header(headers, SIGNATURE) or "").strip().removeprefix("sha256=").lower()
    # Bytes, not text: compare_digest raises for text that is not ASCII.
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise WebhookRefused(401, "the signature is wrong")
    if stamp is None:
        return False
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= _LONGEST_S):
        raise WebhookRefused(400, f"{TIMESTAMP}: seconds since the epoch")
    check_age(int(stamp) * NS, now_ns)
    return True


def check_age(told_ns: int, now_ns: int) -> None:
    """Raises WebhookRefused for what was not told just now."""
    if abs(now_ns - told_ns) > MAX_AGE_S * NS:
        raise WebhookRefused(409, f"the update is not of the last {MAX_AGE_S} s")


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted.lower()), None)
