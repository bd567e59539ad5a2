"""Rates of other currencies from the prices of configured symbols."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import msgspec
import pytest

from engine.api.trading_protocol import OrderPreview, OrderTicket
from engine.automation.parts import Order
from engine.config import AccountConfig, Config
from engine.errors import AutomationError, ConfigError
from engine.events import NS, Drop, Fill, Funding, Opportunity, OrderEvent, OrderState, RiskState, Side
from engine.store.rows import EquityPoint
from engine.wiring import order_template
from engine.wiring.alert_sight import DeskSight
from engine.wiring.tickets import Tickets
from tests.execution.test_build import FEATURES
from tests.opportunities.signals import blend
from tests.wiring.conftest import START_NS, Bench, quote
from tests.wiring.test_view import frame

EURO, YEN, BTC = "kraken:EUR/USD", "sim:USD-JPY", "kraken:BTC/EUR"
D = Decimal


def bench(rates: dict[str, str] | None = None) -> Bench:
    rates = {"EUR": EURO, "JPY": YEN} if rates is None else rates
    return Bench(msgspec.structs.replace(Config(), account=AccountConfig(rates=rates)))


def at(one: Bench, second: float, *prices: tuple[str, float]) -> None:
    """Quotes of a moment, and a bar's time."""
    one.desk.on_events([quote(symbol, price, price, second) for symbol, price in prices])
    one.desk.advance(START_NS + int(second * NS))
    one.desk.trading.on_time()


def test_a_rate_follows_its_symbol_and_is_unknown_once_that_is_silent() -> None:
    one = bench()
    rate = one.desk.trading.ledger.balances.rate
    at(one, 0)
    assert (rate("EUR"), rate("USD"), rate("USDT")) == (None, 1, 1)
    at(one, 1, (EURO, 1.08), (YEN, 160.0))
    assert (rate("EUR"), rate("JPY")) == (D("1.08"), D("0.00625"))
    at(one, 2, (EURO, 1.1))
    assert rate("EUR") == D("1.1")
    at(one, 61.5, (EURO, 1.1))
    assert (rate("EUR"), rate("JPY")) == (D("1.1"), None)
    at(one, 62, (YEN, 160.0))
    assert rate("JPY") == D("0.00625")


def test_unknown_equity_denies_no_exit_halts_nothing_and_is_not_recorded() -> None:
    one = bench()
    desk, trading = one.desk, one.desk.trading
    at(one, 0, (BTC, 50_000.0))
    bought = Fill("t1", "o1", BTC, Side.BUY, D("0.1"), D(50_000), D(5), "taker", 5e4, START_NS, "EUR")
    trading.books.apply(bought, None)
    trading.books.fund(Funding("f1", BTC, D(-1), "EUR", 0.0001, START_NS + 1))
    at(one, 10, (BTC, 50_000.0))
    assert trading.ledger.equity() is None and trading.gate.state is RiskState.ACTIVE
    before = len([record for record in one.records if isinstance(record, EquityPoint)])
    at(one, 20, (BTC, 51_000.0), (EURO, 1.1))
    assert trading.ledger.equity() == 100_000 + D("1.1") * (100 - 5 - 1)
    assert trading.gate.state is RiskState.ACTIVE and trading.books.check() == []
    desk.advance(START_NS + 40 * NS)
    points = [record for record in one.records if isinstance(record, EquityPoint)][before:]
    assert points and all(D(point.equity).is_finite() for point in points)


def test_what_positions_earned_is_told_in_the_account_s_currency() -> None:
    """A gain of 100 yen beside one of 100 euros is no equal one; without a rate none is told."""
    one = bench()
    desk, books = one.desk, one.desk.trading.books
    at(one, 0, (BTC, 1000.0), (YEN, 160.0))
    for n, (symbol, side, price, currency) in enumerate(
        ((BTC, Side.BUY, 1000, "EUR"), (YEN, Side.BUY, 160, "JPY"), (YEN, Side.SELL, 170, "JPY"))
    ):
        held = Fill(f"t{n}", "o1", symbol, side, D(2), D(price), D(0), "taker", 1e3, START_NS, currency)
        books.apply(held, None)
    sight = DeskSight(desk, list)

    def told() -> dict[str, tuple[str, str, float | None]]:
        rows = frame(one, desk.now_ns).positions
        return {row.symbol: (row.unrealized, row.realized, sight.unrealized(row.symbol)) for row in rows}

    at(one, 1, (BTC, 1050.0), (YEN, 160.0))
    assert told() == {BTC: ("", "", None), YEN: ("0.00", "0.12", None)}
    at(one, 2, (BTC, 1050.0), (YEN, 160.0), (EURO, 1.25))
    assert told() == {BTC: ("125.00", "0.00", 125.0), YEN: ("0.00", "0.12", None)}


