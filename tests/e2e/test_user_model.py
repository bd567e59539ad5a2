"""A model of the user's own: trained, at work beside a real engine, killed, and the engine too."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from console.cli.client import ask
from engine.api.model_protocol import ModelDetail
from engine.errors import RefusedError
from engine.events import Alert
from engine.store.read import DATABASE, Reader
from tests.e2e.engine import RunningEngine, options, run
from tests.models.user_artefacts import RIDGE

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
DESK = options(
    simulated__history_s=90,
    simulated__symbols=msgspec.json.encode(SYMBOLS).decode(),
    models__every_bars=1,
)


def hosts(engine: int) -> list[int]:
    """The processes of users' models that this engine has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_bytes().rpartition(b")")[2].split()[1])
            if parent == engine and b"engine.models.user_host" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return found


def until(holds: Callable[[], object], limit_s: float = 30.0) -> None:
    ends = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends, "it does not come"
        time.sleep(0.05)


def predictions(state_dir: Path) -> int:
    try:
        live = ask(state_dir, "GET", "/v1/model/info", ModelDetail).entry.live
    except RefusedError:  # the models are loaded after the desk has started
        return 0
    return 0 if live is None else live.predictions


def test_a_ridge_regression_scores_outlives_its_process_and_ends_with_the_engine(tmp_path: Path) -> None:
    state = tmp_path / "state"
    where = ("--state-dir", str(state))
    trained = run(
        *("train", *where, "--symbols", *(f"sim:{name}" for name in SYMBOLS), "--seconds", "1500"),
        *("--folds", "2", "--model", str(RIDGE), "--then", "activate"),
    )
    assert trained.returncode == 0, trained.stderr
    with RunningEngine(state, *DESK) as engine:
        assert engine.process is not None
        until(lambda: predictions(state) > 2)
        entry = ask(state, "GET", "/v1/model/info", ModelDetail).entry
        assert (entry.kind, entry.role, entry.status) == ("user", "active", "active")
        (pid,) = hosts(engine.process.pid)
        assert b"TICKDESK" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert os.getsid(pid) == pid

        os.kill(pid, signal.SIGKILL)
        until(lambda: hosts(engine.process.pid) not in ([], [pid]))  # type: ignore[union-attr]
        ticks, said = engine.health().status.ticks, predictions(state)
        until(lambda: predictions(state) > said + 2)
        status = engine.health().status
        assert status.ticks > ticks and status.phase == "running"
        assert ask(state, "GET", "/v1/model/info", ModelDetail).entry.version == entry.version

        (again,) = hosts(engine.process.pid)
        engine.signal(signal.SIGKILL)
        engine.wait()
        until(lambda: not Path(f"/proc/{again}").exists(), 10.0)

    reader = Reader(state / DATABASE)
    told = [event.text for _, event in reader.events_since(0) if isinstance(event, Alert)]
    reader.close()
    assert f"model {entry.version}: its process was ended by signal 9; it is started again" in told
