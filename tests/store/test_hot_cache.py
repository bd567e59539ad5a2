"""The newest bars at hand: the same as the last of all, however they came."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.bar import Bar, Provenance
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader, Bars
from engine.store.hot_cache import HotCache
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, bars


def stored(told: list[Bar], tmp_path: Path) -> Bars:
    store = BarStore(tmp_path / "bars.db")
    store.start()
    store.call(store.page(told))
    reader = BarReader(store.path)
    found = reader.bars(SYMBOL, 60)
    reader.close()
    store.close()
    return found


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(list(Provenance))), max_size=150),
)
def test_it_holds_the_last_ones_the_best_of_each(capacity: int, steps: list[tuple[int, Provenance]]) -> None:
    """Each step puts the next bar, or one of the last few again."""
    cache = HotCache(capacity, 60)
    best: dict[int, tuple[Provenance, float]] = {}
    at = -1
    for number, (back, provenance) in enumerate(steps):
        at = at + 1 if back == 0 else at
        place = max(at - max(back - 1, 0), 0) if at >= 0 else 0
        at = max(at, place)
        price = 100.0 + number
        cache.put([bar(price, open_ns=START + place * MINUTE, provenance=provenance)])
        if place not in best or provenance >= best[place][0]:
            best[place] = provenance, price
    opens, values = cache.bars(SYMBOL, capacity)
    expected = sorted(best)[-capacity:]
    assert opens.tolist() == [START + place * MINUTE for place in expected]
    assert values[:, 3].tolist() == [best[place][1] for place in expected]
    assert cache.bars(SYMBOL, 3)[0].tolist() == opens[-3:].tolist()


def test_filling_keeps_what_came_meanwhile(tmp_path: Path) -> None:
    told = bars(50)
    cache = HotCache(40, 60)
    cache.put(told[48:])
    cache.fill(stored(told[:45], tmp_path))
    opens, values = cache.bars(SYMBOL, 100)
    assert opens.tolist() == [one.open_ns for one in [*told[7:45], *told[48:]]]
    assert values[-1, 3] == told[49].close
    assert cache.symbols == [SYMBOL]
    with pytest.raises(ValueError, match="300 s"):
        cache.fill(msgspec.structs.replace(stored(told, tmp_path), interval_s=300))


def test_views_stay_as_they_were() -> None:
    told = bars(3_000)
    cache = HotCache(1_000, 60)
    cache.put(told[:1_100])
    opens, values = cache.bars(SYMBOL, 1_000)
    before = opens.copy(), values.copy()
    cache.put(told[1_100:])
    np.testing.assert_array_equal(opens, before[0])
    np.testing.assert_array_equal(values, before[1])
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 1.0
    assert cache.bars("nobody:X", 5)[1].shape == (0, 6) and len(cache.bars(SYMBOL, 0)[0]) == 0


def test_other_intervals_are_left_out_and_little_is_kept_of_little() -> None:
    cache = HotCache(5_000, 60)
    cache.put([bar(interval_s=300), bar(symbol="a:X")])
    assert cache.symbols == ["a:X"]
    assert len(cache._series["a:X"].opens) == 256


def test_changes_are_what_is_new_or_corrected() -> None:
    told = bars(30)
    cache = HotCache(20, 60)
    cache.put(told[:10])
    assert cache.changes() == {}
    cache.track()
    assert cache.changes()[SYMBOL][0].tolist() == [one.open_ns for one in told[:10]]
    cache.put(told[10:12])
    assert cache.changes()[SYMBOL][0].tolist() == [one.open_ns for one in told[10:12]]
    cache.put([told[5]])
    assert cache.changes()[SYMBOL][0].tolist() == [one.open_ns for one in told[5:12]]
    cache.put([*told[12:], told[0]])  # the last is too old by then
    assert cache.changes()[SYMBOL][0].tolist() == [one.open_ns for one in told[12:]]
    assert cache.changes() == {}
