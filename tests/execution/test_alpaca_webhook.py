"""Updates by webhook: what is not signed, not recent or not readable changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.events import NS, OrderState
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.webhook import Webhook
from engine.execution.webhook import MAX_BODY, SIGNATURE, TIMESTAMP, WebhookRefused
from tests.execution.alpaca_desk import BTC, ask
from tests.execution.alpaca_server import AlpacaServer

SECRET = "shared-with-the-sender"
NOW = 1_790_000_000 * NS


@pytest.fixture
def gateway() -> AlpacaGateway:
    made = AlpacaGateway({BTC: "BTC/USD"}, requests_per_min=200, settle_ns=NS)
    made.connected = True
    assert made.submit(ask(), NOW) == []
    return made


def update(age_s: float = 0.0, **changes: Any) -> bytes:
    server = AlpacaServer()
    told: list[dict[str, Any]] = []
    server.send = told.append  # type: ignore[method-assign]
    form = {"symbol": "BTC/USD", "qty": "2", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    server._accept({**form, "client_order_id": "td-1"})
    at = datetime.fromtimestamp(NOW / NS - age_s, UTC).isoformat()
    return json.dumps({**told[1], "at": at, **changes}).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("prefix", ["", "sha256="])
@pytest.mark.parametrize("header", [SIGNATURE, SIGNATURE.lower()])
def test_a_signed_update_goes_the_way_of_the_stream(gateway: AlpacaGateway, prefix: str, header: str) -> None:
    body = update()
    webhook = Webhook(gateway, SECRET)
    (report,) = webhook.receive({header: prefix + sign(body)}, body, NOW)
    assert report.state is OrderState.ACCEPTED  # type: ignore[union-attr]
    assert webhook.receive({header: prefix + sign(body)}, body, NOW) == [], "a repetition changes nothing"


def test_a_frame_of_the_stream_is_taken_too_and_once_over_both_ways(gateway: AlpacaGateway) -> None:
    body = b'{"stream":"trade_updates","data":' + update() + b"}"
    webhook = Webhook(gateway, SECRET)
    assert len(webhook.receive({SIGNATURE: sign(body)}, body, NOW)) == 1
    assert gateway.update(body, NOW) == []


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "0" * 64, sign(update(), "another"), sign(b"another body"), "é", "\udc80", "A" * 10_000],
)
def test_a_wrong_signature_is_refused(gateway: AlpacaGateway, signature: str) -> None:
    with pytest.raises(WebhookRefused) as refused:
        Webhook(gateway, SECRET).receive({SIGNATURE: signature}, update(), NOW)
    assert refused.value.status == 401 and SECRET not in str(refused.value)
    with pytest.raises(WebhookRefused):
        Webhook(gateway, SECRET).receive({}, update(), NOW)


def test_every_changed_byte_breaks_the_signature(gateway: AlpacaGateway) -> None:
    body = update()
    signature = sign(body)
    for at in range(0, len(body), 37):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(WebhookRefused) as refused:
            Webhook(gateway, SECRET).receive({SIGNATURE: signature}, changed, NOW)
        assert refused.value.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"\xff\x00", 400),
        (update(event_id=None), 400),
        (update(at=None, timestamp=None), 400),
        (update(301), 409),
        (update(-301), 409),
        (b" " * (MAX_BODY + 1), 413),
    ],
)
def test_what_is_signed_but_no_recent_update_is_refused(
    gateway: AlpacaGateway, body: bytes, status: int
) -> None:
    with pytest.raises(WebhookRefused) as refused:
        Webhook(gateway, SECRET).receive({SIGNATURE: sign(body)}, body, NOW)
    assert refused.value.status == status


def test_without_a_secret_everything_is_refused(gateway: AlpacaGateway) -> None:
    body = update()
    with pytest.raises(WebhookRefused) as refused:
        Webhook(gateway, "").receive({SIGNATURE: sign(body, "")}, body, NOW)
    assert refused.value.status == 403 and "TICKDESK_ALPACA_WEBHOOK_SECRET" in str(refused.value)


def test_a_signed_time_stands_for_the_update_s_own(gateway: AlpacaGateway) -> None:
    webhook, body = Webhook(gateway, SECRET), update(9_000)
    stamp = str(NOW // NS)
    headers = {TIMESTAMP: stamp, SIGNATURE: sign(stamp.encode() + b"." + body)}
    for wrong, status in (
        ({**headers, TIMESTAMP: str(int(stamp) + 1)}, 401),
        ({SIGNATURE: headers[SIGNATURE]}, 401),
        ({TIMESTAMP: "x", SIGNATURE: sign(b"x." + body)}, 400),
        (_signed(body, int(stamp) - 301), 409),
        (_signed(body, int(stamp) + 301), 409),
    ):
        with pytest.raises(WebhookRefused) as refused:
            webhook.receive(wrong, body, NOW)
        assert refused.value.status == status
    assert len(webhook.receive(headers, body, NOW)) == 1


def _signed(body: bytes, stamp: int) -> dict[str, str]:
    return {TIMESTAMP: str(stamp), SIGNATURE: sign(f"{stamp}.".encode() + body)}
