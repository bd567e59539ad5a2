"""Limits changed live, over a restart: tightened ones last, loosened ones do not, and all is told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.events import Alert, JournalEvent, LimitChange, OrderType, Side
from engine.wiring.limit_rows import limit_rows
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.one_market import A, Market
from tests.wiring.test_risk_view import order, send

REDUCE, HALT = "daily_loss_reduce_pct", "daily_loss_halt_pct"


def restarted(journal: Sequence[JournalEvent], *overrides: str) -> Bench:
    bench = Bench(load(overrides=list(overrides), environ={}))
    bench.desk.restore(list(journal), START_NS)
    return bench


def told(bench: Bench) -> list[tuple[str, str]]:
    return [
        (event.level, event.text)
        for event in bench.journal
        if isinstance(event, Alert) and event.source == "limits"
    ]


def changes(bench: Bench) -> list[tuple[str, str, str, str]]:
    return [(e.scope, e.name, e.value, e.who) for e in bench.journal if isinstance(e, LimitChange)]


def test_what_was_tightened_lasts_and_is_told_at_every_start() -> None:
    before = Bench()
    limits = before.desk.trading.limits
    limits.set("desk", "max_gross_pct", 80.0, "ann")
    limits.set("strategy:trend", "max_net_pct", 7.0, "ann")
    limits.set("exits", "stop_loss_pct", 0.4, "ann")
    after = restarted(before.journal)
    assert told(after) == [
        (
            "info",
            "limits changed live: max_gross_pct 80 (configuration 100),"
            " strategy:trend max_net_pct 7 (configuration none), exits stop_loss_pct 0.4 (configuration 0.5)",
        )
    ]
    assert after.desk.trading.gate.book.value("desk", "max_gross_pct") == 80
    assert after.desk.trading.watch.limits.value("exits", "stop_loss_pct") == 0.4
    assert told(restarted(before.journal + after.journal)) == told(after) and not changes(after)


def test_what_was_loosened_ends_with_its_run() -> None:
    before = Bench()
    limits = before.desk.trading.limits
    limits.set("desk", "max_position_pct", 30.0, "ann")
    limits.set("exits", "stop_loss_pct", 0.9, "ann")
    after = restarted(before.journal)
    assert told(after) == [
        (
            "warning",
            "no longer in force, the configuration holds: max_position_pct 30 (configuration 20),"
            " exits stop_loss_pct 0.9 (configuration 0.5)",
        )
    ]
    trading = after.desk.trading
    assert trading.gate.book.value("desk", "max_position_pct") == 20
    assert trading.gate.book.limits.position_share == Decimal("0.2")
    assert trading.watch.limits.value("exits", "stop_loss_pct") == 0.5
    assert changes(after) == [
        ("desk", "max_position_pct", "", "start"),
        ("exits", "stop_loss_pct", "", "start"),
    ]
    again = restarted(before.journal + after.journal, "risk.max_position_pct=60")
    assert told(again) == [], "and does not come back with another file"
    assert again.desk.trading.gate.book.value("desk", "max_position_pct") == 60


def test_a_file_that_was_tightened_since_holds() -> None:
    before = Bench()
    before.desk.trading.limits.set("desk", "max_position_pct", 15.0, "ann")
    after = restarted(before.journal, "risk.max_position_pct=10")
    assert after.desk.trading.gate.book.value("desk", "max_position_pct") == 10
    ((level, text),) = told(after)
    assert level == "warning" and "max_position_pct 15 (configuration 10)" in text
    far = restarted(before.journal, "risk.max_position_pct=5")
    assert far.desk.trading.gate.book.value("desk", "max_position_pct") == 5
    ((level, text),) = told(far)
    assert level == "warning" and "max_position_pct 15" in text, "beyond the hard range"
    assert told(restarted(before.journal + far.journal, "risk.max_position_pct=5")) == []


def test_nothing_changed_is_nothing_told() -> None:
    assert told(restarted([])) == []
    before = Bench()
    before.desk.trading.limits.set("desk", "max_gross_pct", 100.0, "ann")
    assert told(restarted(before.journal)) == [], "as configured"


def test_a_halt_that_is_tightened_beside_a_pending_loosening_of_the_other_holds() -> None:
    before = Bench()
    limits, book = before.desk.trading.limits, before.desk.trading.gate.book
    before.hold = True
    limits.set("desk", REDUCE, 4.5, "ann")
    limits.set("desk", HALT, 4.0, "ann")
    assert (book.value("desk", REDUCE), book.value("desk", HALT)) == (3, 4)
    before.release()
    assert (book.value("desk", REDUCE), book.value("desk", HALT)) == (4, 4)
    assert (book.limits.reduce_pct, book.limits.halt_pct) == (4, 4)
    after = restarted(before.journal).desk.trading.gate.book
    assert (after.value("desk", REDUCE), after.value("desk", HALT)) == (3, 4)
    assert (after.limits.reduce_pct, after.limits.halt_pct) == (3, 4)


@pytest.mark.parametrize(
    ("configured", "name", "most", "beyond"),
    [
        ("exits.stop_loss_pct=0.5", "stop_loss_pct", 1.0, 1.001),
        ("exits.take_profit_pct=1", "take_profit_pct", 2.0, 2.001),
        ("exits.trailing_stop_pct=2", "trailing_stop_pct", 4.0, 4.001),
        ("exits.trailing_stop_pct=2", "trailing_stop_pct", 1.0, 0.0),
        ("exits.max_holding_s=60", "max_holding_s", 120.0, 120.001),
        ("exits.max_holding_s=60", "max_holding_s", 0.001, 0.0),
    ],
)
def test_an_exit_becomes_at_most_twice_as_loose(
    configured: str, name: str, most: float, beyond: float
) -> None:
    desk = Bench(load(overrides=[configured], environ={})).desk
    with pytest.raises(ConfigError, match=rf"exits\.{name} must be >= 0\.001, <= "):
        desk.trading.limits.set("exits", name, beyond, "ann")
    desk.trading.limits.set("exits", name, most, "ann")
    assert desk.trading.watch.limits.value("exits", name) == most


@pytest.mark.parametrize("name", ["trailing_stop_pct", "max_holding_s"])
def test_an_exit_that_is_off_can_be_switched_on_and_off_again(name: str) -> None:
    desk = Bench().desk
    for value in (50.0, 0.0):
        desk.trading.limits.set("exits", name, value, "ann")
        assert desk.trading.watch.limits.value("exits", name) == value
    (row,) = [row for row in limit_rows(desk) if row.name == name]
    assert row.hard.endswith(", or 0")


def test_used_counts_what_is_at_work_as_the_checks_do() -> None:
    market = Market()
    market.tick()

    def used(name: str) -> str:
        (row,) = [row for row in limit_rows(market.desk) if (row.scope, row.name) == ("desk", name)]
        return row.used

    assert (used("max_gross_pct"), used("max_net_pct")) == ("0.00", "0.00")
    send(market, "long", price=Decimal(99))
    send(market, "short", side=Side.SELL, price=Decimal(101), quantity=Decimal(20), type=OrderType.LIMIT)
    assert (used("max_gross_pct"), used("max_net_pct")) == ("3.01", "2.02")
    verdict = market.desk.trading.judge([order(market, "next", symbol=A)])[0]
    (gross,) = [check for check in verdict.checks if check.code == "GROSS_LIMIT"]
    assert gross.value == "4000.00", "3.01 percent of 100,000 and the next one's 990"


def test_used_tells_the_fall_from_the_days_highest() -> None:
    market = Market()
    market.desk.trading.ledger.mark(A, Decimal(100))
    market.desk.trading.ledger._day.see(Decimal(102_000))
    (row,) = [row for row in limit_rows(market.desk) if row.name == REDUCE]
    assert row.used == "1.96"
