"""The chain behind opportunities and orders of a real desk: complete, in order, the same after a restart."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.api.protocol import Explanation, WeightsPatch
from engine.config import load
from engine.events import Fill, Opportunity, OrderEvent, OrderState, Side
from engine.risk.checks import ENTRY_CHECKS
from engine.store.store import Store
from engine.wiring.desk import Desk
from engine.wiring.explain import explain, past, slippage_bps, sought
from tests.wiring.conftest import Bench, simulated
from tests.wiring.one_market import A, Market

RULES = (
    *("BELOW_MIN_SCORE", "LOW_CONFIDENCE", "FILLED_BAR", "NO_PRICE", "WIDE_SPREAD", "ILLIQUID"),
    *("OUT_OF_SESSION", "DUPLICATE"),
)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """A desk that has traded for a while, and its database."""
    path = tmp_path_factory.mktemp("explain") / "desk.db"
    store = Store(path)
    store.start()
    bench = Bench(store=store)
    simulated(bench, 120)
    store.close()
    return bench, path


def explained(desk: Desk, store: Store, identity: str) -> Explanation | None:
    wanted = sought(desk, identity)
    return explain(desk, wanted, past(store.reader(), wanted), None)


def told(bench: Bench, path: Path, identity: str) -> Explanation:
    store = Store(path)
    store.start()
    try:
        found = explained(bench.desk, store, identity)
    finally:
        store.close()
    assert found is not None
    assert found.id == identity
    return found


def body(explanation: Explanation) -> bytes:
    """What a client gets; NaN is equal to itself in it."""
    return msgspec.json.encode(explanation)


def filled(bench: Bench) -> tuple[Opportunity, OrderEvent]:
    """An opportunity that became an order which was filled, and the order's first event."""
    opportunities = {one.opportunity_id: one for one in bench.records if isinstance(one, Opportunity)}
    fills = {event.client_order_id for event in bench.kinds(Fill)}
    return next(
        (opportunities[event.request.opportunity_id], event)
        for event in bench.journal
        if isinstance(event, OrderEvent)
        and event.request is not None
        and event.request.opportunity_id in opportunities
        and event.client_order_id in fills
    )


def test_the_whole_chain_of_an_opportunity(traded: tuple[Bench, Path]) -> None:
    bench, path = traded
    opportunity, first = filled(bench)
    chain = told(bench, path, opportunity.opportunity_id)
    assert chain.status == "ordered" and chain.features is not None and chain.blend is not None
    # The market that it saw, and what spoke, adding up.
    assert chain.features.bid == opportunity.features.bid and any("market: bid" in n for n in chain.notes)
    assert sum(part.contribution for part in chain.blend.inputs) == pytest.approx(chain.blend.score)
    assert sum(part.weight for part in chain.blend.inputs) == pytest.approx(1.0)
    assert all(part.reason for part in chain.blend.inputs)
    # Absent families, and where their weight went.
    assert {family.value for family in chain.blend.absent} >= {"open_interest", "options", "sentiment"}
    assert any("redistributed" in note for note in chain.notes)
    assert chain.weights == msgspec.to_builtins(bench.config.opportunities.weights)
    # What it passed.
    assert tuple(check.code for check in chain.filters) == RULES
    assert all(check.passed and check.value and check.limit for check in chain.filters)
    assert chain.verdict is not None and chain.verdict.approved
    assert all(check.value and check.limit for check in chain.verdict.checks)
    made = [check.code for check in chain.verdict.checks]
    assert made == [one.code for one in ENTRY_CHECKS if one.code in made]
    assert {"NOT_ACTIVE", "STALE_DATA", "ORDER_NOTIONAL", "POSITION_LIMIT", "THROTTLE"} <= set(made)
    # Its order: every state, the time between them, what each fill cost against the mid.
    assert {event.client_order_id for event in chain.order_events} == {first.client_order_id}
    names = [step.name for step in chain.latencies]
    assert names[0] == "seen" and names[-1] == "filled"
    for name in ("decision", "initialized", "submitted", "accepted", "fill 1"):
        assert name in names
    assert all(step.after_ns >= 0 for step in chain.latencies)
    assert (
        sum(step.after_ns for step in chain.latencies) == chain.latencies[-1].ns - chain.latencies[0].ns > 0
    )
    assert len(chain.slippages_bps) == len(chain.fills) > 0 and chain.slippage_bps is not None
    for fill, slip in zip(chain.fills, chain.slippages_bps, strict=True):
        paid = (float(fill.price) - fill.decision_price) * fill.side.sign
        assert slip == pytest.approx(paid / fill.decision_price * 1e4)


