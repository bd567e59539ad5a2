"""A daily run that goes on with an engine that has just started, or over a bad line: nothing is sent that
could only be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.config import BrokersConfig, Config
from engine.config.trading import AlpacaConfig
from engine.events import NS
from tests.wiring import daily_desk
from tests.wiring.daily_desk import NOON, SYMBOLS, Desk, Killed, Life, started
from tests.wiring.test_daily_run import CONFIG, ORDERS, anew, assert_done, kept, state

__all__ = ["anew", "state"]
AWAY = "no updates: no stream"


def at_broker(*, enabled: bool = True) -> Config:
    """All symbols are traded at a broker; the made-up desk says that it is the paper venue."""
    alpaca = AlpacaConfig(enabled=enabled, symbols={symbol: symbol[-1] for symbol in SYMBOLS})
    return msgspec.structs.replace(CONFIG, brokers=BrokersConfig(alpaca=alpaca))


def killed_at_order(number: int, where: Path) -> Desk:
    """Just before that one reaches the desk."""
    desk, seen = Desk(), [0]

    def fail(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/orders"):
            seen[0] += 1
            if seen[0] == number:
                raise Killed

    desk.fail = fail
    with pytest.raises(Killed):
        started(desk, where, CONFIG, Life())
    desk.fail = lambda method, path: None
    return desk


@pytest.mark.parametrize("number", [1, 3])
def test_prices_of_an_engine_that_has_just_started_are_waited_for(
    anew: Callable[[], Path], number: int
) -> None:
    where = anew()
    desk = killed_at_order(number, where)
    desk.knows_ns = desk.now_ns + NS // 2
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)


def test_without_prices_nothing_is_sent_and_all_of_it_is_left(anew: Callable[[], Path]) -> None:
    where = anew()
    desk = killed_at_order(3, where)
    desk.knows_ns = desk.now_ns + 60 * NS
    assert not started(desk, where, CONFIG, Life())
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert (
        step.name == "orders" and step.text.endswith("4 orders were not sent") and "--again data" in step.todo
    )
    assert "no price of it yet, within daily.prices_s (1 s)" in step.text
    assert len(desk.placed) == 2
    desk.now_ns = desk.knows_ns
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)


def test_one_symbol_without_prices_keeps_no_other_waiting(anew: Callable[[], Path]) -> None:
    where = anew()
    desk = killed_at_order(3, where)
    desk.stale, began_ns = {"sim:A"}, desk.now_ns
    assert started(desk, where, CONFIG, Life())
    assert len(desk.placed) == len(ORDERS)  # risk would say what it denies of that one
    assert desk.now_ns - began_ns < 10 * NS  # waited for once


def test_symbols_without_prices_are_waited_for_together(anew: Callable[[], Path]) -> None:
    """One after the other, ten of them outlasted daily.plan_s, and those with prices were never sent."""
    took_ns = []
    for stale in ({"sim:B"}, {"sim:B", "sim:C"}):
        where = anew()
        desk = killed_at_order(1, where)
        desk.stale, began_ns = stale, desk.now_ns
        assert started(desk, where, CONFIG, Life())
        assert len(desk.placed) == len(ORDERS)
        took_ns.append(desk.now_ns - began_ns)
    one, two = took_ns
    assert two - one < NS // 2


def test_the_last_symbol_may_be_without_prices_while_the_market_has_some(anew: Callable[[], Path]) -> None:
    where = anew()
    desk = killed_at_order(5, where)  # what is left is of one symbol
    desk.stale = {"sim:A"}
    assert started(desk, where, CONFIG, Life())
    assert len(desk.placed) == len(ORDERS)


def test_entries_wait_for_the_updates_of_their_broker(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.away, desk.away_until_ns = AWAY, NOON + 3 * NS // 4
    desk.held = {}
    config = at_broker()
    assert started(desk, where, config, Life())
    assert {order.state for order in kept(where).orders} == {"done"} and len(desk.placed) == 4


def test_what_reduces_at_a_broker_needs_no_price_of_ours(anew: Callable[[], Path]) -> None:
    """Stale data keeps no position open."""
    where = anew()
    desk = killed_at_order(1, where)
    desk.stale = set(SYMBOLS)
    assert not started(desk, where, at_broker(), Life())
    assert [ticket.reduce_only for ticket in desk.placed.values()] == [True, True]
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert step.name == "orders" and step.text.endswith("4 orders were not sent")


def test_a_broker_that_is_switched_off_is_none(anew: Callable[[], Path]) -> None:
    where = anew()
    desk = killed_at_order(1, where)
    desk.stale = set(SYMBOLS)
    assert not started(desk, where, at_broker(enabled=False), Life())
    assert desk.placed == {}


def test_a_broker_that_stays_away_ends_the_run_before_anything_is_refused(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.away, desk.away_until_ns = AWAY, NOON + 60 * NS
    desk.held = {}
    config = at_broker()
    assert not started(desk, where, config, Life())
    assert desk.placed == {} and "paper: no updates: no stream, within daily.prices_s" in kept(where).run.text
    desk.now_ns = desk.away_until_ns
    assert started(desk, where, config, Life())
    assert len(desk.placed) == 4


def test_orders_that_the_venue_all_refused_are_not_done(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.reject = set(SYMBOLS)
    assert not started(desk, where, CONFIG, Life())
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert step.name == "orders" and "most often: rejected" in step.text and "--again targets" in step.todo


def test_what_filled_after_its_step_had_ended_is_told(anew: Callable[[], Path]) -> None:
    """The line was cut: a later start, or the comparison, learns of the fills."""
    desk, where = Desk(), anew()
    desk.hold, desk.drifts = set(SYMBOLS), "paper: 2 differences"
    assert not started(desk, where, CONFIG, Life())
    texts = {step.name: step.text for step in kept(where).steps}
    assert texts["orders"].startswith("6 orders: 0 filled") and "5 still open" in texts["orders"]
    daily_desk.fill(desk)
    desk.drifts = ""
    assert started(desk, where, CONFIG, Life())
    found = kept(where)
    texts = {step.name: step.text for step in found.steps}
    assert texts["orders"].startswith("6 orders: 5 filled, 1 not sent")
    assert found.run.text.startswith("6 orders: 5 filled") and len(desk.placed) == 5


def test_a_comparison_is_tried_again_over_a_bad_line(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    answers = iter(["/v2/account: 429 too many requests.", ""])

    def fail(method: str, path: str) -> None:
        if path == "/v1/reconcile":
            desk.unreached = next(answers)

    desk.fail = fail
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)
