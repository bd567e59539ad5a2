"""The log of commands: all of them are in it, before they are done, and no secret is."""

from __future__ import annotations

import os
import re
from urllib.parse import urlencode

import msgspec
import pytest

from engine.api.asked_by import HEADER, AskedBy, parse
from engine.api.audit_protocol import CommandRow
from engine.api.command_port import CommandEntry
from engine.api.control_protocol import HEADER as CONSOLE
from engine.api.hidden import HIDDEN, MOST, hidden
from engine.api.idempotency import KEY
from engine.api.page import Page
from engine.api.table import TABLE
from tests.api.conftest import Serve, Served

BOT = {HEADER: "trade 10.0.0.7 ci bot"}
READER = "0123456789abcdef read-only user@pts/4/9"


def entries(served: Served) -> list[CommandEntry]:
    """As they ended."""
    return list({entry.number: entry for entry in served.desk.commands.entries}.values())


async def test_a_command_is_written_down_before_it_is_done_and_again_when_it_is_answered(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as served:
        before: list[CommandEntry] = []
        place = served.desk.trading.place

        async def watched(ticket: object, who: str) -> object:
            before.extend(served.desk.commands.entries)
            return await place(ticket, who)  # type: ignore[arg-type]

        monkeypatch.setattr(served.desk.trading, "place", watched)
        body = b'{"symbol":"kraken:BTC/USD","side":"buy","quantity":"1"}'
        await served.request("POST", "/v1/orders", body, **BOT, **{KEY: "k-1"})
        (begun,), (entry,) = before, entries(served)
        assert (begun.status, begun.outcome, begun.body) == (0, "", body.decode())
        assert (entry.who, entry.role, entry.peer) == ("token ci bot", "trade", "10.0.0.7")
        assert (entry.method, entry.path, entry.key, entry.status) == ("POST", "/v1/orders", "k-1", 200)
        assert entry.outcome and entry.took_us > 0 and entry.ns > 1_600_000_000 * 10**9


async def test_every_command_is_written_down_also_refused_and_no_question_is(serve: Serve) -> None:
    async with serve() as served:
        for route in TABLE:
            where = re.sub(r"\{\w+\}", "x", route.address)
            if route.stream or route.access == "signature":
                continue
            count = len(entries(served))
            status, _ = await served.request(route.method, where, b"{}", **{CONSOLE: READER})
            assert len(entries(served)) - count == route.command, where
            if route.command:
                last = entries(served)[-1]
                assert (last.status, last.path, last.who) == (status, where, "console user@pts/4/9")
                assert last.status == 409 and "read-only" in last.outcome


async def test_who_asks_is_the_peer_of_the_socket_or_whom_the_gateway_names(serve: Serve) -> None:
    async with serve() as served:
        await served.request("POST", "/v1/kill", **{"X-Tickdesk-Client": "command line"})
        entry = entries(served)[0]
        assert (entry.who, entry.role) == ("command line", "")
        assert entry.peer == f"uid {os.getuid()} pid {os.getpid()}"
        for said, status in (("read 1.2.3.4 eve", 403), ("king 1.2.3.4 eve", 400), ("trade  x", 400)):
            answered, _ = await served.request("POST", "/v1/kill", **{HEADER: said})
            assert (answered, entries(served)[-1].status) == (status, status)
        answered, _ = await served.request("POST", "/v1/audit/refused", b"{}", **{HEADER: "admin 1.2.3.4 x"})
        assert answered == 403, "no gateway lets it through"
        assert [each[0] for each in served.desk.asked] == ["kill"]


async def test_a_gateway_tells_what_it_refused_and_all_is_read_in_pages(serve: Serve) -> None:
    async with serve() as served:
        told = b'{"who":"token eve","peer":"1.2.3.4","method":"POST","path":"/v1/kill",'
        told += b'"status":429,"outcome":"too often"}'
        assert (await served.request("POST", "/v1/audit/refused", told))[0] == 200
        for _ in range(4):
            await served.request("POST", "/v1/kill")
        rows: list[CommandRow] = []
        query: dict[str, str] = {"limit": "2"}
        while True:
            status, answer = await served.request("GET", f"/v1/audit?{urlencode(query)}")
            page = msgspec.json.decode(answer, type=Page[CommandRow])
            rows += page.rows
            await served.request("POST", "/v1/kill")  # new rows move nothing
            if page.next is None:
                break
            query["cursor"] = page.next
        assert [row.id for row in rows] == [5, 4, 3, 2, 1]
        assert (rows[-1].who, rows[-1].status) == ("token eve", 429)
        for cursor in ("x", "x" * 100, "c2lnbmFscyAx"):
            status, answer = await served.request("GET", f"/v1/audit?cursor={cursor}")
            assert status == 400 and b"cursor" in answer


def test_secrets_are_hidden_at_any_depth() -> None:
    body = {
        "name": "hook",
        "steps": [{"webhook": {"url": "https://x/secret", "headers": {"Authorization": "Bearer s3cr3t"}}}],
        "api_key": "s3cr3t",
        "PASSWORD": "s3cr3t",
        "token": "",
    }
    told = hidden(msgspec.json.encode(body))
    assert "s3cr3t" not in told and "secret" not in told and told.count(HIDDEN) == 4 and "hook" in told
    assert hidden(b"") == ""
    assert hidden(b"token=s3cr3t") == "(12 bytes that are no JSON)"
    assert len(hidden(msgspec.json.encode(["x" * 10_000]))) == MOST
    assert "no JSON" in hidden(b"[" * 100_000) and hidden(b'"\\u001b[2J"') == '"\\u001b[2J"'


def test_of_a_large_body_only_what_is_shown_is_looked_at() -> None:
    """It is looked at in the engine's own thread."""
    names = hidden(msgspec.json.encode({f"n{n}": n % 3 for n in range(5_000)}))
    rows = hidden(msgspec.json.encode([[0] * 40] * 1_000))
    assert '"n90":' in names and '"n600":' not in names
    assert 500 < len(rows) < 1_200 and rows.endswith("]]")


async def test_a_forged_update_is_not_looked_into(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def look(raw: bytes) -> str:
        looked.append(raw)
        return "seen"

    monkeypatch.setattr("engine.api.audit.hidden", look)
    async with serve() as served:
        await served.request("POST", "/v1/webhooks/alpaca", b"{}", **{"X-Signature": "forged"})
        assert looked == []
        await served.request("POST", "/v1/webhooks/alpaca", b"{}", **{"X-Signature": "good"})
        assert [entry.body for entry in entries(served)] == ["seen"] and looked == [b"{}"]


def test_who_asks_through_a_gateway_is_told_in_one_line() -> None:
    said = AskedBy("admin", "::1", "night shift")
    assert parse(said.text) == said and said.may("trade") and not parse("read ::1 x").may("trade")
    for wrong in ("", "admin", "admin ::1 ", "root ::1 x", "admin ::1 \u202e"):
        with pytest.raises(ValueError, match="a gateway says"):
            parse(wrong)


def test_the_command_line_reads_it() -> None:
    from console.cli.audit import lines

    row = CommandRow(1, 10**18, "token eve", "trade", "::1", "POST", "/v1/kill", "", "", 0, "", 1_500)
    (_, line) = lines([row])
    assert "2001-09-09" in line and "token eve" in line and "cut" in line and "1.5" in line


async def test_what_anybody_may_send_is_written_down_only_where_it_was_signed(serve: Serve) -> None:
    async with serve() as served:
        await served.request("POST", "/v1/webhooks/alpaca", b"{}", **{"X-Signature": "forged"})
        assert not served.desk.commands.entries
        await served.request("POST", "/v1/webhooks/alpaca", b"{}", **{"X-Signature": "good"})
        assert [entry.status for entry in entries(served)] == [200]
