"""A tape through the whole desk: nothing lost, and the same digest every time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.config import load
from engine.errors import TapeError
from engine.wiring.replay import DATABASE, ReplayReport, replay
from tests.conftest import ROOT

CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"


@pytest.mark.data
def test_real_capture_loses_and_rejects_nothing(data_dir: Path, tmp_path: Path) -> None:
    report = replay(load(environ={}), [data_dir / CAPTURE], tmp_path)
    assert (report.trades, report.quotes) == (19_904, 73_174)
    assert report.undecodable == 0
    assert report.rejected == {}
    assert report.lines == 99_574
    assert report.opportunities > 0
    assert report.fills > 0
    assert report.orders >= report.fills / 2
    assert (tmp_path / DATABASE).exists()


@pytest.mark.data
def test_two_processes_with_different_hash_seeds_agree(data_dir: Path, tmp_path: Path) -> None:
    reports = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "console", "replay", str(data_dir / CAPTURE), "--json"]
            + ["--state-dir", str(tmp_path / "same")],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr.decode()
        reports.append(msgspec.json.decode(done.stdout, type=ReplayReport))
    first, second = reports
    assert first.sha256 == second.sha256
    assert first.fills == second.fills > 0


@pytest.mark.data
def test_batches_do_not_change_the_digest(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.feeds.tape import Tape

    config = load(environ={})
    usual = replay(config, [data_dir / CAPTURE], tmp_path / "a")
    batches = Tape.batches
    monkeypatch.setattr(Tape, "batches", lambda self, size=512: batches(self, 7))
    small = replay(config, [data_dir / CAPTURE], tmp_path / "b")
    assert small.sha256 == usual.sha256


def test_missing_tape_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TapeError) as caught:
        replay(load(environ={}), [tmp_path / "none.jsonl"], tmp_path)
    assert "\n" not in str(caught.value)
