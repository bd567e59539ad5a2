"""A denied order's id is used from the moment of its denial, not from when that is on disk."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderEvent, OrderState, RiskState, Side
from engine.execution.ids import ticket_order_id
from engine.execution.ticket import Ticket
from tests.chaos.session import SYMBOLS, Session


def test_the_same_order_while_its_denial_is_on_its_way() -> None:
    session = Session()
    session.desk.trading.set_state(RiskState.HALTED, "ann", "stop")
    session.hold = True
    ticket = Ticket(symbol=SYMBOLS[0], side=Side.BUY, quantity=Decimal(1), token="once")
    for _ in range(2):
        (verdict,) = session.place(ticket)
        assert not verdict.approved
    work = session.desk.trading.work
    identity = ticket_order_id("once")
    assert work.known(identity) and work.list_ids(identity) == [identity]
    session.release()
    begun = [one for one in session.journal if isinstance(one, OrderEvent) and one.request is not None]
    assert len(begun) == 1 and not work.denied
    assert [order.client_order_id for order in session.desk.trading.blotter] == [identity]
    assert session.desk.trading.blotter.by_state(OrderState.DENIED)
    assert session.problems() == []
