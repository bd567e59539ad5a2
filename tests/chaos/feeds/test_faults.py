"""Feeds on venues that go wrong: whatever happens, nothing is lost, doubled or wrong without a word."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

import pytest

from engine.events import BookStatus, FeedState, FeedStatus, Gap, Trade
from tests.chaos.amounts import FEEDS
from tests.chaos.feeds.dialect import Dialect
from tests.chaos.feeds.faults import KINDS, Fault
from tests.chaos.feeds.run import SIDES, Outcome, run

_ONE = os.environ.get("TICKDESK_CHAOS_FEED", "")
"""Only the run of this seed."""
_TRANSPORT = os.environ.get("TICKDESK_CHAOS_TRANSPORT", "websockets")
_ALONE = 30
"""So few are run in this very process."""
_MEMORY_MB = 150
"""A bomb is 64 MB: none may be held whole, nor may anything else grow."""


def _judged(seed: int, transport: str = _TRANSPORT) -> tuple[int, list[str], Counter[str]]:
    outcome = run(seed, transport=transport)
    del outcome.count["side by side"]
    outcome.count["most MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return seed, outcome.problems, outcome.count


def _outcomes() -> Iterator[tuple[int, list[str], Counter[str]]]:
    if _ONE:
        yield _judged(int(_ONE))
    elif FEEDS <= _ALONE:
        yield from map(_judged, range(FEEDS))
    else:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            yield from pool.map(_judged, range(FEEDS), repeat(_TRANSPORT), chunksize=4)


@pytest.mark.timeout(120 + 10 * FEEDS)
def test_nothing_is_lost_doubled_or_wrong_without_a_word() -> None:
    run(0, faults=[])  # what a process needs once is no growth
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    total: Counter[str] = Counter()
    broken, most_mb = [], 0
    for seed, problems, count in _outcomes():
        most_mb = max(most_mb, count.pop("most MB"))
        total.update(count)
        if problems:
            broken.append(seed)
            said = "\n  ".join(problem[:300] for problem in problems[:8])
            print(f"TICKDESK_CHAOS_FEED={seed}\n  {said}")
    print(", ".join(f"{amount:,} {name}" for name, amount in total.items()), f"{most_mb} MB at most")
    assert not broken, f"{len(broken)} broken, each alone with TICKDESK_CHAOS_FEED=n: {broken}"
    assert most_mb < before_mb + _MEMORY_MB
    if not _ONE and FEEDS >= 20:
        # It went wrong, and there was a market.
        assert total["trades"] > 500 * FEEDS and total["reconnects"] > 0 and total["backfilled"] > 0
        assert total["reordered"] > 0 and total["duplicates"] > 0 and total["handovers"] > 0
        if FEEDS >= 100:
            assert min(total[kind] for kind in KINDS) > 0


def _states(outcome: Outcome) -> list[FeedState]:
    return [event.state for _, event in outcome.told if isinstance(event, FeedStatus)]


@pytest.mark.parametrize("side", SIDES)
def test_connections_near_their_end_are_overlapped(side: type[Dialect]) -> None:
    """The venue cuts after 30 s: nobody notices, and nothing is fetched."""
    outcome = run(7, side=side, faults=[], lifetime_s=20.0)
    assert outcome.problems == []
    assert outcome.stats.handovers >= 3 and outcome.stats.reconnects == 0
    assert outcome.count["side by side"] == 2
    assert _states(outcome) == [FeedState.CONNECTING, FeedState.UP]
    events = [event for _, event in outcome.told]
    assert not any(isinstance(event, BookStatus | Gap) for event in events)
    first = {event.symbol: event.recv_ns for event in reversed(events) if isinstance(event, Trade)}
    late = [
        e for e in events if isinstance(e, Trade) and e.backfilled and e.recv_ns > first[e.symbol] + 10**9
    ]
    assert late == [] and outcome.stats.duplicates == 0


def test_where_one_connection_is_allowed_it_is_closed_first() -> None:
    for side in SIDES:
        outcome = run(7, side=side, faults=[], lifetime_s=20.0, single=True)
        assert outcome.problems == [] and outcome.count["side by side"] == 1
        assert outcome.stats.handovers == 0 and outcome.stats.reconnects >= 3
        assert not any(isinstance(event, Gap) for _, event in outcome.told)


def test_an_announced_shutdown_is_overlapped() -> None:
    outcome = run(7, side=SIDES[0], faults=[Fault(6.0, "shutdown", 1.0)], lifetime_s=0.0, for_s=12.0)
    assert outcome.problems == [] and outcome.stats.handovers == 1
    assert _states(outcome) == [FeedState.CONNECTING, FeedState.UP]
    assert not any(isinstance(event, BookStatus | Gap) for _, event in outcome.told)


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_is_met_alone(kind: str) -> None:
    for number, side in enumerate(SIDES):
        outcome = run(100 + number, side=side, faults=[Fault(6.0, kind, 3.0)], lifetime_s=0.0, for_s=12.0)
        assert outcome.problems == [], side.venue
        assert not any(isinstance(event, Gap) for _, event in outcome.told)
        assert outcome.count[kind] == 1


def test_where_ids_only_tell_trades_apart_a_cut_is_joined_by_rest() -> None:
    for number, side in enumerate(SIDES):
        faults = [Fault(6.0, "cut", 2.0), Fault(14.0, "silent", 1.0), Fault(24.0, "cut at once", 1.0)]
        outcome = run(300 + number, side=side, faults=faults, lifetime_s=0.0, for_s=30.0, apart=True)
        assert outcome.problems == [] and outcome.stats.reconnects >= 3
        assert outcome.count["backfilled"] > 0 and outcome.count["gaps"] == 0


def test_by_the_other_transport_too() -> None:
    pytest.importorskip("picows", reason="the extra tickdesk[fast] is not installed")
    for number, side in enumerate(SIDES):
        faults = [Fault(10.0, "bomb", 1.0), Fault(20.0, "cut", 2.0), Fault(30.0, "silent", 1.0)]
        outcome = run(200 + number, side=side, faults=faults, transport="picows")
        assert outcome.problems == [] and outcome.stats.reconnects >= 2
