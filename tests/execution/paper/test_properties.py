"""Random sessions: legal reports, no overfill, no size taken twice, the same bytes again and restarted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from unittest import mock

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Depth, Fill, OrderType, Side, TriggerSource
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
@given(steps)
def test_an_order_that_is_alone_fills_as_it_does_among_others(script: Script) -> None:
    alone = played(script, (0.0, 0.0)).journal
    with mock.patch.object(PaperVenue, "_fill_alone", lambda *_: None):
        assert msgspec.json.encode(played(script, (0.0, 0.0)).journal) == msgspec.json.encode(alone)


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


@settings(max_examples=300, deadline=None)
@given(steps, latencies)
def test_what_is_not_looked_at_would_have_done_nothing(script: Script, latency: tuple[float, float]) -> None:
    """The venue passes over orders that a tick does not touch: reports and state are the same without."""
    usual = played(script, latency)
    with mock.patch("engine.execution.paper.venue.calm", lambda orders, due_ns: None):
        looked = played(script, latency)
    assert looked.journal == usual.journal
    assert looked.venue.state() == usual.venue.state() and looked.venue.due_ns() == usual.venue.due_ns()


def _walked(seed: int) -> tuple[list[Any], dict[str, Any]]:
    """A market that wanders among orders of all kinds, with depth."""
    rng, venue, told = random.Random(seed), PaperVenue(plain(), known()), []
    venue.restore((), None, {SYMBOL: Decimal(rng.choice([-20, 0, 20]))}, T0)
    mid, now, names = 10_000, T0, 0
    for n in range(150):
        now += rng.choice([MS, 40 * MS, 700 * MS])
        if rng.random() < 0.15 or n < 6:
            names += 1
            side, off = rng.choice(list(Side)), rng.randint(1, 12)
            kind = rng.choice([OrderType.LIMIT, OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING_STOP])
            ahead = Decimal(mid - off * side.sign).scaleb(-2)
            fields: dict[str, Any] = {"side": side, "type": kind, "trigger": rng.choice(list(TriggerSource))}
            if kind is OrderType.LIMIT:
                fields["price"] = ahead
            elif kind is OrderType.STOP:
                fields["stop_price"] = Decimal(mid + off * side.sign).scaleb(-2)
            else:
                fields["trail"] = Decimal(off).scaleb(-2)
            told += venue.submit(request(f"td-{names}", reduce_only=rng.random() < 0.3, **fields), now)
        elif rng.random() < 0.05:
            told += venue.cancel(f"td-{rng.randint(1, names)}", now)
        mid += rng.randint(-2, 2)
        bid, ask = (mid - 1) / 100, (mid + 1) / 100
        if rng.random() < 0.3:
            bids = tuple((bid - level / 100, 3.0) for level in range(4))
            venue.on_depth(
                Depth(SYMBOL, bids, tuple((ask + level / 100, 2.0) for level in range(4)), now, now)
            )
        told += venue.on_quote(
            SYMBOL, bid, 3.0, ask, 2.0, mid / 100, now, n // 2, stale=rng.random() < 0.03,
            trade_id=n // 3, last_size=1.0, traded_ns=now, aggressor=rng.choice([-1, 0, 1]),
        )  # fmt: skip
        told += venue.due(now)
    return told, venue.state()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_a_long_walk_past_many_orders_is_the_same_with_each_looked_at(seed: int) -> None:
    usual = _walked(seed)
    with mock.patch("engine.execution.paper.venue.calm", lambda orders, due_ns: None):
        assert _walked(seed) == usual


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
