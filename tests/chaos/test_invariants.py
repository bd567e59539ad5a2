"""Each invariant is broken once: what never complains proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.events import (
    NS,
    Fill,
    Funding,
    JournalEvent,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Pending,
    Purpose,
    Side,
    Verdict,
)
from engine.execution.blotter import Blotter
from engine.execution.order import Order
from engine.portfolio.ledger import Ledger
from tests.chaos.invariants import (
    Printed,
    Shown,
    bracket_problems,
    exit_problems,
    fold,
    fold_problems,
    journal_problems,
    liquidity_problems,
    money_problems,
    order_problems,
    stale_problems,
    venue_problems,
)

SYMBOL = "sim:BTC-USD"
T0 = 1_700_000_000 * NS
S = OrderState


def request(identity: str = "td-1", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": identity,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "quantity": Decimal(2),
        "purpose": Purpose.ENTRY,
        "reduce_only": False,
        "decision_ns": T0,
        "decision_price": 100.0,
    }
    return OrderRequest(**(fields | changes))


def verdict(identity: str, approved: bool = True, code: str = "") -> Verdict:
    return Verdict(identity, SYMBOL, approved, code, "", (), T0)


def began(asked: OrderRequest, state: OrderState = S.SUBMITTED) -> list[JournalEvent]:
    identity = asked.client_order_id
    return [
        OrderEvent(identity, asked.symbol, S.INITIALIZED, "", T0, asked),
        OrderEvent(identity, asked.symbol, state, "", T0, None, verdict(identity)),
    ]


def event(state: OrderState, identity: str = "td-1") -> OrderEvent:
    return OrderEvent(identity, SYMBOL, state, "", T0 + 1)


def fill(quantity: str, trade_id: str = "tx-1", identity: str = "td-1", **changes: Any) -> Fill:
    fields: dict[str, Any] = {
        "trade_id": trade_id,
        "client_order_id": identity,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal(100),
        "fee": Decimal("0.1"),
        "liquidity": "taker",
        "decision_price": 100.0,
        "ns": T0 + 2,
    }
    return Fill(**(fields | changes))


def healthy() -> list[JournalEvent]:
    return [*began(request()), event(S.ACCEPTED), fill("0.5"), fill("1.5", "tx-2")]


def bracket() -> list[JournalEvent]:
    child: dict[str, Any] = {"side": Side.SELL, "reduce_only": True, "parent_id": "td-1", "list_id": "tl-1"}
    stop = request("td-2", purpose=Purpose.STOP_LOSS, siblings=("td-3",), **child)
    target = request("td-3", purpose=Purpose.TAKE_PROFIT, siblings=("td-2",), **child)
    return [*began(request(list_id="tl-1")), *began(stop, S.HELD), *began(target, S.HELD)]


def sold(quantity: str, trade_id: str, identity: str) -> Fill:
    return fill(quantity, trade_id, identity, side=Side.SELL)


def test_what_is_healthy_is_quiet() -> None:
    journal = healthy()
    ledger = Ledger(Decimal(1000), "USD")
    for one in journal:
        if isinstance(one, Fill):
            ledger.apply(one)
    blotter = fold(journal)
    assert journal_problems(journal) == fold_problems(journal, blotter) == order_problems(blotter) == []
    assert money_problems(journal, ledger) == bracket_problems(journal) == []
    family = [
        *bracket(),
        fill("2"),
        *[event(S.SUBMITTED, identity) for identity in ("td-2", "td-3")],
        sold("1.5", "tx-2", "td-2"),
        sold("0.5", "tx-3", "td-3"),
    ]
    assert journal_problems(family) == bracket_problems(family) == []


@pytest.mark.parametrize(
    ("journal", "says"),
    [
        ([*began(request())[:1], event(S.SUBMITTED)], "has no verdict"),
        (began(request())[:1], "neither denied nor sent"),
        ([*began(request())[:1], fill("1")], "before its submit event"),
        ([*began(request()), fill("1"), fill("1")], "again"),
        ([*began(request()), fill("1"), fill("1.5", "tx-2")], "2.5 of 2"),
        ([*began(request()), event(S.CANCELED), fill("1")], "after canceled"),
        ([*began(request(reduce_only=True, purpose=Purpose.FLATTEN)), fill("1")], "from 0 to 1"),
        ([event(S.SUBMITTED)], "nothing began order td-1"),
    ],
)
def test_a_journal_that_is_broken(journal: list[JournalEvent], says: str) -> None:
    assert any(says in problem for problem in journal_problems(journal))


def test_a_desk_that_shows_other_orders_than_the_journal() -> None:
    journal = healthy()
    assert "desk shows 0" in fold_problems(journal, Blotter())[0]
    assert "the desk shows" in fold_problems(journal, fold(journal[:-1]))[0]
    assert "contradicts itself" in fold_problems([*journal, event(S.CANCELED)], fold(journal))[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: setattr(order, "filled", Decimal(3)),
        lambda order: setattr(order, "filled", Decimal(2)),
        lambda order: setattr(order, "filled", Decimal(0)),
        lambda order: setattr(order, "state", S.FILLED),
        lambda order: setattr(order, "state", S.CANCELED),
        lambda order: setattr(order, "trade_ids", ("tx-1", "tx-1")),
        lambda order: setattr(order, "trade_ids", ()),
    ],
)
def test_an_order_that_is_broken(spoil: Callable[[Order], None]) -> None:
    blotter = fold(healthy()[:-1])
    order = blotter.get("td-1")
    assert order is not None and order_problems(blotter) == []
    spoil(order)
    assert order_problems(blotter)


def test_what_is_pending_after_the_end() -> None:
    blotter = fold([*healthy()[:-1], event(S.CANCELED)])
    order = blotter.get("td-1")
    assert order is not None
    order.pending = Pending.CANCEL
    assert "has a cancel pending" in order_problems(blotter)[0]


def test_money_that_is_not_the_journals() -> None:
    journal, ledger = healthy(), Ledger(Decimal(1000), "USD")
    assert any("holds 0" in problem for problem in money_problems(journal, ledger))
    ledger.apply(fill("0.5"))
    ledger.apply(fill("1.5", "tx-2", fee=Decimal("0.2")))
    assert any("cash" in problem for problem in money_problems(journal, ledger))
    other = Ledger(Decimal(1000), "USD")
    other.apply(fill("1", symbol="sim:ETH-USD"))
    assert any("held without a fill" in problem for problem in money_problems([], other))


def test_funding_is_cash() -> None:
    paid = Funding("fu-1", SYMBOL, Decimal("-3"), "USD", 0.0001, T0)
    ledger = Ledger(Decimal(1000), "USD")
    assert any("997" in problem for problem in money_problems([paid], ledger))
    ledger.fund(paid)
    assert money_problems([paid, paid], ledger) == []


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ([event(S.SUBMITTED, "td-2")], "released before"),
        ([fill("1"), event(S.SUBMITTED, "td-2"), sold("1.5", "tx-2", "td-2")], "1.5 of its 1"),
        (
            [
                fill("1"),
                event(S.SUBMITTED, "td-2"),
                event(S.SUBMITTED, "td-3"),
                sold("0.6", "tx-2", "td-2"),
                sold("0.6", "tx-3", "td-3"),
            ],
            "1.2 of its 1",
        ),
        ([fill("1"), sold("1", "tx-2", "td-2")], "while it was held"),
    ],
)
def test_a_bracket_that_is_broken(after: list[JournalEvent], says: str) -> None:
    assert any(says in problem for problem in bracket_problems([*bracket(), *after]))


def test_an_exit_that_is_denied() -> None:
    exit_ = request("td-9", side=Side.SELL, reduce_only=True, purpose=Purpose.FLATTEN)
    known = {one.client_order_id: one for one in (request(), exit_)}
    assert exit_problems([verdict("td-9", False, "STALE_DATA")], known) == [
        "exit td-9 was denied: STALE_DATA "
    ]
    assert exit_problems([verdict("td-9", False, "NOT_REDUCING")], known) == []
    assert exit_problems([verdict("td-1", False, "STALE_DATA"), verdict("td-9")], known) == []


def shown(ns: int, bid: str = "1", ask: str = "1") -> Shown:
    return Shown(ns, SYMBOL, {Decimal(99): Decimal(bid)}, {Decimal(100): Decimal(ask)})


@pytest.mark.parametrize(
    ("fills", "market", "fine"),
    [
        ([fill("1")], [shown(T0)], True),
        ([fill("1"), fill("0.1", "tx-2", "td-2")], [shown(T0)], False),
        ([fill("1"), fill("1", "tx-2", ns=T0 + 5)], [shown(T0), shown(T0 + 4)], True),
        ([fill("1"), fill("1", "tx-2", ns=T0 + 3)], [shown(T0), shown(T0 + 4)], False),
        ([fill("1", price=Decimal(99))], [shown(T0)], False),  # nobody sells at that
        ([fill("1", price=Decimal(101))], [shown(T0)], True),  # dearer than it had to be
        ([fill("1", side=Side.SELL, price=Decimal(99))], [shown(T0)], True),
        ([fill("1.5")], [shown(T0), Printed(T0 + 1, SYMBOL, Decimal("0.5"))], True),
        ([fill("1.6")], [shown(T0), Printed(T0 + 1, SYMBOL, Decimal("0.5"))], False),
        ([fill("0.5")], [Printed(T0 + 1, SYMBOL, Decimal("0.5"))], True),
        ([fill("0.5")], [], False),
        ([fill("0.5", ns=T0 - 1)], [shown(T0)], False),
    ],
)
def test_liquidity_is_there_once(fills: list[Fill], market: list[Shown | Printed], fine: bool) -> None:
    assert (liquidity_problems(fills, market) == []) is fine
    several = [msgspec.structs.replace(one, symbol="sim:ETH-USD") for one in fills]
    assert liquidity_problems(several, [])


@pytest.mark.parametrize(("age_s", "fine"), [(0, True), (3, True), (3.001, False)])
def test_old_data_fills_nothing(age_s: float, fine: bool) -> None:
    late = fill("1", ns=T0 + int(age_s * NS))
    assert (stale_problems([late], [shown(T0)], 3 * NS) == []) is fine
    assert stale_problems([late], [], 3 * NS)
    assert stale_problems([late], [shown(T0), Printed(late.ns, SYMBOL, Decimal(1))], 3 * NS) == []


def test_what_is_open_is_at_the_venue() -> None:
    blotter = fold(began(request()))
    assert venue_problems(blotter, "paper", {"td-1": "why"}) == []
    assert "does not know it" in venue_problems(blotter, "paper", {})[0]
    assert "not open" in venue_problems(blotter, "paper", {"td-1": "", "td-2": ""})[0]
