"""Whose round trips are, by signal source."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import BlendInput, Family, Side
from engine.portfolio.credit import BY_HAND, NOBODY, UNKNOWN, Credit, exposed, shares
from engine.portfolio.round_trips import RoundTrip

D = Decimal
money = st.integers(-(10**12), 10**12).map(lambda n: D(n).scaleb(-6))
weights = st.lists(st.integers(1, 10**9).map(lambda n: D(n).scaleb(-9)), min_size=1, max_size=8)


def one(source: str, contribution: float) -> BlendInput:
    return BlendInput(source, Family.TECHNICAL, 0.5, 0.5, 0, 0.2, contribution, "")


def trip(realized: Decimal, currency: str = "", opportunity: str = "op-1") -> RoundTrip:
    return RoundTrip(
        *(
            "sim:A-USD",
            Side.BUY,
            D(2),
            D(100),
            D(110),
            1,
            2,
            realized,
            D(1),
            D(0),
            currency,
            None,
            opportunity,
        ),
        parts=(("trend", realized - 1),),
    )


def test_only_what_spoke_for_the_side_has_a_share() -> None:
    inputs = [one("trend", 0.3), one("speed", 0.1), one("oi", -0.2), one("mood", 0.0), one("dust", 1e-12)]
    assert shares(inputs, Side.BUY) == (("trend", D("0.3")), ("speed", D("0.1")))
    assert shares(inputs, Side.SELL) == (("oi", D("0.2")),)
    assert shares([one("trend", 0.3)], Side.SELL) == NOBODY
    assert shares([one("broken", float("nan"))], Side.BUY) == NOBODY


def test_parts_by_hand() -> None:
    credit = Credit()
    parts = credit.apply(trip(D(41)), (("trend", D("0.3")), ("speed", D("0.1"))))
    assert parts == [("trend", D(30)), ("speed", D(10))]
    credit.apply(trip(D(-7)), (("speed", D("0.2")),))
    credit.apply(trip(D(3), opportunity=""), BY_HAND)
    credit.apply(trip(D(3), currency="EUR"), NOBODY)
    assert credit.sources() == ["trend", "speed", "manual", UNKNOWN]

    def rate(currency: str) -> Decimal | None:
        return D(1) if not currency else None

    speed = credit.totals("speed", rate)
    assert speed is not None
    assert (speed.totals.trips, speed.totals.wins, speed.totals.profit, speed.totals.loss) == (
        2,
        1,
        D(10),
        D(8),
    )
    assert speed.traded == D(420) / 4 + D(420)
    assert credit.totals(UNKNOWN, rate) is None, "no rate"


@given(st.lists(st.tuples(money, weights), min_size=1, max_size=20))
def test_the_parts_add_up(trips: list[tuple[Decimal, list[Decimal]]]) -> None:
    credit = Credit()
    for realized, parts in trips:
        credit.apply(trip(realized), tuple((f"s{n}", part) for n, part in enumerate(parts)))
    found = [credit.totals(name, lambda currency: D(1)) for name in credit.sources()]
    net = sum((part.totals.profit - part.totals.loss for part in found if part), D(0))
    assert net == sum((realized - 1 for realized, _ in trips), D(0))
    assert sum((part.traded for part in found if part), D(0)) == 420 * len(trips)


def test_exposure_is_divided_the_same_way() -> None:
    whose = (("trend", D("0.3")), ("speed", D("0.1")))
    assert exposed([(whose, D(400)), (BY_HAND, D(50))]) == pytest.approx(
        {"trend": 300.0, "speed": 100.0, "manual": 50.0}
    )
