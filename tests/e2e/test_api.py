"""The API of a running engine: what it answers is as it is described, and no crash doubles a command."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from engine.api.address import socket_path
from engine.api.idempotency import KEY, REPLAYED
from engine.api.openapi import document
from engine.api.route import Route
from engine.api.table import TABLE
from tests.e2e.engine import RunningEngine, options, run

SYMBOL = "sim:BTC-USD"
ORDER = {"symbol": SYMBOL, "side": "buy", "quantity": "0.01"}
QUIET = options(
    simulated__history_s=60,
    simulated__symbols='["BTC-USD", "ETH-USD"]',
    opportunities__min_score=0.99,
    exits__stop_loss_pct=50,
    exits__take_profit_pct=100,
)
"""The desk by itself enters and leaves nothing."""


class Answer(NamedTuple):
    status: int
    body: Any
    replayed: bool


class Asked(NamedTuple):
    method: str
    path: str
    body: object = None
    key: str = ""


def ask_all(engine: RunningEngine, *wanted: Asked) -> list[Answer]:
    return asyncio.run(_ask_all(engine, wanted))


async def _ask_all(engine: RunningEngine, wanted: Sequence[Asked]) -> list[Answer]:
    connector = aiohttp.UnixConnector(str(socket_path(engine.state_dir)))
    async with aiohttp.ClientSession(connector=connector) as session:
        answers = []
        for method, path, body, key in wanted:
            headers = {KEY: key} if key else {}
            data = None if body is None else json.dumps(body)
            async with session.request(method, f"http://x{path}", data=data, headers=headers) as answer:
                text = await answer.text()
                value = json.loads(text) if answer.content_type == "application/json" else text
                answers.append(Answer(answer.status, value, REPLAYED in answer.headers))
        return answers


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with RunningEngine(tmp_path_factory.mktemp("api") / "state", *QUIET) as running:
        running.wait_for(lambda health: health.status.ticks > 100 and health.trading.ok)
        yield running


def test_what_is_answered_is_as_it_is_described(engine: RunningEngine) -> None:
    (placed,) = ask_all(engine, Asked("POST", "/v1/orders", ORDER))
    assert placed.body["ok"], placed
    asked = list(_questions(placed.body["ids"][0]))
    described, wrong, well = document(TABLE), [], 0
    for (route, question), answer in zip(asked, ask_all(engine, *(one for _, one in asked)), strict=True):
        told = described["paths"][route.address][route.method.lower()]["responses"].get(str(answer.status))
        if told is None:
            wrong.append(f"{question.path}: {answer.status} is not described")
            continue
        well += answer.status == 200
        for media, content in told["content"].items():
            schema = {**content["schema"], "components": described["components"]}
            found = [error.message[:200] for error in Draft202012Validator(schema).iter_errors(answer.body)]
            wrong += [f"{question.path}: {media} {error}" for error in found]
    assert not wrong
    assert well >= len(asked) - 7, "few have nothing to tell: no model, no stored bars, no daily run"


def _questions(order_id: str) -> Iterator[tuple[Route, Asked]]:
    """Each route that changes nothing, asked with names that the engine knows."""
    bodies: dict[str, object] = {
        "/v1/orders/preview": ORDER,
        "/v1/orders/list/preview": {"tickets": [ORDER]},
        "/v1/orders/{id}/preview": {"price": "1"},
        "/v1/signals/generate": {"symbol": "BTC-USD"},
        "/v1/targets/plan": {"scores": {SYMBOL: 0.5}},
        "/signals": {"symbol": SYMBOL, "timestamp": 1, "candles": _candles()},
    }
    names = {"symbol": quote(SYMBOL, safe=""), "id": order_id, "name": "trend"}
    names |= {"version": "none", "day": "2026-01-02"}
    for route in TABLE:
        if not (route.command or route.stream or route.access == "local"):
            path = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], route.address)
            yield route, Asked(route.method, path, bodies.get(route.address))


def _candles() -> list[dict[str, float]]:
    return [
        {"timestamp": at * 60_000, "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0}
        for at in range(30)
    ]


def test_what_is_recorded_is_read_by_symbol(engine: RunningEngine) -> None:
    orders = [
        Asked("POST", "/v1/orders", {**ORDER, "quantity": f"0.00{number}"}, f"p-{number}")
        for number in range(1, 6)  # no two alike: the second were denied
    ]
    placed = [answer.body["ids"][0] for answer in ask_all(engine, *orders[:4])]
    (first,) = ask_all(engine, Asked("GET", "/v1/orders?limit=2"))
    more = f"/v1/orders?limit=2&cursor={first.body['next']}"
    _, second = ask_all(engine, orders[4], Asked("GET", more))  # one more moves nothing
    rows = [row["id"] for row in (*first.body["rows"], *second.body["rows"])]
    assert rows == placed[::-1]
    engine.wait_for(lambda health: health.status.funnel["fills"] > 0, timeout=10.0)
    (fills,) = ask_all(engine, Asked("GET", f"/v1/fills?symbol={quote('BTC-USD')}"))
    assert fills.body["rows"] and {fill["symbol"] for fill in fills.body["rows"]} == {SYMBOL}
    (none,) = ask_all(engine, Asked("GET", "/v1/signals?symbol=no:SUCH"))
    assert (none.status, none.body) == (200, {"rows": [], "next": None})


def test_a_crash_between_an_order_and_its_reply_doubles_nothing(engine: RunningEngine) -> None:
    flatten = Asked("POST", "/v1/flatten", {"percent": 50}, "f-1")
    first, again, other = ask_all(
        engine,
        Asked("POST", "/v1/orders", ORDER, "k-1"),
        Asked("POST", "/v1/orders", ORDER, "k-1"),
        Asked("POST", "/v1/orders", {**ORDER, "quantity": "0.02"}, "k-1"),
    )
    assert first.status == again.status == 200 and first.body == again.body
    assert (first.replayed, again.replayed, other.status) == (False, True, 422)
    ask_all(engine, flatten)
    engine.signal(signal.SIGKILL)
    engine.wait()
    _forget_replies(engine)  # as if it had died before it told them
    engine.start()
    before = engine.state()
    once, cut, replayed = ask_all(
        engine,
        Asked("POST", "/v1/orders", ORDER, "k-1"),
        flatten,
        Asked("POST", "/v1/orders", ORDER, "k-1"),
    )
    assert once.status == 200 and once.body["ids"] == first.body["ids"] and "before" in once.body["text"]
    assert (cut.status, cut.body["code"]) == (409, "KEY_INTERRUPTED")
    assert replayed.replayed and replayed.body == once.body
    after = engine.state()
    assert len(after.orders) == len(before.orders)
    assert [row.quantity for row in after.positions] == [row.quantity for row in before.positions]
    _is_in_the_log(engine)


def _forget_replies(engine: RunningEngine) -> None:
    with sqlite3.connect(engine.state_dir / "tickdesk.db") as connection:
        changed = connection.execute(
            "UPDATE command_keys SET status = 0, reply = x'' WHERE key IN ('k-1', 'f-1')"
        ).rowcount
    connection.close()
    assert changed == 2


def _is_in_the_log(engine: RunningEngine) -> None:
    told = run("audit", "--json", "--state-dir", str(engine.state_dir))
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)
    keyed = [
        (row["path"], row["key"], row["status"]) for row in reversed(rows) if row["key"] in ("k-1", "f-1")
    ]
    order, flat = ("/v1/orders", "k-1"), ("/v1/flatten", "f-1")
    assert keyed == [
        *((*order, status) for status in (200, 200, 422)),
        (*flat, keyed[3][2]),
        (*order, 200),
        (*flat, 409),
        (*order, 200),
    ]
    assert keyed[3][2] in (0, 200), "asked for; how it ended may be lost with the last quarter of a second"
    assert all(row["peer"].startswith("uid ") and row["who"] for row in rows)
