"""What risk is told: orders at work at their prices, our own best prices, limits of scopes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.events import NS, OrderRequest, OrderType, Purpose, RiskState, Side
from engine.execution.ids import client_order_id
from engine.risk.limits import STRATEGY, SYMBOL
from engine.risk.view import RiskView
from tests.wiring.one_market import A, Market, opened

D = Decimal


def order(market: Market, name: str, **changes: Any) -> OrderRequest:
    """A limit buy of 10 at 99, with the market around 100."""
    fields: dict[str, Any] = {
        "client_order_id": client_order_id(Purpose.ENTRY, A, Side.BUY, 0, name), "symbol": A,
        "side": Side.BUY, "type": OrderType.LIMIT, "quantity": D(10), "purpose": Purpose.ENTRY,
        "reduce_only": False, "decision_ns": market.desk.now_ns, "decision_price": 100.0, "price": D(99),
    }  # fmt: skip
    return OrderRequest(**(fields | changes))


def send(market: Market, name: str, **changes: Any) -> OrderRequest:
    request = order(market, name, **changes)
    instrument = market.desk.instruments.get(A)
    assert instrument is not None
    verdict = market.desk.trading.submit(request, instrument)
    assert verdict.approved, verdict.detail
    return request


def seen(market: Market, request: OrderRequest | None = None) -> RiskView:
    views, instrument = market.desk.trading._flow.views, market.desk.instruments.get(A)
    assert instrument is not None
    quote = market.desk.features.live_quote(instrument.index)
    return views.view(request or order(market, "judged"), instrument, quote, market.desk.now_ns)


@pytest.fixture
def market() -> Market:
    """A second on: a quote is there."""
    found = Market()
    found.tick()
    return found


def test_working_entries_count_at_their_limits(market: Market) -> None:
    before = seen(market)
    assert (before.gross, before.working, before.own_bid, before.own_ask) == (0, 0, None, None)
    send(market, "a", price=D(99))
    send(market, "b", price=D("98.5"), quantity=D(4))
    after = seen(market)
    assert (after.gross, after.net, after.working) == (D(1384), D(1384), D(14))
    assert (after.own_bid, after.own_ask) == (D(99), None)
    assert (after.symbol_orders, after.open_orders) == (2, 2)


def test_a_sent_order_counts_before_it_is_durable() -> None:
    market = Market(hold=True)
    market.tick()
    send(market, "a")
    found = seen(market)
    assert (found.gross, found.working, found.open_orders, found.own_bid) == (990, 10, 1, 99)


def test_the_best_of_each_side_is_seen_and_a_resting_pair_is_fine(market: Market) -> None:
    send(market, "a", price=D("98.5"))
    send(market, "b", price=D(99), quantity=D(3))
    send(market, "c", side=Side.SELL, price=D(101))
    send(market, "d", side=Side.SELL, price=D("100.5"), quantity=D(3))
    found = seen(market)
    assert (found.own_bid, found.own_ask) == (D(99), D("100.5"))
    crossing = order(market, "e", price=D("100.5"))
    verdict = market.desk.trading.gate.check(crossing, seen(market, crossing))
    assert [check.code for check in verdict.checks if not check.passed] == ["SELF_TRADE"]


def test_what_works_on_the_other_side_makes_no_room(market: Market) -> None:
    """It may never fill: 20 sold at 101 do not let 20 more be bought than the limit says."""
    send(market, "short", side=Side.SELL, quantity=D(20), price=D(101))
    found = seen(market)
    assert (found.gross, found.net, found.working) == (2020, 0, 0)
    selling = seen(market, order(market, "more", side=Side.SELL, price=D(101)))
    assert (selling.gross, selling.net, selling.working) == (2020, -2020, -20)
    big = order(market, "big", price=D(99), quantity=D(50))
    full = seen(market, big)
    full.position, full.net, full.gross = D(190), D(19_000), D(21_020)  # 20 percent, and the sale that works
    codes = [check.code for check in market.desk.trading.gate.check(big, full).checks if not check.passed]
    assert codes == ["POSITION_LIMIT"]


def test_an_order_is_not_in_its_own_way(market: Market) -> None:
    """What an amendment is judged by: the desk without the order."""
    request = send(market, "a")
    found = seen(market, request)
    assert (found.gross, found.working, found.own_bid) == (0, 0, None)
    assert (found.symbol_orders, found.open_orders) == (0, 0)


def test_stops_are_not_in_the_market_and_exits_that_wait_close_nothing_yet() -> None:
    market = opened()
    held = market.held
    exits: dict[str, Any] = {
        "side": Side.SELL,
        "reduce_only": True,
        "purpose": Purpose.STOP_LOSS,
        "quantity": held,
    }
    send(market, "stop", type=OrderType.STOP, price=None, stop_price=D("99.8"), **exits)
    assert (seen(market).own_ask, seen(market).exiting) == (None, 0)
    send(market, "target", price=D("100.9"), **exits)
    assert (seen(market).own_ask, seen(market).exiting) == (D("100.9"), 0)


def test_a_market_exit_at_work_is_on_its_way() -> None:
    market = opened(hold=False)
    held = market.held
    send(
        market, "out", type=OrderType.MARKET, price=None, side=Side.SELL, reduce_only=True,
        purpose=Purpose.FLATTEN, quantity=held,
    )  # fmt: skip
    found = seen(market)
    assert (found.exiting, found.own_ask) == (held, 0)


def test_limits_of_a_strategy_see_what_it_holds_and_works_on() -> None:
    market = opened(overrides=("risk.strategies.trend.max_gross_pct=3",))
    first = market.desk.trading.ledger.positions()[0]
    trend = ("trend",)
    (held,) = seen(market, order(market, "x", sources=trend)).scopes
    assert held.scope == f"{STRATEGY}trend" and held.orders == 0
    share = market.desk.trading._flow.books.attribution.shares(A).get("trend")
    unit = market.desk.trading.ledger.unit_value(A)
    assert unit is not None
    expected = (share.quantity if share is not None else D(0)) * unit
    assert (held.gross, held.net) == (expected, expected) and first.quantity > 0
    send(market, "a", sources=trend, price=D("98.5"), quantity=D(2))
    (working,) = seen(market, order(market, "x", sources=trend)).scopes
    assert (working.orders, working.gross) == (1, expected + 197)
    assert seen(market, order(market, "x", sources=("model",))).scopes == ()


def test_limits_of_a_symbol_see_the_symbol(market: Market) -> None:
    market.desk.trading.gate.book.set(SYMBOL + A, "max_open_orders", 1, "me", 0)
    send(market, "a")
    (found,) = seen(market).scopes
    assert (found.scope, found.orders, found.gross, found.net) == (SYMBOL + A, 1, 990, 990)
    verdict = market.desk.trading.gate.check(order(market, "b", price=D(98.5)), seen(market))
    assert verdict.code == "OPEN_ORDERS" and verdict.detail == f"1, limit < 1 ({SYMBOL}{A})"


def test_an_unknown_account_denies_entries_of_its_gateway_alone(market: Market) -> None:
    views = market.desk.trading._flow.views
    views.unknown_accounts["alpaca"] = "never compared"
    there = order(market, "a", gateway="alpaca")
    found = seen(market, there)
    assert (found.equity, found.account) == (None, "never compared")
    assert market.desk.trading.gate.check(there, found).code == "EQUITY_UNKNOWN"
    assert seen(market).equity is not None


def test_the_models_age_is_asked_where_it_counts() -> None:
    market = Market(overrides=("risk.max_model_age_s=60",))
    market.tick()
    behind = order(market, "a", sources=("model",))
    assert seen(market, behind).model_age_ns is None, "no model is loaded"
    assert market.desk.trading.gate.check(behind, seen(market, behind)).code == "MODEL_TOO_OLD"
    market.desk.trading._flow.views.model_created_ns = lambda: market.desk.now_ns - 60 * NS
    assert seen(market, behind).model_age_ns == 60 * NS
    assert market.desk.trading.gate.check(behind, seen(market, behind)).approved
    assert seen(market).model_age_ns is None, "not behind this one"


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_an_exit_of_a_person_passes_with_the_desk_at_its_worst(state: RiskState) -> None:
    market = opened(overrides=("risk.max_open_orders=1", "risk.max_orders_per_s=0.001", "risk.order_burst=1"))
    market.desk.trading.block(A, "panic", market.desk.now_ns + 3600 * NS)
    market.desk.trading.set_state(state, "me", "enough")
    market.at_s += 3600  # nothing was heard for an hour
    send(
        market, "out", type=OrderType.STOP, price=None, stop_price=D("99.12345"), side=Side.SELL,
        reduce_only=True, purpose=Purpose.FLATTEN, quantity=market.held,
    )  # fmt: skip
