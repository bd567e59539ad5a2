"""The ledger: hand-worked trades, and identities that hold to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import Fill, Side
from engine.portfolio.ledger import Ledger
from tests.portfolio.signed_fills import BTC, DAY, ETH, T0, D, book, fill


def test_buy_add_reduce_close() -> None:
    ledger = Ledger(D(10_000), "USD")
    opened = ledger.apply(fill(1, "2", "100", "0.2"), opportunity_id="op-1")
    assert (opened.quantity, opened.average_price, opened.opportunity_id) == (D(2), D(100), "op-1")
    assert (ledger.cash, ledger.equity()) == (D("9799.8"), D("9999.8"))
    added = ledger.apply(fill(2, "2", "110", "0.2", ns=T0 + 1), opportunity_id="op-2")
    assert (added.quantity, added.average_price, added.opened_ns) == (D(4), D(105), T0)
    assert added.opportunity_id == "op-1"
    reduced = ledger.apply(fill(3, "-1", "115", "0.1"))
    assert (reduced.quantity, reduced.realized, reduced.average_price) == (D(3), D(10), D(105))
    closed = ledger.apply(fill(4, "-3", "100", "0.3"))
    assert (closed.quantity, closed.realized, closed.fees) == (D(0), D(-5), D("0.8"))
    assert (closed.average_price, closed.opened_ns) == (D(0), 0)
    assert ledger.cash == ledger.equity() == D("9994.2")
    assert (ledger.realized, ledger.fees, ledger.positions()) == (D(-5), D("0.8"), [])
    assert ledger.touched() == [closed]
    assert ledger.check() == []


def test_short_and_flip() -> None:
    ledger = book(fill(1, "-2", "100"))
    ledger.mark(BTC, D(90))
    assert (ledger.unrealized(BTC), ledger.equity()) == (D(20), D(10_020))
    assert ledger.standing(T0)[3:] == (D(180), D(-180))
    flipped = ledger.apply(fill(2, "5", "95", ns=T0 + 7), opportunity_id="op-2")
    assert (flipped.quantity, flipped.average_price, flipped.realized) == (D(3), D(95), D(10))
    assert (flipped.opened_ns, flipped.opportunity_id) == (T0 + 7, "op-2")
    assert ledger.check() == []


def test_a_position_opened_anew_is_worth_what_it_cost_not_its_last_mark() -> None:
    ledger = book(fill(1, "2", "100"), fill(2, "-2", "100", ns=T0 + 1))
    ledger.apply(fill(3, "-2", "150", ns=T0 + 2))
    assert (ledger.mark_price(BTC), ledger.unrealized(BTC), ledger.equity()) == (D(150), D(0), D(10_000))
    assert ledger.drawdown_pct() == 0.0
    ledger.mark(BTC, D(151))
    assert (ledger.equity(), ledger.check()) == (D(9_998), [])
    # Valued at 100, the short would have looked like a gain of 100: the highest equity for good.
    assert ledger.drawdown_pct() == pytest.approx(0.02)


def test_exposure_over_longs_and_shorts() -> None:
    ledger = book(fill(1, "1", "100"), fill(2, "-10", "30", symbol=ETH))
    ledger.mark(BTC, D(120))
    assert ledger.standing(T0)[3:] == (D(420), D(-180))
    assert ledger.unrealized() == D(20) and ledger.unrealized("sim:NONE") == 0
    assert [p.symbol for p in ledger.positions()] == [BTC, ETH]
    assert ledger.quantity(ETH) == D(-10) and ledger.quantity("sim:NONE") == 0
    assert ledger.mark_price(BTC) == D(120) and ledger.mark_price("sim:NONE") is None


def test_a_fill_is_booked_once() -> None:
    ledger = book(fill(1, "2", "100", "0.2"))
    before = (ledger.cash, ledger.position(BTC))
    assert ledger.apply(fill(1, "2", "100", "0.2")) == before[1]
    assert (ledger.cash, ledger.position(BTC)) == before
    unpriced = fill(2, "1", "100")
    unpriced = msgspec.structs.replace(unpriced, decision_price=float("nan"))
    ledger.apply(unpriced)
    before = (ledger.cash, ledger.position(BTC))
    ledger.apply(msgspec.structs.replace(unpriced, decision_price=float("nan")))
    with pytest.raises(OrderError, match="other numbers"):
        ledger.apply(fill(1, "3", "100", "0.2"))
    assert (ledger.cash, ledger.position(BTC)) == before and ledger.check() == []


@pytest.mark.parametrize(
    "bad",
    [
        {"quantity": D(0)},
        {"quantity": D(-1)},
        {"quantity": D("NaN")},
        {"price": D(0)},
        {"price": D("Infinity")},
        {"fee": D("NaN")},
    ],
    ids=str,
)
def test_impossible_fills_are_not_booked(bad: dict[str, Any]) -> None:
    ledger = Ledger(D(10_000), "USD")
    with pytest.raises(OrderError, match="not booked"):
        ledger.apply(msgspec.structs.replace(fill(1, "1", "100"), **bad))
    assert ledger.cash == D(10_000) and ledger.positions() == [] and ledger.check() == []


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_impossible_marks_are_refused(price: str) -> None:
    ledger = book(fill(1, "1", "100"))
    with pytest.raises(ValueError, match="above zero"):
        ledger.mark(BTC, D(price))
    assert ledger.mark_price(BTC) == D(100)


def test_drawdown_is_measured_from_the_highest_equity() -> None:
    ledger = book(fill(1, "10", "100"))
    assert ledger.drawdown_pct() == 0.0
    ledger.mark(BTC, D(200))
    ledger.mark(BTC, D(90))
    assert ledger.drawdown_pct() == pytest.approx((11_000 - 9_900) / 11_000 * 100)
    ledger.mark(BTC, D(300))
    assert ledger.drawdown_pct() == 0.0


def test_check_names_what_is_wrong() -> None:
    ledger = book(fill(1, "1", "100"))
    ledger.balances.add("USD", D(1))
    assert any("cash is 9901 USD, what was booked makes 9900" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._positions[BTC] = msgspec.structs.replace(ledger.position(BTC), quantity=D(2))
    assert any("position is 2, its fills make 1" in line for line in ledger.check())
    for field in ("realized", "cost", "fees"):
        ledger = book(fill(1, "1", "100"), fill(2, "-1", "110"), fill(3, "2", "90"))
        position = ledger.position(BTC)
        amount = getattr(position, field) + 1
        ledger._positions[BTC] = msgspec.structs.replace(position, **{field: amount})
        assert any("P&L" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._value += 1
    assert any("worth" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._gross += 1
    assert any("add up to" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._equity = None
    assert ledger.check() == ["equity is 10000, the ledger says None"]


amounts = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-6))
prices = st.integers(1, 10**12).map(lambda n: D(n).scaleb(-7))
fees = st.integers(-(10**6), 10**9).map(lambda n: D(n).scaleb(-8))
steps = st.lists(
    st.tuples(st.sampled_from([BTC, ETH]), st.sampled_from(Side), amounts, prices, fees, st.booleans()),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_identities_hold_exactly(trades: Sequence[tuple[str, Side, Decimal, Decimal, Decimal, bool]]) -> None:
    start = D("123456.78")
    ledger, made = Ledger(start, "USD"), []
    with localcontext(prec=100):
        cash, held, marks = start, {BTC: D(0), ETH: D(0)}, {}
        for n, (symbol, side, quantity, price, fee, close) in enumerate(trades):
            if close and held[symbol]:  # exact closes are rare by chance
                side, quantity = (Side.SELL if held[symbol] > 0 else Side.BUY), abs(held[symbol])
            one = Fill(f"tx-{n}", f"td-{n}", symbol, side, quantity, price, fee, "taker", 1.0, T0 + n)
            made.append(one)
            position = ledger.apply(one)
            if not held[symbol]:
                marks[symbol] = price
            held[symbol] += side.sign * quantity
            cash -= side.sign * quantity * price + fee
            if n % 3 == 0:
                marks[symbol] = price
                ledger.mark(symbol, price)
            value = sum((held[s] * marks[s] for s in marks), D(0))
            assert position.quantity == held[symbol] == ledger.quantity(symbol)
            assert ledger.cash == cash
            assert ledger.equity() == cash + value
            assert ledger.equity() == start + ledger.realized + ledger.unrealized() - ledger.fees
            assert position.quantity or not position.cost, "a flat position costs nothing"
            assert (position.average_price > 0) is bool(position.quantity)
    assert ledger.check() == []
    again = Ledger(start, "USD")
    for one in (*made, *made):
        again.apply(one)
    assert again.cash == ledger.cash and again.positions() == ledger.positions(), "replays book nothing twice"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([BTC, ETH]),
            st.sampled_from(["fill", "fill", "mark", "mark", "roll"]),
            st.integers(-(10**6), 10**6).filter(bool),
            st.integers(1, 10**7),
            st.integers(0, DAY),
        ),
        max_size=40,
    )
)
def test_what_is_kept_as_it_changes_is_what_a_sum_would_be(
    steps: Sequence[tuple[str, str, int, int, int]],
) -> None:
    ledger = Ledger(D(10_000), "USD")
    ns, peak, day = T0, D(10_000), -1
    for n, (symbol, kind, lots, ticks, passed) in enumerate(steps):
        ns += passed
        price = D(ticks).scaleb(-4)
        if kind == "fill":
            ledger.apply(fill(n, str(D(lots).scaleb(-3)), str(price), "0.01", symbol, ns))
        elif kind == "mark":
            ledger.mark(symbol, price)
        else:
            ledger.roll(ns)
        day = day if kind == "mark" else ns // DAY
        with localcontext() as exact:
            exact.prec = 100
            values = [p.quantity * (ledger.mark_price(p.symbol) or 0) for p in ledger.positions()]
            equity = ledger.cash + sum(values)
            peak = max(peak, equity)
            assert ledger.check() == []
            assert ledger.equity() == equity
            assert ledger.standing(T0)[3:] == (sum(map(abs, values)), sum(values))
            below = float((peak - equity) / peak * 100)
            since = equity - ledger.day_start_equity
        assert ledger.drawdown_pct() == pytest.approx(below, rel=1e-12)
        assert ledger.day_pnl(ns) == (since if day in (-1, ns // DAY) else 0)
