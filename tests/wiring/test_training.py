"""A training run's own process: what it says, how it ends, and that nothing is left half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

from engine.config import Config, SimulatedConfig
from engine.models.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Config(simulated=SimulatedConfig(symbols=("BTC-USD", "ETH-USD", "SOL-USD")))


@pytest.fixture(autouse=True)
def _lightgbm() -> None:
    pytest.importorskip("lightgbm", exc_type=Exception)


def start(state_dir: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.wiring.training", "--state-dir", str(state_dir)]
    process = subprocess.Popen(
        [*command, "--config", "-", "--progress", "json", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(CONFIG) + b"\n")
    process.stdin.close()
    process.stdin = None
    return process


def lines(stream: IO[bytes] | None) -> list[dict[str, Any]]:
    assert stream is not None
    return [json.loads(line) for line in stream]


def test_it_says_how_far_it_is_and_what_came_of_it(tmp_path: Path) -> None:
    process = start(tmp_path, "--seconds", "520", "--horizon", "5", "--then", "shadow", "--who", "a test")
    said = lines(process.stdout)
    assert process.wait(60) == 0, process.stderr.read() if process.stderr else ""
    *progress, end = said
    shares = [line["share"] for line in progress]
    assert shares == sorted(shares) and all(0.0 <= share <= 1.0 for share in shares)
    assert {"simulating the venue", "computing features", "fold 1 of 4", "final fit on all rows"} <= {
        line["text"] for line in progress
    }
    assert end["then"] == "shadow"
    registry = Registry(tmp_path)
    assert [entry.version for entry in registry.list()] == [end["version"]]
    assert any("a test" in str(line) for line in registry.history(end["version"]))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--seconds", "100"], 1, "too little data"),
        (["--seconds", "520", "--horizon", "5", "--purge", "3"], 1, "leaks"),
        (["--days", "2"], 2, "no history"),
        (["--set", "risk.x=1"], 2, "--set goes with a file"),
    ],
)
def test_what_is_refused_is_told_in_one_line(
    tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    process = start(tmp_path, *options)
    said = lines(process.stdout)
    assert process.wait(60) == code
    assert words in said[-1]["error"] and "\n" not in said[-1]["error"]
    assert process.stderr is not None and b"Traceback" not in process.stderr.read()
    assert Registry(tmp_path).list() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_and_nothing_is_registered(
    tmp_path: Path, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = start(tmp_path / "state", "--seconds", "600000")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["share"] == 0.0
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 10
    process.send_signal(number)
    said = lines(process.stdout)
    assert process.wait(30) == code
    assert said[-1] == {"error": "interrupted: nothing was registered"}
    assert Registry(tmp_path / "state").list() == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tickdesk-training")] == []


def test_what_a_users_model_prints_is_no_answer_of_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    model = tmp_path / "mine.py"
    model.write_text("print('{\"version\": \"000000000000\"}')\nraise RuntimeError('broken')\n")
    model.chmod(0o600)
    process = start(tmp_path / "state", "--model", str(model))
    said = lines(process.stdout)
    assert process.wait(60) == 1
    assert [list(line) for line in said] == [["error"]] and "broken" in said[0]["error"]
