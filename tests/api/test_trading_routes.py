"""Orders, limits and the account over the link: typed, bounded, one-line errors."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.page import Page
from engine.api.protocol import ErrorReply, Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    ListPreview,
    OrderList,
    OrderPreview,
    OrderReply,
    OrderTicket,
    ReconciliationRow,
    TargetsDetail,
)
from engine.wiring.daily_orders import UNKNOWN_SYMBOL
from tests.api import fake_trading as fake
from tests.api.conftest import Serve

decode = msgspec.json.decode
WHO = {"X-Tickdesk-Client": "test"}
TICKET = OrderTicket(symbol="sim:BTC-USD", side="buy", type="limit", quantity="0.5", price="64000", token="t")


async def test_tickets_are_placed_previewed_and_listed(serve: Serve) -> None:
    async with serve() as served:
        body = msgspec.json.encode(TICKET)
        status, answer = await served.request("POST", "/v1/orders", body, **WHO)
        assert (status, decode(answer, type=OrderReply).ids) == (200, ("td-1",))
        status, answer = await served.request("POST", "/v1/orders/preview", body, **WHO)
        assert status == 200 and decode(answer, type=OrderPreview).approved
        status, answer = await served.request("GET", "/v1/orders?symbol=kraken:BTC%2FUSD&state=open&limit=7")
        assert (status, decode(answer, type=Page[OrderRow])) == (200, Page((fake.ROW,), None))
        await served.request("GET", "/v1/orders")
        assert served.desk.asked == [
            ("place", TICKET, "test"),
            ("preview", TICKET, "test"),
            ("orders", "kraken:BTC/USD", "open", 7),
            ("orders", "", "", 100),
        ]


async def test_one_order_is_told_by_its_id(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await served.request("GET", "/v1/orders/td-1")
        assert (status, decode(answer, type=OrderRow)) == (200, fake.ROW)
        status, answer = await served.request("GET", "/v1/orders/td-2")
        assert (status, decode(answer)["code"]) == (404, "NOT_FOUND")


async def test_lists_are_placed_and_previewed(serve: Serve) -> None:
    wanted = OrderList((TICKET, TICKET), kind="oco", token="t")
    async with serve() as served:
        body = msgspec.json.encode(wanted)
        status, answer = await served.request("POST", "/v1/orders/list", body, **WHO)
        assert (status, decode(answer, type=OrderReply).ids) == (200, ("td-1", "td-2"))
        status, answer = await served.request("POST", "/v1/orders/list/preview", body, **WHO)
        assert status == 200 and len(decode(answer, type=ListPreview).previews) == 2
        assert [asked[:2] for asked in served.desk.asked] == [
            ("place list", wanted),
            ("preview list", wanted),
            ("preview", TICKET),
            ("preview", TICKET),
        ]


async def test_orders_are_changed_and_canceled_and_positions_closed(serve: Serve) -> None:
    async with serve() as served:
        for method, path, body in (
            ("POST", "/v1/orders/td-1", b'{"price":"63000"}'),
            ("DELETE", "/v1/orders/td-1", None),
            ("POST", "/v1/orders/cancel", b'{"symbol":"sim:BTC-USD"}'),
            ("POST", "/v1/orders/cancel", None),
            ("POST", "/v1/flatten", b'{"symbol":"sim:BTC-USD","percent":50,"type":"limit"}'),
            ("POST", "/v1/kill", None),
            ("POST", "/v1/limits", b'{"scope":"desk","name":"max_gross_pct","value":null}'),
            ("POST", "/v1/reconcile", None),
            ("POST", "/v1/reconcile/cash", b'{"gateway":"alpaca"}'),
        ):
            status, answer = await served.request(method, path, body, **WHO)
            assert status == 200 and decode(answer, type=Reply).ok
        assert served.desk.asked == [
            ("amend", "td-1", AmendPatch(price="63000"), "test"),
            ("cancel", "td-1", "test"),
            ("cancel all", "sim:BTC-USD", "test"),
            ("cancel all", "", "test"),
            ("flatten", FlattenPatch("sim:BTC-USD", 50.0, "limit"), "test"),
            ("kill", "test"),
            ("limit", LimitPatch("desk", "max_gross_pct", None), "test"),
            ("reconcile", "test"),
            ("accept cash", "alpaca", "test"),
        ]


async def test_an_amendment_is_previewed(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await served.request("POST", "/v1/orders/td-1/preview", b'{"price":"63000"}', **WHO)
        assert status == 200 and decode(answer, type=OrderPreview).approved
        assert served.desk.asked == [("preview amendment", "td-1", AmendPatch(price="63000"))]


async def test_what_is_read(serve: Serve) -> None:
    async with serve() as served:
        _, answer = await served.request("GET", "/v1/limits")
        assert decode(answer, type=tuple[LimitRow, ...]) == (fake.LIMIT,)
        _, answer = await served.request("GET", "/v1/account")
        assert decode(answer, type=AccountDetail) == fake.ACCOUNT
        _, answer = await served.request("GET", "/v1/targets")
        assert decode(answer, type=TargetsDetail) == fake.TARGETS
        _, answer = await served.request("GET", "/v1/reconciliation")
        assert decode(answer, type=tuple[ReconciliationRow, ...]) == fake.RECONCILIATION


async def test_a_webhook_passes_its_body_as_it_is_with_its_signature(serve: Serve) -> None:
    async with serve() as served:
        path, body = "/v1/webhooks/alpaca", b'{"any": "bytes"}  '
        status, answer = await served.request("POST", path, body)
        assert (status, decode(answer, type=ErrorReply).error) == (401, "the signature is wrong")
        status, answer = await served.request("POST", path, body, **{"X-Signature": "good"})
        assert (status, decode(answer, type=Reply).text) == (200, "taken")
        assert served.desk.asked == [("alpaca", body)]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "says"),
    [
        ("POST", "/v1/orders", b"{}", 400, "symbol"),
        ("POST", "/v1/orders", b'{"symbol":"a:B","side":"long"}', 400, "side"),
        ("POST", "/v1/orders", b'{"symbol":"a:B","side":"buy","quantity":1}', 400, "quantity"),
        ("POST", "/v1/orders", b'{"symbol":"a:B","side":"buy","leverage":"9"}', 400, "leverage"),
        ("POST", "/v1/orders", b'{"symbol":"no:SUCH","side":"buy"}', 409, "unknown symbol no:SUCH"),
        ("POST", "/v1/orders", b'{"symbol":"too:EARLY","side":"buy"}', 503, "warming up: try again"),
        ("POST", "/v1/orders/list", b'{"tickets":[{"symbol":"a:B","side":"up"}]}', 400, "side"),
        ("POST", "/v1/orders/list", b'{"kind":"all","tickets":[]}', 400, "kind"),
        ("POST", "/v1/orders", b"x" * 70_000, 413, "too large"),
        ("GET", "/v1/orders?limit=0", None, 400, "limit"),
        ("GET", "/v1/orders?limit=1001", None, 400, "limit"),
        ("GET", "/v1/orders?state=asleep", None, 400, "no state asleep"),
        ("GET", "/v1/orders?limit=%D9%A1", None, 400, "limit"),
        ("POST", "/v1/orders/td%0a1", b"{}", 400, "no name"),
        ("POST", "/v1/flatten", b'{"type":"stop"}', 400, "stop"),
        ("POST", "/v1/limits", b'{"scope":"desk","name":"max_gross_pct"}', 400, "value"),
        ("POST", "/v1/limits", b'{"scope":"desk","name":"x","value":"much"}', 400, "value"),
        ("POST", "/v1/reconcile/cash", b"{}", 400, "gateway"),
        ("PUT", "/v1/account", None, 405, "it takes GET"),
        ("POST", "/v1/webhooks/alpaca", b"x" * 70_000, 413, "too large"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_errors_are_one_line_and_change_nothing(
    serve: Serve, method: str, path: str, body: bytes | None, expected: int, says: str
) -> None:
    async with serve() as served:
        status, answer = await served.request(method, path, body)
        error = decode(answer, type=ErrorReply)
        assert status == expected, error
        assert says.lower() in error.error.lower()
        assert error.error.isprintable() and error.code
        assert served.desk.asked == []


async def test_daily_runs_know_the_refusal_of_a_symbol_that_no_feed_has_told_yet(serve: Serve) -> None:
    async with serve() as served:
        _, answer = await served.request("GET", "/v1/orders?symbol=a%3AB&state=asleep")
        assert decode(answer, type=ErrorReply).code == UNKNOWN_SYMBOL
