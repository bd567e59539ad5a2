"""Cash of fills: nothing is rounded, whatever the numbers."""

from __future__ import annotations

from decimal import Context, Decimal

import msgspec

from engine.execution.exact import cash_of
from engine.execution.paper.account import Account
from engine.execution.reconcile import Baseline, Holdings, differences
from tests.execution.alpaca_desk import ask
from tests.execution.test_reconcile import begun, fill

D = Decimal
WIDE = Context(prec=90)
PRICE, QUANTITY, FEE = D("123456.123456789012345678"), D("9876543.123456789012345678"), D("1e-18")


def test_cash_of_a_fill_is_not_rounded() -> None:
    done = msgspec.structs.replace(fill(begun(ask()), 1, str(QUANTITY), str(PRICE)), fee=FEE)
    cash = cash_of(done)
    assert cash == WIDE.minus(WIDE.add(WIDE.multiply(PRICE, QUANTITY), FEE))
    assert len(cash.as_tuple().digits) > 28


def test_the_paper_venues_cash_and_the_desks_are_the_same_to_the_last_digit() -> None:
    order = begun(ask(quantity=QUANTITY))
    done = msgspec.structs.replace(fill(order, 1, str(QUANTITY), str(PRICE)), fee=FEE)
    account = Account({"USD": D("100000.1")})
    account.restore([order], {}, {})
    account.tell(done)
    order.apply(done)
    live, restarted = Holdings(), Holdings()
    live.apply(done, "USD")
    restarted.take_up(order, "USD")
    assert live.cash == restarted.cash == {"USD": cash_of(done)}
    assert account.cash["USD"] == WIDE.add(D("100000.1"), cash_of(done))
    start = Baseline(0, {"USD": D("100000.1")})

    def found(amount: Decimal) -> list[str]:
        view = account.view(1)
        told = msgspec.structs.replace(view, cash={"USD": WIDE.add(view.cash["USD"], amount)})
        drifts = differences(
            *(told, live, start),
            order={"td-1": order}.get,
            open_orders=(),
            unresolved=frozenset(),
            exact_cash=True,
        )
        return [f"{drift.kind} {drift.difference}" for drift in drifts]

    assert found(D(0)) == []
    assert found(FEE) == ["cash 0.000000000000000001"]
