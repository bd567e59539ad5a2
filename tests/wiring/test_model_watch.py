"""How models do live is what research would say of the same bars: labels, gaps, late symbols, other bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.events import NS
from engine.feature_table import COLUMN, FeatureTable
from engine.features.alpha158 import HISTORY
from engine.models.correlation import correlation, rank_correlation
from engine.models.drift import reference
from engine.models.training.label import Forward, Series, forward
from engine.wiring.batches import Batch
from tests.wiring.conftest import START_NS, quote, trade
from tests.wiring.scripted_model import NAMES, Floor, Scripted, by_feature, reversed_index

LATE = "sim:Z-USD"
CLOSE, FILLED = COLUMN["close"], COLUMN["filled"]


class Gappy(Floor):
    """Three quarters of the seconds have a trade; the first symbol dies, another one comes late."""

    def __init__(self, *overrides: str, dies_s: int, comes_s: int) -> None:
        super().__init__(*overrides, seed=7)
        self._dies_s, self._comes_s = dies_s, comes_s
        self.told: dict[str, list[tuple[int, float, bool]]] = {}
        """(open time, close, filled) of the desk's bars, by symbol."""
        self.batches: list[Batch] = []
        self.desk.on_table = self._on_table

    def _on_table(self, table: FeatureTable) -> None:
        for at in range(len(table)):
            name = table.symbol(at)
            row = int(table.bar_start_ns[at]), float(table.values[at, CLOSE]), bool(table.values[at, FILLED])
            self.told.setdefault(name, []).append(row)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            second = self._second
            if second == self._comes_s:
                self.desk.intake.add_symbol(LATE, 50.0)
                self._prices[LATE] = 50.0
            for name, price in list(self._prices.items()):
                if name == NAMES[0] and second >= self._dies_s:
                    continue
                price = self._prices[name] = round(price * (1.0 + self._random.normal(0, 2e-4)), 4)
                events = [quote(name, price - 0.01, price + 0.01, second + 0.1)]
                if self._random.random() < 0.75:
                    events.append(trade(name, second + 1, price, 1.0, second + 0.2))
                self.desk.on_events(events)
            self._second += 1
            self.desk.advance(self.now_ns)
            batch = self.scoring.batch()
            if batch is not None and (not self.batches or self.batches[-1].ns != batch.ns):
                self.batches.append(batch)

    def series(self, interval_s: int) -> dict[str, Series]:
        """Their bars, as they would be stored."""
        found = {}
        for name, rows in self.told.items():
            bars: dict[int, tuple[float, bool]] = {}
            for open_ns, close, filled in rows:
                start = open_ns // (interval_s * NS) * interval_s * NS
                bars[start] = close, filled and bars.get(start, (0.0, True))[1]
            values = np.full((len(bars), 6), np.nan)
            values[:, 3] = [close for close, _ in bars.values()]
            found[name] = Series(
                np.array(list(bars)), values, np.array([filled for _, filled in bars.values()])
            )
        return found


def research(floor: Gappy, batches: list[Batch], interval_s: int, horizon: int) -> list[tuple[float, float]]:
    """(IC, rank IC) of each batch whose horizon has passed, by the labels of training."""
    series = floor.series(interval_s)
    axis = np.unique(np.concatenate([one.open_ns for one in series.values()]))
    later: dict[str, Forward] = {
        name: forward(one, axis, interval_s, horizon) for name, one in series.items()
    }
    found = []
    for batch in batches:
        returns = np.full(len(batch.symbols), np.nan)
        for at, name in enumerate(batch.symbols):
            place = np.flatnonzero(series[name].open_ns == batch.ns - interval_s * NS)
            if len(place):
                returns[at] = later[name].returns[place[0]]
        known = np.isfinite(returns)
        if known.sum() < 2:
            continue
        ics = [of(batch.predictions[known], returns[known]) for of in (correlation, rank_correlation)]
        if np.isfinite(ics).all():
            found.append((ics[0], ics[1]))
    return found


