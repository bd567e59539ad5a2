"""The desk's books against a gateway's: every kind of difference, and what is only on its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.events import Fill, OrderEvent, OrderRequest, OrderState, Side
from engine.execution.gateway import VenueAccount, VenueFee, VenueOrder
from engine.execution.order import Order
from engine.execution.reconcile import Drift, Holdings, Reconciler, baseline, differences
from tests.execution.alpaca_desk import BTC, ask

D = Decimal
S = OrderState
NS = 1_000_000_000


def fill(order: Order, n: int, quantity: str, price: str = "100") -> Fill:
    request = order.request
    return Fill(
        f"x-{n}",
        request.client_order_id,
        BTC,
        request.side,
        D(quantity),
        D(price),
        D(0),
        "",
        100.0,
        1,
        "USD",
    )


class Books:
    """An order that bought 1 of 2 at 100, the same on both sides."""

    def __init__(self, **changes: Any) -> None:
        self.order = begun(ask(**changes))
        done = fill(self.order, 1, "1")
        self.order.apply(done)
        self.holdings = Holdings()
        self.holdings.apply(done, "USD")
        self.orders = {"td-1": self.order}
        self.unresolved: frozenset[str] = frozenset()
        self.account = VenueAccount(
            ns=5,
            orders=(VenueOrder("td-1", "v-1", BTC, Side.BUY, D(2), D(1), S.PARTIALLY_FILLED),),
            fills=(done,),
            positions={BTC: D(1)},
            cash={"USD": D(900)},
        )
        self.start = baseline(self.account, self.holdings)

    def tell(self, **changes: Any) -> None:
        self.account = msgspec.structs.replace(self.account, **changes)

    def tell_order(self, **changes: Any) -> None:
        self.tell(orders=(msgspec.structs.replace(self.account.orders[0], **changes),))

    def drifts(self, **how: Any) -> list[tuple[str, str, str, str]]:
        found = differences(
            self.account,
            self.holdings,
            self.start,
            order=self.orders.get,
            open_orders=[o for o in self.orders.values() if not o.state.terminal],
            unresolved=self.unresolved,
            **how,
        )
        return [(d.kind, d.subject, d.ours, d.theirs) for d in found]


def begun(request: OrderRequest) -> Order:
    identity, symbol = request.client_order_id, request.symbol
    order = Order.begin(OrderEvent(identity, symbol, S.INITIALIZED, "", 1, request=request))
    order.apply(OrderEvent(identity, symbol, S.SUBMITTED, "", 1))
    return order


def test_books_that_agree() -> None:
    books = Books()
    assert books.drifts() == books.drifts(exact_cash=True) == []
    assert books.start.cash == {"USD": D(1000)}


def test_an_order_that_the_venue_does_not_know() -> None:
    books = Books()
    books.tell(orders=(), fills=())
    assert books.drifts() == [("order", "td-1", "partially_filled, 1 filled", "unknown")]
    books.unresolved = frozenset({"td-1"})
    assert books.drifts() == []


@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({"state": S.CANCELED}, "canceled, 1 filled"),
        ({"filled": D("1.5")}, "partially_filled, 1.5 filled"),
        ({"state": S.FILLED, "filled": D(2)}, "filled, 2 filled"),
    ],
)
def test_an_order_that_stands_otherwise_at_the_venue(changes: dict[str, Any], theirs: str) -> None:
    books = Books()
    books.tell_order(**changes)
    assert books.drifts() == [("order", "td-1", "partially_filled, 1 filled", theirs)]


def test_an_order_that_we_gave_up_and_the_venue_works_on() -> None:
    books = Books()
    books.order.apply(OrderEvent("td-1", BTC, S.CANCELED, "", 2))
    assert books.drifts() == [("order", "td-1", "canceled, 1 filled", "partially_filled, 1 filled")]


def test_orders_and_executions_that_are_not_ours() -> None:
    books = Books()
    stranger = VenueOrder("", "v-9", BTC, Side.SELL, D(2), D(0), S.ACCEPTED)
    done = msgspec.structs.replace(stranger, venue_order_id="v-8", state=S.FILLED)
    books.tell(orders=(*books.account.orders, stranger))
    assert books.drifts() == [("order", "v-9", "not ours", "accepted, 0 filled")]
    books.tell(orders=(books.account.orders[0], done))
    assert books.drifts() == []
    foreign = msgspec.structs.replace(books.account.fills[0], trade_id="x-9", client_order_id="")
    books.tell(fills=(foreign,))
    assert books.drifts() == [("fill", "x-9", "none", "buy 1 sim:BTC-USD at 100")]


def test_an_execution_that_we_have_by_another_name_is_no_difference() -> None:
    books = Books()
    books.tell(fills=(msgspec.structs.replace(books.account.fills[0], trade_id="other-1"),))
    assert books.drifts() == []
    books.tell_order(filled=D(2))
    assert [kind for kind, *_ in books.drifts()] == ["order", "fill"]


def test_positions() -> None:
    books = Books()
    books.tell(positions={BTC: D("1.000"), "sim:AAPL": D(5)})
    assert books.drifts() == [("position", "sim:AAPL", "0", "5")]
    books.tell(positions={})
    assert books.drifts() == [("position", BTC, "1", "0")]


def test_fees_that_are_not_told_yet_explain_a_little_that_is_missing() -> None:
    books = Books()
    books.holdings = Holdings(lambda symbol: D("0.0025") if symbol == BTC else D(0))
    books.holdings.apply(fill(books.order, 1, "1"), "USD")
    for held, found in (("1", 0), ("0.9975", 0), ("0.9974", 1), ("1.0001", 1)):
        books.tell(positions={BTC: D(held)})
        assert len(books.drifts()) == found, held
    order = begun(ask("td-2", side=Side.SELL))
    books.holdings.apply(fill(order, 2, "1"), "USD")
    books.tell(positions={BTC: D("-0.0001")}, cash={"USD": D(1000)})
    assert [kind for kind, *_ in books.drifts()] == ["position"], "flat is flat"
    books.tell(positions={})
    for cash, found in (("999.75", 0), ("999.70", 1), ("1000.05", 1)):
        books.tell(cash={"USD": D(cash)})
        assert len(books.drifts()) == found, cash
    books.tell(cash={"USD": D("999.75")}, ns=4 * 86_400 * NS)
    assert len(books.drifts()) == 1, "by then the venue has told it"
    books.tell(fees=(VenueFee("f-1", D("0.25"), "USD"),))
    assert books.drifts() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_fees_that_were_booked_explain_nothing_more(restarted: bool) -> None:
    """Of a position that is never flat they would add up, until all of it might be missing unseen."""
    holdings = Holdings(lambda symbol: D("0.0025"))
    bought = begun(ask(quantity=D(100)))
    sold = begun(ask("td-2", side=Side.SELL, quantity=D("99.9")))
    kept = D("0.15")
    steps = [
        (bought, fill(bought, 1, "100")),
        (sold, fill(sold, 2, "99.75")),
        (sold, msgspec.structs.replace(fill(sold, 3, "0.15"), fee=kept * 100)),
    ]
    for order, one in steps:
        order.apply(one)
        if not restarted:
            holdings.apply(one, "USD")
    if restarted:
        for order in (bought, sold):
            holdings.take_up(order, "USD")
    assert holdings.positions[BTC] == D("0.1") and holdings.untold_in_kind(BTC) == D("0.1")


def test_cash() -> None:
    books = Books()
    books.tell(cash={"USD": D("899.99")})
    assert books.drifts() == [] and books.drifts(exact_cash=True) == [("cash", "USD", "900", "899.99")]
    books.tell(cash={"USD": D(1400), "EUR": D(7)})
    assert books.drifts() == [("cash", "USD", "900", "1400")]
    books.tell(cash={"USD": D("898.5")}, fees=(VenueFee("f-1", D("1.5"), "USD"),))
    assert books.drifts() == []


def test_cash_follows_fills_and_funding_since_the_first_contact() -> None:
    books = Books()
    order = begun(ask("td-2", side=Side.SELL))
    sold = fill(order, 2, "1", "110")
    order.apply(sold)
    books.holdings.apply(sold, "USD")
    books.holdings.fund(D("-3"), "USD")
    again = Holdings()
    again.take_up(books.order, "USD")
    again.take_up(order, "USD")
    again.fund(D("-3"), "USD")
    books.tell(cash={"USD": D(1007)}, positions={})
    for holdings in (books.holdings, again):
        books.holdings = holdings
        assert books.drifts(exact_cash=True) == []


def drift(difference: str, subject: str = BTC) -> Drift:
    return Drift("position", subject, "0", difference, difference)


def test_a_difference_counts_when_it_stands() -> None:
    reconciler = Reconciler(5 * NS)
    assert reconciler.look([drift("1")], 0) == ((), True)
    assert reconciler.look([drift("1")], 4 * NS) == ((), True)
    (found,), again = reconciler.look([drift("1")], 5 * NS)
    assert found.since_ns == 0 and not again
    (found,), _ = reconciler.look([drift("1")], 60 * NS)
    assert found.since_ns == 0
    assert reconciler.look([], 61 * NS) == ((), False)
    assert reconciler.look([drift("1")], 62 * NS) == ((), True)


def test_a_difference_that_changes_is_on_its_way() -> None:
    reconciler = Reconciler(5 * NS)
    for at, difference in enumerate(["1", "2", "1", "3", "2"]):
        assert reconciler.look([drift(difference)], at * 60 * NS) == ((), True)
    standing, moving = drift("1", "a"), drift("1", "b")
    reconciler.look([standing, moving], 500 * NS)
    found, again = reconciler.look([standing, drift("2", "b")], 560 * NS)
    assert [d.subject for d in found] == ["a"] and again
