"""Alerts over the link: listed, made, switched, removed; what cannot be is one line."""

from __future__ import annotations

import msgspec

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertReply, AlertRow
from engine.api.protocol import ErrorReply
from tests.api.conftest import Serve

WHO = {"X-Tickdesk-Client": "test"}
decode = msgspec.json.decode


async def test_alerts_are_made_listed_switched_and_removed(serve: Serve) -> None:
    rule = AlertRule("last", 70_000.0, symbol="sim:BTC")
    async with serve() as served:
        status, body = await served.request("POST", "/v1/alerts", msgspec.json.encode(rule), **WHO)
        made = decode(body, type=AlertReply)
        assert status == 200 and made.id == "a1" and "last above 70,000" in made.text
        _, body = await served.request("GET", "/v1/alerts")
        assert [row.rule for row in decode(body, type=list[AlertRow])] == [rule]
        assert (await served.request("POST", "/v1/alerts/a1", b'{"on":false}', **WHO))[0] == 200
        assert (await served.request("DELETE", "/v1/alerts/a1", **WHO))[0] == 200
        status, body = await served.request("DELETE", "/v1/alerts/a1", **WHO)
        assert status == 404 and decode(body, type=ErrorReply).error == "no alert is called a1"
        asked = [
            ("alert", rule, "test"),
            ("switch alert", "a1", False, "test"),
            ("remove alert", "a1", "test"),
        ]
        assert served.desk.asked[:3] == asked


async def test_a_rule_that_is_none_is_refused(serve: Serve) -> None:
    async with serve() as served:
        for body, says in (
            (b'{"what":"last","value":0,"symbol":"x"}', "a price from"),
            (b'{"what":"feed","value":1e999}', "body"),
            (b'{"what":"moon","value":1}', "body"),
            (b'{"what":"score","value":0.5}', "needs a symbol"),
            (b"[", "body"),
        ):
            status, told = await served.request("POST", "/v1/alerts", body, **WHO)
            assert status in (400, 409) and says in decode(told, type=ErrorReply).error
