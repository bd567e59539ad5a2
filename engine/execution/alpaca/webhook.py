"""Order updates by webhook: signed and recent; then the same way as those of the stream, each taken once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.errors import OrderError
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.wire import Frame, OrderRow, Update, decode, stamp_ns
from engine.execution.gateway import Report
from engine.execution.order_update import OrderUpdate, order_update
from engine.execution.webhook import WebhookRefused, check_age, check_signature

SECRET = "TICKDESK_ALPACA_WEBHOOK_SECRET"  # noqa: S105 - the variable's name

_WORDS = {
    "accepted": ("new", "new"),
    "canceled": ("canceled", "canceled"),
    "rejected": ("rejected", "rejected"),
    "expired": ("expired", "expired"),
}
"""Of Alpaca: an order's status, and the event."""


class Webhook:
    """``secret`` is shared with who sends the updates; without one all are refused."""

    def __init__(self, gateway: AlpacaGateway, secret: str) -> None:
        self._gateway = gateway
        self._secret = secret.encode()

    def receive(self, headers: Mapping[str, str], body: bytes, now_ns: int) -> list[Report]:
        """The reports that follow from a signed update. One that was taken before changes nothing.

        The body is an ``OrderUpdate``, or an update of Alpaca's, or a frame of its stream with one. Raises
        WebhookRefused.
        """
        timed = check_signature(self._secret, headers, body, now_ns, variable=SECRET)
        try:
            said = order_update(body)
            data = _data(body) if said is None else self._own(said)
            update = decode(data, Update)
        except OrderError as error:
            raise WebhookRefused(400, str(error)) from None
        told_ns = stamp_ns(update.at or update.timestamp, 0)
        if not update.event_id or not (told_ns or timed):
            raise WebhookRefused(400, "an update needs an event_id and a time")
        if told_ns and not timed:
            check_age(told_ns, now_ns)
        return self._gateway.update_data(data, now_ns)

    def _own(self, said: OrderUpdate) -> bytes:
        """As Alpaca would say it. Raises OrderError."""
        executed = said.execution
        whole = said.filled >= said.quantity
        status, event = _WORDS.get(
            said.event, ("filled", "fill") if whole else ("partially_filled", "partial_fill")
        )
        row = OrderRow(
            id=said.venue_order_id,
            symbol=self._gateway.name_of(said.symbol),
            status=status,
            side=said.side,
            client_order_id=said.order_id,
            qty=said.quantity,
            filled_qty=said.filled,
        )
        update = Update(event=event, order=row, event_id=said.update_id, at=said.at, timestamp=said.at)
        if executed is not None:
            update = msgspec.structs.replace(
                update, execution_id=executed.id, price=executed.price, qty=executed.quantity
            )
        return msgspec.json.encode(update)


def _data(body: bytes) -> bytes:
    """The update itself, out of its frame when it came in one."""
    try:
        frame = msgspec.json.decode(body, type=Frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return bytes(frame.data)