def test_one_without_an_order_says_what_stood_in_the_way(traded: tuple[Bench, Path]) -> None:
    bench, path = traded
    aggregator = bench.desk.signals.aggregator
    stories = [told(bench, path, one.opportunity_id) for one, _ in aggregator.recent()]
    held = [one for one in stories if one.held]
    assert {one.held.partition(":")[0] for one in held} >= {"IN_POSITION", "REVERSAL"}
    for one in held:
        assert one.opportunity is not None and one.held_times >= 1
        assert one.opportunity.created_ns <= one.held_ns <= bench.desk.now_ns
        assert one.held.partition(": ")[2]
    assert not any(one.held for one in stories if one.status == "ordered")
    without = [one for one in stories if one.status in ("live", "expired", "reversal", "reversed")]
    assert without and all(one.held for one in without)


def test_an_order_tells_the_same_chain_as_its_opportunity(traded: tuple[Bench, Path]) -> None:
    bench, path = traded
    opportunity, first = filled(bench)
    by_order = told(bench, path, first.client_order_id)
    by_opportunity = told(bench, path, opportunity.opportunity_id)
    assert body(msgspec.structs.replace(by_order, id="")) == body(
        msgspec.structs.replace(by_opportunity, id="")
    )


def test_an_exit_is_explained_without_an_opportunity(traded: tuple[Bench, Path]) -> None:
    bench, path = traded
    exits = (e for e in bench.kinds(OrderEvent) if e.request is not None and e.request.reduce_only)  # type: ignore[attr-defined]
    chain = told(bench, path, next(exits).client_order_id)  # type: ignore[attr-defined]
    assert chain.opportunity is None and chain.blend is None and chain.filters == () and chain.status == ""
    assert chain.verdict is not None and chain.order_events and chain.latencies[0].name == "decision"


def test_after_a_restart_the_store_tells_it(traded: tuple[Bench, Path]) -> None:
    bench, path = traded
    opportunity, _ = filled(bench)
    before = told(bench, path, opportunity.opportunity_id)
    again = Bench(load(overrides=["opportunities.weights.speed=77"], environ={}))
    store = Store(path)
    store.start()
    again.desk.restore(store.recover(), bench.desk.now_ns)
    store.close()
    after = told(again, path, opportunity.opportunity_id)
    assert any("earlier run" in note for note in after.notes)
    kept = [note for note in after.notes if "earlier run" not in note]
    # By the weights of its time, not by today's.
    assert after.weights == before.weights != msgspec.to_builtins(again.config.opportunities.weights)
    assert body(msgspec.structs.replace(after, notes=())) == body(msgspec.structs.replace(before, notes=()))
    assert tuple(kept) == before.notes


def test_nothing_is_known_of_an_unknown_id(store: Store) -> None:
    assert explained(Bench(store=store).desk, store, "nosuch") is None


def test_weights_changed_later_do_not_rewrite_the_past(store: Store) -> None:
    bench = Bench(store=store)
    simulated(bench, 90)
    opportunity, _ = filled(bench)
    first = explained(bench.desk, store, opportunity.opportunity_id)
    bench.desk.tuning.set_weights(WeightsPatch(technical=1.0, speed=99.0))
    later = explained(bench.desk, store, opportunity.opportunity_id)
    assert first is not None and later is not None and body(later) == body(first)


def test_a_denial_says_which_check_with_which_figures(store: Store) -> None:
    market = Market()
    market.bench.store = store
    opportunity = market.opportunity()
    store.behind(opportunity)
    assert store.flush()
    market.desk.block(A, "the server says so", market.desk.now_ns + 10**12)
    market.desk.trading.act(opportunity)
    (order,) = market.desk.trading.blotter.recent(10)
    assert order.state is OrderState.DENIED and store.flush()
    found = explained(market.desk, store, order.client_order_id)
    assert found is not None and found.verdict is not None and not found.verdict.approved
    failed = [check for check in found.verdict.checks if not check.passed]
    assert [check.code for check in failed] == [found.verdict.code] == ["QUANT_BLOCK"]
    assert "the server says so" in failed[0].value + found.verdict.detail and failed[0].limit
    assert found.fills == () and found.slippage_bps is None and found.latencies[-1].name == "denied"


def test_slippage_above_zero_is_worse_whatever_the_side() -> None:
    fill = Fill("t", "o", A, Side.BUY, Decimal(1), Decimal(101), Decimal(0), "taker", 100.0, 1)
    assert slippage_bps(fill) == pytest.approx(100.0)
    assert slippage_bps(msgspec.structs.replace(fill, side=Side.SELL)) == pytest.approx(-100.0)
    for unknown in (float("nan"), 0.0, -1.0, float("inf")):
        assert slippage_bps(msgspec.structs.replace(fill, decision_price=unknown)) is None
