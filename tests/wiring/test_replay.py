"""A tape through the whole desk: nothing lost, and the same digest every time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from engine.config import load
from engine.errors import TapeError
from engine.feeds import lines
from engine.feeds.tape import Tape
from engine.store.read import Reader
from engine.wiring.desk import Desk
from engine.wiring.replay import DATABASE, SWITCH_S, ReplayReport, replay, run_desk
from tests.conftest import ROOT
from tests.wiring.conftest import CAPTURE, head

COMMAND = (sys.executable, "-m", "console")


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
def test_two_processes_with_different_hash_seeds_agree(capture_head: Path, tmp_path: Path) -> None:
    reports = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [*COMMAND, "replay", str(capture_head), "--json", "--state-dir", str(tmp_path / "same")],
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
@pytest.mark.parametrize("of_many", [False, True])
def test_neither_batches_nor_the_scanner_change_a_result(
    of_many: bool, capture_head: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(environ={})
    path = data_dir / "feeds/binance/spot_multi_20211012.jsonl.gz" if of_many else capture_head

    def report(state: str) -> ReplayReport:
        return structs.replace(replay(config, [path], tmp_path / state), seconds=0.0, ticks_per_s=0.0)

    usual = report("usual")
    assert of_many or usual.fills > 0
    monkeypatch.setattr(lines, "_CHUNK", 100_003)
    assert report("chunks") == usual
    for size in (7, 512):
        monkeypatch.setattr(Tape, "blocks", lambda tape, size=size: tape.batches(size))
        assert report(f"batches-{size}") == usual


def test_its_threads_take_turns_seldom_and_as_before_once_it_has_ended(tmp_path: Path) -> None:
    before, seen = sys.getswitchinterval(), []

    def play(desk: Desk) -> None:
        seen.append(sys.getswitchinterval())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_desk(load(environ={}), tmp_path, play, note=lambda text: None)
    assert seen == [pytest.approx(SWITCH_S)] and sys.getswitchinterval() == before


def test_missing_tape_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TapeError) as caught:
        replay(load(environ={}), [tmp_path / "none.jsonl"], tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_what_a_tape_holds_that_is_not_believed_is_kept_within_the_bound(
    data_dir: Path, tmp_path: Path
) -> None:
    tape = data_dir / "feeds" / "tapes" / "us_stock_XXX_taq_trades_quotes_20180102.jsonl.gz"
    begin = head(tape, 20_000, tmp_path)
    report = replay(load(overrides=["quality.quarantine_rows=50"], environ={}), [begin], tmp_path)
    assert report.rejected["CROSSED"] > 1_000
    reader = Reader(tmp_path / DATABASE)
    try:
        kept = reader.quarantine()
    finally:
        reader.close()
    assert len(kept) == 50 and {row.reason for row in kept} == {"CROSSED"}
