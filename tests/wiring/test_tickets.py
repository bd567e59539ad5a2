"""Tickets become orders: in any spelling, once for each token, and previewed without being sent."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.api.trading_protocol import OrderTicket
from engine.errors import OrderError
from engine.wiring.tickets import Tickets
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import requests

B = "sim:BBB-USD"


@pytest.mark.parametrize("name", ["AAA-USD", "aaa-usd", "AAA/USD", "aaausd", "aaa_usd"])
def test_an_order_may_name_its_symbol_in_any_spelling(name: str) -> None:
    assert requests(Market().desk, symbol=name, quantity="1")[0].symbol == A


def test_another_ticket_under_a_token_is_not_answered_as_the_first() -> None:
    market = Market()
    market.tick()
    market.desk.intake.add_symbol(B, 50.0)
    given = {"symbol": A, "side": "buy", "quantity": "1.0", "stop_loss": "99", "token": "t"}
    made = requests(market.desk, **given)
    market.desk.trading.submit_list(made)
    tickets = Tickets(market.desk)
    again = msgspec.convert(given | {"quantity": "1", "stop_loss": "99.00"}, OrderTicket)
    assert tickets.placed(again) == [request.client_order_id for request in made]
    of_money = msgspec.convert(
        {k: v for k, v in given.items() if k != "quantity"} | {"notional": "100"}, OrderTicket
    )
    assert tickets.placed(of_money) == [request.client_order_id for request in made]
    changes: list[dict[str, object]] = [
        *({"side": "sell"}, {"quantity": "2"}, {"symbol": B}, {"type": "limit", "price": "100"}),
        *({"stop_loss": "98"}, {"stop_loss": None}, {"take_profit": "102"}, {"time_in_force": "ioc"}),
    ]
    for change in changes:
        with pytest.raises(OrderError, match=r"was used for another order, buy 1 \S+ at market: take a new"):
            tickets.placed(msgspec.convert(given | change, OrderTicket))
    assert tickets.placed(msgspec.convert(given | {"token": "u"}, OrderTicket)) == []


def test_a_preview_counts_nothing_and_sends_nothing() -> None:
    market = Market()
    market.tick()
    tickets = Tickets(market.desk)
    made = requests(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    preview = tickets.preview(made)
    assert preview.approved and len(preview.verdicts) == 3
    assert (preview.quantity, preview.position_after) == ("10", "10")
    assert preview.price == "100.01" and preview.notional == "1000.10" and preview.fee == "1.00"
    assert preview.cash_after == "98998.90"
    assert (preview.loss, preview.gain) == ("-10.10", "14.90")
    plain = tickets.preview(requests(market.desk, side="sell", quantity="10", stop_loss="101"))
    assert (plain.loss, plain.gain) == ("-10.10", "")
    assert not market.bench.journal and not market.desk.trading.work.count()
    assert tickets.preview(made).approved


def test_an_id_that_was_denied_is_used_and_said_to_be() -> None:
    market = Market(overrides=("risk.max_order_notional_pct=1",))
    (made,) = requests(market.desk, type="limit", quantity="15", price="99.5")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None
    assert not market.desk.trading.submit(made, instrument).approved
    smaller = msgspec.structs.replace(made, quantity=Decimal(1))
    verdict = market.desk.trading.submit(smaller, instrument)
    assert (verdict.approved, verdict.code) == (False, "DUPLICATE_ID"), "nothing would leave"
    assert len(market.desk.trading.blotter) == 1
