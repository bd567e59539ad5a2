"""Round trips: from flat to flat."""

from __future__ import annotations

import pytest

from engine.events import NS, Purpose, Side
from engine.portfolio.attribution import MANUAL
from engine.portfolio.books import Books
from engine.portfolio.round_trips import RoundTrips
from tests.portfolio.books_script import BTC, ETH, EURO, T0, D, books, fill, funding, order

ENTRY, STOP = Purpose.ENTRY, Purpose.STOP_LOSS


def trade(kept: Books, n: int, quantity: str, price: str, *sources: str, purpose: Purpose = ENTRY) -> None:
    one = fill(n, quantity, price, "0.1")
    kept.apply(one, order(one, *sources, purpose=purpose))


def test_a_trip_is_over_when_flat() -> None:
    kept = books()
    trade(kept, 1, "1", "100", "trend")
    trade(kept, 2, "1", "110", "model")
    trade(kept, 3, "-1", "120", purpose=Purpose.TAKE_PROFIT)
    assert kept.round_trips.recent() == []
    kept.fund(funding(4, "-0.2"))
    kept.fund(funding(4, "-0.2"))
    trade(kept, 5, "-1", "130", purpose=STOP)
    (trip,) = kept.round_trips.recent()
    assert (trip.symbol, trip.side, trip.quantity, trip.currency) == (BTC, Side.BUY, D(2), "")
    assert (trip.entry_price, trip.exit_price, trip.realized) == (D(105), D(125), D(40))
    assert (trip.fees, trip.funding, trip.net) == (D("0.4"), D("-0.2"), D("39.4"))
    assert (trip.opened_ns, trip.closed_ns, trip.holding_ns) == (T0 + NS, T0 + 5 * NS, 4 * NS)
    assert (trip.purpose, trip.opportunity_id, trip.sources) == (STOP, "op-tx-1", ("trend", "model"))
    assert trip.parts == (("trend", D("24.7")), ("model", D("14.7")))
    assert kept.ledger.equity() == 10_000 + trip.net


def test_a_turn_ends_one_and_begins_another() -> None:
    kept = books()
    trade(kept, 1, "-1", "100", "trend")
    one = fill(2, "3", "90", "0.3")
    kept.apply(one, order(one, "model"))
    (trip,) = kept.round_trips.recent()
    assert (trip.side, trip.quantity, trip.realized, trip.fees) == (Side.SELL, D(1), D(10), D("0.2"))
    trade(kept, 3, "-2", "80")
    trip, _ = kept.round_trips.recent()
    assert (trip.side, trip.quantity, trip.realized, trip.fees) == (Side.BUY, D(2), D(-20), D("0.3"))
    assert (trip.opened_ns, trip.opportunity_id, trip.sources) == (T0 + 2 * NS, "op-tx-2", ("model",))


def test_a_long_that_turns_short_divides_the_fill_at_flat() -> None:
    kept = books()
    trade(kept, 1, "2", "100", "trend")
    one = fill(2, "-3", "110", "0.3")
    kept.apply(one, order(one, "model"))
    (trip,) = kept.round_trips.recent()
    assert (trip.side, trip.quantity, trip.realized, trip.fees) == (Side.BUY, D(2), D(20), D("0.3"))
    assert (trip.entry_price, trip.exit_price, trip.sources) == (D(100), D(110), ("trend",))
    trade(kept, 3, "1", "105", purpose=STOP)
    trip, _ = kept.round_trips.recent()
    assert (trip.side, trip.quantity, trip.realized, trip.fees) == (Side.SELL, D(1), D(5), D("0.2"))


def test_what_is_closed_in_part_goes_on_and_ends_once() -> None:
    kept = books()
    trade(kept, 1, "3", "100", "trend")
    trade(kept, 2, "-1", "103", purpose=Purpose.TAKE_PROFIT)
    trade(kept, 3, "1", "106", "trend")
    trade(kept, 4, "-3", "109", purpose=STOP)
    (trip,) = kept.round_trips.recent()
    assert (trip.quantity, trip.realized, trip.closed_ns) == (D(4), D(24), T0 + 4 * NS)
    assert (trip.entry_price, trip.exit_price) == (D("101.5"), D("107.5"))


def test_fills_without_an_order_and_funding_of_what_is_flat() -> None:
    kept = books()
    kept.fund(funding(1, "-5"))
    kept.apply(fill(1, "1", "100"), None)
    kept.fund(funding(2, "-1", currency="EUR"))
    kept.apply(fill(2, "-1", "101"), None)
    kept.fund(funding(3, "-1"))
    (trip,) = kept.round_trips.recent()
    assert (trip.purpose, trip.opportunity_id, trip.funding) == (None, "", D(0))
    assert trip.parts == ((MANUAL, D(1)),)


def test_totals_are_for_ever_and_the_list_is_not() -> None:
    kept = books()
    kept.round_trips = RoundTrips(kept=5)
    for n in range(0, 20, 2):
        trade(kept, n, "1", "100", "trend")
        trade(kept, n + 1, "-1", "103" if n % 4 else "98", purpose=STOP)
    assert [trip.closed_ns for trip in kept.round_trips.recent()] == [
        T0 + n * NS for n in (19, 17, 15, 13, 11)
    ]
    assert len(kept.round_trips.recent(2)) == 2
    totals = kept.round_trips.totals("trend", kept.ledger.balances.rate)
    assert totals is not None
    assert (totals.trips, totals.wins, totals.losses, totals.holding_ns) == (10, 5, 5, 10 * NS)
    assert (totals.profit, totals.loss) == (D(14), D(11))
    assert totals.hit_rate == 0.5 and totals.profit_factor == pytest.approx(14 / 11)
    assert kept.round_trips.count() == kept.round_trips.count("trend") == 10
    assert kept.round_trips.sources() == ["trend"]


def test_totals_of_several_currencies_at_the_present_rates() -> None:
    kept = books()
    rate = kept.ledger.balances.rate
    for n, symbol in ((1, EURO), (3, ETH)):
        kept.apply(fill(n, "1", "100", symbol=symbol), None)
        kept.apply(fill(n + 1, "-1", "110", symbol=symbol), None)
    assert kept.round_trips.totals(MANUAL, rate) is None
    kept.set_rate("EUR", D("1.2"))
    totals = kept.round_trips.totals(MANUAL, rate)
    assert totals is not None and (totals.trips, totals.wins, totals.profit) == (2, 2, D(22))
    assert totals.profit_factor is None and totals.hit_rate == 1
    nobody = kept.round_trips.totals("nobody", rate)
    assert nobody is not None and (nobody.trips, nobody.hit_rate) == (0, None)
