"""Bars of longer intervals for models: what is stored of the same ticks, to the bit, whatever comes when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bar_merge import Provenance
from engine.config import FeaturesConfig
from engine.events import NS
from engine.features import coarse_bars
from engine.features.alpha158 import HISTORY, alpha158_series
from engine.features.coarse_bars import KEPT, CoarseBars
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.store.bars import BarStore
from engine.store.bars_live import LiveBars
from engine.store.bars_read import BarReader, Bars
from engine.ticks import QUOTE, TICK, TRADE
from tests.features.captures import binance_ticks

SYMBOLS = ("a:COIN", "a:SHARE", "b:QUOTED")
START = 1_700_000_040 * NS


def never_closes(symbol: str) -> bool:
    return symbol != "a:SHARE"


class Desk:
    """A feature engine, what a model is fed of it, and what is stored of it."""

    def __init__(self, store: BarStore, interval_s: int) -> None:
        self.engine = FeatureEngine(FeaturesConfig())
        for symbol in SYMBOLS:
            self.engine.add_symbol(symbol)
        self.store = store
        self.step_ns = interval_s * NS
        self.coarse = CoarseBars(interval_s, 1.0, never_closes=never_closes)
        self.live = LiveBars(interval_s, 1.0, never_closes=never_closes)
        self.rows: dict[tuple[str, int], np.ndarray] = {}
        """By symbol and when the bar begins."""
        self.closes: dict[tuple[str, int], float] = {}

    def feed(self, ticks: np.ndarray) -> None:
        position, code = 0, -1
        while code != NONE:
            code, position, _ = self.engine.feed(ticks, position, len(ticks))
            if code == BARS:
                self._take()

    def advance(self, ns: int) -> None:
        while self.engine.advance(ns) != NONE:
            self._take()

    def _take(self) -> None:
        table = self.engine.closed_table()
        vwaps = self.engine.last_vwaps(table.indices)
        self.coarse.take(table, vwaps)
        ready = self.coarse.ready(table.ns)
        for index, row, close in zip(
            ready.tolist(), self.coarse.features(ready), self.coarse.newest(ready)[0].tolist(), strict=True
        ):
            key = SYMBOLS[index], table.ns - self.step_ns
            self.rows[key], self.closes[key] = row, close
        self.store.behind(self.live.take(table, vwaps))


def stored(path: Path, interval_s: int) -> dict[str, Bars]:
    reader = BarReader(path)
    found = {symbol: reader.bars(symbol, interval_s) for symbol in SYMBOLS}
    reader.close()
    return found


def same(rows: np.ndarray, others: np.ndarray) -> bool:
    return rows.shape == others.shape and rows.tobytes() == others.tobytes()


def check(desk: Desk, found: dict[str, Bars], late: int = 0) -> int:
    """That every bar's row is that of the stored series; returns how many there were. ``late``: bars that no
    boundary closed, at most."""
    count = 0
    for symbol, bars in found.items():
        if not len(bars):
            continue
        rows = alpha158_series(bars.values)
        expected = {int(ns): row for ns, row in zip(bars.open_ns, rows, strict=True)}
        due = bars.open_ns[HISTORY - 1 :].tolist()
        mine = {ns: row for (name, ns), row in desk.rows.items() if name == symbol}
        assert mine.keys() <= set(due) and len(due) - len(mine) <= late
        for ns, row in mine.items():
            assert same(row, expected[ns]), (symbol, ns)
            at = int(np.searchsorted(bars.open_ns, ns))
            assert desk.closes[symbol, ns] == bars.values[at, 3]
        opens, values = desk.coarse.bars(symbol)
        assert same(values, bars.values[-len(values) :]) and same(opens, bars.open_ns[-len(opens) :])
        count += len(mine)
    return count


def flow(seed: int, seconds: int) -> np.ndarray:
    """Trades of two symbols, quotes of a third, silences of half a minute to two minutes."""
    random = np.random.default_rng(seed)
    at = np.sort(random.uniform(0, seconds, seconds))
    for _ in range(3):
        begin = random.uniform(0, seconds)
        at = at[(at < begin) | (at > begin + random.uniform(30, 120))]
    ticks = np.zeros(len(at), TICK)
    ticks["recv_ns"] = ticks["event_ns"] = START + (at * NS).astype(np.int64)
    ticks["symbol"] = random.integers(0, 3, len(at))
    quoted = ticks["symbol"] == 2
    ticks["kind"] = np.where(quoted, QUOTE, TRADE)
    ticks["trade_id"], ticks["aggressor"] = -1, random.choice([-1, 1], len(at))
    price = 100 * np.exp(np.cumsum(random.normal(0, 3e-4, len(at))))
    ticks["a"], ticks["b"] = price, np.where(quoted, price * 1.0001, random.exponential(2.0, len(at)))
    ticks["c"] = ticks["d"] = np.where(quoted, 1.0, 0.0)
    return ticks


def cut(ticks: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    parts, at = [], 0
    while at < len(ticks):
        size = sizes[len(parts) % len(sizes)]
        parts.append(ticks[at : at + size].copy())
        at += size
    return parts


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_a_model_sees_what_is_stored_in_any_batches(
    seed: int, sizes: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = BarStore(tmp_path_factory.mktemp("bars") / "bars.db")
    store.start()
    desk = Desk(store, 5)
    for part in cut(flow(seed, 600), sizes):
        desk.feed(part)
    desk.advance(START + 600 * NS)
    assert store.close()
    # A bar whose last second nobody had a bar in is closed later on.
    assert check(desk, stored(store.path, 5), late=12) > 30


@pytest.mark.data
@pytest.mark.parametrize(("interval_s", "rows"), [(1, 590), (5, 70), (2, 265)])
def test_a_captured_day(data_dir: Path, interval_s: int, rows: int, tmp_path: Path) -> None:
    store = BarStore(tmp_path / "bars.db")
    store.start()
    desk = Desk(store, interval_s)
    for part in cut(binance_ticks(data_dir), [4096, 1, 77]):
        desk.feed(part)
    assert store.close()
    found = stored(store.path, interval_s)
    assert check(desk, found) == rows
    if interval_s == 1:
        own = desk.engine.bars(0, 512)
        assert same(own, found["a:COIN"].values[-512:]), "bars of the desk's own interval are its own"


def told(opens: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Times and bars that tell when they were said, by their close."""
    return np.array(opens) * 60 * NS, np.zeros((len(opens), 6))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 150), min_size=1, max_size=90, unique=True),
            st.sampled_from(list(Provenance)),
            st.sampled_from(["a:X", "b:Y"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_what_is_told_twice_counts_once_and_the_better_one(
    tellings: list[tuple[list[int], Provenance, str, bool]],
) -> None:
    coarse = CoarseBars(60, 1.0)
    expected: dict[str, dict[int, tuple[int, float]]] = {"a:X": {}, "b:Y": {}}
    for number, (minutes, kind, symbol, one_by_one) in enumerate(tellings):
        opens, values = told(sorted(minutes))
        values[:, 3] = number + 1
        kinds = np.full(len(opens), kind, np.int8)
        held = expected[symbol]
        if one_by_one:
            groups = [slice(at, at + 1) for at in range(len(opens))]
            for at, ns in enumerate(opens.tolist()):
                coarse.put(symbol, ns, values[at].tolist(), kind)
        else:
            groups = [slice(None)]
            coarse.fill(symbol, opens, values, kinds)
        for group in groups:
            for ns in opens[group].tolist():
                if ns not in held or held[ns][0] <= kind:
                    held[ns] = int(kind), number + 1.0
            for ns in sorted(held)[:-KEPT]:
                del held[ns]
        for name, bars in expected.items():
            times, rows = coarse.bars(name)
            assert times.tolist() == sorted(bars)
            assert rows[:, 3].tolist() == [bars[ns][1] for ns in sorted(bars)]


def test_a_symbol_has_rows_from_61_bars_on_and_only_when_its_bar_closed() -> None:
    engine = FeatureEngine(FeaturesConfig())
    coarse = CoarseBars(5, 1.0)
    for number in range(3):
        engine.add_symbol(f"a:{number}")
    ticks = flow(1, 10)[:1].copy()
    opens = (np.arange(HISTORY - 1) + 1_700_000_040 // 5 - HISTORY + 1) * 5 * NS
    coarse.fill("a:1", opens, np.ones((HISTORY - 1, 6)), np.full(HISTORY - 1, 3, np.int8))
    coarse.fill("nobody:ELSE", opens, np.ones((HISTORY - 1, 6)), np.full(HISTORY - 1, 3, np.int8))
    ready = []
    for second in range(11):
        for symbol in (0, 1):
            ticks["symbol"], ticks["kind"], ticks["a"], ticks["b"] = symbol, TRADE, 10.0, 1.0
            ticks["recv_ns"] = ticks["event_ns"] = START + second * NS + symbol
            position, code = 0, -1
            while code != NONE:
                code, position, _ = engine.feed(ticks, position, 1)
                if code == BARS:
                    table = engine.closed_table()
                    coarse.take(table, engine.last_vwaps(table.indices))
                    ready.append(coarse.ready(table.ns).tolist())
    assert ready == [[], [], [], [], [1], [], [], [], [], [1]]
    assert coarse.missing() == {}
    coarse.fill("b:HOLE", START + np.array([0, 5, 20]) * NS, np.ones((3, 6)), np.full(3, 3, np.int8))
    assert coarse.missing() == {"b:HOLE": 2}


@given(st.lists(st.lists(st.integers(0, 200), max_size=150), min_size=1, max_size=5))
def test_what_is_missing_between_the_bars_of_the_next_row(series: list[list[int]]) -> None:
    coarse = CoarseBars(60, 1.0, never_closes=lambda symbol: symbol != "venue:S1")
    expected = {}
    for number, steps in enumerate(series):
        name = f"venue:S{number}"
        for step in steps:
            coarse.put(name, step * 60 * NS, (1.0,) * 6, Provenance.VENUE)
        last = sorted(set(steps))[-KEPT:][-HISTORY:]
        if last and number != 1 and last[-1] - last[0] + 1 > len(last):
            expected[name] = last[-1] - last[0] + 1 - len(last)
    assert coarse.missing() == expected


def test_more_symbols_than_there_was_room_for() -> None:
    coarse = CoarseBars(60, 1.0)
    for number in range(200):
        coarse.put(f"a:{number}", START, [float(number)] * 6, Provenance.VENUE)
    assert [coarse.bars(f"a:{number}")[1][0, 0] for number in range(200)] == list(range(200))


def test_what_is_told_of_ever_more_symbols_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coarse_bars, "MOST", 3)
    coarse = CoarseBars(60, 1.0)
    for number in range(5):
        coarse.put(f"a:{number}", START, [1.0] * 6, Provenance.VENUE)
        coarse.fill(f"a:{number}", np.array([START - 60 * NS]), np.ones((1, 6)), np.array([3], np.int8))
    assert [len(coarse.bars(f"a:{number}")[0]) for number in range(5)] == [2, 2, 2, 0, 0]


def test_a_thousand_symbols_fit_in_four_megabytes() -> None:
    coarse = CoarseBars(60, 1.0)
    for number in range(1000):
        coarse.put(f"a:{number}", START, [1.0] * 6, Provenance.VENUE)
    held = [value.nbytes for value in vars(coarse).values() if isinstance(value, np.ndarray)]
    assert sum(held) <= 1024 * (KEPT * 57 + 8) + 1024 < 4 << 20
