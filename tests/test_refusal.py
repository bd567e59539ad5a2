"""What is refused is told in a person's words: key, value given, and what was meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.api.trading_protocol import OrderList, OrderTicket
from engine.config import Config, load
from engine.errors import ConfigError
from engine.refusal import refused


def refusal_of(raw: bytes, kind: Any = OrderTicket) -> str:
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.json.decode(raw, type=kind)
    try:
        given = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return refused(caught.value, kind, json=True)
    return refused(caught.value, kind, given, json=True)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'"quantity": 1', 'quantity: amounts are decimal text: write "quantity": "1"'),
        (b'"quantity": 0.5', 'quantity: amounts are decimal text: write "quantity": "0.5"'),
        (b'"equity_pct": "half"', "equity_pct: expected a number, got 'half'"),
        (b'"post_only": 1', "post_only: expected true or false, got a whole number"),
        (b'"quantty": "1"', "quantty: there is no such key; did you mean quantity?"),
        (
            b'"time_in_force": "day"',
            "time_in_force: invalid enum value 'day': allowed are fok, gtc, gtd, ioc",
        ),
    ],
)
def test_a_body_of_an_order(raw: bytes, told: str) -> None:
    order = b'{"symbol": "X", "side": "buy", ' + raw + b"}"
    assert refusal_of(order) == told
    where = "tickets[0]." if ":" in told else ""
    assert refusal_of(b'{"tickets": [' + order + b"]}", OrderList) == where + told


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'{"symbol": "X"', "the JSON ends before it is complete"),
        (b'{"symbol": "X",}', "no JSON: trailing comma in object (byte 15)"),
        (b'{"side": "buy"}', "symbol: is missing"),
        (b"[1]", "expected keys with values, got a list"),
    ],
)
def test_a_body_that_is_none(raw: bytes, told: str) -> None:
    assert refusal_of(raw) == told


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("risk.nope=1", "risk.nope: there is no such key;"),
        (
            "risk.max_opn_orders=3",
            "risk.max_opn_orders: there is no such key; did you mean max_open_orders?;",
        ),
        ("rsk.max_open_orders=3", "rsk: there is no such key; did you mean risk?;"),
        ("risk.max_position_pct=abc", "risk.max_position_pct: expected a number, got 'abc';"),
        ("risk.max_open_orders=-5", "risk.max_open_orders: expected a whole number >= 1, got -5;"),
        ("feeds.kraken.symbls=X", "feeds.kraken.symbls: there is no such key; did you mean symbols?;"),
    ],
)
def test_a_key_of_the_configuration(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides=[override], environ={})
    assert str(caught.value).startswith(f"configuration: {told}")


def test_what_stands_where_text_is_expected_is_not_repeated() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"state_dir": 987654}, Config)
    assert "987654" not in refused(caught.value, Config, {"state_dir": 987654})
