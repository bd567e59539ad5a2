"""Updates of orders in the desk's own words, by webhook: exact, whole, and each taken once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import NS, Fill, OrderEvent, OrderState
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.alpaca.webhook import Webhook
from engine.execution.order_update import OrderUpdate, order_update
from engine.execution.webhook import SIGNATURE, WebhookRefused
from tests.execution.alpaca_desk import BTC, ask
from tests.execution.test_alpaca_webhook import NOW, SECRET, sign


def told(update_id: str = "u1", event: str = "accepted", **more: Any) -> bytes:
    at = datetime.fromtimestamp(NOW / NS, UTC).isoformat()
    known = {"update_id": update_id, "order_id": "td-1", "venue_order_id": "v-1", "event": event, "at": at}
    return json.dumps({**known, "symbol": BTC, "side": "buy", "quantity": "2", **more}).encode()


def filled(number: int, so_far: str) -> bytes:
    execution = {"id": f"x{number}", "quantity": "1", "price": "64000.5"}
    return told(f"f{number}", "filled", filled=so_far, execution=execution)


@pytest.fixture
def webhook() -> Webhook:
    gateway = AlpacaGateway({BTC: "BTC/USD"}, requests_per_min=200, settle_ns=NS)
    gateway.connected = True
    assert gateway.submit(ask(), NOW) == []
    return Webhook(gateway, SECRET)


def take(webhook: Webhook, body: bytes) -> list[Any]:
    return webhook.receive({SIGNATURE: sign(body)}, body, NOW)


def test_an_order_s_life_is_told_and_each_part_of_it_taken_once(webhook: Webhook) -> None:
    (accepted,) = take(webhook, told())
    assert isinstance(accepted, OrderEvent) and accepted.state is OrderState.ACCEPTED
    assert take(webhook, told()) == []
    for number, so_far in ((1, "1"), (2, "2")):
        reports = take(webhook, filled(number, so_far))
        (fill,) = [report for report in reports if isinstance(report, Fill)]
        assert (fill.quantity, fill.price) == (Decimal(1), Decimal("64000.5"))
        assert take(webhook, filled(number, so_far)) == []


@pytest.mark.parametrize("event", ["canceled", "rejected", "expired"])
def test_its_end_is_told(webhook: Webhook, event: str) -> None:
    if event != "rejected":
        take(webhook, told())
    reports = take(webhook, told("u2", event))
    assert [report.state.value for report in reports] == [event]


@pytest.mark.parametrize(
    "more",
    [
        {"symbol": "sim:NONE"},
        {"event": "lost"},
        {"quantity": "1e400"},
        {"quantity": "NaN"},
        {"filled": "sNaN"},
        {"quantity": "-1"},
        {"filled": "-1"},
        {"order_id": ""},
        {"update_id": "x" * 101},
        {"update_id": 7},
        {"unknown": 1},
        {"event": "filled"},
        {"execution": {"id": "x", "quantity": "1", "price": "2"}},
        {"at": "soon"},
    ],
)
def test_what_is_no_such_update_is_refused_and_changes_nothing(
    webhook: Webhook, more: dict[str, Any]
) -> None:
    with pytest.raises(WebhookRefused) as refused:
        take(webhook, told(**more))
    assert refused.value.status == 400
    assert len(take(webhook, told())) == 1


@pytest.mark.parametrize(
    "more",
    [
        {},  # filled: none, it says
        {"filled": "0.5"},
        {"filled": "NaN"},
        {"filled": "1", "execution": {"id": "", "quantity": "1", "price": "2"}},
        {"filled": "1", "execution": {"id": "x", "quantity": "-1", "price": "2"}},
        {"filled": "1", "execution": {"id": "x", "quantity": "NaN", "price": "2"}},
        {"filled": "1", "execution": {"id": "x", "quantity": "1", "price": "0"}},
    ],
)
def test_an_execution_that_would_not_be_booked_is_refused(webhook: Webhook, more: dict[str, Any]) -> None:
    known = {"execution": {"id": "x", "quantity": "1", "price": "64000.5"}}
    with pytest.raises(WebhookRefused) as refused:
        take(webhook, told("f1", "filled", **{**known, **more}))
    assert refused.value.status == 400
    assert any(isinstance(report, Fill) for report in take(webhook, filled(1, "1")))


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=9), st.text()).map(lambda d: json.dumps(d).encode())
)
def test_whatever_comes_is_an_update_or_none_or_refused_in_one_line(body: bytes) -> None:
    try:
        found = order_update(body)
    except OrderError as error:
        assert "\n" not in str(error)
    else:
        assert found is None or isinstance(found, OrderUpdate)
