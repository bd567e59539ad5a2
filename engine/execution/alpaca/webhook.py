"""Order updates by webhook: signed and recent; then the same way as those of the stream, each taken once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.errors import OrderError
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.wire import Frame, Update, decode, stamp_ns
from engine.execution.gateway import Report
from engine.execution.webhook import WebhookRefused, check_age, check_signature

SECRET = "TICKDESK_ALPACA_WEBHOOK_SECRET"  # noqa: S105 - the variable's name


class Webhook:
    """``secret`` is shared with who sends the updates; without one all are refused."""

    def __init__(self, gateway: AlpacaGateway, secret: str) -> None:
        self._gateway = gateway
        self._secret = secret.encode()

    def receive(self, headers: Mapping[str, str], body: bytes, now_ns: int) -> list[Report]:
        """The reports that follow from a signed update. One that was taken before changes nothing.

        The body is an update, or a frame of the stream with one. Raises WebhookRefused.
        """
        timed = check_signature(self._secret, headers, body, now_ns, variable=SECRET)
        try:
            data = _data(body)
            update = decode(data, Update)
        except OrderError as error:
            raise WebhookRefused(400, str(error)) from None
        told_ns = stamp_ns(update.at or update.timestamp, 0)
        if not update.event_id or not (told_ns or timed):
            raise WebhookRefused(400, "an update needs an event_id and a time")
        if told_ns and not timed:
            check_age(told_ns, now_ns)
        return self._gateway.update_data(data, now_ns)


def _data(body: bytes) -> bytes:
    """The update itself, out of its frame when it came in one."""
    try:
        frame = msgspec.json.decode(body, type=Frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return bytes(frame.data)
