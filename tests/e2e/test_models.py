"""Models while the desk trades: explained, exchanged, trained; and no process outlives the engine."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from console.cli.client import ask
from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import Explanation, Reply
from engine.errors import RefusedError
from tests.e2e.engine import RunningEngine, call, run

SETTINGS = (
    *("--set", "opportunities.min_score=0.05", "--set", "opportunities.min_confidence=0.05"),
    *("--set", "strategies.model.min_z=0"),
)
WAIT_S = 90.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with RunningEngine(tmp_path_factory.mktemp("models") / "state", *SETTINGS) as running:
        yield running


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def models(engine: RunningEngine) -> ModelsDetail | None:
    """None: the registry is not open yet."""
    try:
        return ask(engine.state_dir, "GET", "/v1/models", ModelsDetail)
    except RefusedError:
        return None


def active(engine: RunningEngine) -> str:
    until(lambda: (found := models(engine)) and any(row.role == "active" for row in found.models))
    return ask(engine.state_dir, "GET", "/v1/model/info", ModelDetail).entry.version


def contributions(engine: RunningEngine, symbol: str, ns: int) -> Contributions:
    path = f"/v1/model/contributions/{symbol}?ns={ns}"
    return ask(engine.state_dir, "GET", path, Contributions, timeout_s=60.0)


def trained(engine: RunningEngine, order: TrainingOrder) -> TrainingRow:
    """What came of a run."""
    ask(engine.state_dir, "POST", "/v1/training", Reply, body=msgspec.json.encode(order))
    until(lambda: ask(engine.state_dir, "GET", "/v1/training", TrainingRow).state != "running")
    return ask(engine.state_dir, "GET", "/v1/training", TrainingRow)


def processes_of(state_dir: Path) -> list[str]:
    """Trainings that are told of this state directory."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = line.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has ended meanwhile
            continue
        if str(state_dir) in command and "training" in command:
            found.append(command)
    return found


def spoken(engine: RunningEngine) -> Explanation | None:
    """An opportunity in which the model spoke."""
    for row in engine.state().opportunities:
        found = ask(engine.state_dir, "GET", f"/v1/explain/{row.id}", Explanation)
        if found.model_version:
            return found
    return None


def test_an_opportunity_leads_to_the_contributions_of_its_prediction(engine: RunningEngine) -> None:
    pytest.importorskip("lightgbm")
    version = active(engine)
    until(lambda: spoken(engine))
    chain = spoken(engine)
    assert chain is not None and chain.model_version == version and chain.model_ns > 0
    # Another model is at work by then: it is the one that spoke which is asked.
    row = trained(engine, TrainingOrder(seconds=1500, seed=11))
    assert row.state == "done" and "and registered" in row.text, row
    assert ask(engine.state_dir, "POST", f"/v1/models/{row.version}/activate", Reply, timeout_s=60.0).ok
    assert active(engine) == row.version != version
    found = contributions(engine, chain.symbol, chain.model_ns)
    assert (found.version, found.ns) == (version, chain.model_ns)
    total = math.fsum([found.base, *(part.contribution for part in found.rows)])
    assert total == pytest.approx(found.prediction, rel=1e-9, abs=1e-12)
    assert chain.blend is not None
    said = next(part.reason for part in chain.blend.inputs if part.source == "model")
    assert f"ranked {found.rank} of {found.of}" in said


def test_the_command_line_asks_the_running_engine(engine: RunningEngine) -> None:
    version = active(engine)
    where = ("--state-dir", str(engine.state_dir))
    done = run("models", "reload", *where, "--json")
    assert done.returncode == 0 and version in json.loads(done.stdout)["text"], done.stderr
    done = run("models", "info", *where)
    assert done.returncode == 0 and version in done.stdout, done.stderr
    assert json.loads(run("models", "info", *where, "--json").stdout)["entry"]["role"] == "active"
    done = run("models", "training", *where)
    assert done.returncode == 0, done.stderr
    done = run("models", "training", "--cancel", *where)
    assert done.returncode == 1 and done.stderr == "tickdesk: no training run is at work\n"
    done = run("models", "explain", "NOTHING-USD", *where)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    pytest.importorskip("lightgbm")
    until(lambda: call("models", "explain", "BTC-USD", *where).returncode == 0)
    done = run("models", "explain", "BTC-USD", *where)
    assert "base" in done.stdout and "prediction" in done.stdout


def test_a_run_is_watched_and_canceled(engine: RunningEngine) -> None:
    before = models(engine)
    order = TrainingOrder(seconds=20_000, then="activate")
    assert ask(engine.state_dir, "POST", "/v1/training", Reply, body=msgspec.json.encode(order)).ok

    def row() -> TrainingRow:
        return ask(engine.state_dir, "GET", "/v1/training", TrainingRow)

    until(lambda: row().share > 0)
    assert row().state == "running" and processes_of(engine.state_dir)
    with pytest.raises(RefusedError, match="a training run is at work"):
        ask(engine.state_dir, "POST", "/v1/training", Reply)
    assert ask(engine.state_dir, "DELETE", "/v1/training", Reply).ok
    assert row().state == "canceled" and not processes_of(engine.state_dir)
    after = models(engine)
    assert before is not None and after is not None
    assert [one.version for one in after.models] == [one.version for one in before.models]
    assert engine.health().status.phase == "running"


def in_training(engine: RunningEngine) -> None:
    order = msgspec.json.encode(TrainingOrder(seconds=20_000))
    assert ask(engine.state_dir, "POST", "/v1/training", Reply, body=order).ok
    until(lambda: ask(engine.state_dir, "GET", "/v1/training", TrainingRow).share > 0)
    assert processes_of(engine.state_dir)


def test_no_training_outlives_an_engine_that_stops(engine: RunningEngine) -> None:
    """The last one here: it ends the engine of the others."""
    in_training(engine)
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 0, engine.stderr.read_text()[-2000:]
    assert not processes_of(engine.state_dir)


def test_no_training_outlives_an_engine_that_is_killed(tmp_path: Path) -> None:
    with RunningEngine(tmp_path / "state", "--set", "models.retrain.every_s=86400") as engine:
        in_training(engine)
        assert ask(engine.state_dir, "GET", "/v1/training", TrainingRow).next_ns > 0
        engine.signal(signal.SIGKILL)
        engine.wait()
        until(lambda: not processes_of(engine.state_dir))
