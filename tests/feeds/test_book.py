"""The order book: exact levels, best first, and what is published of it."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, BookStatus, Depth, MarketEvent, Quote
from engine.feeds.book import Book, Side
from engine.feeds.books import PUBLISH_NS, Books

SYMBOL = "x:BTC-USD"


def test_levels_keep_their_text_and_order() -> None:
    book = Book()
    book.apply([("10.10", "1.500"), ("10.2", "2")], [("10.30", "0.10"), ("10.25", "3")])
    assert book.best() == (10.2, 2.0, 10.25, 3.0)
    assert book.exact(book.bids, 9) == [(Decimal("10.2"), Decimal(2)), (Decimal("10.10"), Decimal("1.500"))]
    assert book.asks.levels[10.3] == ("10.30", "0.10")
    book.apply([("10.20", "0.000")], [])
    assert book.best() == (10.1, 1.5, 10.25, 3.0)


def test_levels_beyond_the_depth_are_forgotten() -> None:
    book = Book(2)
    book.apply([(str(price), "1") for price in (7, 9, 8)], [])
    assert [price for price, _ in book.bids.top(5)] == [9.0, 8.0]


@pytest.mark.parametrize(
    "level", [("nan", "1"), ("-1", "1"), ("0", "1"), ("1", "-1"), ("1", "inf"), ("x", "1")]
)
def test_what_is_no_level_is_refused(level: tuple[str, str]) -> None:
    for side in (0, 1):
        with pytest.raises(ValueError, match=r"level|float"):
            Book().apply([level] if side else [], [] if side else [level])


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=80))
def test_the_book_is_what_a_plain_mapping_would_be(changes: list[tuple[int, int]]) -> None:
    book, plain = Book(), {}
    for price, quantity in changes:
        book.apply([(str(price), str(quantity))], [])
        plain[price] = quantity
    kept = sorted(((price, quantity) for price, quantity in plain.items() if quantity), reverse=True)
    assert list(book.bids.top(99)) == kept


def test_what_is_wrong_is_said_once_and_shown_no_more() -> None:
    books, out = Books(2, quotes=True), list[MarketEvent]()
    books.begin(SYMBOL, [("9", "1")], [("10", "1")])
    assert books.changed(SYMBOL, 1, PUBLISH_NS, out)
    assert [type(event) for event in out] == [Quote, Depth]
    out.clear()
    assert books.fail(SYMBOL, "lost a message", 5, out) == 1
    assert books.fail(SYMBOL, "lost a message", 6, out) == 2
    assert out == [BookStatus(SYMBOL, False, "lost a message", True, 5)]
    assert books.get(SYMBOL) is None
    books.flush(99 * PUBLISH_NS, out)
    assert len(out) == 1
    books.begin(SYMBOL, [("9", "1")], [("10", "1")])
    books.changed(SYMBOL, 7, 3 * PUBLISH_NS, out)
    assert out[1] == BookStatus(SYMBOL, True, "", True, 3 * PUBLISH_NS)
    assert [type(event) for event in out[2:]] == [Quote, Depth]


def test_an_empty_side_ends_the_quote_and_not_the_book() -> None:
    books, out = Books(5, quotes=True), list[MarketEvent]()
    book = books.begin("v:A", [("1", "1")], [("2", "1")])
    books.changed("v:A", 1, 1, out)
    out.clear()
    book.apply([("1", "0")], [])
    assert books.changed("v:A", 2, 2, out) and books.changed("v:A", 3, 3, out)
    assert out == [BookStatus("v:A", False, "has no bids", True, 2)]
    assert len(books) == 0 and not books.symbols and books.broken == {} and books.get("v:A") is book
    books.flush(10 * PUBLISH_NS, out)
    book.apply([("1", "3")], [])
    assert books.changed("v:A", 4, 4 + PUBLISH_NS, out) and len(books) == 1
    quote = Quote("v:A", 1.0, 3.0, 2.0, 1.0, 4, 4 + PUBLISH_NS)
    assert out[1:3] == [BookStatus("v:A", True, "", True, 4 + PUBLISH_NS), quote]
    assert [type(event) for event in out[3:]] == [Depth]


def test_a_quote_that_still_holds_is_told_again_once_a_second() -> None:
    books, out = Books(0, quotes=True), list[MarketEvent]()
    book = books.begin("v:A", [("1", "1")], [("2", "1")])
    for tenth in range(31):
        book.apply([("0.5", str(tenth + 1))], [])
        books.changed("v:A", tenth * NS // 10, tenth, out)
    assert [event.recv_ns for event in out if isinstance(event, Quote)] == [0, 10, 20, 30]


def test_a_snapshot_that_is_none_leaves_nothing_to_publish() -> None:
    """What was held back of the book before it is not known any more."""
    books, out = Books(5, quotes=False), list[MarketEvent]()
    books.begin("v:A", [("1", "1")], [("2", "1")])
    for now_ns in (PUBLISH_NS, PUBLISH_NS + 1):
        books.changed("v:A", now_ns, now_ns, out)
    with pytest.raises(ValueError, match="x"):
        books.begin("v:A", [("x", "1")], [])
    out.clear()
    books.flush(3 * PUBLISH_NS, out)
    assert out == []


def test_a_crossed_book_is_wrong() -> None:
    books, out = Books(2, quotes=True), list[MarketEvent]()
    books.begin(SYMBOL, [("10", "1")], [("10", "1")])
    assert not books.changed(SYMBOL, 1, 1, out)
    assert out == [BookStatus(SYMBOL, False, "is crossed", True, 1)]
    assert books.crossed == 1


def test_depth_is_conflated_and_its_last_state_still_comes() -> None:
    books, out = Books(1, quotes=False), list[MarketEvent]()
    book = books.begin(SYMBOL, [("9", "1")], [("10", "1")])
    books.changed(SYMBOL, 1, PUBLISH_NS, out)
    for size in (2, 3, 4):
        book.apply([("9", str(size))], [])
        books.changed(SYMBOL, size, PUBLISH_NS + size, out)
    assert len(out) == 1
    books.flush(2 * PUBLISH_NS - 1, out)
    assert len(out) == 1
    books.flush(2 * PUBLISH_NS, out)
    assert out[1] == Depth(SYMBOL, ((9.0, 4.0),), ((10.0, 1.0),), 4, 2 * PUBLISH_NS)
    books.flush(9 * PUBLISH_NS, out)
    assert len(out) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([-1.0, 1.0]), st.integers(1, 60))
def test_a_deep_side_has_its_best_in_order(seed: int, sign: float, count: int) -> None:
    """Only the best are kept in order, however they come and go."""
    rng = random.Random(seed)
    side, held = Side(sign, limited=False), dict[int, str]()
    side._sorted = 16
    for _ in range(rng.randint(1, 120)):
        changes = []
        for _ in range(rng.randint(1, 30)):
            # Mostly what is there already, and its best most of all, so that the order runs out.
            near = sorted(held, key=lambda price: sign * price)[: rng.choice([3, 40])]
            price = rng.choice(near) if near and rng.random() < 0.6 else rng.randint(1, 400)
            size = rng.choice(["0", "0.0", "1", "2.5"])
            changes.append((str(price), size))
            held[price] = size
            if float(size) == 0.0:
                del held[price]
        side.update(changes)
        best = sorted(held, key=lambda price: sign * price)
        assert side.keys == [sign * price for price in best[: len(side.keys)]]
        assert len(side.keys) >= min(len(best), side._sorted // 4)
        if rng.random() < 0.3:
            assert side.top(count) == tuple((float(one), float(held[one])) for one in best[:count])
        if rng.random() < 0.05:
            side.truncate(50)
            held = {price: held[price] for price in best[:50]}
            assert {sign * key for key in side.levels} == set(held)
