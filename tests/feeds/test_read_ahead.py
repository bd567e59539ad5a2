"""Items come from a thread as they would without it, and it ends with who takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from engine.errors import TapeError
from engine.feeds.read_ahead import read_ahead


def threads() -> int:
    return sum(one.name == "read-ahead" for one in threading.enumerate())


def test_all_items_come_in_order_and_from_another_thread() -> None:
    makers: set[int] = set()

    def items() -> Iterator[int]:
        for number in range(100):
            makers.add(threading.get_ident())
            yield number

    assert list(read_ahead(items())) == list(range(100))
    assert len(makers) == 1 and threading.get_ident() not in makers
    assert threads() == 0


def test_none_is_an_item_like_any_other() -> None:
    assert list(read_ahead([None, None])) == [None, None]


def test_what_the_maker_raises_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise TapeError("cut off")

    taken = read_ahead(items())
    assert next(taken) == 1
    with pytest.raises(TapeError, match="cut off"):
        next(taken)
    assert threads() == 0


def test_the_thread_ends_with_who_stops_taking_and_is_only_a_few_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1_000_000):
            made.append(number)
            yield number

    taken = read_ahead(items())
    assert next(taken) == 0
    taken.close()
    assert threads() == 0
    assert len(made) <= 6
