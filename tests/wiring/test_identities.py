"""What must hold after any run: journal and ledger agree, and every order has its story."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.events import Alert, Blend, Drop, Family, Fill, OrderEvent, OrderState, Signal
from engine.opportunities.rules import CODES
from engine.store.store import Store
from tests.wiring.conftest import CAPTURE, Bench, simulated, taped


@pytest.fixture(scope="module", params=["simulated", pytest.param("binance", marks=pytest.mark.data)])
def run(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A desk after a minute of trading on one of the sources: all here look at it, none changes it."""
    store = Store(None, durable=False)
    store.start()
    bench = Bench(store=store)
    if request.param == "simulated":
        simulated(bench, 150)
    else:
        data_dir: Path = request.getfixturevalue("data_dir")
        taped(bench, data_dir / CAPTURE)
    assert bench.desk.trading.fills > 2
    assert store.flush()
    yield bench
    store.close()


def test_the_ledger_and_the_fold_of_the_journal_agree(run: Bench) -> None:
    ledger = run.desk.trading.ledger
    assert ledger.check() == []
    assert run.store is not None
    kept = {row.symbol: row for row in run.store.reader().positions()}
    live = {position.symbol: position for position in ledger.touched()}
    assert kept.keys() == live.keys()
    for symbol, position in live.items():
        row = kept[symbol]
        assert Decimal(row.quantity) == position.quantity
        assert Decimal(row.fees) == position.fees
        # Averages are rounded in different places; money is not.
        assert abs(Decimal(row.realized) - position.realized) < Decimal("1e-9")
        assert abs(Decimal(row.entry_price) - position.average_price) < Decimal("1e-9")
    cash = sum((Decimal(row.notional) - Decimal(row.fees) for row in kept.values()), ledger.starting_cash)
    assert cash == ledger.cash
    assert sum((Decimal(row.fees) for row in kept.values()), Decimal(0)) == ledger.fees


def test_every_order_ends_or_is_listed_as_open(run: Bench) -> None:
    blotter = run.desk.trading.blotter
    still_open = {order.client_order_id for order in blotter.open_orders()}
    assert run.store is not None
    orders = run.store.reader().recent_orders(100_000)
    assert len(orders) == len(blotter) > 0
    for order in orders:
        ended = OrderState(order.state).terminal
        assert ended is (order.client_order_id not in still_open), order
        live = blotter.get(order.client_order_id)
        assert live is not None
        assert (live.state.value, live.filled) == (order.state, Decimal(order.filled))


def test_no_order_without_a_verdict_and_no_fill_without_its_order(run: Bench) -> None:
    stories: dict[str, list[OrderEvent | Fill]] = defaultdict(list)
    for event in run.journal:
        if isinstance(event, (OrderEvent, Fill)):
            stories[event.client_order_id].append(event)
    for story in stories.values():
        first, second = story[0], story[1]
        assert isinstance(first, OrderEvent) and isinstance(second, OrderEvent)
        assert first.state is OrderState.INITIALIZED and first.request is not None
        assert second.state in (OrderState.SUBMITTED, OrderState.DENIED)
        assert second.verdict is not None and second.verdict.checks
        assert second.verdict.approved is (second.state is OrderState.SUBMITTED)
        fills = [event for event in story if isinstance(event, Fill)]
        if not second.verdict.approved:
            assert len(story) == 2
        filled = sum((fill.quantity for fill in fills), Decimal(0))
        assert filled <= first.request.quantity
        assert {fill.side for fill in fills} <= {first.request.side}
        assert len({fill.trade_id for fill in fills}) == len(fills)
        times = [event.ns for event in story]
        assert times == sorted(times)


def test_what_was_decided_on_is_kept(run: Bench) -> None:
    assert run.store is not None
    reader = run.store.reader()
    counts, funnel = reader.counts(), run.desk.funnel()
    kept = [record for record in run.records if isinstance(record, Signal)]
    assert counts["signals"] == len(kept)
    assert len(kept) == funnel["signals"] > 0 and {s.family for s in kept} == {Family.TECHNICAL}
    blends = [record for record in run.records if isinstance(record, Blend)]
    assert counts["blends"] == len(blends) == counts["features"]
    assert any(part.family is Family.SPEED for blend in blends for part in blend.inputs), (
        "the scores that a blend rests on are kept with it"
    )
    assert counts["opportunities"] == funnel["opportunities"] > 0
    assert counts["fills"] == funnel["fills"]
    assert counts["journal"] == len(run.journal)
    for order in reader.recent_orders(100_000):
        if order.opportunity_id:
            opportunity = reader.opportunity(order.opportunity_id)
            assert opportunity is not None
            assert (opportunity.symbol, opportunity.side.value) == (order.symbol, order.side)
    assert not any(isinstance(record, Signal) and abs(record.score) > 1 for record in run.records)
    assert not any(isinstance(event, Alert) and event.level == "error" for event in run.journal)


def test_a_desk_restored_from_the_journal_holds_the_same(run: Bench) -> None:
    again = Bench()
    now = run.desk.now_ns
    again.desk.restore(run.journal, now)
    before, after = run.desk.trading.ledger, again.desk.trading.ledger
    assert after.cash == before.cash and after.positions() == before.positions()
    assert after.check() == []
    assert again.desk.trading.blotter.open_orders() == []
    canceled = [event for event in again.kinds(OrderEvent) if event.state is OrderState.CANCELED]  # type: ignore[attr-defined]
    assert len(canceled) == len(run.desk.trading.blotter.open_orders())
    for position in after.positions():
        assert again.desk.trading.watch.levels(position.symbol) is not None
    # Once more: what was canceled stays so, nothing is booked twice.
    third = Bench()
    third.desk.restore([*run.journal, *again.journal], now)
    assert all(isinstance(event, Alert) for event in third.journal), "it says how long it was off, no more"
    assert third.desk.trading.ledger.cash == before.cash


def test_every_drop_is_counted(run: Bench) -> None:
    assert all(isinstance(count, int) and count > 0 for count in run.desk.drops.values())
    assert all(":" in code for code in run.desk.drops)
    denied = sum(count for code, count in run.desk.drops.items() if code.startswith("risk:"))
    assert denied == sum(run.desk.trading.denied.values())
    kept = Counter(f"{drop.stage}:{drop.code}" for drop in run.records if isinstance(drop, Drop))
    assert run.store is not None and run.store.reader().drops() == dict(sorted(kept.items()))
    shown = {code: n for code, n in run.desk.drops.items() if not code.startswith(("risk:", "market:"))}
    assert shown.keys() == kept.keys()
    # A blend that only decays is refused again at each bar: counted, and kept when the reason changes.
    assert all(shown[code] >= count for code, count in kept.items())
    assert {code for code in kept if shown[code] > kept[code]} <= {f"opportunities:{code}" for code in CODES}
