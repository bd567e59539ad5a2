"""Orders in Alpaca's terms: what it can do, and in which words what it cannot is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.errors import OrderError
from engine.events import Amendment, OrderRequest, OrderType, Side, TimeInForce, TriggerSource
from engine.execution.alpaca.order_form import (
    amend_form,
    in_order,
    legs_of,
    list_form,
    order_form,
    text,
)
from tests.execution.alpaca_desk import ask

D = Decimal
MARKET = {"type": OrderType.MARKET, "price": None}
STOP = {"type": OrderType.STOP, "price": None, "stop_price": D(95)}
STOP_LIMIT = {"type": OrderType.STOP_LIMIT, "stop_price": D(95)}
TRAILING = {"type": OrderType.TRAILING_STOP, "price": None, "trail": D("1.5")}
TIF = TimeInForce


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("BTC/USD", {}, {"type": "limit", "limit_price": "100", "time_in_force": "gtc", "qty": "2"}),
        ("BTC/USD", {**MARKET, "quantity": D("0.000000010")}, {"type": "market", "qty": "0.00000001"}),
        ("BTC/USD", {**MARKET, "time_in_force": TIF.IOC}, {"time_in_force": "ioc"}),
        ("BTC/USD", STOP_LIMIT, {"type": "stop_limit", "stop_price": "95", "limit_price": "100"}),
        ("AAPL", MARKET, {"time_in_force": "day"}),
        ("AAPL", {**MARKET, "quantity": D("0.5")}, {"time_in_force": "day", "qty": "0.5"}),
        ("AAPL", {}, {"time_in_force": "gtc"}),
        ("AAPL", {"time_in_force": TIF.FOK}, {"time_in_force": "fok"}),
        ("AAPL", STOP, {"type": "stop", "stop_price": "95"}),
        ("AAPL", TRAILING, {"type": "trailing_stop", "trail_price": "1.5"}),
        ("AAPL", {"quantity": D("1E+2")}, {"qty": "100"}),
    ],
)
def test_what_alpaca_can_do(name: str, changes: dict[str, Any], expected: dict[str, str]) -> None:
    form = order_form(ask(**changes), name)
    assert form["symbol"] == name and form["client_order_id"] == "td-1"
    assert {key: form[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("BTC/USD", STOP, "no stop order for crypto"),
        ("BTC/USD", TRAILING, "no trailing_stop order for crypto"),
        ("BTC/USD", {**STOP, "type": OrderType.TAKE_PROFIT}, "no take_profit"),
        ("AAPL", {**STOP, "type": OrderType.TAKE_PROFIT}, "no take_profit"),
        ("BTC/USD", {"time_in_force": TIF.FOK}, "no fok"),
        ("BTC/USD", {"time_in_force": TIF.GTD, "expire_ns": 5}, "good-till-date"),
        ("AAPL", {"time_in_force": TIF.GTD, "expire_ns": 5}, "good-till-date"),
        ("AAPL", {"quantity": D("0.5")}, "fractions"),
        ("AAPL", {**MARKET, "quantity": D("0.5"), "time_in_force": TIF.IOC}, "fractions"),
        ("BTC/USD", {"post_only": True}, "post-only"),
        ("BTC/USD", {**STOP_LIMIT, "trigger": TriggerSource.MARK}, "last trade"),
        ("AAPL", {**TRAILING, "stop_price": D(90)}, "takes no trigger price"),
        ("BTC/USD", {"price": None}, "needs a limit price"),
        ("BTC/USD", {"type": OrderType.MARKET}, "takes no limit price"),
        ("BTC/USD", {"quantity": D(0)}, "above zero"),
        ("BTC/USD", {"quantity": D("NaN")}, "above zero"),
        ("BTC/USD", {"client_order_id": "x" * 49}, "48 characters"),
    ],
)
def test_what_it_cannot_is_said(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OrderError, match=words):
        order_form(ask(**changes), name)


def bracket(**changes: Any) -> list[OrderRequest]:
    child: dict[str, Any] = {"side": Side.SELL, "reduce_only": True, "parent_id": "td-1"}
    return [
        ask("td-s", **STOP, **child),
        ask("td-t", **{"price": D(110), **child, **changes}),
        ask("td-1"),
    ]


def test_a_bracket_is_one_form() -> None:
    ordered = in_order(bracket())
    form = list_form(ordered, "AAPL")
    assert [request.client_order_id for request in ordered] == ["td-1", "td-s", "td-t"]
    assert form["order_class"] == "bracket" and form["client_order_id"] == "td-1"
    assert form["take_profit"] == {"limit_price": "110"} and form["stop_loss"] == {"stop_price": "95"}
    assert legs_of(ordered) == {"stop": "td-s", "limit": "td-t"}
    assert list_form(ordered[:2], "AAPL")["order_class"] == "oto"


def test_one_cancels_other_is_one_form() -> None:
    pair = [ask("td-s", **STOP, side=Side.SELL), ask("td-t", price=D(110), side=Side.SELL)]
    ordered = in_order(pair)
    form = list_form(ordered, "AAPL")
    assert form["client_order_id"] == "td-t" and form["order_class"] == "oco"
    assert form["stop_loss"] == {"stop_price": "95"} and form["take_profit"] == {"limit_price": "110"}
    assert legs_of(ordered) == {"stop": "td-s"}


@pytest.mark.parametrize(
    ("requests", "name", "words"),
    [
        (bracket(), "BTC/USD", "crypto"),
        (bracket(quantity=D(3)), "AAPL", "as large"),
        (bracket(side=Side.BUY), "AAPL", "close what it opens"),
        (bracket(time_in_force=TIF.IOC), "AAPL", "time in force"),
        (bracket(**TRAILING), "AAPL", "one stop and one target|legs are"),
        ([ask("a"), ask("b")], "AAPL", "one limit and one stop"),
    ],
)
def test_lists_that_alpaca_has_not(requests: list[OrderRequest], name: str, words: str) -> None:
    with pytest.raises(OrderError, match=words):
        list_form(in_order(requests), name)


def test_amendments() -> None:
    form = amend_form(ask(), Amendment(price=D("98.50"), quantity=D(3)), "BTC/USD", "td-1~1")
    assert form == {"client_order_id": "td-1~1", "qty": "3", "limit_price": "98.5"}
    trail = amend_form(ask(**TRAILING), Amendment(trail=D(2), stop_price=None), "AAPL", "td-1~1")
    assert trail == {"client_order_id": "td-1~1", "trail": "2"}
    with pytest.raises(OrderError, match="market order"):
        amend_form(ask(**MARKET), Amendment(quantity=D(3)), "AAPL", "x")
    with pytest.raises(OrderError, match="whole shares"):
        amend_form(ask(), Amendment(quantity=D("3.5")), "AAPL", "x")


@pytest.mark.parametrize(
    ("number", "written"), [("1E+3", "1000"), ("1.2300", "1.23"), ("100", "100"), ("1E-9", "0.000000001")]
)
def test_numbers_are_written_plainly(number: str, written: str) -> None:
    assert text(D(number)) == written
