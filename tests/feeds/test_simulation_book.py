"""The book never crosses, never shows a size that is not positive, and loses no lot."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feeds.simulation.book import Book, BookSide

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(90, 110), st.integers(1, 50)),
        st.tuples(st.just("take"), st.integers(0, 120), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 9), st.integers(0, 100)),
        st.tuples(st.just("better"), st.integers(90, 110), st.just(0)),
        st.tuples(st.just("worse"), st.integers(90, 110), st.just(0)),
    ),
    max_size=40,
)


@given(sign=st.sampled_from([1, -1]), operations=OPERATIONS)
@settings(max_examples=150, deadline=None)
def test_side_behaves_like_a_plain_map_of_prices(sign: int, operations: list[tuple[str, int, int]]) -> None:
    side, model = BookSide(sign), dict[int, int]()
    for name, x, y in operations:
        if name == "add":
            side.add(x, y)
            model[x] = model.get(x, 0) + y
        elif name == "take":
            fills = side.take(x)
            assert sum(lots for _, lots in fills) == min(x, sum(model.values()))
            assert [price for price, _ in fills] == sorted(model, key=lambda p: -p * sign)[: len(fills)]
            for price, lots in fills:
                model[price] -= lots
        elif name == "cancel" and x < len(side):
            price, before = side.levels()[x]
            side.cancel(x, y / 100)
            model[price] = dict(side.levels()).get(price, 0)
            assert model[price] < before
        elif name == "better":
            assert side.lots_better(x, 99) == sum(n for p, n in model.items() if p * sign > x * sign)
            side.withdraw_better(x)
            model = {p: n for p, n in model.items() if p * sign <= x * sign}
        elif name == "worse":
            side.withdraw_worse(x)
            model = {p: n for p, n in model.items() if p * sign >= x * sign}
        model = {p: n for p, n in model.items() if n}
        assert side.levels() == sorted(model.items(), key=lambda level: -level[0] * sign)


def test_lots_better_looks_at_the_first_levels_only() -> None:
    side = BookSide(-1)
    for price in (101, 102, 103):
        side.add(price, 5)
    assert side.lots_better(110, 2) == 10
    assert side.lots_better(102, 9) == 5


@given(
    orders=st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(90, 110), st.integers(1, 9)), max_size=40)
)
@settings(max_examples=100, deadline=None)
def test_resting_orders_never_cross(orders: list[tuple[int, int, int]]) -> None:
    book = Book()
    for sign, price, lots in orders:
        book.rest(sign, price, lots)
        if len(book.bids) and len(book.asks):
            assert book.bids.best < book.asks.best


def test_top_is_the_best_level_of_either_side() -> None:
    book = Book()
    book.rest(+1, 99, 3)
    book.rest(+1, 98, 7)
    book.rest(-1, 101, 4)
    book.rest(-1, 99, 2)  # would cross: rests at 100
    assert book.top() == (99, 3, 100, 2)
