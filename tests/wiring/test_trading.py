"""From an opportunity to a booked fill and out again; nothing is acted on before it is durable."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.events import NS, Fill, OrderEvent, OrderState, Purpose, RiskChange, RiskState, Side
from tests.wiring.conftest import START_NS, Bench, calm
from tests.wiring.one_market import A, Market, opened

STATES = OrderState


def test_an_entry_fills_and_is_booked() -> None:
    market = opened()
    assert market.states() == ["initialized", "submitted", "accepted", "fill"]
    (fill,) = [event for event in market.bench.journal if isinstance(event, Fill)]
    ledger = market.desk.trading.ledger
    assert market.held == fill.quantity
    assert fill.price >= Decimal("100.01") and fill.fee > 0
    # Two percent of equity at full confidence, 0.9 of it here.
    assert 1500 < fill.quantity * fill.price < 2000
    assert ledger.check() == []
    levels = market.desk.trading.watch.levels(A)
    assert levels is not None and levels[0] < fill.price < levels[1]


def test_what_the_next_order_takes_is_made_when_positions_are_marked() -> None:
    told = []
    for expectant in (False, True):
        market = opened()
        trading = market.desk.trading
        trading.expectant = expectant
        market.tick(101.0, seconds=1.0)
        market.tick(101.5, seconds=1.0)
        known, _ = trading._entries._builder._known_equity
        assert (known is trading.ledger.equity()) is expectant
        market.act(Side.SELL)
        market.tick(101.5)
        told.append(market.bench.journal)
    assert told[0] == told[1]


def test_nothing_happens_before_the_commit_is_durable() -> None:
    market = Market(hold=True)
    market.act()
    for _ in range(5):
        market.tick()
    assert market.states() == ["initialized", "submitted"]
    assert len(market.desk.trading.blotter) == 0 and not market.desk.trading.paper.waiting()
    # But it counts as working: a second order would double the position.
    market.act(n=2)
    assert market.drops() == ["ORDER_WORKING"]
    market.bench.release()
    assert len(market.desk.trading.blotter) == 1
    market.tick()
    market.tick()
    assert market.states()[-1] == "fill" and market.held == 0, "the fill waits for its own commit"
    market.bench.release()
    assert market.held > 0


def test_a_halt_between_decision_and_commit_stops_the_order() -> None:
    market = Market(hold=True)
    market.act()
    market.desk.trading.set_state(RiskState.HALTED, "me", "now")
    market.bench.release()
    for _ in range(10):
        market.tick()
        market.bench.release()
    assert market.states() == ["initialized", "submitted", "canceled"]
    assert market.held == 0


def test_a_halt_cancels_what_would_open_a_position() -> None:
    market = Market(overrides=("paper.entry_latency_ms=0", "paper.response_latency_ms=0"))
    market.act()
    assert market.desk.trading.blotter.open_orders(A)
    change = market.desk.trading.set_state(RiskState.REDUCING, "me", "enough")
    assert change is not None and change.state is RiskState.REDUCING
    assert market.states()[-1] == "canceled" and not market.desk.trading.blotter.open_orders(A)
    for _ in range(40):
        market.tick()
    assert market.held == 0
    assert market.bench.kinds(RiskChange) == [change]


@pytest.mark.parametrize(
    ("side", "price", "purpose"),
    [
        (Side.BUY, 99.0, Purpose.STOP_LOSS),
        (Side.BUY, 101.5, Purpose.TAKE_PROFIT),
        (Side.SELL, 101.0, Purpose.STOP_LOSS),
        (Side.SELL, 98.5, Purpose.TAKE_PROFIT),
    ],
)
def test_a_crossed_level_closes_the_position(side: Side, price: float, purpose: Purpose) -> None:
    market = opened(side)
    for _ in range(4):
        market.tick(price)
    assert market.held == 0 and market.purposes() == [Purpose.ENTRY, purpose]
    assert market.desk.trading.watch.levels(A) is None
    realized = market.desk.trading.ledger.realized
    assert (realized > 0) is (purpose is Purpose.TAKE_PROFIT)
    market.tick(price * 0.9)
    assert market.purposes() == [Purpose.ENTRY, purpose], "a closed position has no levels"


def test_a_stop_works_in_a_halted_desk() -> None:
    losing = opened()
    losing.desk.trading.set_state(RiskState.HALTED, "me", "")
    for _ in range(4):
        losing.tick(99.0)
    assert losing.held == 0 and losing.purposes()[-1] is Purpose.STOP_LOSS


def test_no_entry_in_a_halted_desk() -> None:
    market = Market()
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    market.act()
    assert market.states() == []  # nothing is journaled for what a halted desk lets pass
    assert market.desk.trading.denied == {"NOT_ACTIVE": 1} and market.desk.drops["risk:NOT_ACTIVE"] == 1
    for _ in range(5):
        market.tick()
    assert market.held == 0


def test_the_same_way_twice_is_one_position_and_the_other_way_closes_it() -> None:
    market = opened()
    held = market.held
    market.act(n=2)
    assert market.drops()[-1] == "IN_POSITION" and market.held == held
    market.act(Side.SELL, n=3)
    for _ in range(3):
        market.tick()
    assert market.held == 0 and market.purposes() == [Purpose.ENTRY, Purpose.REVERSAL]


def test_flatten_closes_a_halted_desk() -> None:
    market = opened(Side.SELL)
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    for _ in range(2):  # asked twice, sent once
        market.desk.trading.flatten()
    assert not market.desk.trading.flat
    for _ in range(3):
        market.tick()
    assert market.held == 0 and market.purposes() == [Purpose.ENTRY, Purpose.FLATTEN]
    assert market.desk.trading.flat


def test_an_order_that_finds_no_fresh_quote_expires_and_the_stop_stays_watched() -> None:
    market = opened(overrides=("paper.order_ttl_s=2",))
    market.desk.trading.flatten()
    for step in range(1, 6):  # time passes, nothing is quoted
        market.desk.advance(START_NS + int((market.at_s + step) * NS))
    assert market.states()[-1] in ("canceled", "expired") and market.held > 0
    market.at_s += 6
    for _ in range(4):
        market.tick(99.0)
    assert market.held == 0 and market.purposes()[-1] is Purpose.STOP_LOSS


def test_warming_up_decides_nothing() -> None:
    market = opened()
    with market.desk.warming_up():
        for _ in range(4):
            market.tick(90.0)
    assert market.held > 0 and market.purposes() == [Purpose.ENTRY]
    for _ in range(4):
        market.tick(90.0)
    assert market.held == 0, "the stop was taken up again"


def test_a_restart_cancels_what_was_working_and_keeps_what_is_held() -> None:
    market = opened()
    market.desk.trading.set_state(RiskState.HALTED, "me", "lunch")
    market.desk.trading.flatten()
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)
    trading = again.desk.trading
    assert [event.state for event in again.journal if isinstance(event, OrderEvent)] == [STATES.CANCELED]
    assert trading.ledger.quantity(A) == market.held and trading.watch.levels(A) is not None
    assert (trading.gate.state, trading.gate.reason) == (RiskState.HALTED, "lunch")
    assert trading.ledger.cash == market.desk.trading.ledger.cash


def test_equity_and_latency_follow() -> None:
    market = opened()
    ledger = market.desk.trading.ledger
    for _ in range(10):
        market.tick(100.4)
    assert ledger.unrealized(A) == market.held * Decimal("100.4") - ledger.position(A).cost
    assert ledger.equity() == ledger.cash + market.held * Decimal("100.4")


@pytest.mark.parametrize("later", [RiskState.HALTED, RiskState.REDUCING])
def test_what_tightens_overtakes_a_resume_that_is_still_being_written(later: RiskState) -> None:
    market = Market(hold=True)
    trading = market.desk.trading
    trading.set_state(RiskState.REDUCING, "me", "careful")
    market.bench.release()
    trading.set_state(RiskState.ACTIVE, "me", "go on")
    assert trading.gate.state is RiskState.REDUCING and not trading.settled
    trading.set_state(later, "me", "no, stop")
    market.bench.release()
    assert trading.gate.state is later and trading.settled
    changes = [event for event in market.bench.journal if isinstance(event, RiskChange)]
    assert changes[-1].state is later, "the journal's last word is what stands"


def test_a_fall_from_the_days_highest_reduces_a_desk_that_still_gains() -> None:
    market = opened(
        overrides=(
            *("account.order_size_pct=90", "risk.max_order_notional_pct=100", "risk.max_position_pct=100"),
            *("risk.max_net_pct=100", "exits.stop_loss_pct=50", "exits.take_profit_pct=50"),
        )
    )
    gate = market.desk.trading.gate
    for price in (104.0, 108.0):
        market.tick(price, seconds=1.0)
    assert gate.state is RiskState.ACTIVE
    market.tick(104.0, seconds=1.0)
    market.tick(104.0, seconds=1.0)
    gained = market.desk.trading.ledger.day_pnl(market.desk.now_ns)
    assert gained is not None and gained > 0
    assert gate.state is RiskState.REDUCING and gate.reason.startswith("drawdown of the day")


def test_a_failed_store_halts_whatever_is_on_its_way() -> None:
    market = Market(hold=True)
    trading = market.desk.trading
    trading.set_state(RiskState.REDUCING, "me", "careful")
    market.bench.release()
    trading.set_state(RiskState.ACTIVE, "me", "go on")
    trading.fail("disk full")
    market.bench.release()
    assert trading.gate.state is RiskState.HALTED and "disk full" in trading.gate.reason


def test_no_way_back_in_on_signals_older_than_the_exit() -> None:
    market = opened(overrides=("exits.cooldown_bars=0",))
    old = market.opportunity(n=2)
    market.desk.trading.flatten()
    for _ in range(3):
        market.tick()
    assert market.held == 0
    market.desk.trading.act(old)
    assert market.drops()[-1] == "SPENT" and market.held == 0
    market.tick(seconds=1.0)
    market.act(n=3)
    for _ in range(3):
        market.tick()
    assert market.held > 0, "new evidence may go in again"


def budgeted(budget_pct: float, *, hold: bool = False) -> Market:
    """A market with a budget for trend, which is behind every opportunity here."""
    market = Market(hold=hold, overrides=("exits.cooldown_bars=0",))
    market.desk.signals.strategies.set_budget("trend", budget_pct)
    return market


def test_a_strategy_does_not_get_beyond_its_budget() -> None:
    market = budgeted(1.5)  # an entry is worth 1.8 %
    market.act()
    verdict = market.verdict()
    assert (verdict.approved, verdict.code) == (False, "STRATEGY_BUDGET")
    (check,) = [check for check in verdict.checks if check.code == "STRATEGY_BUDGET"]
    wanted = Decimal(check.value.removeprefix("trend: "))
    assert check.limit == "1500.00" and Decimal(1700) < wanted < Decimal(1850)
    assert verdict.detail == f"{check.value}, limit 1500.00"
    assert market.states() == ["initialized", "denied"] and market.held == 0
    assert market.desk.trading.used_pct("trend") == 0.0
    market.desk.signals.strategies.set_budget("trend", 2.0)
    market.act(n=2)
    assert market.verdict().approved, "a larger budget works at once"


def test_a_budget_counts_positions_at_their_mark_and_entries_at_work() -> None:
    market = budgeted(2.5, hold=True)
    trading = market.desk.trading
    market.act()
    price = market.opportunity().price
    (created,) = [e for e in market.bench.journal if isinstance(e, OrderEvent) and e.request is not None]
    assert created.request is not None and created.request.sources == ("trend",)
    working = created.request.quantity * Decimal(repr(created.request.decision_price))
    assert trading.used_pct("trend") == pytest.approx(float(working) / 1000), "sent, not durable yet"
    assert trading.used_pct("model") == 0.0
    for _ in range(4):
        market.bench.release()
        market.tick(price)
    market.bench.release()
    assert market.held > 0
    for _ in range(10):  # a bar later the position has its mark
        market.tick(100.5)
    used = market.held * Decimal("100.5") / trading.ledger.equity() * 100
    assert trading.used_pct("trend") == pytest.approx(float(used))


def test_the_budget_is_for_all_symbols_together() -> None:
    market = budgeted(3.0)
    other = "sim:BBB-USD"
    for events in calm(other, 50.0, 5, start=61):
        market.desk.on_events(events)
    market.at_s = 66.2
    market.tick()
    market.act()
    for _ in range(2):
        market.tick()
    assert market.held > 0
    mine = market.opportunity(n=2)
    foreign = msgspec.structs.replace(
        mine, symbol=other, price=50.0, blend=msgspec.structs.replace(mine.blend, symbol=other)
    )
    market.desk.trading.act(foreign)
    verdict = market.verdict()
    assert (verdict.symbol, verdict.code) == (other, "STRATEGY_BUDGET")
    assert [check.code for check in verdict.checks if not check.passed] == ["STRATEGY_BUDGET"]


def test_what_a_strategy_holds_survives_a_restart() -> None:
    market = opened()
    market.tick(seconds=1.1)
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)
    used = again.desk.trading.used_pct("trend")
    assert used == pytest.approx(market.desk.trading.used_pct("trend"), rel=0.01) and used > 1.5
    market.desk.trading.flatten()
    for _ in range(3):
        market.tick()
    closed = Bench()
    closed.desk.restore(market.bench.journal, market.desk.now_ns)
    assert market.held == 0 and closed.desk.trading.used_pct("trend") == 0.0


@pytest.mark.parametrize("symbol", [A, ""])
def test_a_block_denies_entries_until_its_time_is_over(symbol: str) -> None:
    market = Market()
    market.tick()
    trading = market.desk.trading
    market.desk.block(symbol, "server: funding too high", market.desk.now_ns + 5 * NS)
    assert trading.blocked(A) == "server: funding too high"
    market.act()
    verdict = market.verdict()
    assert (verdict.code, verdict.detail) == ("QUANT_BLOCK", "server: funding too high, limit none")
    assert market.held == 0 and trading.denied == {"QUANT_BLOCK": 1}
    market.desk.block(symbol, "shorter", market.desk.now_ns + NS)  # takes nothing away
    market.tick(seconds=4.9)
    assert trading.blocked(A) == "server: funding too high"
    market.tick(seconds=0.1)
    assert trading.blocked(A) == ""
    market.act(n=2)
    assert market.verdict().approved


def test_a_block_is_of_its_symbol_alone() -> None:
    market = Market()
    market.desk.block("sim:BBB-USD", "", market.desk.now_ns + 60 * NS)
    assert market.desk.trading.blocked(A) == ""
    assert market.desk.trading.blocked("sim:BBB-USD") == "blocked"
    market.act()
    assert market.verdict().approved


def test_neither_block_nor_budget_keeps_a_position_open() -> None:
    market = opened()
    market.desk.signals.strategies.set_budget("trend", 0.01)
    market.desk.block("", "everything", market.desk.now_ns + 3600 * NS)
    for _ in range(4):
        market.tick(99.0)
    assert market.held == 0 and market.purposes()[-1] is Purpose.STOP_LOSS
