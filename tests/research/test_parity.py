"""Which trades are the same, and what speaks for a cause."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.events import NS, LimitChange
from engine.portfolio.books import Books
from engine.research.parity import Changed, Denial, Grounds, Heard, Hole, Order, Side, Trip
from engine.research.parity_match import compare, matched, shares
from engine.research.parity_side import SideFold

AT = 1_000_000 * NS
GROUNDS = Grounds(NS, {"A": 0, "B": 0}, {"A": 0.01, "B": 0.01}, {"A": 0.1, "B": 0.1})


def trip(at_s: float = 0.0, symbol: str = "A", *, who: str = "", **others: Any) -> Trip:
    opened = AT + round(at_s * NS)
    order = Order(opened - NS // 100, 100.0, "entry", who, ("trend",))
    leaves = Order(opened + 60 * NS, 101.0, "take_profit", "")
    made = Trip(symbol, "BUY", 1.0, 100.0, 101.0, opened, opened + 61 * NS, 0.2, 0.8, "", order, leaves)
    return msgspec.structs.replace(made, **others)


def cause(live: Side, backtest: Side, grounds: Grounds = GROUNDS) -> str:
    (row,) = compare(live, backtest, grounds)
    return row.cause


def test_each_trade_has_one_partner_and_the_nearest() -> None:
    live = [trip(0), trip(3), trip(100), trip(0, "B")]
    other = [trip(2.5), trip(0.5), trip(200)]
    pairs = [(one, two) for one, two in matched(live, other, 5 * NS) if one and two]
    assert pairs == [(live[0], other[1]), (live[1], other[0])]
    assert len(matched(live, other, 5 * NS)) == 5
    assert matched([], [], NS) == []


def test_a_side_that_differs_is_another_trade() -> None:
    assert len(matched([trip(0)], [trip(0, side="SELL")], 5 * NS)) == 2


@pytest.mark.parametrize(
    ("live", "backtest", "expected"),
    [
        (Side((trip(),)), Side((trip(),)), "same"),
        (Side((trip(who="anna"),)), Side((trip(quantity=2.0),)), "by_hand"),
        (Side((trip(),)), Side((trip(quantity=1.1),)), "rounding"),
        (Side((trip(),)), Side((trip(0.2),)), "latency"),
        (Side((trip(),)), Side((trip(exit_price=105.0),)), "unexplained"),
        (Side((trip(),)), Side((trip(net=0.7),)), "unexplained"),
        (
            Side((trip(),)),
            Side((trip(exit_price=105.0),), holes=(Hole("A", AT + 50 * NS, AT + 70 * NS, "no ticks"),)),
            "data",
        ),
        (Side((trip(),)), Side((), denials=(Denial(AT, "A", "BUY", "MAX_POSITION"),)), "risk"),
        (Side((trip(),)), Side((), strategies=("breakout",)), "settings"),
        (Side((trip(symbol="C"),)), Side(()), "data"),
        (Side((trip(),)), Side(()), "unexplained"),
        (Side((), denials=(Denial(AT, "A", "BUY", "HALTED"),)), Side((trip(),)), "risk"),
        (Side((), denials=(Denial(AT, "B", "BUY", "HALTED"),)), Side((trip(),)), "unexplained"),
        (Side((), changes=(Changed(AT - NS, "state", "halted", "", True),)), Side((trip(),)), "risk"),
        (
            Side(
                (),
                changes=(
                    Changed(AT - 2 * NS, "state", "halted", "", True),
                    Changed(AT - NS, "state", "active"),
                ),
            ),
            Side((trip(),)),
            "unexplained",
        ),
        (Side((), changes=(Changed(AT - NS, "command", "PATCH", "trend"),)), Side((trip(),)), "settings"),
        (Side((), changes=(Changed(AT - NS, "command", "PATCH", "other"),)), Side((trip(),)), "unexplained"),
        (Side((), changes=(Changed(AT + NS, "command", "PATCH", "trend"),)), Side((trip(),)), "unexplained"),
        (Side((), holes=(Hole("", AT - NS, AT + NS, "down", True),)), Side((trip(),)), "data"),
        (Side((trip(),), holes=(Hole("", AT - NS, AT + NS, "down", True),)), Side(()), "unexplained"),
    ],
)
def test_causes(live: Side, backtest: Side, expected: str) -> None:
    assert cause(live, backtest) == expected


def test_what_the_desk_knew_before_counts_only_where_it_did() -> None:
    begins = {"A": AT - 10 * NS}
    cold = msgspec.structs.replace(GROUNDS, begins=begins)
    assert cause(Side((trip(),)), Side(()), cold) == "unexplained"
    assert cause(Side((trip(),)), Side(()), msgspec.structs.replace(cold, warm={"A": 300})) == "start"


def test_a_desk_that_was_started_again_knows_fewer_bars_for_a_while() -> None:
    again = msgspec.structs.replace(GROUNDS, anew={"A": (AT - 900 * NS, AT - 30 * NS)})
    (row,) = compare(Side((trip(),)), Side(()), again)
    assert (row.cause, "started again, 29 bars before" in row.told) == ("start", True)
    for other in (trip(220), trip(-40), trip(symbol="B")):
        assert cause(Side((other,)), Side(()), again) == "unexplained"


def test_an_earlier_difference_explains_the_next_of_its_symbol_until_one_is_the_same() -> None:
    live = Side((trip(0, who="anna"), trip(100), trip(200), trip(200, "B")))
    rows = compare(live, Side(()), GROUNDS)
    assert [row.cause for row in rows] == ["by_hand", "follows", "follows", "unexplained"]
    rows = compare(live, Side((trip(100),)), GROUNDS)
    assert [row.cause for row in rows] == ["by_hand", "same", "unexplained", "unexplained"]
    assert sum(share.net for share in shares(rows)) == pytest.approx(0.8 * 3)


def test_equity_explains_as_much_of_a_size_as_it_differs() -> None:
    fine = msgspec.structs.replace(GROUNDS, lots={"A": 0.0001, "B": 0.0001}, equity=1000.0)
    before = trip(0, "B", net=6.8)  # 6 of 1,000 more than in the backtest
    for quantity, expected in ((1.006, "follows"), (1.1, "unexplained"), (0.9, "unexplained")):
        live = Side((before, trip(100, quantity=quantity)))
        rows = compare(live, Side((trip(0, "B"), trip(100))), fine)
        assert [row.cause for row in rows] == ["unexplained", expected], quantity
        later = trip(100, opened_ns=AT + 100 * NS + NS // 50)  # decided at the same time, filled later
        rows = compare(live, Side((trip(0, "B"), later)), fine)
        assert rows[1].cause == ("latency" if expected == "follows" else "unexplained"), quantity


def test_what_no_tape_has_counts_where_it_was_heard_and_can_have_mattered() -> None:
    heard = (
        Heard("A", "open_interest", AT - 10 * NS, AT + 10 * NS),
        Heard("A", "external:mine:speed", AT - NS, AT + NS),
        Heard("B", "sentiment", AT - 10 * NS, AT + 10 * NS),
    )
    (row,) = compare(Side((trip(quantity=3.0),), heard=heard), Side((trip(),)), GROUNDS)
    assert (row.cause, "heard external:mine:speed, open_interest," in row.told) == ("data", True)
    assert cause(Side((trip(),), heard=heard), Side(())) == "data"
    assert cause(Side((), heard=heard), Side((trip(),))) == "data"
    assert cause(Side((trip(20, quantity=3.0),), heard=heard), Side((trip(20),))) == "unexplained"
    # Of an entry that was the same: what ends by prices does not end by blends.
    assert cause(Side((trip(),), heard=heard), Side((trip(exit_price=105.0),))) == "unexplained"
    turned = Order(AT + 5 * NS, 101.0, "reversal", "")
    assert cause(Side((trip(exit=turned),), heard=heard), Side((trip(exit_price=105.0),))) == "data"


def test_what_the_backtest_has_from_the_beginning_explains_what_was_before_it() -> None:
    """A model, or a strategy's file, is the one of now: trades before it was exchanged are others."""
    change = Changed(AT + NS, "command", "activated", "", lasts=True)
    assert cause(Side((trip(),), changes=(change,)), Side(())) == "settings"
    assert cause(Side((trip(5),), changes=(change,)), Side(())) == "unexplained"
    earlier = Changed(AT - NS, "command", "weighed", "trend")
    (row,) = compare(Side((trip(),), changes=(change, earlier)), Side(()), GROUNDS)
    assert row.told == "weighed"