def test_a_preview_names_the_currency_that_is_not_the_account_s() -> None:
    one = bench()
    at(one, 1, (BTC, 1000.0), (EURO, 1.25), ("sim:ETH-USD", 100.0))
    tickets = Tickets(one.desk)

    def preview(symbol: str, quantity: str) -> OrderPreview:
        made = tickets.requests(OrderTicket(symbol, "buy", quantity=quantity, stop_loss="99"), "me")
        return tickets.preview(made)

    told = preview(BTC, "0.005")
    assert (told.notional, told.fee, told.loss, told.currency) == ("5.00", "0.005", "-4.50", "EUR")
    assert told.cash_after == "99993.74"
    assert preview("sim:ETH-USD", "0.5").currency == ""


def test_entries_and_templates_are_sized_in_the_account_s_currency() -> None:
    """Percent of equity and the account's amounts: at a rate of 1.25, a fifth less of the other currency."""
    one = bench()
    desk = one.desk
    opportunity = Opportunity(
        "op-1", BTC, Side.BUY, 0.8, 1.0, 1000.0, ("trend",), "why", START_NS, START_NS + 60 * NS, 0,
        msgspec.structs.replace(blend(0.8), symbol=BTC, ns=START_NS), FEATURES,
    )  # fmt: skip
    at(one, 1, (BTC, 1000.0))
    desk.trading.act(opportunity)
    assert [record.code for record in one.records if isinstance(record, Drop)] == ["NO_RATE"]
    step = Order(side="buy", symbol=BTC, notional=1000.0)
    with pytest.raises(AutomationError, match="EUR has no rate"):
        order_template.send(desk, step, None, "run-1", 0, "")
    at(one, 2, (BTC, 1000.0), (EURO, 1.25))
    desk.trading.act(opportunity)
    at(one, 3, (BTC, 1000.0), (EURO, 1.25))
    for number, sized in enumerate((step, Order(side="buy", symbol=BTC, percent=1.5))):
        with contextlib.suppress(AutomationError):  # whatever risk says of it
            order_template.send(desk, sized, None, "run-1", number, "")
    worth = [
        event.request.quantity * 1000
        for event in one.journal
        if isinstance(event, OrderEvent) and event.request is not None
    ]
    assert worth == [1600, 800, 1200]


def test_a_symbol_that_older_fills_counted_one_to_one_is_left_but_not_entered() -> None:
    one = bench()
    desk, trading = one.desk, one.desk.trading
    at(one, 1, (BTC, 1000.0), (EURO, 1.25))
    old = Fill("t1", "o1", BTC, Side.BUY, D(2), D(1000), D(1), "taker", 1e3, START_NS, "")
    trading.books.apply(old, None)
    with pytest.raises(AutomationError, match=r"CURRENCY_UNKNOWN .* EUR, older fills are counted one to one"):
        order_template.send(desk, Order(side="buy", symbol=BTC, notional=1000.0), None, "run-1", 0, "")
    trading.flatten()
    (left,) = trading.blotter.open_orders(BTC)
    assert left.request.reduce_only and left.state is OrderState.SUBMITTED


@pytest.mark.parametrize("symbol", ["kraken:BTC/USD", "kraken:EUR/GBP", "EUR", "kraken:EUR"])
def test_a_symbol_that_is_no_pair_of_the_two_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="no price of EUR in USD"):
        bench({"EUR": symbol})


def test_a_pegged_currency_has_no_rate() -> None:
    one = bench({"USDT": "kraken:USDT/USD"})
    at(one, 1, ("kraken:USDT/USD", 0.99))
    assert one.desk.trading.ledger.balances.rate("USDT") == 1
