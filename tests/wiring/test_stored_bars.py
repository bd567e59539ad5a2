"""Stored bars for training: no jump that nobody traded, no column that tells who told, and longer ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Config, FeedConfig
from engine.events import NS
from engine.features.alpha158 import NAMES
from engine.models import artefact
from engine.store.bar import StoredAction
from engine.store.bars import BARS_DATABASE, BarStore
from engine.wiring.training_bars import load
from engine.wiring.training_job import run_training
from engine.wiring.training_options import TrainingOptions
from tests.wiring.stored_bars import START_NS, store_walks

SYMBOLS = ("binance:AUSDT", "binance:BUSDT", "binance:CUSDT")
DESK = Config(feeds={"binance": FeedConfig(symbols=("AUSDT", "BUSDT", "CUSDT"))})
VWAP0 = NAMES.index("VWAP0")


def silent(share: float, text: str) -> None:
    assert 0.0 <= share <= 1.0 and text


def loaded(state_dir: Path, **options: Any) -> Any:
    return load(DESK, state_dir, TrainingOptions(**options), silent)


def split(state_dir: Path, symbol: str, minute: int) -> None:
    store = BarStore(state_dir / BARS_DATABASE)
    store.start()
    ex_ns = START_NS + minute * 60 * NS
    store.call(store.actions(symbol, [StoredAction(ex_ns, "split", 4.0, "yahoo", True, ex_ns)]))
    store.close()


def test_bars_that_are_not_stored_are_made_of_shorter_ones(tmp_path: Path) -> None:
    store_walks(tmp_path, SYMBOLS, 300)
    found = loaded(tmp_path, bar_s=300.0)
    assert found.interval_s == 300.0 and found.notes == ()
    assert found.source == "stored bars of 300 s (made of 60 s), 3 symbols"
    # the stored minutes begin in the middle of five
    opens = found.series[SYMBOLS[0]].open_ns
    assert (np.diff(opens) == 300 * NS).all() and (opens % (300 * NS) == 0).all()
    assert opens[0] == -(-START_NS // (300 * NS)) * 300 * NS
    later = loaded(tmp_path, bar_s=300.0, since_ns=int(opens[3]) + 1).series[SYMBOLS[0]]
    assert (
        later.open_ns[0] == opens[4]
        and later.values.tobytes() == found.series[SYMBOLS[0]].values[4:].tobytes()
    )


def test_a_split_is_no_return(tmp_path: Path) -> None:
    store_walks(tmp_path, SYMBOLS, 600)
    whole = loaded(tmp_path)
    split(tmp_path, SYMBOLS[1], -100_000)
    assert loaded(tmp_path).notes == (), "long ago"
    split(tmp_path, SYMBOLS[1], 550)
    found = loaded(tmp_path)
    adjusted, jump = found.notes
    assert adjusted == "binance:BUSDT was split in that time: adjusted for splits and dividends"
    # The walk knows of no split: to adjust it is what makes it jump.
    assert "prices of binance:BUSDT are 4 times those before" in jump
    assert found.source.endswith("3 symbols, adjusted")
    ratio = found.series[SYMBOLS[1]].values[:, 3] / whole.series[SYMBOLS[1]].values[:, 3]
    assert ratio[0] == pytest.approx(0.25) and ratio[-1] == 1.0
    asked = loaded(tmp_path, adjust=True)
    assert asked.notes == (jump,) and asked.source == found.source
    assert asked.series[SYMBOLS[1]].values.tobytes() == found.series[SYMBOLS[1]].values.tobytes()


@pytest.mark.parametrize(("vwaps", "kept"), [(300, True), (299, True), (120, False), (0, False)])
def test_vwaps_are_of_all_bars_or_of_none(tmp_path: Path, vwaps: int, kept: bool) -> None:
    store_walks(tmp_path, SYMBOLS, 300, vwaps=vwaps)
    found = loaded(tmp_path)
    assert all(np.isfinite(one.values[:, 5]).any() == kept for one in found.series.values())
    assert found.source.endswith("without vwap") != kept
    assert found.notes == (
        ("40% of the bars tell their vwap: it is left out, since live it is there for all",)
        if vwaps == 120
        else ()
    )


def test_a_feature_that_training_never_saw_changes_no_prediction_live(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", exc_type=Exception)
    store_walks(tmp_path, SYMBOLS, 620, vwaps=0)
    outcome = run_training(DESK, tmp_path, TrainingOptions(horizon=5, then="register"), silent)
    assert "VWAP0" not in {one.feature for one in outcome.manifest.importance}
    model = lightgbm.Booster(model_str=artefact.read(Path(outcome.path)).model.decode())
    rows = artefact.golden(outcome.manifest)[0]
    assert np.isnan(rows[:, VWAP0]).all()
    live = rows.copy()
    live[:, VWAP0] = np.linspace(0.9, 1.1, len(rows))
    assert model.predict(live).tobytes() == model.predict(rows).tobytes()
