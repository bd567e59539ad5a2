"""Portfolio targets of a whole desk: from scores to fills, through risk and journal like every order."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.config import load
from engine.events import (
    NS,
    Drop,
    Fill,
    Opportunity,
    OrderEvent,
    OrderRequest,
    Purpose,
    RiskState,
    Side,
    Verdict,
)
from engine.models import builtin
from engine.models.load import load as load_model
from engine.wiring.target_rows import targets_detail
from engine.wiring.targets import Targets
from tests.opportunities.signals import blend
from tests.wiring.conftest import START_NS, Bench, calm, quote, trade

A, B, C, D = (f"sim:{name}-USD" for name in ("AAA", "BBB", "CCC", "DDD"))
PRICES = {A: 100.0, B: 50.0, C: 20.0, D: 10.0}
QUIET = ("rapid_rise", "golden_cross", "trend", "mean_reversion", "breakout")
WIDE = ("exits.stop_loss_pct=50", "exits.take_profit_pct=50", "exits.cooldown_bars=0")
BASE = (
    "risk.max_model_age_s=0",
    *(f"strategies.{name}.enabled=false" for name in QUIET),
    *WIDE,
    "targets.enabled=true",
    "targets.longs=1",
    "targets.shorts=1",
    "targets.gross_pct=8",
    "targets.every_bars=10",
    "paper.taker_fee_bps=0",
)
BEST_A = {A: 0.03, B: 0.01, C: -0.01, D: -0.03}
BEST_D = {symbol: -score for symbol, score in BEST_A.items()}


class Floor:
    """Four symbols that stand still, and a desk that follows targets."""

    def __init__(self, *overrides: str) -> None:
        self.bench = Bench(load(overrides=[*BASE, *overrides], environ={}))
        self.desk = self.bench.desk
        self.second = 0
        self.quiet: set[str] = set()
        self.run(30)

    @property
    def targets(self) -> Targets:
        assert self.desk.targets is not None
        return self.desk.targets

    def run(self, seconds: int) -> None:
        """Prices stand still for so long; those of ``quiet`` symbols are not heard."""
        for second in range(self.second, self.second + seconds):
            for symbol, price in PRICES.items():
                if symbol not in self.quiet:
                    for events in calm(symbol, price, 1, second):
                        self.desk.on_events(events)
            self.desk.advance(START_NS + int((second + 0.9) * NS))
        self.second += seconds

    def rebalance(self, scores: dict[str, float]) -> None:
        """Scores just before and just after a rebalance is due; its orders have time to fill."""
        self.begin(scores)
        self.run(8)

    def begin(self, scores: dict[str, float]) -> None:
        self.run(10 - self.second % 10)
        self.targets.on_scores(self.desk.now_ns - 10 * NS, scores)
        self.targets.on_scores(self.desk.now_ns, scores)

    def held(self, symbol: str) -> Decimal:
        return self.desk.trading.ledger.quantity(symbol)

    def orders(self) -> list[OrderRequest]:
        return [e.request for e in self.bench.journal if isinstance(e, OrderEvent) and e.request is not None]

    def drops(self) -> list[tuple[str, str]]:
        found = [r for r in self.bench.records if isinstance(r, Drop) and r.stage == "targets"]
        return [(drop.symbol, drop.code) for drop in found]


def test_scores_become_positions() -> None:
    floor = Floor()
    floor.rebalance(BEST_A)
    # Four percent of 100,000 a side.
    assert 38 < floor.held(A) <= 40 and -400 <= floor.held(D) < -390
    assert not floor.held(B) and not floor.held(C) and floor.drops() == []
    assert {(r.purpose, r.sources, r.reduce_only) for r in floor.orders()} == {
        (Purpose.ENTRY, ("model",), False)
    }
    verdicts = {v.client_order_id: v for v in floor.bench.records if isinstance(v, Verdict)}
    assert all(verdicts[request.client_order_id].approved for request in floor.orders())
    assert "target" in floor.orders()[0].reason and "weight +1.000" in floor.orders()[0].reason
    assert not floor.targets.plan().trades, "once it has filled, nothing is left to do"
    before = len(floor.orders())
    floor.rebalance(BEST_A)
    assert len(floor.orders()) == before


def test_what_it_would_do_and_did_is_told() -> None:
    off = targets_detail(None)
    assert (off.enabled, off.now.rows, off.next_ns) == (False, (), 0)
    floor = Floor()
    assert targets_detail(floor.targets).last_ns == 0
    floor.rebalance(BEST_A)
    told = targets_detail(floor.targets)
    assert told.enabled and told.last_ns and told.next_ns > floor.desk.now_ns - 10 * NS
    assert [(row.symbol, row.weight) for row in told.last.rows if row.addition != "0"] == [
        (A, 1.0),
        (D, -1.0),
    ]
    assert 7500 < float(told.last.turnover) <= 8000
    assert {row.symbol: row.held for row in told.now.rows}[A] == f"{floor.held(A).normalize():f}"
    assert told.now.turnover == "0.00" and not floor.targets.plan().trades


def test_the_same_inputs_give_the_same_orders() -> None:
    first, second = Floor(), Floor()
    for floor in (first, second):
        floor.rebalance(BEST_A)
        floor.rebalance(BEST_D)
    assert first.bench.journal == second.bench.journal and len(first.orders()) >= 4


def test_reductions_come_first_and_a_flip_adds_when_flat() -> None:
    floor = Floor()
    floor.rebalance(BEST_A)
    first = len(floor.orders())
    floor.rebalance(BEST_D)
    assert floor.held(A) < -38 and floor.held(D) > 390
    later = floor.orders()[first:]
    assert [request.purpose for request in later] == [Purpose.REBALANCE] * 2 + [Purpose.ENTRY] * 2
    assert all(r.reduce_only is (r.purpose is Purpose.REBALANCE) for r in later)
    fills = [event for event in floor.bench.journal if isinstance(event, Fill)]
    order = [fill.client_order_id for fill in fills]
    reduced = max(order.index(request.client_order_id) for request in later[:2])
    added = min(order.index(request.client_order_id) for request in later[2:])
    assert reduced < added
    assert floor.desk.trading.ledger.check() == []


def test_what_ranks_in_the_middle_is_left() -> None:
    floor = Floor("targets.shorts=0")
    floor.rebalance(BEST_A)
    assert floor.held(A)
    floor.rebalance(BEST_D)
    assert not floor.held(A) and floor.held(D) > 0 and not floor.held(B)
    assert [r.purpose for r in floor.orders()] == [Purpose.ENTRY, Purpose.ENTRY, Purpose.REBALANCE] + [
        Purpose.ENTRY
    ] * 2


def test_an_addition_larger_than_an_order_may_be_leaves_in_parts() -> None:
    floor = Floor("targets.shorts=0", "targets.gross_pct=16", "risk.max_order_notional_pct=5")
    floor.rebalance(BEST_A)
    assert 155 < floor.held(A) <= 160
    assert len(floor.orders()) == 4 and all(r.quantity * 100 <= 5000 for r in floor.orders())


def test_a_limit_changed_live_counts() -> None:
    floor = Floor("targets.shorts=0")
    floor.desk.trading.gate.book.set("desk", "max_order_quantity", 30.0, "me", 1)
    floor.rebalance(BEST_A)
    assert [r.quantity for r in floor.orders()][:2] == [30, 30] and floor.held(A) > 78


def test_a_symbols_own_order_limit_counts() -> None:
    floor = Floor("targets.shorts=0", f"risk.symbols.{A}.max_order_notional_pct=3")
    floor.rebalance(BEST_A)
    assert all(r.quantity * 100 <= 3000 for r in floor.orders()) and floor.held(A) > 78


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_the_trading_state_holds_back_what_it_must(state: RiskState) -> None:
    floor = Floor()
    floor.rebalance(BEST_A)
    before = len(floor.orders())
    floor.desk.trading.set_state(state, "me", "")
    floor.rebalance(BEST_D)
    assert {r.purpose for r in floor.orders()[before:]} <= {Purpose.REBALANCE}
    if state is RiskState.REDUCING:
        assert not floor.held(A) and not floor.held(D)
    else:
        assert floor.held(A) and floor.held(D)
    assert {(A, "NOT_ACTIVE"), (D, "NOT_ACTIVE")} <= set(floor.drops())


def test_a_halt_between_the_legs_ends_the_rebalance() -> None:
    floor = Floor("paper.entry_latency_ms=1500", "risk.stale_data_s=5")
    floor.rebalance(BEST_A)
    floor.begin(BEST_D)
    floor.desk.trading.set_state(RiskState.HALTED, "me", "")
    floor.run(8)
    assert not floor.held(A) and not floor.held(D)
    assert floor.drops() == [(A, "NOT_ACTIVE"), (D, "NOT_ACTIVE")]


def test_symbols_without_a_fresh_price_are_left_alone() -> None:
    floor = Floor()
    floor.quiet = {D}
    floor.rebalance(BEST_A)
    assert floor.held(A) and not floor.held(D)
    assert (D, "STALE") in floor.drops()
    (row,) = [row for row in floor.targets.plan().changes if row.symbol == D]
    assert (row.code, row.weight) == ("STALE", -1.0)


class Behind:
    """All data comes late."""

    def late_ns(self, index: int) -> int:
        return 5 * NS

    def late(self) -> list[int]:
        return [0, 1, 2, 3]


def test_what_comes_late_is_left_to_risk_which_lets_positions_become_smaller() -> None:
    floor = Floor()
    floor.rebalance(BEST_A)
    assert floor.held(A) > 0 > floor.held(D)
    floor.desk.freshness._lateness = Behind()
    assert floor.desk.freshness.reason(0, floor.desk.now_ns, NS * 100)
    floor.rebalance(BEST_D)
    assert floor.held(A) <= 0 <= floor.held(D) and floor.drops() == []


def test_what_an_order_works_on_is_counted_once() -> None:
    floor = Floor("paper.entry_latency_ms=9000", "paper.order_ttl_s=60")
    floor.rebalance(BEST_A)
    assert floor.desk.trading.work.count(A) == 1 and not floor.held(A)
    assert not floor.targets.plan().trades


def test_what_is_still_to_be_opened_cannot_be_reduced() -> None:
    floor = Floor("paper.entry_latency_ms=19000", "paper.order_ttl_s=60")
    floor.rebalance(BEST_A)
    floor.rebalance(BEST_D)
    assert floor.drops() == [(A, "ORDER_WORKING"), (D, "ORDER_WORKING")]
    assert len(floor.orders()) == 2


def test_a_flip_whose_reduction_does_not_fill_adds_nothing() -> None:
    floor = Floor("paper.entry_latency_ms=1500", "paper.order_ttl_s=4")
    floor.rebalance(BEST_A)
    floor.begin(BEST_D)
    floor.quiet = {A}
    floor.run(12)
    assert (A, "NOT_FLAT") in floor.drops() and floor.held(A) > 0
    assert floor.held(D) > 0, "the others go on"


def test_an_order_that_could_be_worth_no_lot_is_told() -> None:
    floor = Floor("risk.max_order_notional_pct=0.001")
    floor.rebalance(BEST_A)
    assert floor.drops() == [(A, "TOO_SMALL"), (D, "TOO_SMALL")] and floor.orders() == []


def test_a_denied_order_is_not_tried_again_until_the_next_rebalance() -> None:
    floor = Floor("risk.allow_short=false")
    floor.rebalance(BEST_A)
    assert floor.drops() == [(D, "DENIED")] and floor.held(A)
    assert floor.desk.trading.denied == {"SHORT_NOT_ALLOWED": 1}


def test_stops_watch_what_targets_hold() -> None:
    floor = Floor("exits.stop_loss_pct=1", "exits.cooldown_bars=60")
    floor.rebalance(BEST_A)
    assert floor.held(A)
    at = floor.second + 0.1
    for n in range(4):
        floor.desk.on_events([quote(A, 98.0, 98.02, at + n / 5), trade(A, 900 + n, 98.0, 1.0, at + n / 5)])
    assert not floor.held(A) and floor.orders()[-1].purpose is Purpose.STOP_LOSS
    before = len(floor.orders())
    floor.second += 1
    floor.rebalance(BEST_A)
    assert not floor.held(A) and len(floor.orders()) == before, "it rests after an exit"


# --- who else may trade them ---


def opportunity(floor: Floor, symbol: str) -> Opportunity:
    index = floor.desk.instruments.get(symbol)
    assert index is not None
    row, now = floor.desk.features.row(index.index), floor.desk.now_ns
    mixed = blend(0.8)
    return Opportunity(
        "op", symbol, Side.BUY, 0.8, 0.9, PRICES[symbol], ("x",), "why", now, now + 10 * NS, 0, mixed, row
    )


def test_no_opportunity_trades_a_symbol_that_follows_a_target() -> None:
    floor = Floor("strategies.model.symbols=" + f"{A},{D}")
    floor.targets.act(opportunity(floor, A))
    assert floor.orders() == [] and floor.drops() == [(A, "UNDER_TARGET")]
    floor.targets.act(opportunity(floor, B))
    assert [r.symbol for r in floor.orders()] == [B]
    floor.run(3)
    held = floor.held(B)
    floor.rebalance(BEST_A)
    assert floor.held(B) == held > 0 and floor.held(A) > 0 > floor.held(D)


def test_without_targets_opportunities_go_their_way() -> None:
    desk = Bench(load(environ={})).desk
    assert desk.targets is None and desk.signals.on_scores is None
    assert desk._act == desk.trading.act


def test_the_model_gives_its_scores_to_the_targets_and_no_signals() -> None:
    floor = Floor("targets.gross_pct=4")
    floor.desk.signals.scoring.set_active(asyncio.run(load_model(builtin.PATH)))
    floor.run(70)
    state = next(s for s in floor.desk.signals.strategies.states() if s.name == "model")
    assert state.enabled and state.signals == 0
    plan = floor.targets.plan()
    assert {row.symbol for row in plan.changes} == set(PRICES)
    assert floor.targets.last.changes
    weights = sorted(row.weight for row in plan.changes)
    assert weights in ([-1.0, 0.0, 0.0, 1.0], [0.0] * 4)


def test_a_model_that_is_switched_off_changes_nothing() -> None:
    floor = Floor("strategies.model.enabled=false")
    floor.desk.signals.scoring.set_active(asyncio.run(load_model(builtin.PATH)))
    floor.run(70)
    assert floor.targets.plan().changes == () and floor.orders() == []


def test_warming_up_rebalances_nothing() -> None:
    floor = Floor()
    floor.desk.signals.scoring.set_active(asyncio.run(load_model(builtin.PATH)))
    with floor.desk.warming_up():
        floor.run(70)
    assert floor.targets.plan().changes == ()
