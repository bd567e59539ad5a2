"""Which bars a training run rests on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.config import Config, FeaturesConfig, FeedConfig, SimulatedConfig
from engine.errors import ConfigError, ModelError, StoreError
from engine.events import NS, Quote, Trade
from engine.features.alpha158 import HISTORY, alpha158, alpha158_live
from engine.features.engine import FeatureEngine
from engine.feeds.simulation.venue import SimulatedVenue
from engine.models.training.panel import build
from engine.wiring.simulated_bars import START_NS as SIMULATED_NS
from engine.wiring.simulated_bars import simulated_bars
from engine.wiring.sources import adopt
from engine.wiring.stored_bars import TrainingBars
from engine.wiring.training_bars import load
from engine.wiring.training_options import TrainingOptions
from tests.wiring.conftest import Bench
from tests.wiring.stored_bars import START_NS, store_walks

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
REAL = ("binance:BTCUSDT", "binance:ETHUSDT", "binance:SOLUSDT")
DESK = Config(feeds={"binance": FeedConfig(symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"))})


def silent(share: float, text: str) -> None:
    assert 0.0 <= share <= 1.0 and text


def loaded(config: Config, state_dir: Path, **options: object) -> TrainingBars:
    return load(config, state_dir, TrainingOptions(**options), silent)  # type: ignore[arg-type]


def test_simulated_bars_are_a_function_of_the_seed() -> None:
    features = FeaturesConfig()
    first, second = (simulated_bars(SYMBOLS, 40, 3, features, silent) for _ in range(2))
    assert sorted(first) == ["sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD"]
    for symbol, one in first.items():
        assert one.values.shape == (len(one.open_ns), 6) and 35 <= len(one.open_ns) <= 40
        assert one.values.tobytes() == second[symbol].values.tobytes()
        assert (np.diff(one.open_ns) == NS).all() and (one.open_ns % NS == 0).all()
        open_, high, low, close, volume, _ = one.values.T
        assert (high >= np.maximum(open_, close)).all() and (low <= np.minimum(open_, close)).all()
        assert volume.sum() > 0 and (volume[one.filled] == 0).all()
    longer = simulated_bars(SYMBOLS, 55, 3, features, silent)["sim:BTC-USD"]
    short = first["sim:BTC-USD"]
    assert longer.values[: len(short.values)].tobytes() == short.values.tobytes()
    other = simulated_bars(SYMBOLS, 40, 4, features, silent)["sim:BTC-USD"]
    assert other.values.tobytes() != short.values.tobytes()


def test_live_features_are_those_of_training_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    live: list[FeatureEngine] = []

    class Watched(FeatureEngine):
        def __init__(self, config: FeaturesConfig) -> None:
            super().__init__(config)
            live.append(self)

    monkeypatch.setattr("engine.wiring.simulated_bars.FeatureEngine", Watched)
    found = simulated_bars(SYMBOLS, 90, 3, FeaturesConfig(), silent)
    rows = alpha158_live(np.arange(3), live[0].address)
    for row, one in zip(rows, found.values(), strict=True):
        assert row.tobytes() == alpha158(one.values[-HISTORY:]).tobytes()
    made = build(found, interval_s=1.0, horizon=5, progress=silent)
    for row in range(0, len(made.labels), 7):
        one = found[made.symbols[made.symbol[row]]]
        at = int(np.searchsorted(one.open_ns, made.axis[made.step[row]]))
        assert made.features[row].tobytes() == alpha158(one.values[at + 1 - HISTORY : at + 1]).tobytes()


@pytest.mark.parametrize("bar_s", [5.0, 60.0])
def test_longer_bars_are_those_that_a_model_is_fed_bit_for_bit(tmp_path: Path, bar_s: float) -> None:
    config, seconds = Config(simulated=SimulatedConfig(symbols=SYMBOLS)), round(bar_s * 20)
    found = loaded(config, tmp_path, seconds=seconds, seed=3, bar_s=bar_s)
    bench, venue = Bench(config), SimulatedVenue(SYMBOLS, seed=3, start_ns=SIMULATED_NS)
    adopt(bench.desk, venue.instruments())
    bench.desk.model_bars.need([bar_s])
    for second in (*range(0, seconds, 7), seconds):
        ns = SIMULATED_NS + second * NS
        bench.desk.on_events([one for one in venue.advance(ns) if isinstance(one, Trade | Quote)])
    bench.desk.advance(ns)
    for symbol, one in found.series.items():
        opens, values = bench.desk.model_bars._coarse[round(bar_s)].bars(symbol)
        assert one.open_ns.tolist() == opens.tolist() and len(opens) >= 20
        assert one.values.tobytes() == values.tobytes()


def test_a_desk_without_feeds_trains_on_its_simulated_venue(tmp_path: Path) -> None:
    config = Config(simulated=SimulatedConfig(symbols=SYMBOLS))
    found = loaded(config, tmp_path, seconds=30)
    assert sorted(found.series) == [f"sim:{name}" for name in SYMBOLS] and found.interval_s == 1.0
    assert found.source == "simulated venue, seed 7, 30 s"
    slower = loaded(config, tmp_path, seconds=30, bar_s=5.0, symbols=("BTC/USD", "sim:ETH-USD"))
    assert sorted(slower.series) == ["sim:BTC-USD", "sim:ETH-USD"] and slower.interval_s == 5.0
    assert all(len(one.open_ns) <= 6 for one in slower.series.values())


def test_a_desk_with_feeds_trains_on_what_is_stored(tmp_path: Path) -> None:
    store_walks(tmp_path, REAL, 300, starts={REAL[1]: 100})
    found = loaded(DESK, tmp_path)
    assert sorted(found.series) == sorted(REAL) and found.interval_s == 60.0
    assert found.notes == ("no bars of 60 s are stored of binance:XRPUSDT: left out",)
    one = found.series[REAL[1]]
    assert len(one.open_ns) == 200 and one.open_ns[0] == START_NS + 100 * 60 * NS
    assert one.filled.sum() == 4 and one.values.shape == (200, 6)


def test_symbols_in_any_spelling_and_a_period(tmp_path: Path) -> None:
    store_walks(tmp_path, REAL, 300)
    day = 300 * 60 / 86_400
    found = loaded(DESK, tmp_path, symbols=("BTC/USDT", "ETHUSDT"), days=day / 3)
    assert sorted(found.series) == sorted(REAL[:2])
    assert {len(one.open_ns) for one in found.series.values()} == {100}
    since = START_NS + 50 * 60 * NS
    found = loaded(DESK, tmp_path, since_ns=since, until_ns=since + 60 * 60 * NS)
    assert {int(one.open_ns[0]) for one in found.series.values()} == {since}
    assert {len(one.open_ns) for one in found.series.values()} == {60}
    # stored, though the desk does not trade it any more
    bare = msgspec.structs.replace(DESK, feeds={"kraken": FeedConfig(symbols=("XBT/USD",))})
    assert sorted(loaded(bare, tmp_path, symbols=REAL[:2]).series) == sorted(REAL[:2])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"symbols": ("BTCUSDT", "sim:BTC-USD")}, ConfigError, "train on one kind"),
        ({"symbols": ("BTCUSDT", "XRPUSDT")}, StoreError, "XRPUSDT.*history load"),
        ({"symbols": ("BTCUSDT", "NOSUCH")}, ConfigError, "NOSUCH"),
        ({"bar_s": 90.0}, StoreError, "no bars of 90 s"),
        ({"bar_s": 86_400.0}, StoreError, "no bars of 86400 s"),
        ({"seconds": 50}, ConfigError, "simulated venue"),
        ({"since_ns": START_NS * 2}, ModelError, "at least 2"),
    ],
)
def test_what_cannot_be_had_is_refused(
    tmp_path: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    store_walks(tmp_path, REAL, 100)
    with pytest.raises(error, match=words):
        loaded(DESK, tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": 0}, "seconds"),
        ({"days": 3.0}, "no history"),
        ({"adjust": True}, "neither splits"),
        ({"bar_s": 7200.0}, "0.1 to 3600"),
    ],
)
def test_the_simulated_venue_has_no_history(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, ModelError), match=words):
        loaded(Config(), tmp_path, **options)


def test_stored_bars_of_the_simulated_venue_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wiring.training_bars.SIMULATED_S", 300)
    config = Config(simulated=SimulatedConfig(symbols=SYMBOLS))
    store_walks(tmp_path, [f"sim:{name}" for name in SYMBOLS], 300)
    for options in ({"days": 1.0}, {"since_ns": START_NS}, {"bar_s": 60.0}, {"bar_s": 120.0}):
        found = loaded(config, tmp_path, **options)
        assert found.source.startswith(f"stored bars of {options.get('bar_s', 60.0):g} s"), found.source
        assert sorted(found.series) == sorted(f"sim:{name}" for name in SYMBOLS)
    for options in ({}, {"seconds": 300, "bar_s": 60.0}, {"bar_s": 5.0, "seconds": 30}):
        assert loaded(config, tmp_path, **options).source.startswith("simulated venue"), options
    with pytest.raises(ConfigError, match="--seconds is of the simulated venue"):
        loaded(config, tmp_path, days=1.0, seconds=300)


def test_without_a_store_it_says_how_to_load_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="history load"):
        loaded(DESK, tmp_path)
