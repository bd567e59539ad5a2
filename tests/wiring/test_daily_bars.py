"""Stored bars through a daily run's gate, features and scores: which symbols it rests on, and by what."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.config import Config, DailyConfig, FeedConfig, HistoryConfig, SimulatedConfig
from engine.features.alpha158 import HISTORY, alpha158
from engine.models import artefact
from engine.models.artefact import Artefact
from engine.models.load import normalise
from engine.models.registry import Registry
from engine.models.walker import predict
from engine.store.bar import bar_of
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_read import BarReader
from engine.store.daily import DailyStore
from engine.wiring.daily_context import Context, StepFailed
from engine.wiring.daily_features import Features, features
from engine.wiring.daily_gate import Gate, gate
from engine.wiring.daily_targets import _scores
from engine.wiring.daily_train import why_due
from tests.models.conftest import shipped as shipped
from tests.models.other_bars import of_bars
from tests.store.bar_samples import MINUTE, candles
from tests.wiring.daily_desk import Desk, begun, context_of

NATIVES = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
SYMBOLS = tuple(f"binance:{native}" for native in NATIVES)
COUNT = 200
END_NS = 1_795_176_000 * 10**9
CONFIG = Config(
    feeds={"binance": FeedConfig(symbols=NATIVES)},
    simulated=SimulatedConfig(enabled=False),
    history=HistoryConfig(interval_s=60),
    daily=DailyConfig(),
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Bars of all symbols up to the end, each another walk."""
    write(tmp_path, dict.fromkeys(SYMBOLS, COUNT))
    return tmp_path


def write(where: Path, counts: dict[str, int], *, late: int = 0) -> None:
    """So many bars of each symbol; they end ``late`` bars before the end."""
    store = BarStore(where / BARS_DATABASE)
    store.start()
    for seed, (symbol, count) in enumerate(counts.items()):
        start_ns = END_NS - (count + late) * MINUTE
        store.behind(bar_of(candle) for candle in candles(count, start_ns=start_ns, symbol=symbol, seed=seed))
    assert store.close()


def activate(where: Path, shipped: Artefact, interval_s: float = 60.0) -> Artefact:
    """The shipped model as one of bars of this length."""
    made = of_bars(shipped, interval_s)
    artefact.write(made, where / "made")
    registry = Registry(where)
    registry.activate(registry.register(where / "made").version)
    return made


def context(where: Path, now_ns: int = END_NS + 20 * 10**9) -> Context:
    desk = Desk()
    desk.now_ns = now_ns
    store = DailyStore(where)
    run = begun(store)
    return context_of(desk, where, CONFIG, store, run)


def through(context: Context, name: str, outcome: object) -> None:
    """The step is done: those after it read its product."""
    product = msgspec.json.encode(outcome.product).decode()  # type: ignore[attr-defined]
    context.store.end_step(context.run.id, name, "done", "", context.clock(), product=product)


def test_scores_are_those_of_the_model_on_the_newest_bars(state: Path, shipped: Artefact) -> None:
    made = activate(state, shipped)
    here = context(state)
    passed = gate(here)
    assert passed.text == "4 symbols pass, stored bars of 60 s"
    through(here, "gate", passed)
    outcome = features(here)
    through(here, "features", outcome)
    product = outcome.product
    assert isinstance(product, Features)
    assert product.symbols == SYMBOLS and product.bar_ns == END_NS

    reader = BarReader(state / BARS_DATABASE)
    rows = []
    for symbol in SYMBOLS:
        values = reader.last(symbol, 60, HISTORY).values.copy()
        values[:, 5] = np.nan  # venues tell no vwap
        rows.append(alpha158(values))
    reader.close()
    expected = normalise(predict(artefact.forest_of(made.model), np.array(rows)))
    assert _scores(here, product) == dict(zip(SYMBOLS, expected.tolist(), strict=True))
    assert why_due(here) == ""


def test_what_the_gate_keeps_out(tmp_path: Path, shipped: Artefact) -> None:
    activate(tmp_path, shipped)
    btc, eth, sol, xrp = SYMBOLS
    write(tmp_path, {btc: COUNT, eth: COUNT})
    write(tmp_path, {sol: COUNT}, late=5)
    write(tmp_path, {xrp: HISTORY - 1})
    passed = gate(context(tmp_path)).product
    assert isinstance(passed, Gate)
    assert passed.symbols == (btc, eth)
    assert passed.out[sol].startswith("its newest bar ended 2026-11-20 ")
    assert passed.out[xrp] == "60 bars, and features take 61"


def test_old_bars_are_no_bars_of_today(state: Path, shipped: Artefact) -> None:
    activate(state, shipped)
    with pytest.raises(StepFailed, match="0 symbols pass, and ranking takes 2") as caught:
        gate(context(state, END_NS + 10 * MINUTE))
    assert "--again data" in caught.value.todo


def test_a_hole_among_the_newest_bars_is_told(state: Path, shipped: Artefact) -> None:
    activate(state, shipped)
    store = BarStore(state / BARS_DATABASE)
    store.start()
    store.call(
        lambda db: db.execute(
            "DELETE FROM bars WHERE open_s = ? AND series = (SELECT id FROM series WHERE symbol = ?)",
            (END_NS // 10**9 - 600, SYMBOLS[0]),
        )
    )
    store.close()
    passed = gate(context(state)).product
    assert passed.out == {SYMBOLS[0]: "1 bars are missing among the last 61"}


def test_features_that_are_not_as_they_were_written_are_refused(state: Path, shipped: Artefact) -> None:
    activate(state, shipped)
    here = context(state)
    through(here, "gate", gate(here))
    product = features(here).product
    path = state / "daily" / product.file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StepFailed, match="is not what the features step wrote"):
        _scores(here, product)
    old = msgspec.structs.replace(product, made_ns=here.clock() - 3_601 * 10**9)
    with pytest.raises(StepFailed, match="60 minutes old, more than daily"):
        _scores(here, old)


def test_a_model_of_bars_that_are_not_stored_is_to_be_trained_anew(state: Path, shipped: Artefact) -> None:
    assert why_due(context(state)) == "no model is active"
    activate(state, shipped, 7.0)
    assert "bars of 7 s" in why_due(context(state))
    passed = gate(context(state)).product
    assert passed.basis.interval_s == 60.0  # what the next one is trained on
