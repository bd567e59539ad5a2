"""How far prices moved while the desk was off, and what positions are worth until they are known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import Alert, Side
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import SLOW, resting


def test_how_far_prices_moved_meanwhile_is_said_when_they_are_known() -> None:
    market = opened(Side.BUY)
    market.tick(seconds=1.0)
    kept = {"desk:last": {"ns": market.desk.now_ns, "marks": {A: "100"}}}
    again = Market()
    again.bench.journal.clear()
    desk = again.desk
    desk.restore(market.bench.journal, market.desk.now_ns, kept)
    again.tick(101.0, seconds=1.5)
    again.tick(101.0, seconds=1.5)
    told = [event.text for event in again.bench.journal if isinstance(event, Alert)]
    assert any(f"while it was off: {A} 100 → 101" in text for text in told), told


@pytest.mark.parametrize("mark", ["90", "nonsense", "-1", "inf"])
def test_a_position_that_no_quote_came_for_is_worth_what_it_was_last(mark: str) -> None:
    market = opened(Side.BUY)
    market.tick(seconds=1.0)
    again = Market()
    kept = {"desk:last": {"ns": market.desk.now_ns, "marks": {A: mark}}}
    again.desk.restore(market.bench.journal, market.desk.now_ns, kept)
    again.desk.take_up(kept)
    ledger = again.desk.trading.ledger
    (position,) = ledger.positions()
    worth = Decimal(mark) if mark == "90" else position.cost / position.quantity
    assert ledger.unit_value(A) == worth
    assert ledger.equity() == ledger.cash + worth * position.quantity  # type: ignore[operator]


def test_how_far_a_symbol_moved_that_has_only_resting_orders_is_said_too() -> None:
    market = Market(overrides=SLOW)
    resting(market)
    market.tick(seconds=1.0)
    kept = market.desk._absence.kept()
    assert kept["marks"] == {A: "100.0"}
    again = Market(overrides=SLOW)
    again.bench.journal.clear()
    again.desk.restore(market.bench.journal, market.desk.now_ns, {"desk:last": kept})
    again.tick(101.0, seconds=1.5)
    again.tick(101.0, seconds=1.5)
    told = [event.text for event in again.bench.journal if isinstance(event, Alert)]
    assert any(f"while it was off: {A} 100 → 101" in text for text in told), told
