"""The engine as an operator meets it: start, signals, status, stop, a second one, kill -9."""

from __future__ import annotations

import signal
import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest

from engine.api.address import socket_path
from engine.api.protocol import Health
from engine.store.lock import FILE
from tests.e2e.engine import RunningEngine, options, run

FAST = options(simulated__history_s=60)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_status_and_stop(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.wait_for(lambda health: health.status.ticks > 100)
        socket = socket_path(state_dir)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
        plain = run("status", "--state-dir", str(state_dir))
        assert plain.returncode == 0, plain.stderr
        assert "PAPER ACTIVE" in plain.stdout
        told = run("status", "--json", "--state-dir", str(state_dir))
        assert msgspec.json.decode(told.stdout, type=Health).pid == engine.process.pid  # type: ignore[union-attr]
        stopped = run("stop", "--state-dir", str(state_dir))
        assert stopped.returncode == 0, stopped.stderr
        assert engine.wait() == 0
        assert not socket.exists()
    gone = run("status", "--state-dir", str(state_dir))
    assert gone.returncode == 4
    assert gone.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_cleanly(state_dir: Path, number: signal.Signals) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.signal(signal.SIGHUP)
        engine.wait_for(lambda health: health.status.ticks > 100)
        engine.signal(number)
        assert engine.wait() == 0
    log = engine.stderr.read_text()
    assert "SIGHUP" in log
    assert "stopped" in log
    assert "Traceback" not in log


def test_second_engine_is_refused_in_one_line(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST):
        second = run("--no-ui", "--state-dir", str(state_dir))
        assert second.returncode == 3
        assert "attach" in second.stderr
        assert "Traceback" not in second.stderr


def test_kill_9_and_start_again_keeps_every_fill(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
        before = engine.state()
        engine.signal(signal.SIGKILL)
        engine.wait()
    acknowledged = {row.id: row.filled for row in before.orders if row.filled != "0"}
    assert acknowledged
    assert (state_dir / FILE).exists()
    with sqlite3.connect(state_dir / "tickdesk.db") as database:
        seqs = [seq for (seq,) in database.execute("SELECT seq FROM journal ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= before.last_seq
    with RunningEngine(state_dir, *FAST) as engine:
        after = {row.id: row for row in engine.state().orders}
        for identity, filled in acknowledged.items():
            assert float(after[identity].filled) >= float(filled)
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0


def test_first_start_shows_an_opportunity_within_ten_seconds(state_dir: Path) -> None:
    with RunningEngine(state_dir) as engine:
        health = engine.wait_for(lambda h: h.status.funnel["opportunities"] > 0, timeout=30)
        age_s = (health.status.engine_ns - health.status.started_ns) / 1e9
        # Ten seconds is the promise on an idle machine; the slack is for a busy one.
        assert age_s < 20
