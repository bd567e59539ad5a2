"""Random sessions: legal reports, no overfill, no size taken twice, the same bytes again and restarted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Depth, Fill
from engine.execution.ids import trade_id
from engine.execution.paper import PaperVenue
from tests.execution.paper.script import MS, SYMBOL, T0, known, plain
from tests.execution.paper.session import Session, latencies, steps
from tests.execution.paper.test_venue import request

Script = list[tuple[Any, ...]]


def played(script: Script, latency: tuple[float, float], restart_at: int = -1) -> Session:
    session = Session(latency, restart_at)
    session.play(script)
    return session


@settings(max_examples=250, deadline=None)
@given(steps, latencies)
def test_every_report_is_legal_and_nothing_is_filled_beyond_what_may_be(
    script: Script, latency: tuple[float, float]
) -> None:
    session = played(script, latency)
    fills = [report for report in session.journal if isinstance(report, Fill)]
    assert len({fill.trade_id for fill in fills}) == len(fills)
    for order in session.blotter:
        mine = [fill for fill in fills if fill.client_order_id == order.client_order_id]
        assert sum((fill.quantity for fill in mine), Decimal(0)) == order.filled <= order.quantity
        assert [fill.trade_id for fill in mine] == [
            trade_id(order.client_order_id, n) for n in range(len(mine))
        ]
        limit = order.request.price
        amended = order.price != limit
        for fill in mine:
            if limit is not None and not amended:
                assert (fill.price - limit) * fill.side.sign <= 0, "never worse than its limit"


@settings(max_examples=60, deadline=None)
@given(steps, latencies)
def test_the_same_calls_give_the_same_bytes(script: Script, latency: tuple[float, float]) -> None:
    first, second = (msgspec.json.encode(played(script, latency).journal) for _ in range(2))
    assert first == second


@settings(max_examples=150, deadline=None)
@given(steps, latencies, st.integers(0, 59))
def test_a_restart_in_the_middle_changes_no_report(
    script: Script, latency: tuple[float, float], restart_at: int
) -> None:
    usual = played(script, latency).journal
    assert played(script, latency, restart_at % len(script)).journal == usual


@settings(max_examples=150, deadline=None)
@given(steps, latencies, st.integers(1, 120), st.integers(0, 40))
def test_a_kill_loses_no_fill_and_doubles_none(
    script: Script, latency: tuple[float, float], kept: int, later: int
) -> None:
    """``later``: how many hand-overs the state that was kept last is behind the journal."""
    session = Session(latency, kill=(kept, kept + later))
    session.play(script)
    fills = [report for report in session.journal if isinstance(report, Fill)]
    assert len({fill.trade_id for fill in fills}) == len(fills)


book = st.lists(st.integers(1, 2_000), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(book, st.lists(st.integers(1, 6_000), max_size=3), st.booleans()), max_size=12))
def test_no_level_gives_more_than_it_displays(rounds: Sequence[tuple[list[int], list[int], bool]]) -> None:
    """``rounds``: a book's asks (thousandths a level), the orders that come, and whether the depth is new."""
    venue = PaperVenue(plain(), known())
    now, orders = T0, 0
    shown: dict[Decimal, Decimal] = {}
    for quote_id, (sizes, wanted, deeper) in enumerate(rounds):
        now += MS
        asks = tuple((101.0 + n, size / 1000) for n, size in enumerate(sizes))
        best = Decimal(101)
        if deeper:
            venue.on_depth(Depth(SYMBOL, ((99.0, 1.0),), asks, now, now))
            shown = {Decimal(101 + n): Decimal(size).scaleb(-3) for n, size in enumerate(sizes)}
        shown[best] = Decimal(sizes[0]).scaleb(-3)
        for size in wanted:
            orders += 1
            venue.submit(request(f"td-{orders}", quantity=Decimal(size).scaleb(-3), decision_ns=now), now)
        for _ in range(2):
            reports = venue.on_quote(SYMBOL, 99.0, 1.0, *asks[0], 100.0, now, quote_id)
            for fill in (report for report in reports if isinstance(report, Fill)):
                assert fill.price in shown and fill.quantity <= shown[fill.price]
                shown[fill.price] -= fill.quantity
