"""``tickdesk worker``: what it refuses, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cli import main
from engine.store.lock import StateLock
from engine.wiring.engine_options import EngineOptions


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["worker", *arguments]) != 0
    told = capsys.readouterr().err.strip().splitlines()
    return told[-1]


def test_that_it_loads_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "features", "market", "--state-dir", str(tmp_path), "--tape", "missing"]) != 0
    assert capsys.readouterr().err.splitlines()[0] == "tickdesk: loading features, market…"


def test_execution_logs_to_its_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[EngineOptions] = []

    def run_engine(options: EngineOptions, make: object, lock: StateLock) -> int:
        lock.release()
        asked.append(options)
        return 0

    monkeypatch.setattr("engine.wiring.run.run_engine", run_engine)
    where = ("--state-dir", str(tmp_path))
    assert main(["worker", "execution", "--bus", f"unix://{tmp_path}/none.sock", *where]) == 0
    assert asked[0].log_to_stderr and asked[0].state_dir == tmp_path


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--state-dir", str(tmp_path))
    bus = ("--bus", f"unix://{tmp_path}/none.sock")
    assert "a process of its own" in refused(capsys, "execution", "market", *bus, *where)
    assert "the bus needs a server" in refused(capsys, "features", *where)
    missing = ("--tape", str(tmp_path / "missing.tape"))
    assert "cannot read the tape" in refused(capsys, "market", *missing, *bus, *where)
    assert "--tape is the market stage's" in refused(capsys, "features", *missing, *bus, *where)
