"""Latencies by stage: figures of the newest, and orders on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.api.market_protocol import LatencyRow
from engine.events import NS, JournalEvent, OrderState, Purpose
from engine.slices import at_once
from engine.wiring import order_times
from engine.wiring.latency import BOUNDS_US, LatencyWindow, Stages
from engine.wiring.order_times import OrderTimes
from tests.store.samples import fill, request, transition
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import place


def test_percentiles_and_buckets_are_of_the_newest() -> None:
    window = LatencyWindow(capacity=100)
    empty = window.row("x", "y")
    assert empty.p50_us is empty.max_us is None and not any(empty.counts) and empty.count == 0
    for ns in [10**12] * 50 + [number * 1_000 for number in range(1, 101)]:
        window.add(ns)
    row = window.row("x", "y")
    assert (row.p50_us, row.p90_us, row.p99_us, row.max_us) == (51.0, 91.0, 100.0, 100.0)
    assert row.count == 150 and sum(row.counts) == 100 and len(row.counts) == len(row.bounds_us) + 1
    found = dict(zip(row.bounds_us, row.counts, strict=False))
    assert (found[1.0], found[2.0], found[5.0], found[10.0], found[100.0]) == (1, 1, 3, 5, 50)
    window.add(10**12)
    assert window.row("x", "y").counts[-1] == 1
    assert list(BOUNDS_US) == sorted(BOUNDS_US)


def test_every_stage_is_told_with_what_it_is() -> None:
    rows = at_once(Stages().making())
    assert len({row.stage for row in rows}) == len(rows) == 12
    assert all(0 < len(row.stage) <= 14 and row.about for row in rows)


class Orders:
    """A journal whose disk is a test's."""

    def __init__(self) -> None:
        self.now = 0
        self.waiting: list[Callable[[], None]] = []
        self.stages = Stages()
        self.times = OrderTimes(self._commit, self.stages, lambda: self.now)

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self.waiting.append(done)

    def write(self, *events: JournalEvent, takes: int, then: Callable[[], None] = lambda: None) -> None:
        self.times.commit(events, then)
        self.now += takes
        self.waiting.pop(0)()

    def figures(self) -> dict[str, tuple[int, float | None]]:
        return {row.stage: _figure(row) for row in at_once(self.stages.making()) if row.count}


def _figure(row: LatencyRow) -> tuple[int, float | None]:
    return row.count, row.max_us


def test_an_orders_way_is_measured_from_stage_to_stage() -> None:
    orders = Orders()

    def handed_over() -> None:
        orders.now += 7_000

    orders.write(
        transition(1, OrderState.INITIALIZED, request(1)),
        transition(1, OrderState.SUBMITTED),
        takes=100_000,
        then=handed_over,
    )
    assert orders.figures() == {"journal": (1, 100.0), "submission": (1, 107.0)}
    orders.now += 20_000
    orders.write(transition(1, OrderState.ACCEPTED), takes=30_000)
    orders.write(fill(1), takes=40_000)
    orders.write(fill(1, 1), takes=40_000)
    figures = orders.figures()
    assert figures["acknowledged"] == (1, 57.0) and figures["first fill"] == (1, 97.0)
    assert figures["journal"] == (4, 100.0)


def test_a_fill_without_a_word_before_it_acknowledges_and_a_refusal_measures_nothing() -> None:
    orders = Orders()
    orders.write(transition(1, OrderState.SUBMITTED), takes=1_000)
    orders.write(transition(2, OrderState.SUBMITTED), takes=1_000)
    orders.write(transition(2, OrderState.REJECTED), takes=1_000)
    orders.write(fill(2), takes=1_000)
    assert "first fill" not in orders.figures()
    orders.write(fill(1), takes=1_000)
    assert orders.figures()["acknowledged"] == orders.figures()["first fill"] == (1, 4.0)


def test_orders_that_nothing_is_heard_of_are_forgotten() -> None:
    orders = Orders()
    for number in range(order_times.MOST + 50):
        orders.write(transition(number, OrderState.SUBMITTED), takes=1)
    assert len(orders.times._left) == len(orders.times._working) == order_times.MOST
    orders.write(fill(order_times.MOST + 49), takes=1)
    assert orders.figures()["first fill"][0] == 1


def test_an_order_that_a_person_places_is_no_decision_of_the_desk() -> None:
    """It came seconds after the last tick of a quiet market, and the desk was told to be as slow."""
    market = Market()
    watch, now = market.desk._stopwatch, [0]
    watch._timer = lambda: now[0]
    market.tick()
    now[0] += 4 * NS
    (verdict,) = place(market.desk, quantity="1")
    assert verdict.approved and market.desk.latency.count == 0
    market.bench.release()
    for _ in range(3):
        market.tick()
        market.bench.release()
    assert market.held == 1

    now[0] += 4 * NS
    market.desk.trading.close_part(A, Decimal(50), limited=False)
    assert market.desk.latency.count == 0, "closed by a person"


def test_what_the_desk_decides_is_timed_from_its_tick() -> None:
    market = Market()
    watch, now = market.desk._stopwatch, [0]
    watch._timer = lambda: now[0]
    market.tick()
    now[0] += 50_000
    market.act()
    assert market.desk.latency.percentile_us(1) == 50

    for _ in range(3):
        market.bench.release()
        market.tick()
    assert market.held > 0
    market.tick(90.0)
    assert Purpose.STOP_LOSS in market.purposes() and market.desk.latency.count == 2
