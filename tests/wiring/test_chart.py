"""Charts: the desk's own indicators at its own interval, merged bars at longer ones, only what changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.market_protocol import MOST_BARS, CandleRow
from engine.bar_merge import merged_series
from engine.config import FeaturesConfig
from engine.events import NS, FeatureRow
from engine.feature_table import COLUMN
from engine.features.candles import candle_values
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.features.look_back import LookBack
from engine.features.state import SHOWN
from engine.slices import at_once
from engine.wiring.chart import Chart, Stored, interval_of, names
from tests.features.test_indicators import random_bars, ticks_of
from tests.features.ticks import T0

CONFIG = FeaturesConfig()
_SHOWN = [COLUMN[name] for name in SHOWN]


class Fed:
    """A feature engine, what its rows said at each close, and a console that looks now and then."""

    def __init__(self, config: FeaturesConfig = CONFIG) -> None:
        self.engine = FeatureEngine(config)
        self.engine.add_symbol("test:X")
        self.back = LookBack(self.engine)
        self.rows: list[FeatureRow] = []

    def feed(self, ticks: np.ndarray) -> None:
        position = 0
        while (outcome := self.engine.feed(ticks, position, len(ticks)))[0] != NONE:
            code, position, _ = outcome
            if code == BARS:
                self.rows.append(self.engine.row(0))

    def series(self) -> tuple[np.ndarray, np.ndarray]:
        """Every bar of its own: opens, and (n, 6)."""
        opens = np.array([row.bar_start_ns for row in self.rows])
        values = [(r.open, r.high, r.low, r.close, r.volume, np.nan) for r in self.rows]
        return opens, np.array(values)


class Viewer:
    def __init__(self, fed: Fed, chart: Chart) -> None:
        self._fed, self._chart = fed, chart
        self._generation = self._after = 0
        self.bars: dict[int, CandleRow] = {}
        self.told: list[tuple[CandleRow, ...]] = []

    def look(self) -> None:
        at_once(self._chart.looking())
        told = self._chart.bars(self._generation, self._after)
        if told.generation != self._generation:
            self.bars.clear()
        self._generation, self._after = told.generation, told.revision
        self.bars.update((row.open_ns, row) for row in told.rows)
        self.told.append(told.rows)

    def whole(self) -> dict[int, CandleRow]:
        return {row.open_ns: row for row in self._chart.bars(0, 0).rows}


def cut(ticks: np.ndarray, sizes: Iterator[int]) -> Iterator[np.ndarray]:
    start = 0
    while start < len(ticks):
        size = next(sizes)
        yield ticks[start : start + size]
        start += size


def none_as_nan(rows: list[CandleRow]) -> np.ndarray:
    return np.array([[np.nan if value is None else value for value in row.indicators] for row in rows])


def test_the_desks_own_interval_has_what_strategies_were_shown_to_the_bit() -> None:
    fed = Fed()
    fed.feed(ticks_of(random_bars(1, 700))[:-1])
    viewer = Viewer(fed, Chart(fed.back, 0, 1, CONFIG, None))
    viewer.look()
    bars = list(viewer.bars.values())
    assert len(bars) == MOST_BARS and [bar.closed for bar in bars] == [True] * (MOST_BARS - 1) + [False]
    expected = {row.bar_start_ns: [getattr(row, name) for name in SHOWN] for row in fed.rows}
    found = none_as_nan(bars[:-1])
    assert np.array_equal(found, [expected[bar.open_ns] for bar in bars[:-1]], equal_nan=True)
    more = ticks_of(random_bars(2, 3))[4:]
    more["recv_ns"] += 699 * NS
    fed.feed(more)
    viewer.look()
    assert [bar.closed for bar in viewer.told[-1]] == [True, True, True, False], "only those that changed"
    assert none_as_nan(list(viewer.told[-1])[:1]).tolist() == [[getattr(fed.rows[-3], n) for n in SHOWN]]


@settings(max_examples=15, deadline=None)
@given(
    interval_s=st.sampled_from((1, 2, 5, 60)),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=6),
    with_stored=st.booleans(),
    seed=st.integers(0, 9),
)
def test_however_seldom_somebody_looks_all_bars_are_told(
    interval_s: int, sizes: list[int], with_stored: bool, seed: int
) -> None:
    fed = Fed()
    ticks = ticks_of(random_bars(seed, 600))

    def last(count: int) -> tuple[np.ndarray, np.ndarray]:
        """Stored as they close: of ten seconds, and those of the past from before the desk began."""
        opens, values = fed.series() if fed.rows else (np.zeros(0, np.int64), np.zeros((0, 6)))
        ended = np.searchsorted(opens, fed.engine.now_ns // (10 * NS) * 10 * NS)
        opens, values = merged_series(opens[:ended], values[:ended], 10 * NS)
        past = (T0 // (10 * NS) - 30 + np.arange(30)) * 10 * NS
        old = np.column_stack((random_bars(99, 30), np.full(30, np.nan)))
        older = past < opens[0] if len(opens) else past < T0 - 10 * NS
        return np.append(past[older], opens)[-count:], np.vstack((old[older], values))[-count:]

    chart = Chart(fed.back, 0, interval_s, CONFIG, Stored(10 * NS, last) if with_stored else None)
    viewer = Viewer(fed, chart)
    repeated = (size for _ in iter(int, 1) for size in sizes)
    for part in cut(ticks, repeated):
        fed.feed(part)
        viewer.look()
    whole = viewer.whole()
    held = {open_ns: bar for open_ns, bar in viewer.bars.items() if open_ns >= min(whole)}
    assert held == whole
    opens, values = merged_series(*fed.series(), interval_s * NS)
    complete = {o: v for o, v in zip(opens.tolist(), values.tolist(), strict=True) if o >= T0}
    for bar in whole.values():
        if bar.open_ns in complete and bar.closed:
            told = (bar.open, bar.high, bar.low, bar.close)
            assert told == tuple(complete[bar.open_ns][:4])
            assert bar.volume == pytest.approx(complete[bar.open_ns][4])
    closed = [bar for bar in whole.values() if bar.closed]
    assert len({after.open_ns - before.open_ns for before, after in pairwise(closed)}) <= 1


def test_longer_bars_are_measured_by_the_same_code_as_the_desks() -> None:
    fed = Fed()
    fed.feed(ticks_of(random_bars(4, 500))[:-2])
    viewer = Viewer(fed, Chart(fed.back, 0, 5, CONFIG, None))
    viewer.look()
    bars = list(viewer.bars.values())
    made = np.array([(b.open, b.high, b.low, b.close, b.volume, np.nan) for b in bars])
    expected = candle_values(made, CONFIG)[:, _SHOWN]
    mine = [number for number, name in enumerate(SHOWN) if name != "vwap"]  # which rests on every trade
    np.testing.assert_allclose(none_as_nan(bars)[:, mine], expected[:, mine], rtol=1e-12)
    assert not bars[-1].closed
    own = fed.series()
    assert bars[3].open == own[1][np.searchsorted(own[0], bars[3].open_ns), 0]


def test_a_corrected_bar_is_told_again_with_what_rests_on_it_and_no_other() -> None:
    fed = Fed(msgspec.structs.replace(CONFIG, bar_s=1.0))
    opens = (T0 // (60 * NS) - 100 + np.arange(100)) * 60 * NS
    values = np.column_stack((random_bars(8, 100), np.full(100, 100.0)))
    chart = Chart(fed.back, 0, 60, CONFIG, Stored(60 * NS, lambda count: (opens[-count:], values[-count:])))
    viewer = Viewer(fed, chart)
    fed.feed(ticks_of(random_bars(1, 2)))
    viewer.look()
    assert len(viewer.bars) == 101
    values = values.copy()
    values[60, 3] *= 1.01
    opens = np.append(opens, opens[-1] + 60 * NS)  # the next one closes
    values = np.vstack((values, values[-1:]))
    later = ticks_of(random_bars(1, 70))
    fed.feed(later[later["recv_ns"] > fed.engine.now_ns])
    viewer.look()
    told = [row.open_ns for row in viewer.told[-1]]
    assert told[0] == opens[60] and viewer.bars[told[0]].close == values[60, 3] and len(told) == 42
    assert viewer.bars == viewer.whole()
    opens, values = np.delete(opens, 20), np.delete(values, 20, axis=0)
    opens = np.append(opens, opens[-1] + 60 * NS)
    values = np.vstack((values, values[-1:]))
    more = ticks_of(random_bars(1, 140))
    fed.feed(more[more["recv_ns"] > fed.engine.now_ns])
    viewer.look()
    assert viewer.bars == viewer.whole() and opens[20] - 60 * NS not in viewer.bars


def test_intervals_that_the_desks_bars_do_not_make_up_are_its_own() -> None:
    assert [interval_of(wanted, NS) for wanted in (0, 1, 7, -5, 1 << 62)] == [1, 1, 7, 1, 1]
    assert [interval_of(wanted, 5 * NS) for wanted in (0, 7, 60)] == [5, 5, 60]
    assert [interval_of(wanted, NS // 2) for wanted in (0, 1, 2)] == [1, 1, 2]
    assert interval_of(60, 300_000_000) == 60 and interval_of(0, 300_000_000) == 3
    assert interval_of(60, 1_234_567_891) == 0


def test_names_tell_the_periods() -> None:
    assert names(CONFIG) == ("EMA 12", "EMA 26", "VWAP", "BB upper", "BB middle", "BB lower", "RSI 14")
