"""The panel: aligned by time, features as live, nothing of the future in them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ModelError
from engine.events import NS
from engine.features.alpha158 import HISTORY, alpha158
from engine.models.training.label import Series
from engine.models.training.panel import build, fixed_bytes, thinning
from tests.models.training.conftest import START_NS, panel, series, silent, walks


def test_features_are_those_of_the_symbols_own_last_61_bars_bit_for_bit() -> None:
    found = {"x:a": series(150, 1, without=(70, 71, 90)), "x:b": series(150, 2), "x:c": series(120, 3)}
    made = panel(found)
    for row in range(0, len(made.labels), 17):
        one = found[made.symbols[made.symbol[row]]]
        at = int(np.searchsorted(one.open_ns, made.axis[made.step[row]]))
        assert one.open_ns[at] == made.axis[made.step[row]] and at >= HISTORY - 1
        assert made.features[row].tobytes() == alpha158(one.values[at - HISTORY + 1 : at + 1]).tobytes()
        close = one.values[:, 3]
        later = int(np.searchsorted(one.open_ns, one.open_ns[at] + 5 * 60 * 10**9))
        assert made.returns[row] == close[later] / close[at] - 1.0
    assert (np.diff(made.step) >= 0).all() and np.isfinite(made.labels).all()


def test_symbols_are_aligned_by_time_and_not_by_position() -> None:
    late = series(200, 2)
    late = Series(*(part[40:] for part in late))
    made = panel({"x:a": series(200, 1), "x:b": late})
    assert made.axis[made.step[0]] == late.open_ns[HISTORY - 1], "alone at its time, a symbol has no label"
    assert set(np.unique(made.step, return_counts=True)[1]) == {2}


def test_markets_whose_days_begin_at_different_times_are_ranked_day_by_day() -> None:
    day_ns = 86_400 * NS
    midnight = START_NS // day_ns * day_ns + np.arange(150) * day_ns
    found = {
        f"x:{name}": Series(midnight + hours * 3600 * NS, series(150, hours).values, np.zeros(150, np.bool_))
        for name, hours in (("coin", 0), ("share", 14), ("other", 5))
    }
    made = build(found, interval_s=86_400, horizon=3, progress=silent)
    assert len(made.axis) == 150 and (made.axis == midnight).all()
    assert set(np.unique(made.step, return_counts=True)[1]) == {3}, "each day all three"
    share = found["x:share"]
    row = int(np.flatnonzero(made.symbol == made.symbols.index("x:share"))[0])
    assert made.step[row] == HISTORY - 1
    assert made.returns[row] == share.values[HISTORY + 2, 3] / share.values[HISTORY - 1, 3] - 1.0
    # told by two sources, a day counts once
    day = 100
    opens = np.insert(share.open_ns, day, share.open_ns[day] - 9 * 3600 * NS)
    twice = Series(opens, np.insert(share.values, day, share.values[0], axis=0), np.zeros(151, np.bool_))
    again = build({**found, "x:share": twice}, interval_s=86_400, horizon=3, progress=silent)
    assert set(np.unique(again.step, return_counts=True)[1]) == {3}
    assert again.returns.tobytes() == made.returns.tobytes()


def test_the_future_changes_no_feature_and_no_earlier_label() -> None:
    found = walks(3, 200, 1)
    made = panel(found)
    later = {name: Series(one.open_ns, one.values.copy(), one.filled) for name, one in found.items()}
    for one in later.values():
        one.values[150:] *= 1.5
    changed = panel(later)
    before = made.rows(0, 150)
    assert made.features[before].tobytes() == changed.features[before].tobytes()
    known = made.end_ns <= made.axis[150]
    assert made.labels[known].tobytes() == changed.labels[known].tobytes()
    assert made.labels.tobytes() != changed.labels.tobytes()


def test_the_order_of_symbols_is_no_matter() -> None:
    found = walks(4, 160, 2)
    first, second = panel(found), panel(dict(reversed(found.items())))
    for name in ("step", "symbol", "features", "labels", "returns", "end_ns"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_thinned_steps_keep_their_rows_as_they_were() -> None:
    found = walks(3, 200, 3)
    whole, thin = panel(found), panel(found, every=4)
    same = whole.step % 4 == 0
    assert thin.features.tobytes() == whole.features[same].tobytes()
    assert thin.labels.tobytes() == whole.labels[same].tobytes()


@pytest.mark.parametrize(
    ("count", "length", "horizon", "words"),
    [
        (1, 300, 5, "at least 2"),
        (0, 0, 5, "at least 2"),
        (3, 300, 0, "horizon"),
        (3, 40, 5, "too little data"),
    ],
)
def test_what_has_no_labels_is_refused(count: int, length: int, horizon: int, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        panel(walks(count, length, 1) if count else {}, horizon=horizon)


def test_bars_that_do_not_move_are_refused() -> None:
    flat = series(300, 1)._replace(values=np.tile([1.0, 1.0, 1.0, 1.0, 5.0, 1.0], (300, 1)))
    with pytest.raises(ModelError, match="do not move"):
        panel({"x:a": flat, "x:b": flat})


def test_symbols_that_never_have_a_bar_at_the_same_time_are_refused() -> None:
    one = series(300, 1)
    with pytest.raises(ModelError, match="at the same times"):
        panel({"x:a": one, "x:b": one._replace(open_ns=one.open_ns + 10**9)})


def test_thinning_fits_the_memory() -> None:
    assert thinning(10_000, 4 << 30) == 1
    assert thinning(10_000_000, 4 << 30) > 1, "500 symbols of 20,000 bars do not fit whole"
    assert thinning(10_000_000, fixed_bytes(10_000_000)) == 0
    with pytest.raises(ModelError, match="every"):
        build(walks(2, 200, 1), interval_s=60, horizon=5, every=0, progress=silent)
