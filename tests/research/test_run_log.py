"""The file of a sweep: nothing that ended is lost, nothing torn is believed, no other sweep gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.research.run_log import FILE, RunLog, read
from engine.research.space import grid
from engine.research.sweep_runs import Name, Run, Task
from engine.research.sweep_spec import Spec
from tests.research.made_runs import FAST, run_of, spec


def _runs(of: Spec, count: int) -> list[Run]:
    points = grid(of.space)
    return [run_of(Task(Name(0, False, n), points[n])) for n in range(count)]


def _filled(folder: Path, count: int = 4) -> tuple[Spec, list[Run], bytes]:
    of = spec()
    runs = _runs(of, count)
    with RunLog(folder, of) as log:
        for run in runs:
            log.add(run)
    return of, runs, (folder / FILE).read_bytes()


def test_what_ended_is_there_again(tmp_path: Path) -> None:
    of, runs, _ = _filled(tmp_path / "made")
    with RunLog(tmp_path / "made", of) as log:
        assert list(log.runs.values()) == runs
    assert read(tmp_path / "made") == (of, {run.name: run for run in runs})
    assert (tmp_path / "made" / FILE).stat().st_mode & 0o77 == 0


def test_wherever_the_file_is_torn_the_whole_lines_hold_and_it_goes_on(tmp_path: Path) -> None:
    of, runs, whole = _filled(tmp_path)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for size in range(0, len(whole), 7):
        (tmp_path / FILE).write_bytes(whole[:size])
        held = max(0, sum(end <= size for end in ends) - 1)
        with RunLog(tmp_path, of) as log:
            assert list(log.runs.values()) == runs[:held], size
            for run in runs[held:]:
                log.add(run)
        assert (tmp_path / FILE).read_bytes() == whole


def test_another_sweep_is_refused_and_told_in_what_it_differs(tmp_path: Path) -> None:
    _, _, whole = _filled(tmp_path)
    other = spec(f"{FAST}=2..6", config_sha256="ef")
    with pytest.raises(StoreError, match="another sweep \\(other: config, space\\)"):
        RunLog(tmp_path, other)
    assert (tmp_path / FILE).read_bytes() == whole


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    of = spec()
    with RunLog(tmp_path, of), pytest.raises(StoreError, match="another process sweeps"):
        RunLog(tmp_path, of)
    RunLog(tmp_path, of).close()


def test_what_is_damaged_inside_is_said_not_guessed(tmp_path: Path) -> None:
    of, _, whole = _filled(tmp_path)
    lines = whole.split(b"\n")
    (tmp_path / FILE).write_bytes(b"\n".join([*lines[:2], b"\0" * 20, *lines[3:]]))
    with pytest.raises(StoreError, match="damaged in line 3"):
        RunLog(tmp_path, of)
    (tmp_path / FILE).write_bytes(b'{"sha256":"x"}\n')
    with pytest.raises(StoreError, match="no sweep's of this version"):
        RunLog(tmp_path, of)


def test_reading_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no sweep in"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes(b'{"sha')
    with pytest.raises(StoreError, match="only just begun"):
        read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another --out"):
        RunLog(tmp_path / "file", spec())


def test_the_digest_is_of_everything_that_decides() -> None:
    digests = {
        spec().sha256,
        spec(f"{FAST}=2,3").sha256,
        spec(kind="random", runs=3).sha256,
        spec(last_ns=5).sha256,
        spec(model="v2").sha256,
    }
    assert len(digests) == 5
    assert spec().sha256 == spec().sha256
