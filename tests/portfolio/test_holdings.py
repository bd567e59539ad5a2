"""Holdings: what counts against budgets; never more than there is, nothing of what was closed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Fill, Side
from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Ledger

BTC, ETH = "sim:BTC-USD", "sim:ETH-USD"
D = Decimal
ONE = D(1)
SOURCES = ("trend", "model", "rapid_rise")


class Desk:
    """A ledger and the holdings of what it booked."""

    def __init__(self) -> None:
        self.ledger = Ledger(D(10**6), "USD")
        self.holdings = Holdings()
        self._fills = 0

    def fill(self, symbol: str, quantity: Decimal, *sources: str) -> None:
        self._fills += 1
        n, side = self._fills, Side.BUY if quantity > 0 else Side.SELL
        fill = Fill(f"tx-{n}", f"td-{n}", symbol, side, abs(quantity), ONE, D(0), "taker", 1.0, n * NS)
        self.holdings.apply(fill, sources, self.ledger.apply(fill).quantity)

    def held(self, source: str, symbol: str) -> Decimal:
        return self.holdings.value(source, lambda other: ONE if other == symbol else D(0))


def test_a_fill_counts_in_full_for_every_strategy_behind_it() -> None:
    desk = Desk()
    desk.fill(BTC, D(3), "trend", "model")
    desk.fill(BTC, D(2), "trend")
    desk.fill(ETH, D(-4), "model")
    assert [desk.held(source, BTC) for source in SOURCES] == [5, 3, 0]
    marks = {BTC: D(10), ETH: D(100)}
    assert desk.holdings.value("model", marks.get) == 3 * 10 + 4 * 100
    assert desk.holdings.value("model", lambda symbol: None) == 0, "without a price it is worth nothing"


@pytest.mark.parametrize(
    ("steps", "trend", "model"),
    [
        ([(D(-2), ())], 4, 4),  # 4 are left of trend's 5 (with model's 1) and of model's 4
        ([(D(-6), ())], 0, 0),  # closed
        ([(D(-6), ()), (D(1), ())], 0, 0),  # and opened anew by nobody: nothing comes back
        ([(D(-9), ("model",))], 0, 3),  # turned: what is left over is of the fill's own strategies
    ],
)
def test_what_shrinks_closes_or_turns(
    steps: Sequence[tuple[Decimal, tuple[str, ...]]], trend: int, model: int
) -> None:
    desk = Desk()
    desk.fill(BTC, D(5), "trend")
    desk.fill(BTC, D(1), "trend", "model")
    desk.fill(BTC, D(-2))
    desk.fill(BTC, D(2), "model")
    assert (desk.held("trend", BTC), desk.held("model", BTC)) == (4, 3)
    desk.fill(BTC, D(1), "model")  # 7 held
    desk.fill(BTC, D(-1))  # 6 held
    for quantity, sources in steps:
        desk.fill(BTC, quantity, *sources)
    assert (desk.held("trend", BTC), desk.held("model", BTC)) == (trend, model)


steps = st.lists(
    st.tuples(
        st.sampled_from([BTC, ETH]),
        st.integers(-50, 50).filter(bool).map(lambda n: D(n).scaleb(-1)),
        st.lists(st.sampled_from(SOURCES), unique=True).map(tuple),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_never_more_than_the_position_and_nothing_of_a_closed_one(
    fills: Sequence[tuple[str, Decimal, tuple[str, ...]]],
) -> None:
    desk = Desk()
    for symbol, quantity, sources in fills:
        before, after = desk.ledger.quantity(symbol), desk.ledger.quantity(symbol) + quantity
        held = {source: desk.held(source, symbol) for source in SOURCES}
        desk.fill(symbol, quantity, *sources)
        opens = before * quantity >= 0
        for source in SOURCES:
            now = desk.held(source, symbol)
            assert 0 <= now <= abs(after)
            if opens:
                assert now == held[source] + (abs(quantity) if source in sources else 0)
            elif before * after > 0:
                assert now == min(held[source], abs(after)), "an exit leaves what there still is"
            else:
                assert now == (abs(after) if source in sources else 0)
    for symbol in (BTC, ETH):
        desk.fill(symbol, -desk.ledger.quantity(symbol)) if desk.ledger.quantity(symbol) else None
        assert all(desk.held(source, symbol) == 0 for source in SOURCES)
