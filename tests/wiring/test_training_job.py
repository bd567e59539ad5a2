"""A training run, end to end: registered and judged, or nothing changed."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from engine.config import Config, FeedConfig, SimulatedConfig
from engine.errors import ConfigError, ModelError
from engine.models import artefact
from engine.models.registry import Entry, Registry
from engine.wiring.training_bars import load
from engine.wiring.training_job import Outcome, run_training
from engine.wiring.training_log import MLflowLog
from engine.wiring.training_options import TrainingOptions
from tests.wiring.stored_bars import store_walks

SIMULATED = Config(simulated=SimulatedConfig(symbols=("BTC-USD", "ETH-USD", "SOL-USD")))
NATIVE = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")
DESK = Config(feeds={"binance": FeedConfig(symbols=NATIVE)})


@pytest.fixture(autouse=True)
def _lightgbm() -> None:
    pytest.importorskip("lightgbm", exc_type=Exception)


def stored(state_dir: Path, *, pull: float = 0.3, count: int = 620) -> None:
    store_walks(state_dir, [f"binance:{name}" for name in NATIVE], count, pull=pull)


def train(config: Config, state_dir: Path, **options: object) -> Outcome:
    given = TrainingOptions(**{"horizon": 5, **options})  # type: ignore[arg-type]
    return run_training(config, state_dir, given, lambda share, text: None)


def test_simulated_bars_make_a_registered_model(tmp_path: Path) -> None:
    shares: list[float] = []
    options = TrainingOptions(seconds=520, horizon=5, then="activate")
    outcome = run_training(SIMULATED, tmp_path, options, lambda share, text: shares.append(share))
    active = Registry(tmp_path).active("model")
    assert active is not None and active.version == outcome.version and outcome.then == "active"
    assert shares == sorted(shares) and shares[-1] == 1.0 and shares[0] == 0.0
    assert any("3 symbols are few" in note for note in outcome.notes)


def test_stored_history_makes_a_model_that_is_activated_for_its_skill(tmp_path: Path) -> None:
    stored(tmp_path)
    outcome = train(DESK, tmp_path)
    assert outcome.skill and outcome.then == "active" and "no skill" not in outcome.text
    manifest = artefact.read(Path(outcome.path)).manifest
    assert manifest == outcome.manifest and manifest.bar_interval_s == 60.0
    assert manifest.source == "stored bars of 60 s, 4 symbols" and manifest.promotable
    again = train(DESK, tmp_path, then="register")
    assert again.version == outcome.version, "the same bars and seed"


def test_a_better_model_stays_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    stored(tmp_path)
    best = train(DESK, tmp_path)
    registry = Registry(tmp_path)
    other = train(DESK, tmp_path, horizon=4)
    assert other.then == "registered" and "other horizon (4 bars, not 5)" in other.why
    active = registry.active("model")
    assert active is not None and active.version == best.version
    again = train(DESK, tmp_path)
    assert (again.version, again.then, again.desk) == (best.version, "active", "")
    told = train(DESK, tmp_path, horizon=4, then="activate")
    assert told.then == "active" and f"it replaces {best.version} (rank IC" in told.why
    assert "horizon 5" in told.why and told.why in told.text


def test_who_gives_the_roles_may_refuse(tmp_path: Path) -> None:
    def refuses(what: str, entry: Entry) -> str:
        raise ModelError(f"cannot {what}: it is loading")

    stored(tmp_path)
    options = TrainingOptions(horizon=5, then="shadow")
    outcome = run_training(DESK, tmp_path, options, lambda share, text: None, exchange=refuses)
    assert outcome.then == "registered" and Registry(tmp_path).shadow("model") is None
    assert "it is registered, and no more: cannot shadow: it is loading" in outcome.notes


def test_a_model_without_skill_is_not_activated_unless_told(tmp_path: Path) -> None:
    stored(tmp_path, pull=0.0)
    outcome = train(DESK, tmp_path)
    assert not outcome.skill and outcome.then == "registered" and "no skill shown" in outcome.text
    assert any("contains 0" in note for note in outcome.notes)
    assert "not activated: its validation shows no skill" in outcome.why
    assert f"models activate {outcome.version}" in outcome.why
    registry = Registry(tmp_path)
    assert registry.active("model") is None
    assert train(DESK, tmp_path, then="shadow", seed=2).then == "shadow"
    shadow = registry.shadow("model")
    assert shadow is not None and shadow.version != outcome.version
    assert train(DESK, tmp_path, then="activate", seed=3).then == "active"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"purge": 5}, "leaks"),
        ({"horizon": 200}, "too little data"),
        ({"folds": 60}, "too little data"),
        ({"model": Path("/nowhere/mine.py")}, "mine.py"),
        ({"mlflow": "runs"}, "MLflow refuses folders"),
        ({"every": 10}, "too little data"),
        ({"memory_gb": 0.01}, "memory"),
    ],
)
def test_what_is_refused_registers_nothing(tmp_path: Path, options: dict[str, object], words: str) -> None:
    if "mlflow" in options:
        pytest.importorskip("mlflow")
    stored(tmp_path)
    with pytest.raises((ModelError, ConfigError), match=words):
        train(DESK, tmp_path, **options)
    assert Registry(tmp_path).list() == []


def test_what_does_not_fit_into_memory_is_thinned_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, count=1500)
    bars = load(DESK, tmp_path, TrainingOptions(), lambda share, text: None)
    count = sum(len(one.open_ns) for one in bars.series.values())
    # as much as half of the rows take, beside what is always taken
    for module in ("engine.wiring.training_job", "engine.models.training.panel"):
        monkeypatch.setattr(f"{module}.fixed_bytes", lambda bars: 0)
    half = count * 1644 / 2 / (1 << 30)
    outcome = train(DESK, tmp_path, memory_gb=half * 1.01, folds=2)
    assert outcome.manifest.parameters["every"] == 2
    assert any("one of every 2 time steps" in note for note in outcome.notes)
    assert any("more --memory takes more" in note for note in outcome.notes)
    monkeypatch.setattr("engine.wiring.low_priority.free_bytes", lambda: int(half * 1.01 / 0.8 * (1 << 30)))
    again = train(DESK, tmp_path, folds=2)
    assert again.version == outcome.version
    assert any("with more it is another model, unless --every 2" in note for note in again.notes)
    with pytest.raises(ModelError, match="give --every 2 or more"):
        train(DESK, tmp_path, memory_gb=half * 1.01, folds=2, every=1)


def test_mlflow_has_the_run(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    stored(tmp_path)
    uri = f"sqlite:///{tmp_path}/runs.db"
    outcome = train(DESK, tmp_path, mlflow=uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tickdesk")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["version"] == outcome.version
    assert run.data.params["horizon_bars"] == "5" and run.data.params["num_leaves"] == "15"
    metrics = outcome.manifest.metrics
    assert metrics is not None and run.data.metrics["rank_ic"] == metrics.rank_ic.value
    assert run.data.metrics["rank_ic.low"] == metrics.rank_ic.low
    folds = client.get_metric_history(run.info.run_id, "fold.ic")
    assert [(one.step, one.value) for one in folds] == [
        (number, fold.metrics.ic.value) for number, fold in enumerate(outcome.manifest.folds, 1)
    ]
    top = outcome.manifest.importance[0]
    assert run.data.metrics[f"importance.{top.feature}"] == top.share
    names = {one.path for one in client.list_artifacts(run.info.run_id, "model")}
    assert names == {"model/manifest.json", "model/model.txt"}
    assert run.info.artifact_uri.startswith((tmp_path / "runs-artifacts").as_uri())


@pytest.mark.parametrize("scheme", ["http", "nowhere"])
def test_an_address_of_mlflow_keeps_its_password_where_it_fails(scheme: str) -> None:
    pytest.importorskip("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # and nobody there afterwards
    with pytest.raises(ConfigError, match=rf"{scheme}://\[hidden\]@127.0.0.1") as failed:
        MLflowLog(f"{scheme}://quant:hunter2@127.0.0.1:{port}")
    assert "hunter2" not in str(failed.value)


def test_without_mlflow_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    stored(tmp_path)
    with pytest.raises(ConfigError, match=r"tickdesk\[mlflow\]"):
        train(DESK, tmp_path, mlflow="sqlite:///runs.db")


def test_prices_that_are_made_to_be_predictable_win_against_no_market(tmp_path: Path) -> None:
    stored(tmp_path)
    real = train(DESK, tmp_path)
    symbols = ("sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD")
    invented = train(DESK, tmp_path, symbols=symbols, seconds=1200, bar_s=1.0)
    assert invented.then == "registered" and "only seen the simulated venue" in invented.why
    active = Registry(tmp_path).active("model")
    assert active is not None and active.version == real.version