def test_a_changed_strategy_that_only_the_backtest_heard_counts_for_both() -> None:
    order = Order(AT, 100.0, "entry", "", ("trend", "breakout"))
    off = (Changed(AT - NS, "command", "breakout off", "breakout"),)
    live = Side((trip(quantity=3.0),), changes=off)
    assert cause(live, Side((trip(),))) == "unexplained"
    assert cause(live, Side((trip(entry=order),))) == "settings"


def test_where_the_backtest_has_longer_bars_they_are_the_cause_and_not_what_follows() -> None:
    live = Side((trip(0), trip(100), trip(200)))
    fine = msgspec.structs.replace(GROUNDS, bars_only=True, desk_bar_ns=NS)
    assert [row.cause for row in compare(live, Side(()), fine)] == ["data", "follows", "follows"]
    coarse = msgspec.structs.replace(fine, bar_ns=60 * NS, warm={"A": 900})
    rows = compare(live, Side((trip(exit_price=105.0),)), coarse)
    assert [row.cause for row in rows] == ["data"] * 3
    assert "1 s bars, the backtest at those of 60 s" in rows[0].told


def test_a_limit_of_risk_explains_nothing_by_itself() -> None:
    """It shows by what it denies: tightened for a minute, it was the cause of all that day's differences."""
    fold = SideFold(Books(Decimal(1000), "USD", ()), AT, AT + 100 * NS)
    for scope, name in (
        ("desk", "max_position_pct"),
        ("symbol:A", "max_net_pct"),
        ("exits", "stop_loss_pct"),
    ):
        fold.see(LimitChange(scope, name, "20", "15", "anna", AT))
    assert [one.told for one in fold.side().changes] == ["limit stop_loss_pct of exits: 20 → 15 by anna"]
