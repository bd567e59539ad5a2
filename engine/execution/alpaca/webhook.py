"""Order updates by webhook: signed and recent; then the same way as those of the stream, each taken once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from engine.errors import OrderError
from engine.events import NS
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.wire import Frame, Update, decode, stamp_ns
from engine.execution.gateway import Report

SECRET = "TICKDESK_ALPACA_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
SIGNATURE = "X-Signature"
MAX_AGE_S = 300
"""An update told longer ago, or so far ahead, is refused: it may be a copy of an old one."""
MAX_BODY = 1 << 20


class WebhookRefused(Exception):
    """``status`` is the HTTP status to answer with."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Webhook:
    """``secret`` is shared with who sends the updates; without one all are refused."""

    def __init__(self, gateway: AlpacaGateway, secret: str) -> None:
        self._gateway = gateway
        self._secret = secret.encode()

    def receive(self, headers: Mapping[str, str], body: bytes, now_ns: int) -> list[Report]:
        """The reports that follow from a signed update. One that was taken before changes nothing.

        ``X-Signature`` holds the HMAC-SHA256 of the raw body in hex, bare or as ``sha256=...``. The body is
        an update, or a frame of the stream with one. Raises WebhookRefused.
        """
        self._check_signature(headers, body)
        try:
            data = _data(body)
            update = decode(data, Update)
        except OrderError as error:
            raise WebhookRefused(400, str(error)) from None
        told_ns = stamp_ns(update.at or update.timestamp, 0)
        if not update.event_id or not told_ns:
            raise WebhookRefused(400, "an update needs an event_id and a time")
        if abs(now_ns - told_ns) > MAX_AGE_S * NS:
            raise WebhookRefused(409, f"the update is not of the last {MAX_AGE_S} s")
        return self._gateway.update_data(data, now_ns)

    def _check_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        if not self._secret:
            raise WebhookRefused(403, f"no webhook secret: set {SECRET}")
        if len(body) > MAX_BODY:
            raise WebhookRefused(413, "the body is too long")
        told = next((value for name, value in headers.items() if name.lower() == SIGNATURE.lower()), "")
        expected = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        given = told.strip().removeprefix("sha256=").lower()
        # Bytes, not text: compare_digest raises for text that is not ASCII.
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise WebhookRefused(401, "the signature is wrong")


def _data(body: bytes) -> bytes:
    """The update itself, out of its frame when it came in one."""
    try:
        frame = msgspec.json.decode(body, type=Frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return bytes(frame.data)