@pytest.mark.parametrize(("interval_s", "every", "horizon"), [(1, 5, 7), (1, 1, 3), (10, 1, 2), (10, 2, 5)])
def test_the_live_ic_is_of_the_labels_of_training(interval_s: int, every: int, horizon: int) -> None:
    bars = 2 * HISTORY
    floor = Gappy(
        f"models.every_bars={every}",
        dies_s=(HISTORY + 10) * interval_s,
        comes_s=20 * interval_s,
    )
    model = Scripted("a" * 12, by_feature, bar_interval_s=float(interval_s), horizon_bars=horizon)
    floor.scoring.set_active(model)
    floor.run(bars * interval_s)
    tally = floor.scoring.watch.tracks[model.version].tally
    expected = research(floor, floor.batches, interval_s, horizon)
    assert len(expected) >= 10 and tally.steps == len(expected)
    assert len({len(batch.symbols) for batch in floor.batches}) > 1 and LATE in floor.batches[-1].symbols
    assert tally.ics == [pytest.approx(ic) for ic, _ in expected]
    assert tally.rank_ics == [pytest.approx(rank_ic) for _, rank_ic in expected]


def test_a_shadow_of_other_bars_predicts_at_its_own() -> None:
    floor = Gappy(dies_s=10_000, comes_s=10_000)
    active = Scripted("a" * 12, by_feature, horizon_bars=2)
    shadow = Scripted("d" * 12, reversed_index, bar_interval_s=10.0, horizon_bars=2)
    floor.scoring.set_active(active)
    floor.scoring.set_shadow(shadow)
    floor.run(10 * (HISTORY + 20))
    watch = floor.scoring.watch
    # every 5 bars of 10 s
    asked = [n for n in range(HISTORY, HISTORY + 21) if n % 5 == 0]
    assert len(shadow.asked) == len(asked) == watch.tracks[shadow.version].tally.predictions
    batches = [
        Batch(START_NS + n * 10 * NS, "", NAMES, np.zeros(0), reversed_index(np.zeros((6, 1))), np.zeros(0))
        for n in asked
    ]
    expected = research(floor, batches, 10, 2)
    tally = watch.tracks[shadow.version].tally
    assert expected and tally.rank_ics == [pytest.approx(rank_ic) for _, rank_ic in expected]
    assert len(active.asked) > 5 * len(shadow.asked) and watch.tracks[active.version].tally.steps > 100
    assert watch.pair is None and "not compared: its bars are of 10 s" in floor.scoring.shadow_error
    floor.scoring.set_active(shadow)
    assert floor.scoring.shadow is None and floor.scoring.shadow_error == ""


def test_bars_without_a_trade_do_not_count_as_drift() -> None:
    floor = Gappy("models.every_bars=1", dies_s=10_000, comes_s=10_000)
    model = Scripted("a" * 12, reference=reference(np.random.default_rng(1).normal(size=(500, 158))))
    floor.scoring.set_active(model)
    floor.run(HISTORY + 30)
    drift = floor.scoring.watch.drift
    ends = {START_NS + n * NS for n in range(HISTORY, HISTORY + 31)}
    traded = [
        1
        for rows in floor.told.values()
        for open_ns, _, filled in rows
        if open_ns + NS in ends and not filled
    ]
    assert drift is not None and drift.rows == len(traded) < 6 * 31


def test_rows_of_other_bars_reach_neither_a_shadow_nor_the_drift_of_another_model() -> None:
    """The models are exchanged between a bar close and what follows it later."""
    floor = Floor("models.every_bars=1")
    later: list[Callable[[], None]] = []
    floor.scoring.go_live(lambda: 0, later.append)
    floor.scoring.set_active(Scripted("a" * 12, bar_interval_s=10.0))
    floor.run(10 * HISTORY)
    assert later
    spread = reference(np.random.default_rng(1).normal(size=(500, 158)))
    shadow = Scripted("d" * 12)
    floor.scoring.set_active(Scripted("b" * 12, reference=spread))
    floor.scoring.set_shadow(shadow)
    for work in later:
        work()
    drift = floor.scoring.watch.drift
    assert not shadow.asked and drift is not None and drift.rows == 0


def test_what_is_kept_of_a_model_that_does_not_run_is_told() -> None:
    floor = Floor("models.every_bars=1")
    first, second = Scripted("a" * 12), Scripted("b" * 12)
    floor.scoring.set_active(first)
    floor.run(HISTORY + 40)
    watch = floor.scoring.watch
    bars = first.manifest.horizon_bars
    before = watch.record(first.version, 1.0, bars)
    assert before is not None and before.steps > bars
    assert before.independent < before.steps / (0.5 * bars), "neighbours share bars"
    floor.scoring.set_active(second)
    assert watch.record(first.version, 1.0, bars) == before, "it ran here before"
    again = Floor("models.every_bars=1").scoring.watch
    again.take_up(watch.kept())
    assert again.record(first.version, 1.0, bars) == before, "another run of the desk kept it"
    assert again.record("c" * 12, 1.0, bars) is None
