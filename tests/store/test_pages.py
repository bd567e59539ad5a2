"""Pages of what is recorded: every row once, newest first, while more are added, each read within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Family, Fill, Signal
from engine.store import pages
from engine.store.pages import Part, Wanted
from engine.store.store import Store
from tests.store import samples

ALL = (1 << 63) - 1


def signal(number: int) -> Signal:
    symbol, source = f"test:{'AB'[number % 2]}", ("trend", "speed", "model")[number % 3]
    return Signal(symbol, source, Family.TECHNICAL, 0.5, float("nan"), number * 10, 1, "why")


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(None, durable=False)
    made.start()
    yield made
    made.close()


def part(
    store: Store, read: Callable[..., Part[Any]], before: int = ALL, limit: int = 10, **where: Any
) -> Part[Any]:
    wanted = Wanted(before, limit, where.pop("since", 0), where.pop("until", ALL), where)
    found: Part[Any] = store._call(lambda connection: read(connection, wanted))
    return found


def walk(store: Store, limit: int, **where: Any) -> list[int]:
    """Numbers of the signals of all pages."""
    found, before = list[int](), ALL
    for _ in range(10_000):
        rows, rest = part(store, pages.signals, before, limit, **where)
        assert len(rows) <= limit
        found += [row.ns // 10 for row in rows]
        if rest is None:
            return found
        assert rest < before, "it gets on"
        before = rest
    raise AssertionError("it never ends")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 25), st.integers(0, 70), st.integers(0, 70))
def test_every_row_is_on_one_page_and_no_page_looks_further_than_it_may(
    count: int, limit: int, scanned: int, since: int, until: int
) -> None:
    store = Store(None, durable=False)
    store.start()
    before = pages.SCANNED
    pages.SCANNED = scanned
    try:
        for number in range(1, count + 1):
            store.behind(signal(number))
        span = {"since": since * 10, "until": until * 10}
        wanted = [n for n in range(count, 0, -1) if since <= n < until]
        assert walk(store, limit, **span) == wanted
        assert walk(store, limit, symbol="test:A", **span) == [n for n in wanted if n % 2 == 0]
        own = [n for n in wanted if n % 6 == 4]
        assert walk(store, limit, symbol="test:A", source="speed", **span) == own
        assert walk(store, limit, symbol="test:C", **span) == []
    finally:
        pages.SCANNED = before
        store.close()


def test_rows_that_are_added_move_nothing(store: Store) -> None:
    for number in range(1, 21):
        store.behind(signal(number))
    rows, rest = part(store, pages.signals)
    for number in range(21, 60):
        store.behind(signal(number))
    assert rest is not None
    more, end = part(store, pages.signals, rest)
    assert [row.ns // 10 for row in (*rows, *more)] == list(range(20, 0, -1)) and end is None
    assert more[0].confidence != more[0].confidence, "what was unknown is so again"


def test_opportunities_features_and_fills_come_back_as_they_went(store: Store) -> None:
    store.behind(samples.features(3))
    store.behind(samples.opportunity(1))
    store.behind(samples.opportunity(2))
    store.behind(samples.opportunity(1, merged=4))  # it keeps its place
    store.commit(samples.order(1))
    ((found,), rest) = part(store, pages.features, symbol=samples.SYMBOL)
    assert (found.ns, found.close, found.sma_slow != found.sma_slow, rest) == (3, 3.0, True, None)
    (newer, older), _ = part(store, pages.opportunities, symbol=samples.SYMBOL)
    assert (newer, older) == (samples.opportunity(2), samples.opportunity(1, merged=4))
    fills = [event for event in samples.order(1) if isinstance(event, Fill)]
    assert part(store, pages.fills) == (tuple(reversed(fills)), None)
    assert part(store, pages.fills, symbol="none") == ((), None)
