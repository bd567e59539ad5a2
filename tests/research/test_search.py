"""The order of a search does not depend on which run ends first."""

from __future__ import annotations

import random
import sys

import pytest

from engine.errors import ConfigError
from engine.research.search import course, size
from engine.research.space import Point, space
from engine.research.sweep_spec import Objective, Search
from tests.research.made_runs import FAST, KINDS, SLOW

_SPACE = space([f"{FAST}=2..60", f"{SLOW}=2,3,5,8,13,21", "exits.stop_loss_pct=log:0.01..10"], KINDS)
_MOST = Objective("sharpe", largest=True)


def _worth(point: Point) -> float | None:
    fast, slow = float(point[FAST]), float(point[SLOW])
    return None if fast > 55 else -((fast - 20) ** 2) - 9 * (slow - 8) ** 2


def _points(search: Search, order: random.Random | None = None, fold: int = 0) -> list[Point]:
    asking = course(_SPACE, search, _MOST, fold)
    points: dict[int, Point] = {}
    waiting: list[int] = []
    while not asking.ended:
        while (asked := asking.ask()) is not None and (order is None or len(waiting) < order.randint(1, 9)):
            points[asked[0]] = asked[1]
            waiting.append(asked[0])
            if order is None:
                break
        if asked is not None and asked[0] not in points:
            points[asked[0]] = asked[1]
            waiting.append(asked[0])
        n = waiting.pop(0 if order is None else order.randrange(len(waiting)))
        asking.tell(n, _worth(points[n]))
    return [points[n] for n in sorted(points)]


def test_listed_points_are_asked_once_each() -> None:
    search = Search("random", 30, seed=1)
    assert _points(search) == _points(search, random.Random(1)) == _points(search, random.Random(2), fold=3)
    assert len(_points(search)) == size(_SPACE, search) == 30


def test_optuna_proposes_the_same_whatever_ends_first_and_gets_better() -> None:
    search = Search("optuna", 44, seed=7, batch=4)
    points = _points(search)
    assert points == _points(search, random.Random(1)) == _points(search, random.Random(2))
    assert len(points) == size(_SPACE, search) == 44
    assert points != _points(search, fold=1)
    assert all(type(point[FAST]) is int and point[SLOW] in (2, 3, 5, 8, 13, 21) for point in points)
    worth = [-1e9 if (value := _worth(point)) is None else value for point in points]
    assert max(worth[22:]) > -150 and sum(worth[33:]) > sum(worth[:11])


def test_optuna_takes_texts_and_flags() -> None:
    of = space(["risk.allow_short=true,false", "paper.market_remainder=rest,cancel"], KINDS)
    asking = course(of, Search("optuna", 3), _MOST)
    asked = [asking.ask() for _ in range(3)]
    assert all(one is not None and type(one[1]["risk.allow_short"]) is bool for one in asked)
    assert asking.ask() is None and not asking.ended


def test_without_optuna_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[optuna\]'"):
        course(_SPACE, Search("optuna", 3), _MOST)
