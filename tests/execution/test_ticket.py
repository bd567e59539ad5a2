"""Tickets become orders on the grid, or a line that says what to do."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import NS, OrderRequest, OrderType, Purpose, Side, TimeInForce, TriggerSource
from engine.execution.ticket import Ticket, TicketView, order_requests
from engine.instruments import Instrument
from tests.execution.conftest import SYMBOL, T0

INSTRUMENT = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal("0.001"), Decimal(10))
NAN = math.nan
NUMBERS = {"quantity", "notional", "equity_pct", "price", "stop_price", "trail", "stop_loss", "take_profit"}
BUY, SELL = Side.BUY, Side.SELL


def ticket(**fields: Any) -> Ticket:
    """A buy of 1; numbers as text. A size given takes the place of the 1."""
    if not fields.keys() & {"quantity", "notional", "equity_pct"}:
        fields["quantity"] = "1"
    for name in fields.keys() & NUMBERS:
        if fields[name] is not None:
            fields[name] = Decimal(fields[name])
    return Ticket(**({"symbol": SYMBOL, "side": BUY} | fields))


def view(**fields: Any) -> TicketView:
    known: dict[str, Any] = {
        "instrument": INSTRUMENT,
        "now_ns": T0,
        "bid": 99.99,
        "ask": 100.01,
        "last": 100.0,
        "position": Decimal(0),
        "equity": Decimal(50_000),
    }
    if "position" in fields:
        fields["position"] = Decimal(fields["position"])
    return TicketView(**(known | fields))


def only(given: Ticket, seen: TicketView | None = None) -> OrderRequest:
    (request,) = order_requests(given, seen or view())
    return request


def refusal(given: Ticket, seen: TicketView | None = None) -> str:
    with pytest.raises(OrderError) as caught:
        order_requests(given, seen or view())
    text = str(caught.value)
    assert "\n" not in text and len(text) < 200
    return text


# --- what an order says


def test_a_market_order() -> None:
    made = only(ticket(who="ann", reason="looks good"))
    assert (made.symbol, made.side, made.type, made.quantity) == (SYMBOL, BUY, OrderType.MARKET, 1)
    assert (made.purpose, made.reduce_only, made.who, made.reason) == (
        Purpose.ENTRY,
        False,
        "ann",
        "looks good",
    )
    assert (made.decision_ns, made.decision_price, made.gateway) == (T0, 100.0, "paper")
    assert (made.list_id, made.parent_id, made.siblings) == ("", "", ())


def test_everything_of_a_ticket_is_in_its_order() -> None:
    made = only(
        ticket(
            type=OrderType.STOP_LIMIT,
            price="101.5",
            stop_price="101",
            trigger=TriggerSource.MARK,
            time_in_force=TimeInForce.GTD,
            expire_ns=T0 + NS,
            post_only=True,
            gateway="alpaca",
        )
    )
    assert (made.price, made.stop_price, made.trail) == (Decimal("101.5"), Decimal(101), None)
    assert (made.trigger, made.time_in_force, made.expire_ns) == (
        TriggerSource.MARK,
        TimeInForce.GTD,
        T0 + NS,
    )
    assert (made.post_only, made.gateway) == (True, "alpaca")


@pytest.mark.parametrize(
    ("size", "fields", "quantity"),
    [
        ({"notional": "1000"}, {}, "9.999"),  # 1000 / 100.01 is 9.9990001
        ({"notional": "1000"}, {"side": SELL}, "10.001"),  # at the bid
        ({"notional": "1000"}, {"type": OrderType.LIMIT, "price": "80"}, "12.5"),
        ({"notional": "1000"}, {"type": OrderType.STOP, "stop_price": "125"}, "8"),
        (
            {"notional": "1000"},
            {"type": OrderType.STOP_LIMIT, "stop_price": "110", "price": "125"},
            "8",
        ),
        ({"equity_pct": "1"}, {"type": OrderType.LIMIT, "price": "100"}, "5"),
        ({"equity_pct": "0.1"}, {"type": OrderType.LIMIT, "price": "99.99"}, "0.5"),
        ({"quantity": "0.123"}, {}, "0.123"),
    ],
    ids=str,
)
def test_sizes(size: dict[str, str], fields: dict[str, Any], quantity: str) -> None:
    assert only(ticket(**size, **fields)).quantity == Decimal(quantity)


def test_without_a_quote_the_last_trade_sizes() -> None:
    assert only(ticket(notional="1000"), view(bid=NAN, ask=NAN)).quantity == 10
    assert only(ticket(), view(bid=NAN, ask=NAN)).decision_price == 100.0


@settings(max_examples=100)
@given(notional=st.decimals(20, 1_000_000, places=2), price=st.decimals("0.01", 100_000, places=2))
def test_a_notional_is_never_exceeded_and_used_up_to_a_lot(notional: Decimal, price: Decimal) -> None:
    given_ticket = ticket(notional=notional, type=OrderType.LIMIT, price=price)
    try:
        quantity = only(given_ticket).quantity
    except OrderError as error:
        assert notional < price / 1000 or "worth less" in str(error)
        return
    assert quantity * price <= notional < (quantity + INSTRUMENT.lot_size) * price
    assert quantity % INSTRUMENT.lot_size == 0


# --- identity


def test_a_token_is_the_identity() -> None:
    first = only(ticket(token="a-1"))
    again = only(ticket(token="a-1", quantity="2", side=SELL, who="bob"), view(now_ns=T0 + NS))
    assert first.client_order_id == again.client_order_id != only(ticket(token="a-2")).client_order_id


def test_without_a_token_all_inputs_are_the_identity() -> None:
    base = ticket()
    others = [
        (base, view(now_ns=T0 + 1), ""),
        (base, view(), "1"),
        (ticket(quantity="2"), view(), ""),
        (ticket(side=SELL), view(), ""),
        (ticket(who="bob"), view(), ""),
        (ticket(type=OrderType.LIMIT, price="99"), view(), ""),
        (ticket(type=OrderType.LIMIT, price="98"), view(), ""),
    ]
    ids = {order_requests(*other)[0].client_order_id for other in [(base, view(), ""), *others]}
    assert len(ids) == 1 + len(others)
    assert only(base) == only(ticket())
    assert all(len(identity) <= 48 and identity.isascii() for identity in ids)


# --- against a position


@pytest.mark.parametrize(("position", "side"), [("2", SELL), ("-2", BUY)])
def test_what_only_reduces_becomes_an_exit(position: str, side: Side) -> None:
    for quantity, exits in (("0.5", True), ("2", True), ("2.001", False)):
        made = only(ticket(side=side, quantity=quantity), view(position=position))
        assert made.reduce_only is exits
        assert made.purpose is (Purpose.FLATTEN if exits else Purpose.ENTRY)
        assert made.quantity == Decimal(quantity)
    assert not only(ticket(side=side.opposite), view(position=position)).reduce_only


def test_an_exit_may_be_any_type_and_tiny() -> None:
    made = only(ticket(side=SELL, quantity="0.001", type=OrderType.STOP, stop_price="95"), view(position="2"))
    assert (made.reduce_only, made.purpose, made.quantity * 95 < 10) == (True, Purpose.FLATTEN, True)


def test_all_of_a_position_goes_though_it_is_off_the_grid() -> None:
    dust = view(position="1.00049")
    assert only(ticket(side=SELL, quantity="1.00049"), dust).reduce_only
    assert "take 1.000 or 1.001" in refusal(ticket(side=SELL, quantity="1.00048"), dust)
    assert "take 1.000 or 1.001" in refusal(ticket(quantity="1.00049"), dust)


def test_an_exit_needs_no_market_data() -> None:
    blind = view(bid=NAN, ask=NAN, last=NAN, position="1", equity=None)
    assert only(ticket(side=SELL), blind).decision_price == 0.0
    assert only(ticket(side=SELL, type=OrderType.STOP, stop_price="95"), blind).reduce_only


def test_reduce_only_needs_something_to_reduce() -> None:
    for position, side in (("0", SELL), ("0", BUY), ("-1", SELL), ("1", BUY)):
        told = refusal(ticket(side=side, reduce_only=True), view(position=position))
        assert "no position in sim:BTC-USD to reduce" in told
    larger = only(ticket(side=SELL, quantity="3", reduce_only=True), view(position="1"))
    assert (larger.reduce_only, larger.quantity) == (True, 3)  # the venue shrinks it


# --- brackets


def test_a_bracket() -> None:
    entry, stop, target = order_requests(
        ticket(type=OrderType.LIMIT, price="99.5", stop_loss="95", take_profit="110", token="t", who="ann"),
        view(),
    )
    assert (entry.purpose, entry.reduce_only, entry.parent_id, entry.siblings) == (
        Purpose.ENTRY,
        False,
        "",
        (),
    )
    assert (stop.type, stop.stop_price, stop.price) == (OrderType.STOP, Decimal(95), None)
    assert (target.type, target.price, target.stop_price) == (OrderType.LIMIT, Decimal(110), None)
    assert (stop.purpose, target.purpose) == (Purpose.STOP_LOSS, Purpose.TAKE_PROFIT)
    assert entry.list_id.startswith("tl-")
    for child, sibling in ((stop, target), (target, stop)):
        assert (child.side, child.quantity, child.reduce_only) == (SELL, entry.quantity, True)
        assert (child.parent_id, child.list_id) == (entry.client_order_id, entry.list_id)
        assert child.siblings == (sibling.client_order_id,)
        assert (child.who, child.gateway, child.time_in_force) == ("ann", "paper", TimeInForce.GTC)
    assert len({request.client_order_id for request in (entry, stop, target)}) == 3
    assert (
        order_requests(ticket(token="t", stop_loss="95"), view())[1].client_order_id == stop.client_order_id
    )


@pytest.mark.parametrize("name", ["stop_loss", "take_profit"])
def test_half_a_bracket_has_no_sibling(name: str) -> None:
    level = "95" if name == "stop_loss" else "105"
    entry, child = order_requests(ticket(**{name: level}), view())
    assert child.siblings == () and child.parent_id == entry.client_order_id
    assert child.list_id == entry.list_id != ""


@pytest.mark.parametrize(
    ("side", "fields", "wrong"),
    [
        (BUY, {"stop_loss": "99.99"}, "stop_loss 99.99 of a buy has to be below 99.99"),
        (BUY, {"stop_loss": "101"}, "below"),
        (BUY, {"take_profit": "100.01"}, "take_profit 100.01 of a buy has to be above 100.01"),
        (SELL, {"stop_loss": "100.01"}, "above 100.01"),
        (SELL, {"take_profit": "99.99"}, "below 99.99"),
        (BUY, {"type": OrderType.LIMIT, "price": "90", "stop_loss": "90"}, "below 90"),
        (BUY, {"type": OrderType.LIMIT, "price": "90", "take_profit": "89"}, "above 90"),
        (BUY, {"type": OrderType.LIMIT, "price": "101", "stop_loss": "100"}, "below 99.99"),
        (BUY, {"type": OrderType.LIMIT, "price": "101", "take_profit": "100.5"}, "above 101"),
        (SELL, {"type": OrderType.LIMIT, "price": "110", "stop_loss": "105"}, "above 110"),
        (SELL, {"type": OrderType.LIMIT, "price": "110", "take_profit": "115"}, "below 110"),
        (BUY, {"type": OrderType.STOP, "stop_price": "105", "stop_loss": "106"}, "below 105"),
        (BUY, {"type": OrderType.STOP, "stop_price": "105", "take_profit": "104"}, "above 105"),
    ],
)
def test_levels_on_the_wrong_side(side: Side, fields: dict[str, Any], wrong: str) -> None:
    assert wrong in refusal(ticket(side=side, **fields))


@pytest.mark.parametrize(
    ("side", "fields"),
    [
        (BUY, {"stop_loss": "99.98", "take_profit": "100.02"}),
        (SELL, {"stop_loss": "100.02", "take_profit": "99.98"}),
        (BUY, {"type": OrderType.LIMIT, "price": "90", "stop_loss": "89.99", "take_profit": "90.01"}),
        (SELL, {"type": OrderType.LIMIT, "price": "110", "stop_loss": "111", "take_profit": "105"}),
        (BUY, {"type": OrderType.STOP, "stop_price": "105", "stop_loss": "104", "take_profit": "106"}),
        (BUY, {"type": OrderType.LIMIT, "price": "101", "stop_loss": "99.98", "take_profit": "101.01"}),
    ],
)
def test_levels_on_the_right_side(side: Side, fields: dict[str, Any]) -> None:
    assert len(order_requests(ticket(side=side, **fields), view())) == 3


def test_a_bracket_belongs_to_an_entry() -> None:
    held = view(position="5")
    assert "leave them out" in refusal(ticket(side=SELL, stop_loss="105"), held)
    assert "leave them out" in refusal(ticket(side=SELL, stop_loss="105", reduce_only=True), held)
    assert len(order_requests(ticket(side=SELL, quantity="6", stop_loss="105"), held)) == 2  # turns it


def test_a_bracket_at_market_needs_one() -> None:
    blind = view(bid=NAN, ask=NAN, last=NAN)
    assert "wait for data" in refusal(ticket(stop_loss="95"), blind)
    assert len(order_requests(ticket(type=OrderType.LIMIT, price="96", stop_loss="95"), blind)) == 2


# --- what cannot be


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"quantity": None}, "exactly one size"),
        ({"quantity": "1", "notional": "5"}, "exactly one size"),
        ({"notional": "500", "equity_pct": "5"}, "exactly one size"),
        ({"quantity": "0"}, "quantity 0 is not a number above zero"),
        ({"quantity": "-1"}, "quantity -1"),
        ({"quantity": "NaN"}, "quantity NaN"),
        ({"quantity": "Infinity"}, "quantity Infinity"),
        ({"quantity": "0.0005"}, "take 0.001"),
        ({"quantity": "1e400"}, "beyond 1e15"),
        ({"notional": "NaN"}, "notional NaN"),
        ({"notional": "0.05"}, "less than one lot (0.001) of sim:BTC-USD at 100.01"),
        ({"notional": "9"}, "worth less than 10"),
        ({"quantity": "0.001"}, "worth less than 10"),
        ({"equity_pct": "-5"}, "equity_pct -5"),
        ({"equity_pct": "1001"}, "above 1000"),
        ({"type": OrderType.LIMIT}, "a limit order needs a price"),
        ({"type": OrderType.STOP}, "a stop order needs a stop_price"),
        ({"type": OrderType.TAKE_PROFIT}, "a take profit order needs a stop_price"),
        ({"type": OrderType.STOP_LIMIT, "price": "101"}, "a stop limit order needs a stop_price"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": "101"}, "a stop limit order needs a price"),
        ({"type": OrderType.TRAILING_STOP}, "a trailing stop order needs a trail"),
        ({"price": "100"}, "a market order takes no price"),
        ({"stop_price": "100"}, "a market order takes no stop_price"),
        ({"trail": "1"}, "a market order takes no trail"),
        ({"type": OrderType.LIMIT, "price": "99", "stop_price": "98"}, "takes no stop_price"),
        ({"type": OrderType.STOP, "stop_price": "101", "price": "99"}, "takes no price"),
        ({"type": OrderType.STOP, "stop_price": "101", "trail": "1"}, "takes no trail"),
        ({"type": OrderType.LIMIT, "price": "99.999"}, "take 99.99 or 100.00"),
        ({"type": OrderType.LIMIT, "price": "NaN"}, "price NaN"),
        ({"type": OrderType.LIMIT, "price": "0"}, "price 0 is not"),
        ({"type": OrderType.TRAILING_STOP, "trail": "0"}, "trail 0 is not"),
        ({"type": OrderType.TRAILING_STOP, "trail": "-1"}, "trail -1 is not"),
        ({"type": OrderType.TRAILING_STOP, "trail": "1.005"}, "take 1.00 or 1.01"),
        ({"type": OrderType.TRAILING_STOP, "trail": "100", "side": SELL}, "reaches below zero"),
        ({"stop_loss": "95.001"}, "stop_loss 95.001 is not a multiple"),
        ({"take_profit": "NaN"}, "take_profit NaN"),
        ({"type": OrderType.STOP, "stop_price": "100"}, "has to be above the market, 100"),
        ({"type": OrderType.STOP, "stop_price": "100", "side": SELL}, "has to be below the market, 100"),
        ({"type": OrderType.TAKE_PROFIT, "stop_price": "101"}, "has to be below the market"),
        ({"type": OrderType.TAKE_PROFIT, "stop_price": "99", "side": SELL}, "has to be above the market"),
        ({"type": OrderType.TRAILING_STOP, "trail": "1", "stop_price": "99"}, "has to be above the market"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": "99", "price": "101"}, "has to be above the market"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": "102", "price": "101"}, "could not fill"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": "98", "price": "99", "side": SELL}, "could not fill"),
        ({"time_in_force": TimeInForce.GTD}, "needs the time"),
        ({"time_in_force": TimeInForce.GTD, "expire_ns": T0}, "is over"),
        ({"expire_ns": T0 + 1}, "make it gtd"),
        ({"time_in_force": TimeInForce.IOC, "expire_ns": T0 + 1}, "make it gtd"),
        ({"post_only": True}, "cannot be post-only"),
        ({"type": OrderType.STOP, "stop_price": "101", "post_only": True}, "cannot be post-only"),
        ({"token": "x" * 201}, "shorter"),
        ({"symbol": "sim:OTHER"}, "not for sim:BTC-USD"),
    ],
    ids=str,
)
def test_what_cannot_be_says_what_to_do(fields: dict[str, Any], says: str) -> None:
    if fields.get("quantity", "") is None:
        assert says in refusal(Ticket(symbol=SYMBOL, side=BUY))
    else:
        assert says in refusal(ticket(**fields))


GIVEN: dict[OrderType, dict[str, str]] = {
    OrderType.MARKET: {},
    OrderType.LIMIT: {"price": "99"},
    OrderType.STOP: {"stop_price": "101"},
    OrderType.STOP_LIMIT: {"stop_price": "101", "price": "102"},
    OrderType.TRAILING_STOP: {"trail": "1"},
    OrderType.TAKE_PROFIT: {"stop_price": "99"},
}


@pytest.mark.parametrize(("kind", "force"), list(product(OrderType, TimeInForce)))
@pytest.mark.parametrize("post_only", [False, True])
def test_types_times_and_post_only(kind: OrderType, force: TimeInForce, post_only: bool) -> None:
    made = ticket(
        type=kind,
        **GIVEN[kind],
        time_in_force=force,
        expire_ns=T0 + NS if force is TimeInForce.GTD else 0,
        post_only=post_only,
    )
    at_once = force in (TimeInForce.IOC, TimeInForce.FOK)
    if (at_once and (kind.triggered or post_only)) or (post_only and not kind.limited):
        refusal(made)
    else:
        request = only(made)
        assert (request.type, request.time_in_force, request.post_only) == (kind, force, post_only)


@pytest.mark.parametrize(
    ("trigger", "side", "market"),
    [
        (TriggerSource.LAST, BUY, "100"),
        (TriggerSource.LAST, SELL, "100"),
        (TriggerSource.QUOTE, BUY, "103"),
        (TriggerSource.QUOTE, SELL, "97"),
        (TriggerSource.MARK, BUY, "100"),
    ],
)
def test_a_stop_is_beyond_the_price_that_sets_it_off(trigger: TriggerSource, side: Side, market: str) -> None:
    wide = view(bid=97.0, ask=103.0)
    step = Decimal("0.01") * side.sign
    at = ticket(side=side, type=OrderType.STOP, stop_price=market, trigger=trigger)
    refusal(at, wide)
    refusal(msgspec.structs.replace(at, stop_price=Decimal(market) - step), wide)
    assert only(msgspec.structs.replace(at, stop_price=Decimal(market) + step), wide).trigger is trigger


def test_an_entry_on_an_unknown_market() -> None:
    blind = view(bid=NAN, ask=NAN, last=NAN)
    assert "wait for data" in refusal(ticket(type=OrderType.STOP, stop_price="101"), blind)
    assert "give the quantity" in refusal(ticket(notional="100"), blind)
    assert only(ticket(), blind).decision_price == 0.0  # risk judges it


@pytest.mark.parametrize("equity", [None, Decimal(0), Decimal(-1), Decimal("NaN")])
def test_a_share_of_unknown_equity(equity: Decimal | None) -> None:
    assert "equity is unknown" in refusal(ticket(equity_pct="1"), view(equity=equity))


Text = st.sampled_from(["1", "0.001", "95", "99", "100", "100.005", "101", "105", "0", "-1", "NaN", "1e20"])


@settings(max_examples=500)
@given(
    fields=st.fixed_dictionaries(
        {"side": st.sampled_from(Side), "type": st.sampled_from(OrderType)},
        optional=dict.fromkeys(sorted(NUMBERS), Text)
        | {
            "post_only": st.booleans(),
            "reduce_only": st.booleans(),
            "time_in_force": st.sampled_from(TimeInForce),
            "expire_ns": st.sampled_from([0, T0, T0 + 1]),
            "trigger": st.sampled_from(TriggerSource),
        },
    ),
    position=st.sampled_from(["0", "1", "-1", "100", "-0.0005"]),
    blind=st.booleans(),
)
def test_any_ticket_is_refused_in_a_line_or_makes_orders_on_the_grid(
    fields: dict[str, Any], position: str, blind: bool
) -> None:
    seen = view(position=position, **({"bid": NAN, "ask": NAN, "last": NAN} if blind else {}))
    try:
        requests = order_requests(ticket(**fields), seen)
    except OrderError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert requests == order_requests(ticket(**fields), seen)
    entry, *children = requests
    assert entry.quantity % INSTRUMENT.lot_size == 0 or entry.quantity == abs(Decimal(position))
    for request in requests:
        for price in (request.price, request.stop_price, request.trail):
            assert price is None or (price > 0 and price % INSTRUMENT.tick_size == 0)
        assert len(request.client_order_id) <= 48 and request.purpose is not None
        assert request.reduce_only is (request.purpose is not Purpose.ENTRY)
    assert not children or not entry.reduce_only
    if entry.reduce_only:
        assert Decimal(position) * entry.side.sign < 0
