"""What is typed behind buy and sell, and what the ticket makes of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.command_line.command import CommandError
from console.command_line.grammar import read
from console.command_line.order_words import WORDS, expected, number, seconds, ticket_values
from engine.api.trading_protocol import OrderTicket
from engine.text import clean
from widgets.ticket import BEGIN, ticket_of

BTC = "simulated:BTC-USD"


def ticket(text: str, side: str = "buy") -> OrderTicket:
    size, *words = (word.text for word in read(text).words)
    return ticket_of({**BEGIN, **ticket_values(side, BTC, size, words)})


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("0.05", OrderTicket(BTC, "buy", "market", quantity="0.05")),
        (
            "$500 @ 60000 post",
            OrderTicket(BTC, "buy", "limit", notional="500", price="60000", post_only=True),
        ),
        (
            "10% @59000.10 ioc",
            OrderTicket(BTC, "buy", "limit", equity_pct=10.0, price="59000.10", time_in_force="ioc"),
        ),
        ("1 stop 61000", OrderTicket(BTC, "buy", "stop", quantity="1", stop_price="61000")),
        (
            "1 stop 61000 @ 61050 by mark",
            OrderTicket(
                BTC, "buy", "stop_limit", quantity="1", stop_price="61000", price="61050", trigger="mark"
            ),
        ),
        (
            "1 trail 25.5 reduce",
            OrderTicket(BTC, "buy", "trailing_stop", quantity="1", trail="25.5", reduce_only=True),
        ),
        ("1 take 58000", OrderTicket(BTC, "buy", "take_profit", quantity="1", stop_price="58000")),
        (
            "1 @ 60000 SL 59000 tp 63000 GTD 5m",
            OrderTicket(
                BTC,
                "buy",
                "limit",
                quantity="1",
                price="60000",
                stop_loss="59000",
                take_profit="63000",
                time_in_force="gtd",
                expire_s=300.0,
            ),
        ),
    ],
)
def test_an_order_becomes_its_ticket(text: str, order: OrderTicket) -> None:
    assert ticket(text) == order


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "size: give a number above 0, not x"),
        ("0", "size: give a number above 0"),
        ("1e5", "size:"),
        ("1_000", "size:"),
        ("-1", "size:"),
        ("$", "size: give a number above 0, not nothing"),
        ("١", "size:"),
        ("9" * 25, "size:"),
        ("1 @", "price behind @: give a number above 0, not nothing"),
        ("1 @ 1 @ 2", "@ is said twice"),
        ("1 gtc fok", "in force in one way"),
        ("1 gtd", "gtd: give a time as 60s"),
        ("1 gtd 5y", "gtd: give a time"),
        ("1 by me", "by: a stop watches last, quote, mark, not me"),
        ("1 by last", "by: only a stop"),
        ("1 post", "post: only an order with a limit"),
        ("1 stop 1 trail 2", "an order waits for one thing"),
        ("1 trail 2 @ 3", "trail goes to the market"),
        ("1 lever 5", "lever is no part of an order; it may be @ stop"),
    ],
)
def test_what_makes_no_order_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(CommandError) as raised:
        ticket(text)
    assert says in str(raised.value) and "\n" not in str(raised.value)


@given(st.decimals(Decimal("0.000001"), Decimal(10**9), places=6))
def test_numbers_stay_the_text_that_was_typed(value: Decimal) -> None:
    text = f"{value:f}"
    assert number(text, "size") == text and Decimal(ticket(text).quantity or "") == value


@given(
    st.lists(st.one_of(st.sampled_from([*WORDS, "60s", "1", "0.5"]), st.text(max_size=8)), max_size=12),
    st.text(),
)
def test_any_words_make_an_order_or_one_line(words: list[str], size: str) -> None:
    expected(words)
    for given_size in (size, "1"):
        try:
            values = ticket_values("buy", BTC, given_size, words)
        except CommandError as error:
            assert len(str(error)) < 300 and clean(error, 400) == str(error)
        else:
            assert ticket_of({**BEGIN, **values}).symbol == BTC


def test_times() -> None:
    assert [seconds(text) for text in ("60", "60s", "1.5m", "2h", "1d")] == [
        "60",
        "60",
        "90",
        "7200",
        "86400",
    ]


def test_which_word_waits_for_its_value() -> None:
    assert (
        expected(["@"]) == "@"
        and expected(["gtc", "SL"]) == "sl"
        and expected(["post"]) == expected([]) == ""
    )
