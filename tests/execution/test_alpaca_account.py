"""Alpaca's account in the desk's terms, and exits of what its fees in kind left."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import OrderState, OrderType, Side
from tests.execution.alpaca_desk import BTC, DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer

S = OrderState


async def test_the_account_in_the_desks_terms(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "0.5", "100")
    in_kind = {"id": "f-1", "activity_type": "CFEE", "symbol": "BTCUSD", "qty": "-0.001", "net_amount": "0"}
    server.fees += [in_kind, {"id": "f-2", "activity_type": "FEE", "net_amount": "-0.02"}]
    assert (await desk.broker.account(0)).fees == ()
    account = await desk.broker.account(1)
    assert desk.kinds() == ["accepted", "fill 0.5"], "an execution we lacked is reported before"
    assert account.cash == {"USD": Decimal(99_950)} and account.positions == {BTC: Decimal("0.5")}
    (order,) = account.orders
    assert (order.client_order_id, order.filled, order.state) == ("td-1", Decimal("0.5"), S.PARTIALLY_FILLED)
    (fill,) = account.fills
    assert fill.trade_id in desk.order().trade_ids
    assert [(fee.fee_id, fee.amount) for fee in account.fees] == [("f-2", Decimal("0.02"))]


async def test_an_account_that_takes_no_orders_says_so(server: AlpacaServer, desk: DeskSide) -> None:
    assert (await desk.broker.account(0)).blocked == ""
    server.blocks = {"trading_blocked": True, "account_blocked": False, "trade_suspended_by_user": True}
    assert (await desk.broker.account(0)).blocked == "trading_blocked, trade_suspended_by_user"


async def test_an_exit_of_what_fees_left_is_whole(server: AlpacaServer, desk: DeskSide) -> None:
    """Bought crypto pays its fee in kind: there is less to sell, and the rest is a sale that the fee took."""
    server.fee_share = Decimal("0.0025")
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.fill("td-1", "2", "100")
    await desk.reaches(S.FILLED)
    server.auto_fill = lambda row: [("1", "110"), (str(Decimal(row["qty"]) - 1), "110")]
    market = {"type": OrderType.MARKET, "price": None}
    desk.place(ask("td-2", side=Side.SELL, reduce_only=True, **market))
    order = await desk.reaches(S.FILLED, "td-2")
    assert order.filled == 2 and order.quantity == 2
    assert desk.kinds("td-2") == ["accepted", "fill 1", "fill 0.995", "fill 0.0050"]
    assert order.notional - order.fees == Decimal("1.995") * 110
    assert server.placed["td-2"] == 2 and server.positions["BTCUSD"] == 0
    assert len([row for row in server.orders.values() if row["client_order_id"] == "td-2"]) == 1


async def test_a_position_that_was_sold_in_parts_is_left_whole(server: AlpacaServer, desk: DeskSide) -> None:
    """Its fees were taken when it was bought: of the last part they may be much, or all."""
    server.fee_share = Decimal("0.0025")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005") if symbol == BTC else Decimal(0)
    server.auto_fill = lambda row: [(row["qty"], "100")]
    market = {"type": OrderType.MARKET, "price": None}
    desk.place(ask(**market))
    await desk.reaches(S.FILLED)
    for name, quantity, there in (("a", "1.9", "1.9"), ("b", "0.097", "0.095"), ("c", "0.003", None)):
        size = Decimal(quantity)
        desk.place(ask(name, side=Side.SELL, reduce_only=True, quantity=size, **market))
        order = await desk.reaches(S.FILLED, name)
        sold = Decimal(there or 0)
        assert (order.filled, order.notional - order.fees) == (size, sold * 100)
        rows = [row["qty"] for row in server.orders.values() if row["client_order_id"] == name]
        assert rows == ([] if there is None else [there])
    assert server.positions["BTCUSD"] == 0 and desk.gateway.waiting() == {}


async def test_what_another_order_is_to_sell_is_not_taken_for_fees(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.995")
    server.reserved = Decimal("1.995")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005")
    for name, quantity in (("a", "2"), ("b", "0.005")):
        desk.place(ask(name, side=Side.SELL, reduce_only=True, quantity=Decimal(quantity)))
        assert (await desk.reaches(S.REJECTED, name)).filled == 0


async def test_fees_are_missing_beside_another_order_to_sell_too(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """A part of the position rests at its target: the stop of the rest is what is left, without the fees."""
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.995")
    server.reserved = Decimal("0.5")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005")
    desk.place(ask("a", side=Side.SELL, reduce_only=True, quantity=Decimal("1.5")))
    assert (await desk.reaches(S.ACCEPTED, "a")).quantity == Decimal("1.5")
    server.fill("a", "1.495", "100")
    order = await desk.reaches(S.FILLED, "a")
    assert (order.filled, order.notional - order.fees) == (Decimal("1.5"), Decimal("149.5"))
    server.reserved = Decimal("0.49")
    desk.place(ask("b", side=Side.SELL, reduce_only=True, quantity=Decimal("0.5")))
    assert (await desk.reaches(S.REJECTED, "b")).filled == 0


async def test_what_the_venue_does_not_tell_is_not_taken_for_fees(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.fee_share = Decimal("0.0025")
    desk.gateway.taken_in_kind = lambda symbol: Decimal(2)
    server.faults.read = ["error", "error"]
    desk.place(ask(side=Side.SELL, reduce_only=True))
    assert (await desk.reaches(S.REJECTED)).filled == 0


async def test_an_exit_that_lacks_more_than_fees_sells_what_is_there(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """A stop that is refused whole leaves all of it unprotected. What is missing stays held."""
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.9")
    server.auto_fill = lambda row: [(row["qty"], "100")]
    desk.place(ask(side=Side.SELL, reduce_only=True, type=OrderType.MARKET, price=None))
    order = await desk.reaches(S.FILLED)
    assert (order.quantity, order.filled, order.fees) == (Decimal("1.9"), Decimal("1.9"), 0)
    desk.place(
        ask(
            "td-2",
            side=Side.SELL,
            reduce_only=True,
            type=OrderType.MARKET,
            price=None,
            quantity=Decimal("0.1"),
        )
    )
    assert (await desk.reaches(S.REJECTED, "td-2")).filled == 0


@pytest.mark.parametrize("held", ["0", "7"])
async def test_an_exit_of_what_is_not_there_is_refused(
    server: AlpacaServer, desk: DeskSide, held: str
) -> None:
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal(held)
    if held == "7":
        server.faults.place = ["403"]
    desk.place(ask(side=Side.SELL, reduce_only=True))
    order = await desk.reaches(S.REJECTED)
    assert order.reason.startswith("venue: ") and server.placed["td-1"] == 1
